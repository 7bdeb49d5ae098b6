#include "graphd/past.h"

#include "graphd/dispatcher.h"

#include <stdlib.h>

struct writing {
	struct call *call;
	struct past_page *page;
	struct json_out *out;
	size_t n, end_bytes;
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
take_step(void *context, const struct store_step *stored)
{
	struct writing *w = context;

	if (!write_events(w, stored))
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

void
past_events(struct call *c, struct past_page *page, struct json_out *out)
{
	struct writing w = {
		.call = c, .page = page, .out = out, .end_bytes = out->n + PAST_ANSWER_BYTES
	};

	page->last_seq = page->since;
	if (!write_kept(&w))
		read_page(&w);
}
