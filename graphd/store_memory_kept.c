#include "graphd/store_memory_kept.h"

#include "common/mem.h"

#include <stdlib.h>

void
kept_init(struct kept *k)
{
	table_init(&k->sessions, offsetof(struct kept_session, id), UUID_BYTES);
	table_init(&k->projects, offsetof(struct kept_project, id), UUID_BYTES);
}

static struct kept_session *
session_of(struct kept *k, const struct uuid *id)
{
	struct kept_session *s = table_find(&k->sessions, id);

	if (s)
		return s;
	s = xcalloc(1, sizeof *s);
	s->id = s->row.id = *id;
	table_add(&k->sessions, s);
	return s;
}

static void
session_free_kept(struct kept_session *s)
{
	for (size_t i = 0; i < s->n_steps; i++)
		free((char *)s->steps[i].bytes.p);
	for (size_t i = 0; i < s->n_snapshots; i++)
		free(s->snapshots[i].bytes);
	free(s->steps);
	free(s);
}

static void
project_free_kept(struct kept_project *p)
{
	if (!p)
		return;
	free(p->name);
	free(p->template_id);
	free(p->bytes);
	free(p);
}

/* The step's bytes move from the change into the journal. */
static void
keep_step(struct kept *k, struct change *change)
{
	struct kept_session *s = session_of(k, &change->id);

	if (s->n_steps == s->capacity) {
		s->capacity = s->capacity ? 2 * s->capacity : 16;
		s->steps = xrealloc(s->steps, s->capacity, sizeof *s->steps);
	}
	s->steps[s->n_steps++] = change->of.step;
	change->bytes = NULL;
	s->row.seq = change->of.step.last_seq;
	s->row.ordinal = change->of.step.ordinal;
	if (change->of.step.time_us > s->row.active_us)
		s->row.active_us = change->of.step.time_us;
}

static void
keep_snapshot(struct kept *k, struct change *change)
{
	struct kept_session *s = session_of(k, &change->id);

	if (s->n_snapshots == SNAPSHOTS_KEPT) {
		free(s->snapshots[0].bytes);
		memmove(
		    s->snapshots, s->snapshots + 1, (SNAPSHOTS_KEPT - 1) * sizeof *s->snapshots);
		s->n_snapshots--;
	}
	s->snapshots[s->n_snapshots++] = (struct kept_bytes){
		.ordinal = change->of.snapshot.ordinal,
		.bytes = change->bytes,
		.n = change->of.snapshot.bytes.n,
	};
	change->bytes = NULL;
}

/* The row may have been written down before the newest steps were: what they say about seq stands.
 */
static void
keep_session(struct kept *k, const struct change *change)
{
	struct kept_session *s = session_of(k, &change->id);
	uint64_t seq = s->row.seq, ordinal = s->row.ordinal;

	s->row = change->of.session;
	s->has_row = true;
	if (s->row.seq < seq)
		s->row.seq = seq;
	if (s->row.ordinal < ordinal)
		s->row.ordinal = ordinal;
}

static void
keep_project(struct kept *k, struct change *change)
{
	struct kept_project *p = xcalloc(1, sizeof *p);

	project_free_kept(table_remove(&k->projects, &change->id));
	p->id = change->id;
	p->row = change->of.project;
	p->name = change->name;
	p->template_id = change->template_id;
	p->bytes = change->bytes;
	change->name = change->template_id = change->bytes = NULL;
	table_add(&k->projects, p);
}

void
kept_carry_out(struct kept *k, struct changes *changes)
{
	for (size_t i = 0; i < changes->n; i++) {
		struct change *change = &changes->list[i];

		switch (change->kind) {
		case CHANGE_STEP:
			keep_step(k, change);
			break;
		case CHANGE_SNAPSHOT:
			keep_snapshot(k, change);
			break;
		case CHANGE_SESSION:
			keep_session(k, change);
			break;
		case CHANGE_PROJECT:
			keep_project(k, change);
			break;
		case CHANGE_DROP_PROJECT:
			project_free_kept(table_remove(&k->projects, &change->id));
			break;
		}
	}
}

void
kept_fini(struct kept *k)
{
	struct kept_session *s;
	struct kept_project *p;

	for (size_t i = 0; (s = table_next(&k->sessions, &i));)
		session_free_kept(s);
	for (size_t i = 0; (p = table_next(&k->projects, &i));)
		project_free_kept(p);
	table_fini(&k->sessions);
	table_fini(&k->projects);
}
