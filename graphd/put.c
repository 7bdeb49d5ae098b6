#include "graphd/put.h"

void
put_uint(struct json_out *out, uint64_t value)
{
	char digits[20], *at = digits + sizeof(digits);

	do {
		*--at = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	put_bytes(out, at, (size_t)(digits + sizeof(digits) - at));
}

void
put_uuid(struct json_out *out, const struct uuid *id)
{
	char *to;

	if (uuid_is_nil(id)) {
		put_literal(out, "null");
		return;
	}
	/* With room for the NUL that is written, but does not count. */
	to = put_room(out, UUID_TEXT + 3);
	uuid_format(id, to + 1);
	to[0] = to[UUID_TEXT + 1] = '"';
	out->n += UUID_TEXT + 2;
}

void
put_text(struct json_out *out, const char *text)
{
	if (text)
		json_out_quoted(out, span_of(text));
	else
		put_literal(out, "null");
}

void
put_json(struct json_out *out, const char *json)
{
	put_chars(out, json ? json : "null");
}
