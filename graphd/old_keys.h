#pragma once
/*
 * Idempotency keys whose answers a session no longer holds in memory: of each a fingerprint and the
 * ordinal of its step, in which key and answer stand in the journal. The newest LIMIT_OLD_KEYS are
 * kept, at 20 bytes each.
 */

#include "common/span.h"

#include <stddef.h>
#include <stdint.h>

struct json_out;
struct old_keys;
struct reader;

void old_keys_free(struct old_keys *);
/* Makes them when there are none yet. A step that is not behind all others was added before. */
void old_keys_add(struct old_keys **, struct span key, uint64_t ordinal);
/* Steps from that one on were taken back; NULL: nothing happens. */
void old_keys_take_back(struct old_keys *, uint64_t from_ordinal);
/* The newest step before that ordinal that may have had the key; 0: none had. */
uint64_t old_keys_find(const struct old_keys *, struct span key, uint64_t before_ordinal);
/* NULL: none. */
size_t old_keys_count(const struct old_keys *);
void old_keys_code(struct json_out *, const struct old_keys *);
/* Owned; NULL: there are none, or the reader is bad. */
struct old_keys *old_keys_read(struct reader *);
