#include "graphd/long_step.h"

#include "common/mem.h"
#include "graphd/ancestry.h"
#include "graphd/codec.h"
#include "graphd/event_count.h"

#include <stdlib.h>

/* Where a part of the edits begins. */
struct mark_at {
	size_t byte, edit;
	uint64_t seq; /* of its first event */
};

struct long_step {
	struct step head;
	struct span bytes; /* owned */
	size_t n_edits;
	struct mark_at *marks;	 /* of the parts found so far, and one more behind the last */
	size_t n_parts;		 /* at least one */
	struct lineage *lineage; /* once paths were wanted, of several edits; else NULL */
};

struct telling {
	struct long_step *step;
	uint64_t after;
	struct paths *paths; /* or NULL */
	step_event_fn *fn;
	void *context;
	bool damaged;
};

void
long_step_free(struct long_step *l)
{
	if (!l)
		return;
	step_fini(&l->head);
	lineage_free(l->lineage);
	free(l->marks);
	free((char *)(uintptr_t)l->bytes.p);
	free(l);
}

const struct step *
long_step_head(const struct long_step *l)
{
	return &l->head;
}

size_t
long_step_bytes(const struct long_step *l)
{
	return sizeof *l + l->bytes.n + (l->n_parts + 1) * sizeof(*l->marks) +
	    (l->lineage ? lineage_bytes(l->lineage) : 0);
}

static struct reader
reader_at(const struct long_step *l, const struct mark_at *mark)
{
	return reader_of((struct span){ l->bytes.p + mark->byte, l->bytes.n - mark->byte });
}

static size_t
place_of(const struct long_step *l, const struct reader *r)
{
	return (size_t)((const char *)r->at - l->bytes.p);
}

/* The next part's edits are passed over, and nothing of them is kept. False: one of them is none.
 */
static bool
find_part(struct long_step *l)
{
	const struct mark_at *from = &l->marks[l->n_parts];
	struct mark_at to = *from;
	struct reader r = reader_at(l, from);
	bool good = true;

	r.brief = true;
	while (good && to.edit < l->n_edits && to.byte - from->byte < LONG_STEP_MARK_BYTES) {
		struct edit e;

		good = step_decode_edit(&r, &e);
		to.edit++;
		to.seq += edit_event_count(&e);
		to.byte = place_of(l, &r);
		edit_fini(&e);
	}
	if (!good || (to.edit == l->n_edits && !reader_is_done(&r)))
		return false;
	l->marks[++l->n_parts] = to;
	return true;
}

struct long_step *
long_step_new(struct span bytes)
{
	struct long_step *l = xcalloc(1, sizeof *l);
	struct reader r;

	l->bytes = (struct span){ xspandup(bytes), bytes.n };
	l->marks = xcalloc(bytes.n / LONG_STEP_MARK_BYTES + 2, sizeof(*l->marks));
	r = reader_of(l->bytes);
	if (step_decode_head(&r, &l->head, &l->n_edits)) {
		l->marks[0] = (struct mark_at){ place_of(l, &r), 0, l->head.first_seq };
		if (find_part(l))
			return l;
	}
	long_step_free(l);
	return NULL;
}

/* Finds what parts there are up to that one. */
static bool
has_part(struct telling *t, size_t i)
{
	struct long_step *l = t->step;

	while (i >= l->n_parts && l->marks[l->n_parts].edit < l->n_edits && !t->damaged)
		t->damaged = !find_part(l);
	return i < l->n_parts && !t->damaged;
}

static bool
is_last(const struct long_step *l, size_t part)
{
	return l->marks[part + 1].edit == l->n_edits;
}

static void
find_lineage(struct long_step *l)
{
	struct reader r = reader_at(l, &l->marks[0]);
	bool good = true;

	l->lineage = lineage_new();
	r.brief = true;
	for (size_t i = 0; i < l->n_edits && good; i++) {
		struct edit e;

		good = step_decode_edit(&r, &e);
		if (good)
			lineage_note(l->lineage, &e);
		edit_fini(&e); /* half of it may have been read */
	}
	lineage_note_ancestors(l->lineage, &l->head);
}

/* Its edits are owned; what the head owns is borrowed. False: an edit is not one. */
static bool
read_part(const struct long_step *l, size_t i, struct step *part)
{
	const struct mark_at *from = &l->marks[i], *to = from + 1;
	size_t n = to->edit - from->edit;
	struct reader r = reader_at(l, from);

	*part = l->head;
	part->first_seq = from->seq;
	if (!is_last(l, i))
		part->last_seq = to->seq - 1;
	if (n > 0)
		part->edits = xmalloc(n * sizeof(*part->edits));
	while (part->n_edits < n)
		if (!step_decode_edit(&r, &part->edits[part->n_edits++]))
			return false;
	return true;
}

/* False: that was the end, by fn or by damage. */
static bool
tell_part(struct telling *t, size_t i)
{
	struct step part;
	bool goes_on = false;

	t->damaged |= !read_part(t->step, i, &part);
	if (t->paths)
		t->paths->passed = t->step->marks[i].edit;
	if (!t->damaged)
		goes_on = step_part_events(&part, t->after, t->paths, t->fn, t->context);
	edits_free(part.edits, part.n_edits);
	return goes_on;
}

/* The event that ends the step happened where all others did, also those that are not told now. */
static void
unite_before(const struct telling *t, size_t part)
{
	struct telling all = *t;

	all.after = UINT64_MAX;
	for (size_t i = 0; i < part && !t->paths->too_many; i++)
		tell_part(&all, i);
}

static void
tell_with_paths(struct telling *t, size_t i)
{
	struct long_step *l = t->step;
	struct paths paths;

	if (l->n_edits > 1 && !l->lineage)
		find_lineage(l);
	t->paths = &paths;
	paths_init(&paths, &l->head, l->lineage);
	while (has_part(t, i) && !is_last(l, i) && tell_part(t, i))
		i++;
	paths_fini(&paths);
	if (!has_part(t, i) || !is_last(l, i))
		return;
	paths_init(&paths, &l->head, l->lineage);
	unite_before(t, i);
	tell_part(t, i);
	paths_fini(&paths);
}

/* The last part that does not begin behind the seq. */
static size_t
part_with(struct telling *t, uint64_t seq)
{
	struct long_step *l = t->step;
	size_t low = 0, high;

	while (l->marks[l->n_parts].seq <= seq && has_part(t, l->n_parts))
		;
	high = l->n_parts - 1;
	while (low < high) {
		size_t middle = low + (high - low + 1) / 2;

		if (l->marks[middle].seq <= seq)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

bool
long_step_events(
    struct long_step *l, uint64_t after, bool with_paths, step_event_fn *fn, void *context)
{
	struct telling t = { .step = l, .after = after, .fn = fn, .context = context };
	size_t i;

	if (l->head.last_seq <= after || l->head.last_seq + 1 == l->head.first_seq)
		return true;
	i = part_with(&t, after + 1);
	if (with_paths && l->head.has_ancestors)
		tell_with_paths(&t, i);
	else
		while (has_part(&t, i) && tell_part(&t, i))
			i++;
	return !t.damaged;
}
