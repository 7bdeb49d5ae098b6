#include "common/json_out.h"

#include "common/clock.h"
#include "common/mem.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 256, UINT64_DIGITS = 20 };

void
json_out_fini(struct json_out *o)
{
	free(o->bytes);
	*o = (struct json_out){ 0 };
}

void
json_out_clear(struct json_out *o)
{
	o->n = 0;
}

char *
json_out_take(struct json_out *o, size_t *n)
{
	char *bytes = o->bytes;

	*n = o->n;
	*o = (struct json_out){ 0 };
	return bytes;
}

struct span
json_out_span(const struct json_out *o)
{
	return (struct span){ o->bytes, o->n };
}

/* Room for so many more bytes, at the returned place. */
static char *
reserve(struct json_out *o, size_t more)
{
	if (o->capacity - o->n < more) {
		size_t doubled = o->capacity ? o->capacity * 2 : FIRST_CAPACITY;
		o->capacity = doubled - o->n < more ? o->n + more : doubled;
		o->bytes = xrealloc(o->bytes, o->capacity, 1);
	}
	return o->bytes + o->n;
}

void
json_out_reserve(struct json_out *o, size_t more)
{
	reserve(o, more);
}

static void
put(struct json_out *o, const char *bytes, size_t n)
{
	if (n > 0)
		memcpy(reserve(o, n), bytes, n);
	o->n += n;
}

static void
put_char(struct json_out *o, char c)
{
	*reserve(o, 1) = c;
	o->n++;
}

/* A value or a name is about to come; a comma is due unless it is the first or follows a colon. */
static void
begin(struct json_out *o)
{
	char last = o->n ? o->bytes[o->n - 1] : '[';

	if (last != '{' && last != '[' && last != ':' && last != ',')
		put_char(o, ',');
}

static void
put_value(struct json_out *o, const char *bytes, size_t n)
{
	begin(o);
	put(o, bytes, n);
}

void
json_out_open(struct json_out *o, char bracket)
{
	begin(o);
	put_char(o, bracket);
}

void
json_out_close(struct json_out *o, char bracket)
{
	put_char(o, bracket);
}

void
json_out_key(struct json_out *o, const char *name)
{
	size_t n = strlen(name);
	char *at;

	begin(o);
	at = reserve(o, n + 3);
	at[0] = '"';
	memcpy(at + 1, name, n);
	at[n + 1] = '"';
	at[n + 2] = ':';
	o->n += n + 3;
}

/* For each byte: 0 as it is, 'u' as \u00.., or the letter behind the backslash. */
static const char escapes[256] = {
	['"'] = '"',
	['\\'] = '\\',
	['\b'] = 'b',
	['\f'] = 'f',
	['\n'] = 'n',
	['\r'] = 'r',
	['\t'] = 't',
	[0x00] = 'u',
	[0x01] = 'u',
	[0x02] = 'u',
	[0x03] = 'u',
	[0x04] = 'u',
	[0x05] = 'u',
	[0x06] = 'u',
	[0x07] = 'u',
	[0x0b] = 'u',
	[0x0e] = 'u',
	[0x0f] = 'u',
	[0x10] = 'u',
	[0x11] = 'u',
	[0x12] = 'u',
	[0x13] = 'u',
	[0x14] = 'u',
	[0x15] = 'u',
	[0x16] = 'u',
	[0x17] = 'u',
	[0x18] = 'u',
	[0x19] = 'u',
	[0x1a] = 'u',
	[0x1b] = 'u',
	[0x1c] = 'u',
	[0x1d] = 'u',
	[0x1e] = 'u',
	[0x1f] = 'u',
};

