#include "graphd/batch.h"

#include "common/mem.h"

#include <stdlib.h>

void
batch_init(struct batch *b)
{
	memset(b, 0, sizeof *b);
	list_init(&b->replies);
}

void
reply_let_go(struct reply *r)
{
	struct lane **lanes[] = { &r->lane, r->stream ? &r->stream->lane : NULL };

	for (size_t i = 0; i < 2; i++) {
		if (!lanes[i] || !*lanes[i])
			continue;
		(*lanes[i])->holds--;
		*lanes[i] = NULL;
	}
}

void
reply_free(struct reply *r)
{
	if (!r)
		return;
	free(r->ask);
	free(r->body);
	reply_let_go(r);
	stream_free(r->stream);
	free(r);
}

void
batch_clear(struct batch *b)
{
	for (size_t i = 0; i < b->n_steps; i++)
		step_free(b->steps[i].step);
	for (struct link *l; (l = list_take(&b->replies));)
		reply_free(LIST_OF(l, struct reply, link));
	events_due_clear(&b->events);
	b->n_steps = b->n_created = 0;
	b->stores = false;
}

void
batch_fini(struct batch *b)
{
	batch_clear(b);
	events_due_fini(&b->events);
	free(b->steps);
	free(b->created);
	batch_init(b);
}

bool
batch_is_empty(const struct batch *b)
{
	return b->n_steps == 0 && !b->stores;
}

void
batch_add_step(struct batch *b, struct session *s, struct step *taken)
{
	if (b->n_steps == b->steps_capacity) {
		b->steps_capacity = b->steps_capacity ? 2 * b->steps_capacity : 64;
		b->steps = xrealloc(b->steps, b->steps_capacity, sizeof *b->steps);
	}
	b->steps[b->n_steps++] = (struct batch_step){ s, taken };
	s->batch = b;
}

void
batch_add_created(struct batch *b, struct session *s)
{
	if (b->n_created == b->created_capacity) {
		b->created_capacity = b->created_capacity ? 2 * b->created_capacity : 16;
		b->created = xrealloc(b->created, b->created_capacity, sizeof *b->created);
	}
	b->created[b->n_created++] = s;
	s->batch = b;
}

/* A later batch may have touched the session too; then it is that one's. */
static void
release(const struct batch *b, struct session *s)
{
	if (s->batch == b)
		s->batch = NULL;
}

void
batch_land(struct batch *b)
{
	for (size_t i = 0; i < b->n_steps; i++) {
		b->steps[i].session->durable_seq = b->steps[i].step->last_seq;
		session_settled(b->steps[i].session, b->steps[i].step->ordinal);
		release(b, b->steps[i].session);
	}
	for (size_t i = 0; i < b->n_created; i++)
		release(b, b->created[i]);
}

void
batch_revert(struct batch *b)
{
	for (size_t i = b->n_steps; i > 0; i--) {
		session_revert(b->steps[i - 1].session, b->steps[i - 1].step);
		b->steps[i - 1].session->batch = NULL;
	}
	for (size_t i = 0; i < b->n_created; i++)
		b->created[i]->batch = NULL;
}
