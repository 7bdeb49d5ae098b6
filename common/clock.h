#pragma once
/*
 * Time. Deadlines and time-outs use the monotonic clock; only timestamps shown to people use the
 * wall clock, so a jump of it changes nothing but texts. Tests set both.
 */

#include <stdint.h>

/* CLOCK_MONOTONIC in milliseconds. */
uint64_t clock_now_ms(void);
/* The same in microseconds. */
uint64_t clock_now_us(void);
/* CLOCK_REALTIME in microseconds since 1970. */
uint64_t clock_wall_us(void);

enum { CLOCK_ISO_SIZE = 33 };
/* "2026-01-28T10:11:12.000123+00:00" and a NUL. */
void clock_iso(uint64_t wall_us, char out[CLOCK_ISO_SIZE]);

/* For tests: from now on the functions above answer these. 0, 0 gives them back to the kernel.
 */
void clock_set(uint64_t now_ms, uint64_t wall_us);