static void
put_escape(struct json_out *o, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";

	if (escapes[c] == 'u')
		put(o, (char[]){ '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15] }, 6);
	else
		put(o, (char[]){ '\\', escapes[c] }, 2);
}

/* Whether one of eight bytes needs an escape; how is said at json_skip_plain(). Bytes beyond ASCII
 * need none. */
static bool
has_special(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101, highs = ones * 0x80;
	uint64_t quotes = w ^ ones * '"', backslashes = w ^ ones * '\\';
	uint64_t special = ((w - ones * 0x20) & ~w) | ((quotes - ones) & ~quotes) |
	    ((backslashes - ones) & ~backslashes);

	return (special & highs) != 0;
}

/* Eight bytes, which may overlap, that hold all of a text of 4 to 8 bytes. */
static uint64_t
both_ends(const char *p, size_t n)
{
	uint32_t first, last;

	memcpy(&first, p, sizeof(first));
	memcpy(&last, p + n - sizeof(last), sizeof(last));
	return (uint64_t)first << 32 | last;
}

/* Most texts are plain. What is left at the end is looked at together with bytes before it, twice.
 */
static bool
is_plain(const char *p, size_t n)
{
	uint64_t w;

	if (n <= sizeof(w)) {
		if (n >= sizeof(uint32_t))
			return !has_special(both_ends(p, n));
		for (size_t i = 0; i < n; i++)
			if (escapes[(unsigned char)p[i]])
				return false;
		return true;
	}
	for (size_t i = 0; i + sizeof(w) < n; i += sizeof(w)) {
		memcpy(&w, p + i, sizeof(w));
		if (has_special(w))
			return false;
	}
	memcpy(&w, p + n - sizeof(w), sizeof(w));
	return !has_special(w);
}

static void
put_escaped(struct json_out *o, struct span text)
{
	size_t start = 0;

	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (!escapes[c])
			continue;
		put(o, text.p + start, i - start);
		put_escape(o, c);
		start = i + 1;
	}
	put(o, text.p + start, text.n - start);
}

void
json_out_quoted(struct json_out *o, struct span text)
{
	char *at = reserve(o, text.n + 2);

	at[0] = '"';
	if (!is_plain(text.p, text.n)) {
		o->n++;
		put_escaped(o, text);
		put_char(o, '"');
		return;
	}
	if (text.n)
		memcpy(at + 1, text.p, text.n);
	at[text.n + 1] = '"';
	o->n += text.n + 2;
}

void
json_out_key_text(struct json_out *o, struct span name)
{
	begin(o);
	json_out_quoted(o, name);
	put_char(o, ':');
}

void
json_out_text(struct json_out *o, struct span text)
{
	if (!text.p) {
		json_out_null(o);
		return;
	}
	begin(o);
	json_out_quoted(o, text);
}

void
json_out_string(struct json_out *o, const char *text)
{
	json_out_text(o, span_of(text));
}

void
json_out_bool(struct json_out *o, bool value)
{
	if (value)
		put_value(o, "true", 4);
	else
		put_value(o, "false", 5);
}

static void
put_number(struct json_out *o, bool negative, uint64_t magnitude)
{
	char digits[UINT64_DIGITS + 1], *at = digits + sizeof(digits);

	do
		*--at = (char)('0' + magnitude % 10);
	while (magnitude /= 10);
	if (negative)
		*--at = '-';
	put_value(o, at, (size_t)(digits + sizeof(digits) - at));
}

void
json_out_int(struct json_out *o, int64_t value)
{
	put_number(o, value < 0, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void
json_out_uint(struct json_out *o, uint64_t value)
{
	put_number(o, false, value);
}

void
json_out_null(struct json_out *o)
{
	put_value(o, "null", 4);
}

void
json_out_uuid(struct json_out *o, const struct uuid *id)
{
	char *at;

	if (uuid_is_nil(id)) {
		json_out_null(o);
		return;
	}
	begin(o);
	/* With room for the NUL that is written, but does not count. */
	at = reserve(o, UUID_TEXT + 3);
	uuid_format(id, at + 1);
	at[0] = at[UUID_TEXT + 1] = '"';
	o->n += UUID_TEXT + 2;
}

void
json_out_time(struct json_out *o, uint64_t wall_us)
{
	char text[CLOCK_ISO_SIZE + 1];

	clock_iso(wall_us, text + 1);
	text[0] = text[CLOCK_ISO_SIZE] = '"';
	put_value(o, text, CLOCK_ISO_SIZE + 1);
}

void
json_out_raw(struct json_out *o, struct span json)
{
	if (json.p)
		put_value(o, json.p, json.n);
	else
		json_out_null(o);
}

/* The end of the token at i: a whole string, or one other byte. */
static size_t
token_end(struct span json, size_t i)
{
	if (json.p[i++] != '"')
		return i;
	while (i < json.n && json.p[i] != '"')
		i += json.p[i] == '\\' ? 2 : 1;
	return i < json.n ? i + 1 : json.n;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void
json_out_minified(struct json_out *o, struct span json)
{
	size_t start = 0, i = 0;

	if (!json.p) {
		json_out_null(o);
		return;
	}
	begin(o);
	while (i < json.n) {
		if (!is_space(json.p[i])) {
			i = token_end(json, i);
			continue;
		}
		put(o, json.p + start, i - start);
		while (i < json.n && is_space(json.p[i]))
			i++;
		start = i;
	}
	put(o, json.p + start, json.n - start);
}

void
json_out_members(struct json_out *o, struct span members)
{
	if (members.n > 0)
		put_value(o, members.p, members.n);
}

void
json_out_bytes(struct json_out *o, struct span bytes)
{
	put(o, bytes.p, bytes.n);
}
