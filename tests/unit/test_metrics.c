#include "common/metrics.h"

#include "run_tests.h"

static struct metric commands = { "commands_total", "Commands done.", "counter", 0, false, NULL };
static struct metric ok = { "answers_total{code=\"200\"}", "Answers\nby \\ code.", "counter", 0,
	false, NULL };
static struct metric sessions = { "sessions", "Sessions in memory.", "gauge", -1, false, NULL };
static struct metric bad = { "answers_total{code=\"400\"}", "Answers.", "counter", 0, false, NULL };

START_TEST(all_registered_metrics_are_printed_in_the_exposition_format)
{
	struct json_out out = { 0 };

	metrics_print(&out);
	ck_assert_uint_eq(out.n, 0);
	metrics_add(&commands);
	metrics_add(&ok);
	metrics_add(&sessions);
	metrics_add(&bad);
	metrics_add(&commands); /* harmless */
	metrics_add(&bad);
	commands.value += 3;
	ok.value = INT64_MAX;
	metrics_print(&out);
	ck_assert(span_is(json_out_span(&out),
	    "# HELP commands_total Commands done.\n"
	    "# TYPE commands_total counter\n"
	    "commands_total 3\n"
	    "# HELP answers_total Answers\\nby \\\\ code.\n"
	    "# TYPE answers_total counter\n"
	    "answers_total{code=\"200\"} 9223372036854775807\n"
	    "answers_total{code=\"400\"} 0\n"
	    "# HELP sessions Sessions in memory.\n"
	    "# TYPE sessions gauge\n"
	    "sessions -1\n"));
	json_out_fini(&out);
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("metrics");

	tcase_add_test(c, all_registered_metrics_are_printed_in_the_exposition_format);
	return run_tests(c);
}
