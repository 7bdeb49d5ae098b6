#include "common/json_inner.h"

enum {
	DEPTH_MAX = 576,      /* json_bounds.depth at most */
	MEMBERS_CHECKED = 64, /* bigger objects are not searched for repeated names */
	DIGESTED_BYTES = 3,   /* of a name */
};

/* A member name of an object that is still open. */
struct key {
	uint32_t digest;
	uint32_t at, n; /* where it is written */
	bool escaped;
};

struct level {
	bool object;
	uint32_t members;
	uint32_t first_key; /* in scan.keys */
};

/*
 * All state is here, on the stack, about 0.5 MB of which only what is used is ever touched. The
 * names of an open object stand behind those of the objects around it; closing it drops them.
 */
struct scan {
	const char *start, *at, *end;
	const struct json_bounds *bounds;
	size_t values;
	bool done, any_number;
	unsigned depth;
	uint32_t n_keys;
	struct level levels[DEPTH_MAX];
	struct key keys[DEPTH_MAX * MEMBERS_CHECKED];
};

static void
skip_space(struct scan *s)
{
	while (s->at < s->end && json_is_space(*s->at))
		s->at++;
}

/* Names what is wrong with a byte that no rule of the grammar allows here. */
static enum json_fault
stray(const struct scan *s)
{
	if (s->at == s->end)
		return JSON_TRUNCATED;
	if (*s->at == '\0')
		return JSON_NUL;
	return utf8_sequence(s->at, (size_t)(s->end - s->at)) ? JSON_SYNTAX : JSON_UTF8;
}

/* At \u. A high surrogate must be followed by the escape of a low one (RFC 8259 section 7). */
static enum json_fault
read_unicode(struct scan *s)
{
	int32_t c, low;

	if (s->end - s->at < 6)
		return JSON_TRUNCATED;
	c = json_hex4(s->at + 2);
	if (c < 0)
		return JSON_SYNTAX;
	if (c == 0)
		return JSON_NUL;
	if (c < 0xd800 || c > 0xdfff) {
		s->at += 6;
		return JSON_OK;
	}
	if (c > 0xdbff || s->end - s->at < 12 || s->at[6] != '\\' || s->at[7] != 'u')
		return JSON_SURROGATE;
	low = json_hex4(s->at + 8);
	if (low < 0xdc00 || low > 0xdfff)
		return JSON_SURROGATE;
	s->at += 12;
	return JSON_OK;
}

static enum json_fault
read_escape(struct scan *s)
{
	if (s->end - s->at < 2)
		return JSON_TRUNCATED;
	if (s->at[1] == 'u')
		return read_unicode(s);
	if (!json_escaped(s->at[1]))
		return s->at[1] == '\0' ? JSON_NUL : JSON_SYNTAX;
	s->at += 2;
	return JSON_OK;
}

static enum json_fault
read_characters(struct scan *s)
{
	size_t n;

	while ((unsigned char)*s->at >= 0x80) {
		n = utf8_sequence(s->at, (size_t)(s->end - s->at));
		if (n == 0)
			return JSON_UTF8;
		s->at += n;
		if (s->at == s->end)
			return JSON_TRUNCATED;
	}
	return JSON_OK;
}

/* At the opening quote. inside: what stands between the quotes. */
static enum json_fault
read_string(struct scan *s, struct span *inside, bool *escaped)
{
	const char *start = ++s->at;
	enum json_fault fault = JSON_OK;

	*escaped = false;
	while (!fault) {
		s->at = json_skip_plain(s->at, s->end);
		if (s->at == s->end)
			return JSON_TRUNCATED;
		if (*s->at == '"')
			break;
		if (*s->at == '\\') {
			*escaped = true;
			fault = read_escape(s);
		} else if ((unsigned char)*s->at >= 0x80) {
			fault = read_characters(s);
		} else {
			fault = *s->at == '\0' ? JSON_NUL : JSON_SYNTAX;
		}
	}
	if (fault)
		return fault;
	*inside = (struct span){ start, (size_t)(s->at - start) };
	s->at++;
	return JSON_OK;
}

/* Gives the bytes of a name one after the other, decoded. */
struct reader {
	const char *at, *end;
	char bytes[4];
	size_t i, n;
};

static bool
read_byte(struct reader *r, char *out)
{
	if (r->i == r->n) {
		if (r->at == r->end)
			return false;
		r->at = json_decode(r->at, r->end, r->bytes, &r->n);
		r->i = 0;
	}
	*out = r->bytes[r->i++];
	return true;
}

/*
 * Tells most names apart without looking at them again: their first three bytes and their length.
 * So few names are compared that it does not matter if somebody makes all of them alike.
 */
static uint32_t
digest_of(struct span key, bool escaped)
{
	struct reader r = { .at = key.p, .end = key.p + key.n };
	uint32_t digest = 0, n = 0;
	char c;

	if (escaped) {
		for (; read_byte(&r, &c); n++)
			digest = n < DIGESTED_BYTES ? digest << 8 | (unsigned char)c : digest;
	} else {
		for (n = 0; n < key.n && n < DIGESTED_BYTES; n++)
			digest = digest << 8 | (unsigned char)key.p[n];
		n = (uint32_t)key.n;
	}
	return digest << 8 | (n & 0xff);
}

