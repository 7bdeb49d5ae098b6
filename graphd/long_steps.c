#include "graphd/long_steps.h"

#include "common/limits.h"
#include "common/list.h"
#include "common/mem.h"

#include <stdlib.h>

struct kept {
	struct link link;
	struct uuid session;
	struct long_step *step;
	size_t n_bytes; /* counted */
	uint64_t read_ms;
};

struct long_steps {
	struct link kept; /* struct kept, read last is last */
	size_t n_bytes, most_bytes;
};

static struct kept *
kept_of(const struct link *l)
{
	return LIST_OF(l, struct kept, link);
}

static void
drop(struct long_steps *s, struct kept *k)
{
	s->n_bytes -= k->n_bytes;
	list_remove(&k->link);
	long_step_free(k->step);
	free(k);
}

struct long_steps *
long_steps_new(size_t most_bytes)
{
	struct long_steps *s = xcalloc(1, sizeof *s);

	list_init(&s->kept);
	s->most_bytes = most_bytes;
	return s;
}

void
long_steps_free(struct long_steps *s)
{
	if (!s)
		return;
	while (!list_is_empty(&s->kept))
		drop(s, kept_of(s->kept.next));
	free(s);
}

struct long_step *
long_steps_find(const struct long_steps *s, const struct uuid *session, uint64_t seq)
{
	LIST_EACH(at, &s->kept)
	{
		const struct step *head = long_step_head(kept_of(at)->step);

		if (uuid_equal(&kept_of(at)->session, session) && head->first_seq <= seq &&
		    seq <= head->last_seq)
			return kept_of(at)->step;
	}
	return NULL;
}

static struct kept *
find_or_add(struct long_steps *s, const struct uuid *session, struct long_step *step)
{
	struct kept *k;

	LIST_EACH(at, &s->kept)
	{
		if (kept_of(at)->step == step)
			return kept_of(at);
	}
	k = xcalloc(1, sizeof *k);
	k->session = *session;
	k->step = step;
	return k;
}

void
long_steps_keep(
    struct long_steps *s, const struct uuid *session, struct long_step *step, uint64_t now_ms)
{
	struct kept *k = find_or_add(s, session, step);

	s->n_bytes -= k->n_bytes;
	k->n_bytes = long_step_bytes(step);
	s->n_bytes += k->n_bytes;
	k->read_ms = now_ms;
	list_remove(&k->link);
	list_append(&s->kept, &k->link);
	if (k->n_bytes > s->most_bytes)
		drop(s, k);
	while (s->n_bytes > s->most_bytes)
		drop(s, kept_of(s->kept.next));
}

uint64_t
long_steps_due_ms(const struct long_steps *s)
{
	return list_is_empty(&s->kept) ? UINT64_MAX
				       : kept_of(s->kept.next)->read_ms + LIMIT_LONG_STEP_MS;
}

void
long_steps_expire(struct long_steps *s, uint64_t now_ms)
{
	while (long_steps_due_ms(s) <= now_ms)
		drop(s, kept_of(s->kept.next));
}

size_t
long_steps_bytes(const struct long_steps *s)
{
	return s->n_bytes;
}
