#include "common/metrics.h"

#include "run_tests.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

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

static long
began_s(void)
{
	static const char name[] = "\nprocess_start_time_seconds ";
	struct json_out out = { 0 };
	char *text, *found;
	size_t n;
	long s;

	metrics_print_process(&out, "");
	json_out_bytes(&out, (struct span){ "", 1 });
	text = json_out_take(&out, &n);
	found = strstr(text, name);
	ck_assert_ptr_nonnull(found);
	s = strtol(found + sizeof(name) - 1, NULL, 10);
	free(text);
	return s;
}

/* What changes counts as a restart. Over more than a second, for clocks' seconds begin at different
 * times; where one really begins in between is for another try. */
START_TEST(a_process_began_at_one_time)
{
	enum { TRIES = 3, LOOKS = 60, EVERY_NS = 20 * 1000 * 1000 };
	int n_changes = 1;

	for (int try = 0; try < TRIES && n_changes > 0; try++) {
		long before = began_s();

		n_changes = 0;
		for (int i = 0; i < LOOKS; i++) {
			long now = began_s();

			n_changes += now != before;
			before = now;
			nanosleep(&(struct timespec){ 0, EVERY_NS }, NULL);
		}
	}
	ck_assert_int_eq(n_changes, 0);
	ck_assert_int_le(labs((long)time(NULL) - began_s()), 60);
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("metrics");

	tcase_set_timeout(c, 20);
	tcase_add_test(c, all_registered_metrics_are_printed_in_the_exposition_format);
	tcase_add_test(c, a_process_began_at_one_time);
	return run_tests(c);
}
