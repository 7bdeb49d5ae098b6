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
	struct mark_at *marks; /* of the parts, and one more at the end of the last */
	size_t n_parts;
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

static struct mark_at
mark_here(const struct long_step *l, const struct reader *r, size_t edit, uint64_t seq)
{
	return (struct mark_at){ (size_t)((const char *)r->at - l->bytes.p), edit, seq };
}

/* One pass over all edits, of which nothing is kept. */
static bool
find_marks(struct long_step *l, struct reader *r)
{
	uint64_t seq = l->head.first_seq;
	struct edit e;
	bool good = true;

	l->marks = xmalloc((l->bytes.n / LONG_STEP_MARK_BYTES + 2) * sizeof(*l->marks));
	l->marks[0] = mark_here(l, r, 0, seq);
	r->brief = true;
	for (size_t i = 0; i < l->n_edits && good; i++) {
		struct mark_at here = mark_here(l, r, i, seq);

		if (here.byte - l->marks[l->n_parts].byte >= LONG_STEP_MARK_BYTES)
			l->marks[++l->n_parts] = here;
		good = step_decode_edit(r, &e);
		seq += edit_event_count(&e);
		edit_fini(&e);
	}
	l->marks[++l->n_parts] = mark_here(l, r, l->n_edits, seq);
	return good && reader_is_done(r);
}

struct long_step *
long_step_new(struct span bytes)
{
	struct long_step *l = xcalloc(1, sizeof *l);
	struct reader r;

	l->bytes = (struct span){ xspandup(bytes), bytes.n };
	r = reader_of(l->bytes);
	if (step_decode_head(&r, &l->head, &l->n_edits) && find_marks(l, &r))
		return l;
	long_step_free(l);
	return NULL;
}

static struct reader
reader_at(const struct long_step *l, const struct mark_at *mark)
{
	return reader_of((struct span){ l->bytes.p + mark->byte, l->bytes.n - mark->byte });
}

static void
find_lineage(struct long_step *l)
{
	struct reader r = reader_at(l, &l->marks[0]);
	struct edit e;

	l->lineage = lineage_new();
	r.brief = true;
	for (size_t i = 0; i < l->n_edits && step_decode_edit(&r, &e); i++) {
		lineage_note(l->lineage, &e);
		edit_fini(&e);
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
	if (i + 1 < l->n_parts)
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
tell_with_paths(struct telling *t, size_t from)
{
	struct long_step *l = t->step;
	struct paths paths;
	size_t last = l->n_parts - 1;

	if (l->n_edits > 1 && !l->lineage)
		find_lineage(l);
	t->paths = &paths;
	paths_init(&paths, &l->head, l->lineage);
	while (from < last && tell_part(t, from))
		from++;
	paths_fini(&paths);
	if (from < last)
		return;
	paths_init(&paths, &l->head, l->lineage);
	unite_before(t, last);
	tell_part(t, last);
	paths_fini(&paths);
}

/* The last part that does not begin behind the seq. */
static size_t
part_with(const struct long_step *l, uint64_t seq)
{
	size_t low = 0, high = l->n_parts - 1;

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
	size_t from;

	if (l->head.last_seq <= after || l->head.last_seq + 1 == l->head.first_seq)
		return true;
	from = part_with(l, after + 1);
	if (with_paths && l->head.has_ancestors)
		tell_with_paths(&t, from);
	else
		while (from < l->n_parts && tell_part(&t, from))
			from++;
	return !t.damaged;
}
