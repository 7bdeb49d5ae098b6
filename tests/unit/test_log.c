#include "common/log.h"

#include "common/clock.h"
#include "common/json.h"
#include "run_tests.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const struct json_bounds bounds = { 4, 100, 10000, 100 };
static char captured[16384];

/* Standard error goes into a file from here on, until read_back(). */
static int
redirect(void)
{
	char path[] = "/tmp/test_log_XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	unlink(path);
	ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
	return fd;
}

static const char *
read_back(int fd)
{
	ssize_t n = pread(fd, captured, sizeof(captured) - 1, 0);

	ck_assert_int_ge(n, 0);
	captured[n] = '\0';
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	lseek(fd, 0, SEEK_SET);
	return captured;
}

static void
freeze_time(void)
{
	clock_set(1, 1769595072000123);
}

START_TEST(a_line_names_time_process_level_object_and_words)
{
	int fd = redirect();

	freeze_time();
	log_init("graphd", LOG_INFO, 0);
	log_info("session 1f0c", "has %d clients", 3);
	log_warn(NULL, "slow");
	ck_assert_str_eq(read_back(fd),
	    "2026-01-28T10:11:12.000123+00:00 graphd info session 1f0c: has 3 clients\n"
	    "2026-01-28T10:11:12.000123+00:00 graphd warn: slow\n");
}
END_TEST

START_TEST(levels_below_the_lowest_are_not_written)
{
	int fd = redirect();

	freeze_time();
	log_init("graphd", LOG_WARN, 0);
	log_debug("x", "nothing");
	log_info("x", "nothing");
	ck_assert_str_eq(read_back(fd), "");
	ck_assert(!log_wants(LOG_INFO));
	ck_assert(log_wants(LOG_WARN));
	log_init("graphd", LOG_DEBUG, 0);
	log_debug("x", "something");
	ck_assert_ptr_nonnull(strstr(read_back(fd), " debug x: something\n"));
}
END_TEST

START_TEST(what_a_peer_sent_cannot_forge_a_line_or_steer_a_terminal)
{
	int fd = redirect();

	freeze_time();
	log_init("g", LOG_INFO, 0);
	log_info("a\nb", "%s", "x\r\n2026 \x1b[2J \"q\" \\ \x7f \xc2\x9b \xff ä");
	ck_assert_str_eq(read_back(fd),
	    "2026-01-28T10:11:12.000123+00:00 g info a\\x0ab: "
	    "x\\x0d\\x0a2026 \\x1b[2J \\\"q\\\" \\\\ \\x7f \\x9b \\xff ä\n");
}
END_TEST

START_TEST(json_lines_are_json_whatever_is_in_them)
{
	int fd = redirect();
	struct span line, value;

	freeze_time();
	log_init("g", LOG_INFO, 1);
	log_info("a\"b", "%s", "x\n\x1b \xc2\x9b \xff \\ ä");
	line = json_trim(span_of(read_back(fd)));
	ck_assert_int_eq(json_scan(line, &bounds, NULL), JSON_OK);
	ck_assert(json_find(line, "object", &value) && span_is(value, "\"a\\\"b\""));
	ck_assert(json_find(line, "level", &value) && span_is(value, "\"info\""));
	ck_assert(json_find(line, "process", &value) && span_is(value, "\"g\""));
	ck_assert(json_find(line, "time", &value) &&
	    span_is(value, "\"2026-01-28T10:11:12.000123+00:00\""));
	ck_assert(json_find(line, "words", &value) &&
	    span_is(value, "\"x\\u000a\\u001b \\u009b \\u00ff \\\\ ä\""));
}
END_TEST

/* Of every length around the limits, so that a cut may fall anywhere in an escape. */
START_TEST(lines_that_are_too_long_are_cut_and_still_end_well)
{
	int fd = redirect();
	static char words[4096];

	freeze_time();
	for (size_t n = 600; n < 2100; n++) {
		memset(words, n % 2 ? '"' : '\n', n);
		words[n] = '\0';
		words[n / 3] = 'x';
		log_init("g", LOG_INFO, 1);
		log_info("o", "%s", words);
		ck_assert_int_eq(json_scan(span_of(read_back(fd)), &bounds, NULL), JSON_OK);
		log_init("g", LOG_INFO, 0);
		log_info(words, "%s", words);
		read_back(fd);
		ck_assert_ptr_eq(strchr(captured, '\n'), captured + strlen(captured) - 1);
	}
}
END_TEST

START_TEST(logging_leaves_errno_alone)
{
	int fd = redirect();

	log_init("g", LOG_INFO, 0);
	close(STDERR_FILENO);
	errno = ENOSPC;
	log_info("o", "words");
	ck_assert_int_eq(errno, ENOSPC);
	close(fd);
}
END_TEST

START_TEST(fatal_says_why_and_ends_with_status_1)
{
	log_init("g", LOG_INFO, 0);
	log_fatal("store", "is %s", "gone");
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("log");

	tcase_add_test(c, a_line_names_time_process_level_object_and_words);
	tcase_add_test(c, levels_below_the_lowest_are_not_written);
	tcase_add_test(c, what_a_peer_sent_cannot_forge_a_line_or_steer_a_terminal);
	tcase_add_test(c, json_lines_are_json_whatever_is_in_them);
	tcase_add_test(c, lines_that_are_too_long_are_cut_and_still_end_well);
	tcase_add_test(c, logging_leaves_errno_alone);
	tcase_add_exit_test(c, fatal_says_why_and_ends_with_status_1, 1);
	return run_tests(c);
}
