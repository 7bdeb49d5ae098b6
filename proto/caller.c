#include "proto/caller.h"

#include "common/json.h"
#include "common/limits.h"
#include "common/utf8.h"

enum { PACKED = 1, HEAD_BYTES = 6, TEXTS = 5 };

/* As of JSON, in the order in which they are packed. */
static const size_t longest_of[TEXTS] = { LIMIT_ACTOR_BYTES, LIMIT_ACTOR_BYTES, LIMIT_ACTOR_BYTES,
	LIMIT_KEY_BYTES, LIMIT_ACTOR_BYTES };

static void
put_text(struct json_out *out, const char *name, struct span value)
{
	if (value.n == 0)
		return;
	json_out_key(out, name);
	json_out_text(out, value);
}

static void
put_flag(struct json_out *out, const char *name, bool value)
{
	if (!value)
		return;
	json_out_key(out, name);
	json_out_bool(out, true);
}

void
caller_put(const struct caller *c, struct json_out *out)
{
	json_out_open(out, '{');
	put_text(out, "actor", c->actor);
	put_text(out, "client", c->client);
	put_text(out, "gateway", c->gateway);
	put_text(out, "key", c->key);
	put_text(out, "traceparent", c->traceparent);
	put_flag(out, "minimal", c->minimal);
	put_flag(out, "key_is_command_id", c->key_is_command_id);
	if (c->deadline_ms) {
		json_out_key(out, "deadline_ms");
		json_out_int(out, c->deadline_ms);
	}
	json_out_close(out, '}');
}

/* In the order in which they are packed. */
static void
texts_of(struct caller *c, struct span *texts[TEXTS])
{
	texts[0] = &c->actor;
	texts[1] = &c->client;
	texts[2] = &c->gateway;
	texts[3] = &c->key;
	texts[4] = &c->traceparent;
}

static bool
fits(struct span *const texts[TEXTS], int64_t deadline_ms)
{
	for (int i = 0; i < TEXTS; i++)
		if (texts[i]->n > UINT8_MAX)
			return false;
	return deadline_ms >= 0 && deadline_ms <= UINT32_MAX;
}

void
caller_pack(const struct caller *caller, struct json_out *out)
{
	struct caller c = *caller;
	struct span *texts[TEXTS];
	uint8_t head[HEAD_BYTES] = { PACKED };

	texts_of(&c, texts);
	if (!fits(texts, c.deadline_ms)) {
		caller_put(caller, out);
		return;
	}
	head[1] = (uint8_t)((c.minimal ? CALLER_MINIMAL : 0) |
	    (c.key_is_command_id ? CALLER_KEY_IS_COMMAND_ID : 0));
	for (int i = 0; i < 4; i++)
		head[2 + i] = (uint8_t)(c.deadline_ms >> (8 * i));
	json_out_bytes(out, (struct span){ (const char *)head, HEAD_BYTES });
	for (int i = 0; i < TEXTS; i++) {
		char n = (char)texts[i]->n;

		json_out_bytes(out, (struct span){ &n, 1 });
		json_out_bytes(out, *texts[i]);
	}
}

bool
caller_is_packed(struct span text)
{
	return text.n > 0 && text.p[0] == PACKED;
}

/* Eight bytes at once as long as all of them are 1 to 127. */
static const char *
skip_ascii(const char *p, const char *end)
{
	const uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;

	for (uint64_t word; end - p >= (ptrdiff_t)sizeof word; p += sizeof word) {
		memcpy(&word, p, sizeof word);
		if ((word | (word - ones)) & high)
			break;
	}
	return p;
}

static bool
is_text(struct span text)
{
	const char *p = text.p, *end = text.p + text.n;

	while ((p = skip_ascii(p, end)) < end) {
		size_t n = *p ? utf8_sequence(p, (size_t)(end - p)) : 0;

		if (n == 0)
			return false;
		p += n;
	}
	return true;
}

