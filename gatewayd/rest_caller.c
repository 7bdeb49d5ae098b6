#include "gatewayd/rest_inner.h"

#include "common/limits.h"
#include "common/utf8.h"

#include <ctype.h>
#include <nettle/base64.h>
#include <strings.h>

enum { TRACEPARENT_TEXT = 55, CREDENTIALS_MAX = 1024 };

/* Names are shown to others and logged. */
static enum error
check_name(struct rest_call *c, const char *field, struct span name)
{
	if (name.n > LIMIT_ACTOR_BYTES)
		return refuse(&c->why, ERROR_invalid_request, field, "%s is longer than %d bytes.",
		    field, LIMIT_ACTOR_BYTES);
	if (!utf8_is_printable(name))
		return refuse(&c->why, ERROR_invalid_request, field,
		    "%s holds a character that is not allowed.", field);
	return OK;
}

/* RFC 7617: the user's name; the password is nobody's business here. */
static struct span
basic_user(struct rest_call *c)
{
	struct span field = http_header(c->http, "authorization");
	struct span none = { 0 };
	struct base64_decode_ctx base64;
	uint8_t *decoded;
	size_t n;
	char *colon;

	if (field.n < 7 || field.n > CREDENTIALS_MAX || strncasecmp(field.p, "Basic ", 6) != 0)
		return none;
	decoded = arena_take(http_arena(c->http), BASE64_DECODE_LENGTH(field.n));
	base64_decode_init(&base64);
	if (!base64_decode_update(&base64, &n, decoded, field.n - 6, field.p + 6) ||
	    !base64_decode_final(&base64))
		return none;
	colon = memchr(decoded, ':', n);
	return colon ? (struct span){ (char *)decoded, (size_t)(colon - (char *)decoded) } : none;
}

static enum error
find_actor(struct rest_call *c)
{
	struct span *actor = &c->caller.actor;
	enum error err = rest_text(c, "actor", c->members.actor, actor);

	if (err)
		return err;
	if (!actor->n)
		*actor = http_query_value(c->http, "actor");
	if (!actor->n)
		*actor = http_header(c->http, "x-actor");
	if (!actor->n)
		*actor = basic_user(c);
	return check_name(c, "actor", *actor);
}

/* Text in printable ASCII. */
static enum error
find_key(struct rest_call *c)
{
	struct span key = http_header(c->http, "idempotency-key");

	if (!key.p)
		return OK;
	if (key.n == 0 || key.n > LIMIT_KEY_BYTES)
		return refuse(&c->why, ERROR_invalid_request, "Idempotency-Key",
		    "Idempotency-Key must have 1 to %d characters.", LIMIT_KEY_BYTES);
	for (size_t i = 0; i < key.n; i++)
		if (key.p[i] < 0x20 || key.p[i] >= 0x7f)
			return refuse(&c->why, ERROR_invalid_request, "Idempotency-Key",
			    "Idempotency-Key must be printable ASCII.");
	c->caller.key = key;
	return OK;
}

/* W3C Trace Context: 00-<32 hex>-<16 hex>-<2 hex>; anything else is ignored, as it demands. */
static void
find_traceparent(struct rest_call *c)
{
	struct span t = http_header(c->http, "traceparent");

	if (t.n != TRACEPARENT_TEXT)
		return;
	for (size_t i = 0; i < t.n; i++) {
		bool is_dash = i == 2 || i == 35 || i == 52;
		if (is_dash ? t.p[i] != '-' : !isxdigit((unsigned char)t.p[i]))
			return;
	}
	c->caller.traceparent = t;
}

enum error
rest_caller(struct rest_call *c)
{
	enum error err = find_actor(c);

	if (!err)
		err = rest_text(c, "client_id", c->members.client_id, &c->caller.client);
	if (!err && !c->caller.client.n)
		c->caller.client = http_query_value(c->http, "client_id");
	if (!err)
		err = check_name(c, "client_id", c->caller.client);
	if (!err)
		err = find_key(c);
	find_traceparent(c);
	return err;
}

enum error
rest_command_id(struct rest_call *c)
{
	struct span value = c->members.command_id, text;
	struct uuid id;

	if (!value.p)
		return OK;
	text = json_type(value) == JSON_STRING ? json_text(http_arena(c->http), value) : value;
	if (!uuid_parse(text, &id))
		return refuse(
		    &c->why, ERROR_invalid_request, "command_id", "command_id must be a UUID.");
	c->caller.key = text;
	c->caller.key_is_command_id = true;
	return OK;
}
