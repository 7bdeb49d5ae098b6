#include "graphd/archive.h"

#include "common/json.h"
#include "graphd/ancestry.h"
#include "graphd/archive_check.h"
#include "graphd/base64.h"
#include "graphd/dispatcher.h"
#include "graphd/import.h"

#include <stdlib.h>

/* Ends the file's object, with what a graph alone does not say. */
void
archive_write(const struct session *s, struct span steps, bool omitted, struct json_out *out)
{
	export_native(s, out);
	out->n--;
	json_out_key(out, "project_id");
	json_out_uuid(out, &s->meta.project_id);
	if (steps.n > 0) {
		json_out_key(out, "history");
		json_out_open(out, '{');
		json_out_key(out, "steps");
		json_out_raw(out, steps);
		json_out_close(out, '}');
	}
	if (omitted) {
		json_out_key(out, "history_omitted");
		json_out_bool(out, true);
	}
	json_out_close(out, '}');
}

struct replaying {
	const struct journal *journal;
	struct session *session;
	uint64_t last_ordinal; /* what comes behind is another project's, or the session's end */
	struct json_out *texts;
	bool broken;
};

static bool
take_step(void *context, const struct store_step *stored)
{
	struct replaying *r = context;
	struct step step;

	if (stored->ordinal > r->last_ordinal)
		return false;
	r->broken = !step_decode(stored->bytes, &step) || !session_replay(r->session, &step);
	if (r->broken)
		return false;
	json_out_text(r->texts, SPAN(""));
	/* The text is what stands between its quotes, and needs no escapes. */
	r->texts->n--;
	base64_encode(stored->bytes, r->texts);
	json_out_bytes(r->texts, SPAN("\""));
	return !*r->journal->ends;
}

enum error
archive_steps(
    struct journal *j, uint64_t last_ordinal, struct json_out *texts, struct session **out)
{
	struct replaying r = { .journal = j, .last_ordinal = last_ordinal, .texts = texts };
	enum error err;

	*out = NULL;
	r.session = session_new(&j->session, &j->log_id, j->created_us);
	json_out_open(texts, '[');
	err = j->store->ops->steps(j->store, &j->session, 0, take_step, &r);
	json_out_close(texts, ']');
	/* Steps that do not begin with the first one do not fit an empty session: the older ones
	 * are gone. */
	if (!err && !r.broken && r.session->ordinal > 0)
		*out = r.session;
	else
		session_free(r.session);
	return err;
}

static bool
find_steps(struct span file, struct span *steps)
{
	struct span history;

	return json_find(file, "history", &history) && json_type(history) == JSON_OBJECT &&
	    json_find(history, "steps", steps) && json_type(*steps) == JSON_ARRAY;
}

bool
archive_has_steps(struct span file)
{
	struct span steps;

	return import_is_native(file) && find_steps(file, &steps);
}

/* Steps under their new session, encoded one behind the other. */
struct rewriting {
	struct session *session;
	struct store_step *steps; /* bytes.p is NULL: see starts */
	size_t *starts;
	size_t n;
	struct json_out bytes;
};

static void
forget_key(struct step *step)
{
	free(step->key);
	free(step->reply);
	step->key = step->reply = NULL;
}

static bool
rewrite(struct rewriting *w, struct span text)
{
	struct json_out bytes = { 0 };
	struct step step;
	bool fits = json_type(text) == JSON_STRING &&
	    base64_decode((struct span){ text.p + 1, text.n - 2 }, &bytes) &&
	    step_decode(json_out_span(&bytes), &step);

	json_out_fini(&bytes);
	if (!fits)
		return false;
	if (!archive_is_sound(&step)) {
		step_fini(&step);
		return false;
	}
	forget_key(&step);
	/* All of it was before the session, also by a clock that is ahead of ours: nothing may seem
	 * to have been used in the future. */
	if (step.time_us >= w->session->created_us)
		step.time_us = w->session->created_us - 1;
	step.session = w->session->id;
	step.log_id = w->session->log_id;
	step.epoch = w->session->epoch;
	step_find_ancestors(&step, w->session->graph);
	w->starts[w->n] = w->bytes.n;
	step_encode(&step, &w->bytes);
	w->steps[w->n] = (struct store_step){
		.session = step.session,
		.ordinal = step.ordinal,
		.first_seq = step.first_seq,
		.last_seq = step.last_seq,
		.time_us = step.time_us,
		.bytes = { NULL, w->bytes.n - w->starts[w->n] },
	};
	w->n++;
	return session_replay(w->session, &step) && !w->session->closed;
}

static bool
rewrite_all(struct rewriting *w, struct span steps)
{
	struct json_iter it;
	struct span key, value;
	size_t n = 0;

	json_walk(&it, steps);
	while (json_next(&it, &key, &value))
		n++;
	w->steps = xcalloc(n + 1, sizeof(*w->steps));
	w->starts = xcalloc(n + 1, sizeof(*w->starts));
	json_walk(&it, steps);
	while (json_next(&it, &key, &value))
		if (!rewrite(w, value))
			return false;
	return w->n > 0 && !uuid_is_nil(&w->session->meta.project_id);
}

/* The file says which graph its steps end with. */
static bool
has_hash(const struct session *s, struct span file)
{
	struct span text;
	char hash[33];

	graph_hash(s->graph, hash);
	return json_find(file, "state_hash", &text) && text.n == 34 &&
	    memcmp(text.p + 1, hash, 32) == 0;
}

static enum error
adopt(struct call *c, struct rewriting *w, struct session **out)
{
	struct store *store = sessions_store(c->sessions);
	struct session *s = w->session;
	uint64_t revision;
	enum error err;

	/* What was appended cannot be taken back, so whatever may still refuse comes first. */
	err =
	    projects_revision(c->dispatcher->projects, c->sessions, &s->meta.project_id, &revision);
	if (err)
		return err;
	err = sessions_adopt(c->sessions, s);
	w->session = NULL;
	if (err)
		return err;
	c->outcome->created = true;
	for (size_t i = 0; i < w->n; i++) {
		w->steps[i].bytes.p = w->bytes.bytes + w->starts[i];
		store->ops->append(store, &w->steps[i]);
	}
	call_begin(c, s, STEP_MARK);
	*out = s;
	return session_edit(s, &(struct edit){ .kind = EDIT_MARK, .mark = MARK_CREATED });
}

enum error
archive_read(struct call *c, struct span file, struct session **out)
{
	struct rewriting w = { 0 };
	struct span steps;
	enum error err;

	w.session = sessions_draft(c->request->now_us);
	if (!find_steps(file, &steps) || !rewrite_all(&w, steps) || !has_hash(w.session, file))
		err = refuse(
		    c->why, ERROR_invalid_graph, "file", "The history in the file is damaged.");
	else
		err = adopt(c, &w, out);
	session_free(w.session);
	json_out_fini(&w.bytes);
	free(w.steps);
	free(w.starts);
	return err;
}
