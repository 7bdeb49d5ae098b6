#pragma once
/* What the JSON modules share among themselves. Nobody else includes this. */

#include "common/json.h"
#include "common/utf8.h"

#include <assert.h>
#include <endian.h>

static inline bool
json_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static inline bool
json_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The value of four hexadecimal digits; -1 when they are none. */
static inline int32_t
json_hex4(const char *at)
{
	int32_t value = 0;

	for (int i = 0; i < 4; i++) {
		char c = at[i], lower = (char)(c | 0x20);
		if (json_is_digit(c))
			value = value << 4 | (c - '0');
		else if (lower >= 'a' && lower <= 'f')
			value = value << 4 | (lower - 'a' + 10);
		else
			return -1;
	}
	return value;
}

/* The byte that \ and this letter stand for; 0 when that is no escape (or \u). */
static inline char
json_escaped(char letter)
{
	switch (letter) {
	case '"':
	case '\\':
	case '/':
		return letter;
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return 0;
	}
}

/*
 * Decodes one byte or one escape of text that json_scan() accepted: writes *n bytes (1 to 4) and
 * gives the end of what it read. Of other text it writes whatever it is, and reads none behind the
 * end.
 */
static inline const char *
json_decode(const char *at, const char *end, char out[4], size_t *n)
{
	enum { SHORT = 2, LONG = 6 };
	int32_t c, low;

	*n = 1;
	out[0] = at[0];
	if (at[0] != '\\' || end - at < SHORT)
		return at + 1;
	if (at[1] != 'u') {
		out[0] = json_escaped(at[1]) ? json_escaped(at[1]) : at[0];
		return at + SHORT;
	}
	c = end - at < LONG ? -1 : json_hex4(at + 2);
	if (c <= 0)
		return at + 1;
	at += LONG;
	if (c >= 0xd800 && c < 0xdc00 && end - at >= LONG) {
		low = json_hex4(at + 2);
		c = 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
		at += LONG;
	}
	*n = utf8_encode((uint32_t)c, out);
	return at;
}

static inline bool
json_is_plain(char c)
{
	return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/*
 * The end of the plain characters at p: stops at " and \, at control characters and at non-ASCII.
 * Eight bytes at a time: (w - n) & ~w has a high bit set somewhere exactly if a byte is less than
 * n, and a byte equals c exactly if it is less than 1 after an exclusive or with c. A borrow may
 * flag bytes above such a byte, but none below it: in little-endian order the lowest flag is right.
 */
static inline const char *
json_skip_plain(const char *p, const char *end)
{
	const uint64_t ones = 0x0101010101010101, highs = ones * 0x80;

	while (end - p >= 8) {
		uint64_t w, quotes, backslashes, special;
		memcpy(&w, p, sizeof(w));
		w = le64toh(w);
		quotes = w ^ ones * '"';
		backslashes = w ^ ones * '\\';
		special = ((w - ones * 0x20) & ~w) | ((quotes - ones) & ~quotes) |
		    ((backslashes - ones) & ~backslashes) | w;
		if (special & highs)
			return p + __builtin_ctzll(special & highs) / 8;
		p += 8;
	}
	while (p < end && json_is_plain(*p))
		p++;
	return p;
}

/*
 * Reads a number by the grammar and, unless any will do, checks its range. *at moves behind it; in
 * case of a fault, to where that is.
 */
enum json_fault json_read_number(const char **at, const char *end, bool any);
