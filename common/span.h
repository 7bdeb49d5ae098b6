#pragma once
/* A borrowed run of bytes: pointer and length, not NUL-terminated. {NULL, 0} means "absent". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const char *p;
	size_t n; /* bytes */
};

#define SPAN(literal) ((struct span){ (literal), sizeof(literal) - 1 })

/* As long as the text lives; NULL gives {NULL, 0}. */
static inline struct span
span_of(const char *text)
{
	return (struct span){ text, text ? strlen(text) : 0 };
}

static inline bool
span_is(struct span s, const char *text)
{
	return s.p && strlen(text) == s.n && memcmp(s.p, text, s.n) == 0;
}

static inline bool
span_equal(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* A number from 0 to most, in digits and nothing else. False: it is none, and *out is left alone.
 */
static inline bool
span_number(struct span s, uint64_t most, uint64_t *out)
{
	uint64_t value = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned char)s.p[i] - (unsigned)'0';

		if (digit > 9 || digit > most || value > (most - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (s.n > 0)
		*out = value;
	return s.n > 0;
}
