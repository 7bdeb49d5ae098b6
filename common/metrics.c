#include "common/metrics.h"

#include <inttypes.h>
#include <stdio.h>

/* Registered metrics; those of one family, which differ in their labels only, stand together. */
static struct metric *first;

static struct span
family(const struct metric *m)
{
	return (struct span){ m->name, strcspn(m->name, "{") };
}

void
metrics_add(struct metric *m)
{
	struct metric **place = NULL, **at;

	if (m->is_added)
		return;
	m->is_added = true;
	for (at = &first; *at; at = &(*at)->next) {
		if (span_equal(family(*at), family(m)))
			place = &(*at)->next;
	}
	if (!place)
		place = at;
	m->next = *place;
	*place = m;
}

static void
print(struct json_out *out, struct span text)
{
	json_out_bytes(out, text);
}

/* In a help text the format knows two escapes. */
static void
print_help(struct json_out *out, const char *help)
{
	for (size_t n; *help; help += n) {
		n = strcspn(help, "\\\n");
		print(out, (struct span){ help, n });
		if (help[n])
			print(out, help[n++] == '\n' ? SPAN("\\n") : SPAN("\\\\"));
	}
}

static void
print_head(struct json_out *out, const struct metric *m)
{
	print(out, SPAN("# HELP "));
	print(out, family(m));
	print(out, SPAN(" "));
	print_help(out, m->help);
	print(out, SPAN("\n# TYPE "));
	print(out, family(m));
	print(out, SPAN(" "));
	print(out, span_of(m->type));
	print(out, SPAN("\n"));
}

void
metrics_print(struct json_out *out)
{
	const struct metric *before = NULL;
	char value[32];

	for (const struct metric *m = first; m; before = m, m = m->next) {
		if (!before || !span_equal(family(before), family(m)))
			print_head(out, m);
		snprintf(value, sizeof(value), " %" PRId64 "\n", m->value);
		print(out, span_of(m->name));
		print(out, span_of(value));
	}
}
