#include "graphd/put.h"

#include "common/mem.h"

enum { CAPACITY_MIN = 256 };

#define PAIRS(high) \
	high "0" high "1" high "2" high "3" high "4" high "5" high "6" high "7" high "8" high \
	     "9" high "a" high "b" high "c" high "d" high "e" high "f"

/* Two digits for each byte: half the look-ups of a digit at a time. */
static const char pairs[] =
    PAIRS("0") PAIRS("1") PAIRS("2") PAIRS("3") PAIRS("4") PAIRS("5") PAIRS("6") PAIRS("7")
	PAIRS("8") PAIRS("9") PAIRS("a") PAIRS("b") PAIRS("c") PAIRS("d") PAIRS("e") PAIRS("f");

void
put_grow(struct json_out *out, size_t n_bytes)
{
	size_t capacity = out->capacity ? out->capacity : CAPACITY_MIN;

	while (capacity - out->n < n_bytes)
		capacity *= 2;
	out->bytes = xrealloc(out->bytes, capacity, 1);
	out->capacity = capacity;
}

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

static char *
hex(char *to, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++, to += 2)
		memcpy(to, pairs + 2 * (size_t)bytes[i], 2);
	return to;
}

void
put_uuid(struct json_out *out, const struct uuid *id)
{
	char *to;

	if (uuid_is_nil(id)) {
		put_literal(out, "null");
		return;
	}
	to = put_room(out, UUID_TEXT + 2);
	*to++ = '"';
	to = hex(to, id->bytes, 4);
	*to++ = '-';
	to = hex(to, id->bytes + 4, 2);
	*to++ = '-';
	to = hex(to, id->bytes + 6, 2);
	*to++ = '-';
	to = hex(to, id->bytes + 8, 2);
	*to++ = '-';
	to = hex(to, id->bytes + 10, 6);
	*to = '"';
	out->n += UUID_TEXT + 2;
}

static bool
must_escape(char c)
{
	return (unsigned char)c < 0x20 || c == '"' || c == '\\';
}

/* RFC 8259 section 7: the short forms where there are some. */
static void
put_escape(struct json_out *out, char c)
{
	static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	char *to = put_room(out, 6);

	*to++ = '\\';
	for (const char *at = short_forms; *at; at += 2) {
		if (*at != c)
			continue;
		*to = at[1];
		out->n += 2;
		return;
	}
	memcpy(to, "u00", 3);
	memcpy(to + 3, pairs + 2 * (size_t)(unsigned char)c, 2);
	out->n += 6;
}

void
put_text(struct json_out *out, const char *text)
{
	if (!text) {
		put_literal(out, "null");
		return;
	}
	put_byte(out, '"');
	for (;;) {
		size_t n = 0;
		while (!must_escape(text[n]))
			n++;
		put_bytes(out, text, n);
		text += n;
		if (!*text)
			break;
		put_escape(out, *text++);
	}
	put_byte(out, '"');
}

void
put_json(struct json_out *out, const char *json)
{
	put_chars(out, json ? json : "null");
}
