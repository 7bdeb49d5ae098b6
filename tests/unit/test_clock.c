#include "common/clock.h"

#include "run_tests.h"

#include <stdlib.h>
#include <time.h>

static const char *
iso(uint64_t wall_us)
{
	static char text[CLOCK_ISO_SIZE];

	clock_iso(wall_us, text);
	return text;
}

START_TEST(times_are_written_in_utc_with_microseconds)
{
	ck_assert_str_eq(iso(0), "1970-01-01T00:00:00.000000+00:00");
	ck_assert_str_eq(iso(1769595072000123), "2026-01-28T10:11:12.000123+00:00");
	ck_assert_str_eq(iso(1709251199999999), "2024-02-29T23:59:59.999999+00:00");
	ck_assert_str_eq(iso(4102444800000000), "2100-01-01T00:00:00.000000+00:00");
	setenv("TZ", "Asia/Tokyo", 1);
	tzset();
	ck_assert_str_eq(iso(1769595072000123), "2026-01-28T10:11:12.000123+00:00");
}
END_TEST

START_TEST(every_day_of_centuries_is_the_one_of_the_c_library)
{
	for (uint64_t day = 0; day < 400 * 366; day++) {
		time_t seconds = (time_t)(day * 86400 + day % 86400);
		char wanted[64];
		struct tm tm;

		gmtime_r(&seconds, &tm);
		strftime(wanted, sizeof wanted, "%Y-%m-%dT%H:%M:%S.000007+00:00", &tm);
		ck_assert_str_eq(iso((uint64_t)seconds * 1000000 + 7), wanted);
	}
}
END_TEST

START_TEST(the_kernel_gives_the_time_unless_a_test_does)
{
	uint64_t before = clock_now_ms();

	ck_assert_uint_ge(clock_now_ms(), before);
	clock_set(5000, 7);
	ck_assert_uint_eq(clock_now_ms(), 5000);
	ck_assert_uint_eq(clock_wall_us(), 7);
	clock_set(0, 0);
	ck_assert_uint_ge(clock_now_ms(), before);
	ck_assert_uint_lt(clock_now_ms(), before + 60000);
	ck_assert_uint_le(clock_wall_us() / 1000000 - (uint64_t)time(NULL) + 2, 4);
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("clock");

	tcase_add_test(c, times_are_written_in_utc_with_microseconds);
	tcase_add_test(c, every_day_of_centuries_is_the_one_of_the_c_library);
	tcase_add_test(c, the_kernel_gives_the_time_unless_a_test_does);
	return run_tests(c);
}