static bool
is_same_name(const struct scan *s, const struct key *a, const struct key *b)
{
	const char *p = s->start + a->at, *q = s->start + b->at;
	struct reader x = { .at = p, .end = p + a->n }, y = { .at = q, .end = q + b->n };
	char c = 0, d = 0;
	bool more;

	if (a->digest != b->digest)
		return false;
	if (!a->escaped && !b->escaped)
		return a->n == b->n && memcmp(p, q, a->n) == 0;
	do {
		more = read_byte(&x, &c);
		if (more != read_byte(&y, &d))
			return false;
	} while (more && c == d);
	return !more;
}

static enum json_fault
remember_name(struct scan *s, struct span name, bool escaped)
{
	struct level *level = &s->levels[s->depth - 1];
	struct key *key;

	if (level->members >= MEMBERS_CHECKED) {
		s->n_keys = level->first_key;
		return JSON_OK;
	}
	level->members++;
	key = &s->keys[s->n_keys];
	*key = (struct key){ digest_of(name, escaped), (uint32_t)(name.p - s->start),
		(uint32_t)name.n, escaped };
	for (uint32_t i = level->first_key; i < s->n_keys; i++)
		if (is_same_name(s, &s->keys[i], key))
			return JSON_REPEATED;
	s->n_keys++;
	return JSON_OK;
}

/* A member name and its colon. */
static enum json_fault
read_name(struct scan *s)
{
	const char *start;
	struct span name;
	bool escaped;
	enum json_fault fault;

	skip_space(s);
	if (s->at == s->end || *s->at != '"')
		return stray(s);
	start = s->at;
	fault = read_string(s, &name, &escaped);
	if (fault)
		return fault;
	fault = name.n > s->bounds->key_bytes ? JSON_KEY : remember_name(s, name, escaped);
	if (fault) {
		s->at = start;
		return fault;
	}
	skip_space(s);
	if (s->at == s->end || *s->at != ':')
		return stray(s);
	s->at++;
	return JSON_OK;
}

static void
close_container(struct scan *s)
{
	s->n_keys = s->levels[--s->depth].first_key;
	s->at++;
}

/* Behind a value: closes what closes here and stops where the next value must begin, or at the end.
 */
static enum json_fault
read_rest(struct scan *s)
{
	for (;;) {
		bool object;

		skip_space(s);
		if (s->depth == 0) {
			s->done = true;
			return s->at == s->end ? JSON_OK
			    : *s->at == '\0'   ? JSON_NUL
					       : JSON_TRAILING;
		}
		if (s->at == s->end)
			return JSON_TRUNCATED;
		object = s->levels[s->depth - 1].object;
		if (*s->at == ',') {
			s->at++;
			return object ? read_name(s) : JSON_OK;
		}
		if (*s->at != (object ? '}' : ']'))
			return stray(s);
		close_container(s);
	}
}

static enum json_fault
open_container(struct scan *s, bool object)
{
	if (s->depth == s->bounds->depth)
		return JSON_DEPTH;
	s->levels[s->depth++] = (struct level){ object, 0, s->n_keys };
	s->at++;
	skip_space(s);
	if (s->at < s->end && *s->at == (object ? '}' : ']')) {
		close_container(s);
		return read_rest(s);
	}
	return object ? read_name(s) : JSON_OK;
}

static enum json_fault
read_text(struct scan *s)
{
	const char *start = s->at;
	struct span text;
	bool escaped;
	enum json_fault fault = read_string(s, &text, &escaped);

	if (fault)
		return fault;
	if (text.n > s->bounds->text_bytes) {
		s->at = start;
		return JSON_TEXT;
	}
	return read_rest(s);
}

static enum json_fault
read_literal(struct scan *s, const char *word)
{
	for (; *word; word++, s->at++)
		if (s->at == s->end || *s->at != *word)
			return stray(s);
	return read_rest(s);
}

static enum json_fault
read_number(struct scan *s)
{
	enum json_fault fault = json_read_number(&s->at, s->end, s->any_number);

	return fault ? fault : read_rest(s);
}

/* Reads one value and what follows it, up to the next value; of a container only the opening. */
static enum json_fault
read_value(struct scan *s)
{
	skip_space(s);
	if (s->at == s->end)
		return JSON_TRUNCATED;
	if (++s->values > s->bounds->values)
		return JSON_VALUES;
	switch (*s->at) {
	case '{':
		return open_container(s, true);
	case '[':
		return open_container(s, false);
	case '"':
		return read_text(s);
	case 't':
		return read_literal(s, "true");
	case 'f':
		return read_literal(s, "false");
	case 'n':
		return read_literal(s, "null");
	default:
		return *s->at == '-' || json_is_digit(*s->at) ? read_number(s) : stray(s);
	}
}

static enum json_fault
scan(struct scan *s, struct span text, const struct json_bounds *bounds)
{
	enum json_fault fault = JSON_OK;

	assert(bounds->depth <= DEPTH_MAX && text.n <= UINT32_MAX);
	s->start = s->at = text.n ? text.p : "";
	s->end = s->at + text.n;
	s->bounds = bounds;
	s->values = 0;
	s->done = false;
	s->depth = 0;
	s->n_keys = 0;
	while (!fault && !s->done)
		fault = read_value(s);
	return fault;
}

enum json_fault
json_scan(struct span text, const struct json_bounds *bounds, size_t *offset)
{
	struct scan s;
	enum json_fault fault;

	s.any_number = false;
	fault = scan(&s, text, bounds);
	if (offset)
		*offset = (size_t)(s.at - s.start);
	return fault;
}

bool
json_is_readable(struct span text)
{
	static const struct json_bounds none = { DEPTH_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX };
	struct scan s;

	s.any_number = true;
	return scan(&s, text, &none) == JSON_OK;
}