static bool
unpack(struct span text, struct caller *c)
{
	const char *at = text.p + HEAD_BYTES, *end = text.p + text.n;
	struct span *texts[TEXTS];

	if (text.n < HEAD_BYTES)
		return false;
	c->minimal = text.p[1] & CALLER_MINIMAL;
	c->key_is_command_id = text.p[1] & CALLER_KEY_IS_COMMAND_ID;
	for (int i = 0; i < 4; i++)
		c->deadline_ms |= (int64_t)(uint8_t)text.p[2 + i] << (8 * i);
	texts_of(c, texts);
	for (int i = 0; i < TEXTS; i++) {
		size_t n = at < end ? (uint8_t)*at++ : SIZE_MAX;

		if (n > (size_t)(end - at) || n > longest_of[i])
			return false;
		*texts[i] = (struct span){ at, n };
		if (!is_text(*texts[i]))
			return false;
		at += n;
	}
	return at == end;
}

static enum error
get_text(struct arena *arena, const char *name, struct span value, size_t longest, struct span *out,
    struct refusal *why)
{
	if (json_type(value) != JSON_STRING)
		return refuse(why, ERROR_invalid_request, name, "caller.%s must be text.", name);
	*out = json_text(arena, value);
	if (out->n > longest)
		return refuse(why, ERROR_invalid_request, name,
		    "caller.%s is longer than %zu bytes.", name, longest);
	return OK;
}

static enum error
get_member(
    struct arena *arena, struct span key, struct span value, struct caller *c, struct refusal *why)
{
	if (json_type(value) == JSON_NULL)
		return OK;
	if (span_is(key, "actor"))
		return get_text(arena, "actor", value, LIMIT_ACTOR_BYTES, &c->actor, why);
	if (span_is(key, "client"))
		return get_text(arena, "client", value, LIMIT_ACTOR_BYTES, &c->client, why);
	if (span_is(key, "gateway"))
		return get_text(arena, "gateway", value, LIMIT_ACTOR_BYTES, &c->gateway, why);
	if (span_is(key, "key"))
		return get_text(arena, "key", value, LIMIT_KEY_BYTES, &c->key, why);
	if (span_is(key, "traceparent"))
		return get_text(
		    arena, "traceparent", value, LIMIT_ACTOR_BYTES, &c->traceparent, why);
	if (span_is(key, "minimal"))
		c->minimal = value.p[0] == 't';
	else if (span_is(key, "key_is_command_id"))
		c->key_is_command_id = value.p[0] == 't';
	else if (span_is(key, "deadline_ms") && !json_integer(value, &c->deadline_ms))
		return refuse(why, ERROR_invalid_request, "deadline_ms",
		    "caller.deadline_ms must be an integer.");
	return OK;
}

/* Whether a UUID's text has capitals: the case is bit 5 of a byte in which bit 6 is set. */
static bool
has_capitals(const char text[UUID_TEXT])
{
	const uint64_t letter = 0x4040404040404040;
	static const size_t at[] = { 0, 8, 16, 24, UUID_TEXT - sizeof(uint64_t) };
	uint64_t capitals = 0, word;

	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
		memcpy(&word, text + at[i], sizeof word);
		capitals |= word & letter & ~(word << 1);
	}
	return capitals != 0;
}

/* The same id in another spelling is the same id, and what is remembered under it must be found. */
static void
spell_id(struct arena *arena, struct caller *c)
{
	struct uuid id;
	char *text;

	if (!c->key_is_command_id || c->key.n != UUID_TEXT || !has_capitals(c->key.p) ||
	    !uuid_parse(c->key, &id))
		return;
	text = arena_take(arena, UUID_TEXT + 1);
	uuid_format(&id, text);
	c->key.p = text;
}

static enum error
get_packed(struct span text, struct arena *arena, struct caller *c, struct refusal *why)
{
	if (!unpack(text, c))
		return refuse(
		    why, ERROR_invalid_request, "caller", "The packed caller is damaged.");
	spell_id(arena, c);
	return OK;
}

enum error
caller_get(struct span text, struct arena *arena, struct caller *c, struct refusal *why)
{
	struct json_iter it;
	struct span key, value;

	*c = (struct caller){ 0 };
	if (text.n == 0)
		return OK;
	if (caller_is_packed(text))
		return get_packed(text, arena, c, why);
	text = json_trim(text);
	if (json_type(text) != JSON_OBJECT)
		return refuse(why, ERROR_invalid_request, "caller",
		    "The caller frame must be a JSON object.");
	json_walk(&it, text);
	while (json_next(&it, &key, &value)) {
		enum error err = get_member(arena, key, value, c, why);

		if (err)
			return err;
	}
	spell_id(arena, c);
	return OK;
}
