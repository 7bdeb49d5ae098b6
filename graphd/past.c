#include "graphd/past.h"

#include "graphd/audit.h"
#include "graphd/dispatcher.h"

#include <stdlib.h>

/* Finds the first step that ends behind a seq. */
struct behind {
	uint64_t ordinal; /* 0: none does */
};

static bool
take_ordinal(void *context, const struct store_step *step)
{
	((struct behind *)context)->ordinal = step->ordinal;
	return false;
}

struct replay {
	struct session *session;
	uint64_t before_ordinal; /* 0: all */
	bool damaged;
};

static bool
replay(void *context, const struct store_step *stored)
{
	struct replay *r = context;
	struct step step;

	if (r->before_ordinal && stored->ordinal >= r->before_ordinal)
		return false;
	r->damaged = !step_decode(stored->bytes, &step) || !session_replay(r->session, &step);
	return !r->damaged;
}

static enum error
begin_at(struct store *store, const struct session *s, uint64_t not_after, struct session **out)
{
	struct json_out bytes = { 0 };
	uint64_t ordinal = 0;
	enum error err = store->ops->snapshot(store, &s->id, not_after, &bytes, &ordinal);

	*out = NULL;
	if (!err)
		*out = ordinal == 0 ? session_new(&s->id, &s->log_id, s->created_us)
				    : session_restore(json_out_span(&bytes));
	json_out_fini(&bytes);
	if (err)
		return err;
	return *out ? OK : ERROR_session_damaged;
}

static enum error
replay_to(struct call *c, uint64_t at_seq, struct session **out)
{
	struct store *store = sessions_store(c->sessions);
	struct behind behind = { 0 };
	struct replay r = { 0 };
	enum error err =
	    store->ops->steps_by_seq(store, &c->session->id, at_seq, take_ordinal, &behind);

	r.before_ordinal = behind.ordinal;
	if (!err)
		err = begin_at(store, c->session, behind.ordinal ? behind.ordinal - 1 : UINT64_MAX,
		    &r.session);
	if (!err)
		err = store->ops->steps(store, &c->session->id, r.session->ordinal, replay, &r);
	if (!err && r.damaged)
		err = ERROR_session_damaged;
	if (err) {
		session_free(r.session);
		return err;
	}
	/* A restored backup goes on as another history than its steps name. */
	r.session->log_id = c->session->log_id;
	sessions_bind(c->sessions, r.session);
	*out = r.session;
	return OK;
}

enum error
past_session(struct call *c, uint64_t at_seq, struct session **out)
{
	struct store *store = sessions_store(c->sessions);
	uint64_t first = store->ops->first_seq(store, &c->session->id);

	*out = NULL;
	if (at_seq > c->session->seq)
		return refuse(c->why, ERROR_invalid_request, "at",
		    "The session is only at seq %llu.", (unsigned long long)c->session->seq);
	if (at_seq + 1 < first)
		return refuse(c->why, ERROR_invalid_request, "at",
		    "Seqs before %llu are no longer kept.", (unsigned long long)first);
	return replay_to(c, at_seq, out);
}

struct writing {
	struct call *call;
	struct past_page *page;
	struct json_out *out;
	size_t n, end_bytes;
	bool (*write)(struct writing *, const struct store_step *); /* false: not a step */
};

static bool
is_full(struct writing *w)
{
	if (w->n < w->page->limit && w->out->n < w->end_bytes)
		return false;
	w->page->more = true;
	return true;
}

static void
write_path(struct json_out *out, struct path path)
{
	json_out_key(out, "path");
	json_out_open(out, '[');
	for (size_t i = 0; i < path.n; i++)
		json_out_uuid(out, &path.ids[i]);
	json_out_close(out, ']');
}

static bool
write_event(void *context, const struct step_event *e)
{
	struct writing *w = context;
	const struct event_row *row = &event_rows[e->event];

	if (is_full(w))
		return false;
	json_out_open(w->out, '{');
	json_out_key(w->out, "event");
	json_out_string(w->out, row->colon[0] ? row->colon : row->dash);
	json_out_key(w->out, "seq");
	json_out_uint(w->out, e->seq);
	if (e->path.n > 0)
		write_path(w->out, e->path);
	json_out_key(w->out, "data");
	json_out_raw(w->out, e->body);
	json_out_close(w->out, '}');
	w->n++;
	w->page->last_seq = e->seq;
	return true;
}

static struct long_steps *
long_steps_of(const struct writing *w)
{
	return w->call->dispatcher->long_steps;
}

/* Takes the step; it is kept for the next page if that begins within it. */
static bool
write_long(struct writing *w, struct long_step *step, bool is_kept)
{
	const struct request *request = w->call->request;
	bool good = long_step_events(step, w->page->last_seq, w->page->paths, write_event, w);

	if (is_kept || w->page->more)
		long_steps_keep(long_steps_of(w), &request->session, step, request->now_ms);
	else
		long_step_free(step);
	return good;
}

static bool
write_events(struct writing *w, const struct store_step *stored)
{
	struct long_step *long_step;
	struct step step;

	if (stored->bytes.n > LONG_STEP_BYTES) {
		long_step = long_step_new(stored->bytes);
		return long_step && write_long(w, long_step, false);
	}
	if (!step_decode(stored->bytes, &step))
		return false;
	step_events(&step, w->page->last_seq, w->page->paths, write_event, w);
	step_fini(&step);
	return true;
}

/* False: there is none, or it was not the end of the page. */
static bool
write_kept(struct writing *w)
{
	struct long_step *kept =
	    long_steps_find(long_steps_of(w), &w->call->request->session, w->page->last_seq + 1);

	if (!kept)
		return false;
	if (!write_long(w, kept, true))
		w->page->error = ERROR_session_damaged;
	return w->page->more || w->page->error;
}

static bool
write_step(struct writing *w, const struct store_step *stored)
{
	struct step step;
	bool ends_there;

	if (!step_decode(stored->bytes, &step))
		return false;
	/* A step without events ends where the one before it did, so no page can begin with it. */
	ends_there = w->n > 0 && step.last_seq == w->page->last_seq;
	if (ends_there || !is_full(w)) {
		audit_write(w->out, &step);
		w->n++;
		w->page->last_seq = step.last_seq;
	}
	step_fini(&step);
	return true;
}

static bool
take_step(void *context, const struct store_step *stored)
{
	struct writing *w = context;

	if (!w->write(w, stored))
		w->page->error = ERROR_session_damaged;
	return !w->page->error && !w->page->more;
}

static void
read_page(struct writing *w)
{
	struct store *store = sessions_store(w->call->sessions);
	enum error err =
	    store->ops->steps_by_seq(store, &w->call->session->id, w->page->last_seq, take_step, w);

	if (err)
		w->page->error = err;
}

static struct writing
writing_of(struct call *c, struct past_page *page, struct json_out *out)
{
	page->last_seq = page->since;
	return (struct writing){
		.call = c, .page = page, .out = out, .end_bytes = out->n + PAST_ANSWER_BYTES
	};
}

void
past_events(struct call *c, struct past_page *page, struct json_out *out)
{
	struct writing w = writing_of(c, page, out);

	w.write = write_events;
	if (!write_kept(&w))
		read_page(&w);
}

void
past_steps(struct call *c, struct past_page *page, struct json_out *out)
{
	struct writing w = writing_of(c, page, out);

	w.write = write_step;
	read_page(&w);
}
