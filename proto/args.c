/* Fills argument structs from JSON objects by the rows of commands.def. */

#include "common/json.h"
#include "proto/proto.h"

#include <assert.h>
#include <stdlib.h>

enum { ROWS_MAX = 32 }; /* arguments of one command */

/* Size and alignment of one member, as the compiler lays it out. */
struct layout {
	size_t size_bytes, align_bytes;
};

#define LAYOUT(type) [ARG_##type] = { sizeof(arg_##type), _Alignof(arg_##type) }

static const struct layout layouts[] = {
	LAYOUT(text),
	LAYOUT(id),
	LAYOUT(node),
	LAYOUT(json),
	LAYOUT(object),
	LAYOUT(list),
	LAYOUT(integer),
	LAYOUT(flag),
};

/* The next member's place; *at moves behind it. */
static void *
next_member(char *args, size_t *at, enum arg_type type)
{
	size_t align = layouts[type].align_bytes;
	size_t place = (*at + align - 1) / align * align;

	*at = place + layouts[type].size_bytes;
	return args + place;
}

static void
set_absent(void *member, enum arg_type type)
{
	if (type == ARG_integer || type == ARG_flag)
		*(int64_t *)member = ARG_ABSENT;
	else
		memset(member, 0, layouts[type].size_bytes);
}

static enum error
mistyped(struct refusal *why, const char *field, const char *wanted)
{
	return refuse(why, ERROR_invalid_request, field, "%s must be %s.", field, wanted);
}

static enum error
decode_id(struct span value, struct arena *arena, struct uuid *out, const char *field,
    struct refusal *why)
{
	if (json_type(value) != JSON_STRING || !uuid_parse(json_text(arena, value), out))
		return mistyped(why, field, "a UUID");
	return OK;
}

/* "$0" names what an earlier command of the same Batch made. */
static enum error
decode_node(struct span value, const struct arg_resolver *resolver, struct arena *arena,
    struct uuid *out, const char *field, struct refusal *why)
{
	struct span text;
	char *end;
	unsigned long index;

	if (json_type(value) != JSON_STRING)
		return mistyped(why, field, "a UUID");
	text = json_text(arena, value);
	if (text.n < 2 || text.p[0] != '$')
		return decode_id(value, arena, out, field, why);
	if (!resolver)
		return refuse(why, ERROR_invalid_request, field,
		    "%s: a reference means something in a Batch only.", field);
	index = text.p[1] < '0' || text.p[1] > '9' || text.n > 6
	    ? UINT32_MAX
	    : strtoul(arena_text(arena, (struct span){ text.p + 1, text.n - 1 }), &end, 10);
	if (index > 99999 || *end || !resolver->resolve(resolver->context, (unsigned)index, out))
		return refuse(why, ERROR_invalid_request, field,
		    "%s: this names no node made before.", field);
	return OK;
}

static enum error
decode_value(const struct field_row *row, struct span value, const struct arg_resolver *resolver,
    struct arena *arena, void *member, struct refusal *why)
{
	enum json_type type = json_type(value);

	switch (row->type) {
	case ARG_text:
		if (type != JSON_STRING)
			return mistyped(why, row->name, "text");
		*(struct span *)member = json_text(arena, value);
		return OK;
	case ARG_id:
		return decode_id(value, arena, member, row->name, why);
	case ARG_node:
		return decode_node(value, resolver, arena, member, row->name, why);
	case ARG_object:
		if (type != JSON_OBJECT)
			return mistyped(why, row->name, "an object");
		*(struct span *)member = value;
		return OK;
	case ARG_list:
		if (type != JSON_ARRAY)
			return mistyped(why, row->name, "a list");
		*(struct span *)member = value;
		return OK;
	case ARG_integer:
		if (!json_integer(value, member))
			return mistyped(why, row->name, "an integer");
		return OK;
	case ARG_flag:
		if (type != JSON_BOOL)
			return mistyped(why, row->name, "true or false");
		*(int64_t *)member = value.p[0] == 't';
		return OK;
	case ARG_json:
		*(struct span *)member = value;
		return OK;
	}
	return OK;
}

/* The value of each row, {NULL,0} where there is none, in one walk through the object. */
static void
find_values(const struct field_row *rows, struct span object, struct arena *arena,
    struct span values[ROWS_MAX])
{
	struct json_iter it;
	struct span key, value;

	json_walk(&it, object);
	while (json_next(&it, &key, &value)) {
		key = json_key(arena, key);
		for (size_t i = 0; rows[i].name; i++) {
			assert(i < ROWS_MAX);
			if (key.n == 0 || key.p[0] != rows[i].name[0] ||
			    !span_is(key, rows[i].name))
				continue;
			if (!values[i].p)
				values[i] = value;
			break;
		}
	}
}

enum error
args_decode(enum command command, struct span object, const struct arg_resolver *resolver,
    struct arena *arena, void *args, struct refusal *why)
{
	const struct field_row *rows = command_rows[command].args;
	struct span values[ROWS_MAX] = { 0 };
	size_t at = 0;

	object = object.n ? json_trim(object) : SPAN("{}");
	if (json_type(object) != JSON_OBJECT)
		return refuse(
		    why, ERROR_invalid_request, "data", "The arguments must be an object.");
	find_values(rows, object, arena, values);
	for (const struct field_row *row = rows; row->name; row++) {
		void *member = next_member(args, &at, row->type);
		struct span value = values[row - rows];
		enum error err;

		set_absent(member, row->type);
		if (!value.p || (row->type != ARG_json && json_type(value) == JSON_NULL)) {
			if (row->required)
				return refuse(why, ERROR_invalid_request, row->name, "Missing %s.",
				    row->name);
			continue;
		}
		err = decode_value(row, value, resolver, arena, member, why);
		if (err)
			return err;
	}
	assert(at <= command_rows[command].args_size_bytes);
	return OK;
}
