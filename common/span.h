#pragma once
/* A borrowed run of bytes: pointer and length, not NUL-terminated. {NULL, 0} means "absent". */

#include <stdbool.h>
#include <stddef.h>
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
