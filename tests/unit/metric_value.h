#pragma once
/* What /metrics says of one metric. */

#include "common/metrics.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* name: with its labels, if it has any. */
static inline int64_t
metric_value(const char *name)
{
	char line[128];
	struct json_out out = { 0 };
	const char *at;
	int64_t value;

	/* Its help begins like its value does. */
	snprintf(line, sizeof(line), "\n%s ", name);
	metrics_print(&out);
	at = memmem(out.bytes, out.n, line, strlen(line));
	ck_assert_msg(at != NULL, "there is no metric %s", name);
	value = strtoll(at + strlen(line), NULL, 10);
	json_out_fini(&out);
	return value;
}
