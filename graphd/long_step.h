#pragma once
/*
 * A long step as the journal has it, whose events can be told from any seq on without decoding all
 * of it: its bytes, and marks among them at which its edits are known by number and seq, found as
 * far as it was read. What is told is what step_events() tells of the whole step, byte for byte.
 */

#include "graphd/step.h"

enum {
	LONG_STEP_BYTES = 64 * 1024,	  /* encoded; what is shorter is decoded whole */
	LONG_STEP_MARK_BYTES = 64 * 1024, /* of edits between two marks, give or take one edit */
};

struct long_step;

/* Copies the bytes. NULL when they do not begin as those of a step do. */
struct long_step *long_step_new(struct span bytes);
void long_step_free(struct long_step *);
/* Without its edits; lives as long as the long step. */
const struct step *long_step_head(const struct long_step *);
/* Memory that it takes; more once paths were wanted. */
size_t long_step_bytes(const struct long_step *);
/* As step_events(). Paths cost one pass over all edits, the first time. False: an edit is not one;
 * what stands before it has been told. */
bool long_step_events(
    struct long_step *, uint64_t after, bool with_paths, step_event_fn *fn, void *context);
