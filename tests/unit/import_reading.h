#pragma once
/* What the tests of reading imports read last, and why it was refused. */

#include "import_fixture.h"

static struct import im;
static struct refusal why;

static inline void
clean(void)
{
	import_fini(&im);
	refusal_fini(&why);
	why = (struct refusal){ 0 };
}

static inline enum error
read_text(const char *text)
{
	ck_assert_msg(fixture_scan(span_of(text)) == JSON_OK, "not JSON: %s", text);
	clean();
	return import_read(span_of(text), NULL, (struct span){ 0 }, &im, &why);
}
