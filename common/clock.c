#include "common/clock.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

static struct {
	uint64_t now_ms, wall_us;
} set;

static bool
is_set(void)
{
	return set.now_ms != 0 || set.wall_us != 0;
}

uint64_t
clock_now_us(void)
{
	struct timespec t;

	if (is_set())
		return set.now_ms * 1000;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t
clock_now_ms(void)
{
	return clock_now_us() / 1000;
}

uint64_t
clock_wall_us(void)
{
	struct timespec t;

	if (is_set())
		return set.wall_us;
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static char *
digits(char *at, unsigned value, int width, char after)
{
	for (int i = width - 1; i >= 0; i--) {
		at[i] = (char)('0' + value % 10);
		value /= 10;
	}
	at[width] = after;
	return at + width + 1;
}

struct date {
	unsigned year, month, day;
};

/*
 * A day since 1970 in the calendar. Years begin in March here, so that a leap day is the last one,
 * and months then repeat every 153 days for five of them. The C library does the same in ten times
 * as many instructions, for the sake of time zones.
 */
static struct date
date_of(uint64_t day)
{
	enum { DAYS_TO_1970 = 719468, DAYS_OF_400_YEARS = 146097 };
	uint64_t days = day + DAYS_TO_1970, era = days / DAYS_OF_400_YEARS;
	unsigned of_era = (unsigned)(days % DAYS_OF_400_YEARS);
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned march_month = (5 * of_year + 2) / 153;
	unsigned month = march_month < 10 ? march_month + 3 : march_month - 9;

	return (struct date){ .year = (unsigned)(era * 400) + year + (month <= 2),
		.month = month,
		.day = of_year - (153 * march_month + 2) / 5 + 1 };
}

void
clock_iso(uint64_t wall_us, char out[CLOCK_ISO_SIZE])
{
	uint64_t seconds = wall_us / 1000000;
	unsigned of_day = (unsigned)(seconds % 86400);
	struct date date = date_of(seconds / 86400);
	char *at = out;

	at = digits(at, date.year, 4, '-');
	at = digits(at, date.month, 2, '-');
	at = digits(at, date.day, 2, 'T');
	at = digits(at, of_day / 3600, 2, ':');
	at = digits(at, of_day / 60 % 60, 2, ':');
	at = digits(at, of_day % 60, 2, '.');
	at = digits(at, (unsigned)(wall_us % 1000000), 6, '+');
	memcpy(at, "00:00", sizeof("00:00"));
}

void
clock_set(uint64_t now_ms, uint64_t wall_us)
{
	set.now_ms = now_ms;
	set.wall_us = wall_us;
}
