#pragma once
/*
 * Long steps whose events somebody reads a page at a time, kept from one page to the next so that
 * all pages together cost one reading. Any number of readers share a step, wherever they are. They
 * are bounded in bytes: the one not read for longest goes, at the latest after LIMIT_LONG_STEP_MS.
 */

#include "graphd/long_step.h"

struct long_steps;

struct long_steps *long_steps_new(size_t most_bytes);
void long_steps_free(struct long_steps *);
/* The one with the event of that seq, or NULL. Borrowed until long_steps_keep() or _expire(). */
struct long_step *long_steps_find(
    const struct long_steps *, const struct uuid *session, uint64_t seq);
/* Takes it, or goes on keeping it, as the one read last. One that is too big by itself is freed. */
void long_steps_keep(
    struct long_steps *, const struct uuid *session, struct long_step *, uint64_t now_ms);
/* When long_steps_expire() has something to do; UINT64_MAX: never. */
uint64_t long_steps_due_ms(const struct long_steps *);
void long_steps_expire(struct long_steps *, uint64_t now_ms);
/* What they take together. */
size_t long_steps_bytes(const struct long_steps *);
