#pragma once
/* Percent-encoding in paths and queries (RFC 3986 section 2.1). */

#include "common/span.h"

static inline int
percent_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that the escape at the beginning of the text stands for, which has three characters; -1:
 * there is none. */
static inline int
percent_escape(struct span text)
{
	int high = text.n > 2 && text.p[0] == '%' ? percent_digit(text.p[1]) : -1;
	int low = high >= 0 ? percent_digit(text.p[2]) : -1;

	return low >= 0 ? high * 16 + low : -1;
}
