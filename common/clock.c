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

void
clock_iso(uint64_t wall_us, char out[CLOCK_ISO_SIZE])
{
	time_t seconds = (time_t)(wall_us / 1000000);
	struct tm tm = { 0 };
	char *at = out;

	gmtime_r(&seconds, &tm);
	at = digits(at, (unsigned)(tm.tm_year + 1900), 4, '-');
	at = digits(at, (unsigned)(tm.tm_mon + 1), 2, '-');
	at = digits(at, (unsigned)tm.tm_mday, 2, 'T');
	at = digits(at, (unsigned)tm.tm_hour, 2, ':');
	at = digits(at, (unsigned)tm.tm_min, 2, ':');
	at = digits(at, (unsigned)tm.tm_sec, 2, '.');
	at = digits(at, (unsigned)(wall_us % 1000000), 6, '+');
	memcpy(at, "00:00", sizeof("00:00"));
}

void
clock_set(uint64_t now_ms, uint64_t wall_us)
{
	set.now_ms = now_ms;
	set.wall_us = wall_us;
}
