#pragma once
/* What may stand in a header field's value. */

#include "common/span.h"

/* RFC 9110 section 5.5: no control characters but the tab. */
static inline bool
is_field_value(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}
