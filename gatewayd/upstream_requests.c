#include "gatewayd/upstream_requests.h"

#include "common/mem.h"

#include <stdlib.h>

enum { ATTEMPT_SHIFT = 56 };

void
upstream_requests_init(struct upstream_requests *q)
{
	memset(q, 0, sizeof(*q));
	q->round = 1;
	list_init(&q->by_deadline);
	list_init(&q->unsent);
	list_init(&q->once);
	while (q->n_free < LIMIT_IN_FLIGHT) {
		q->free_slots[q->n_free] = (uint16_t)(LIMIT_IN_FLIGHT - 1 - q->n_free);
		q->n_free++;
	}
}

/* Deadlines are mostly the same distance away, so the place is mostly the end. */
static void
put_in_order(struct upstream_requests *q, struct upstream_request *p)
{
	struct link *list = p->once ? &q->once : &q->by_deadline;
	struct link *before = list->prev;

	while (before != list &&
	    LIST_OF(before, struct upstream_request, by_deadline)->deadline_ms > p->deadline_ms)
		before = before->prev;
	list_append(before->next, &p->by_deadline);
}

struct upstream_request *
upstream_requests_add(struct upstream_requests *q, struct span caller, struct span args,
    uint64_t deadline_ms, bool once)
{
	struct upstream_request *p;
	uint16_t slot;
	char *bytes;

	if (q->n_free == 0 || (once && q->n_once == LIMIT_ASKS_IN_FLIGHT))
		return NULL;
	slot = q->free_slots[--q->n_free];
	p = xmalloc(sizeof(*p) + caller.n + args.n);
	memset(p, 0, sizeof(*p));
	bytes = (char *)(p + 1);
	memcpy(bytes, caller.p, caller.n);
	memcpy(bytes + caller.n, args.p, args.n);
	p->caller = (struct span){ bytes, caller.n };
	p->args = (struct span){ bytes + caller.n, args.n };
	p->number = q->round++ * LIMIT_IN_FLIGHT + slot;
	p->deadline_ms = deadline_ms;
	p->once = once;
	q->n_once += once;
	put_in_order(q, p);
	list_append(&q->unsent, &p->unsent);
	q->slots[slot] = p;
	return p;
}

uint64_t
upstream_request_name(const struct upstream_request *p)
{
	return p->number | (uint64_t)p->attempt << ATTEMPT_SHIFT;
}

struct upstream_request *
upstream_requests_find(const struct upstream_requests *q, uint64_t number)
{
	struct upstream_request *p = q->slots[number % LIMIT_IN_FLIGHT];

	number &= ((uint64_t)1 << ATTEMPT_SHIFT) - 1;
	return p && p->number == number ? p : NULL;
}

void
upstream_requests_remove(struct upstream_requests *q, struct upstream_request *p)
{
	uint16_t slot = (uint16_t)(p->number % LIMIT_IN_FLIGHT);

	list_remove(&p->by_deadline);
	list_remove(&p->unsent);
	q->slots[slot] = NULL;
	q->n_once -= p->once;
	q->free_slots[q->n_free++] = slot;
	json_out_fini(&p->body);
	free(p);
}

static struct upstream_request *
head_of(const struct link *list)
{
	return list_is_empty(list) ? NULL
				   : LIST_OF(list->next, struct upstream_request, by_deadline);
}

struct upstream_request *
upstream_requests_first(const struct upstream_requests *q)
{
	struct upstream_request *a = head_of(&q->by_deadline), *b = head_of(&q->once);

	return a && b ? (b->deadline_ms < a->deadline_ms ? b : a) : a ? a : b;
}

void
upstream_requests_delay(
    struct upstream_requests *q, struct upstream_request *p, uint64_t deadline_ms)
{
	list_remove(&p->by_deadline);
	p->deadline_ms = deadline_ms;
	put_in_order(q, p);
}

size_t
upstream_requests_count(const struct upstream_requests *q)
{
	return LIMIT_IN_FLIGHT - q->n_free;
}
