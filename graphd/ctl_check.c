/* graphctl check: the store looks at its own checksums; then every session is replayed and held
 * against its snapshots. */
#include "common/mem.h"
#include "graphd/ctl.h"
#include "graphd/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SNAPSHOTS = 8 }; /* of one session: more than any store keeps */

struct checking {
	struct store *store;
	size_t flaws;
};

/* One session's replay. */
struct replay {
	struct checking *checking;
	const struct store_session *row;
	struct session *session;
	struct {
		uint64_t ordinal;
		struct json_out bytes;
	} snapshots[SNAPSHOTS]; /* newest first */
	size_t n_snapshots;
	bool broken;
};

static void
on_flaw(void *context, const struct store_flaw *f)
{
	struct checking *c = context;
	char id[UUID_TEXT + 1];

	c->flaws++;
	uuid_format(&f->session, id);
	if (uuid_is_nil(&f->session))
		printf("damaged: %s\n", f->text);
	else if (f->ordinal)
		printf("damaged: session %s, step %" PRIu64 ", seq %" PRIu64 ": %s\n", id,
		    f->ordinal, f->first_seq, f->text);
	else
		printf("damaged: session %s: %s\n", id, f->text);
}

/* What is wrong stands behind the last step that could be replayed. */
static void
tell(struct replay *r, const char *text)
{
	struct store_flaw f = { .session = r->row->id, .text = text };

	if (r->session) {
		f.ordinal = r->session->ordinal;
		f.first_seq = r->session->seq;
	}
	on_flaw(r->checking, &f);
}

static bool
is_same_state(const struct session *a, const struct session *b)
{
	char hash_a[33], hash_b[33];

	graph_hash(a->graph, hash_a);
	graph_hash(b->graph, hash_b);
	return a->seq == b->seq && strcmp(hash_a, hash_b) == 0 &&
	    session_can_undo(a) == session_can_undo(b) &&
	    session_can_redo(a) == session_can_redo(b);
}

static void
compare_with_snapshot(struct replay *r)
{
	for (size_t i = 0; i < r->n_snapshots; i++) {
		struct session *then;

		if (r->snapshots[i].ordinal != r->session->ordinal)
			continue;
		then = session_restore(json_out_span(&r->snapshots[i].bytes));
		if (!then)
			tell(r, "the snapshot of this step cannot be read");
		else if (!is_same_state(r->session, then))
			tell(
			    r, "the snapshot of this step is not the state that the steps lead to");
		session_free(then);
	}
}

static bool
replay_step(void *context, const struct store_step *stored)
{
	struct replay *r = context;
	struct step step;

	r->broken = !step_decode(stored->bytes, &step) || !session_replay(r->session, &step);
	if (r->broken) {
		tell(r, "the step behind this one cannot be replayed");
		return false;
	}
	session_settled(r->session, UINT64_MAX);
	compare_with_snapshot(r);
	return true;
}

static void
read_snapshots(struct replay *r)
{
	struct store *store = r->checking->store;
	uint64_t not_after = UINT64_MAX;

	while (r->n_snapshots < SNAPSHOTS && not_after > 0) {
		struct json_out *bytes = &r->snapshots[r->n_snapshots].bytes;
		uint64_t ordinal = 0;

		if (store->ops->snapshot(store, &r->row->id, not_after, bytes, &ordinal) ||
		    ordinal == 0) {
			json_out_fini(bytes);
			return;
		}
		r->snapshots[r->n_snapshots++].ordinal = ordinal;
		not_after = ordinal - 1;
	}
}

/* An empty session, or the snapshot into which the older steps were folded. */
static bool
begin(struct replay *r)
{
	struct store *store = r->checking->store;
	const struct store_session *row = r->row;
	uint64_t first;

	/* What cannot be read is told of when it is replayed. */
	if (ctl_file_first_step(store, &row->id, &first) || first == 1 || row->ordinal == 0) {
		r->session = session_new(&row->id, &row->log_id, row->created_us);
		return true;
	}
	if (r->n_snapshots > 0)
		r->session =
		    session_restore(json_out_span(&r->snapshots[r->n_snapshots - 1].bytes));
	if (!r->session)
		tell(r, "the snapshot that its history begins with is missing or damaged");
	return r->session != NULL;
}

static void
replay_all(struct replay *r)
{
	struct store *store = r->checking->store;
	enum error err = store->ops->steps(store, &r->row->id, r->session->ordinal, replay_step, r);
	const char *broken;

	if (r->broken)
		return;
	if (err)
		tell(r, "the steps behind this one cannot be read");
	else if (r->session->ordinal != r->row->ordinal || r->session->seq != r->row->seq)
		tell(r, "its steps do not end where its row says");
	else if ((broken = graph_verify(r->session->graph)))
		tell(r, broken);
}

static void
check_session(struct checking *c, const struct store_session *row)
{
	struct replay r = { .checking = c, .row = row };

	read_snapshots(&r);
	if (begin(&r))
		replay_all(&r);
	session_free(r.session);
	for (size_t i = 0; i < r.n_snapshots; i++)
		json_out_fini(&r.snapshots[i].bytes);
}

int
ctl_check(const struct ctl_options *o)
{
	struct checking c = { 0 };
	struct store_session *rows;
	struct ctl_file f;
	size_t n;

	if (!ctl_file_open(&f, o->operands[0]))
		return CTL_FAILED;
	c.store = f.store;
	/* What cannot be read of them shows when everything is read. */
	if (c.store->ops->know_ended)
		c.store->ops->know_ended(c.store);
	if (c.store->ops->verify)
		c.store->ops->verify(c.store, on_flaw, &c);
	rows = ctl_file_sessions(&f, &n);
	for (size_t i = 0; i < n; i++)
		check_session(&c, &rows[i]);
	free(rows);
	ctl_file_close(&f);
	if (c.flaws)
		printf("%zu sessions, %zu flaws\n", n, c.flaws);
	else
		printf("%zu sessions, all is well\n", n);
	return c.flaws ? CTL_FAILED : CTL_OK;
}
