#include "common/json.h"
#include "common/limits.h"
#include "graphd/call.h"

#include <stdio.h>

struct made {
	struct uuid *ids;
	unsigned n; /* commands done */
};

static bool
resolve(void *context, unsigned index, struct uuid *out)
{
	const struct made *made = context;

	if (index >= made->n || uuid_is_nil(&made->ids[index]))
		return false;
	*out = made->ids[index];
	return true;
}

/* Puts the place in the list before the field and the words of a refusal. */
static enum error
refuse_at(struct call *c, enum error err, unsigned i, bool in_data)
{
	struct refusal *why = c->why;
	char field[128], message[320];
	const char *words = why->message[0] ? why->message : error_rows[err].text;

	snprintf(field, sizeof(field), "commands[%u]%s%s%s", i, in_data ? ".data" : "",
	    why->field[0] ? "." : "", why->field);
	snprintf(message, sizeof(message), "commands[%u]: %s", i, words);
	snprintf(why->field, sizeof(why->field), "%.63s", field);
	snprintf(why->message, sizeof(why->message), "%.255s", message);
	refusal_trim(why);
	return err;
}

static enum error
read_command(struct call *c, struct span object, enum command *command, struct span *data)
{
	struct span type;

	if (json_type(object) != JSON_OBJECT)
		return refuse(c->why, ERROR_invalid_request, NULL, "This is not an object.");
	if (!json_find(object, "command_type", &type) || json_type(type) != JSON_STRING)
		return refuse(
		    c->why, ERROR_invalid_request, "command_type", "command_type must be text.");
	*command = command_find(json_text(c->arena, type));
	if (*command == COMMANDS)
		return refuse(
		    c->why, ERROR_unknown_command, "command_type", "There is no such command.");
	if (command_rows[*command].kind != COMMAND_EDITS || *command == COMMAND_batch ||
	    *command == COMMAND_load_graph)
		return refuse(c->why, ERROR_invalid_request, "command_type",
		    "%s cannot stand in a Batch.", command_rows[*command].name);
	if (!json_find(object, "data", data))
		*data = SPAN("{}");
	if (json_type(*data) != JSON_OBJECT)
		return refuse(c->why, ERROR_invalid_request, "data", "data must be an object.");
	return OK;
}

/* Runs one as part of the open step; its result goes into the list of results. */
static enum error
run(struct call *c, struct span object, struct made *made)
{
	struct arg_resolver resolver = { resolve, made };
	struct json_out *results = c->result, result = { 0 };
	struct span data;
	enum command command = COMMANDS;
	enum error err = read_command(c, object, &command, &data);

	if (err)
		return refuse_at(c, err, made->n, false);
	c->made = (struct uuid){ 0 };
	c->result = &result;
	json_out_open(&result, '{');
	err = dispatch_nested(c, command, data, &resolver);
	json_out_close(&result, '}');
	c->result = results;
	json_out_raw(results, result.n > 2 ? json_out_span(&result) : (struct span){ NULL, 0 });
	json_out_fini(&result);
	if (err)
		return refuse_at(c, err, made->n, true);
	made->ids[made->n++] = c->made;
	return OK;
}

enum error
cmd_batch(struct call *c, const struct batch_args *a)
{
	struct made made = { .ids =
				 arena_take(c->arena, LIMIT_BATCH_COMMANDS * sizeof(struct uuid)) };
	struct json_iter it;
	struct span key, value;
	enum error err = OK;

	json_out_key(c->result, "results");
	json_out_open(c->result, '[');
	json_walk(&it, a->commands);
	while (!err && json_next(&it, &key, &value)) {
		if (made.n == LIMIT_BATCH_COMMANDS)
			return refuse(c->why, ERROR_limit_batch, "commands",
			    "A batch may hold %d commands.", LIMIT_BATCH_COMMANDS);
		err = run(c, value, &made);
	}
	json_out_close(c->result, ']');
	c->made = (struct uuid){ 0 };
	return err;
}
