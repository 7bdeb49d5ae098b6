#include "graphd/lifecycle.h"

#include "common/json.h"
#include "graphd/dispatcher.h"

#include <stdlib.h>

bool
lifecycle_has(enum command command)
{
	return command_rows[command].kind == COMMAND_EDITS || command == COMMAND_undo ||
	    command == COMMAND_redo;
}

static struct json_out *
announce(struct call *c, enum event event, bool first)
{
	struct announce_who who = {
		.command_id = c->command_id,
		.actor = span_of(call_identity(c)),
		.client = c->request->caller.client,
		.now_us = c->request->now_us,
	};
	struct json_out *text = announce_begin(c->outcome, event, c->session, first, &who);

	json_out_key(text, "command_type");
	json_out_string(text, command_rows[c->request->command].name);
	return text;
}

void
lifecycle_executing(struct call *c)
{
	if (c->request->is_unheard)
		return;
	announce(c, EVENT_command_executing, true);
	announce_end(c->outcome);
}

static void
announce_failed(struct call *c, enum error err)
{
	struct json_out *text = announce(c, EVENT_command_failed, false);

	json_out_key(text, "success");
	json_out_bool(text, false);
	json_out_key(text, "error");
	json_out_open(text, '{');
	json_out_key(text, "code");
	json_out_string(text, error_rows[err].code);
	json_out_key(text, "message");
	json_out_string(text, c->why->message[0] ? c->why->message : error_rows[err].text);
	json_out_close(text, '}');
	announce_end(c->outcome);
}

/* Refusals that say nothing of the request itself, so that a repeat deserves another try. */
static bool
is_passing(enum error err)
{
	int status = error_rows[err].status;

	return status >= 500 || status == 429;
}

static void
remember(struct call *c, enum error err, struct span reply)
{
	const struct request *req = c->request;
	struct remembered answer = {
		.request_hash = c->request_hash, .error = err, .reply = reply
	};
	struct step *step = c->outcome->step;
	struct session *s = step ? c->outcome->session : c->session;

	if (!keys_apply(req->command) || req->caller.key.n == 0 || is_passing(err) ||
	    c->outcome->unfinished)
		return;
	if (step && !step->reply)
		step->reply = xspandup(reply);
	if (s)
		session_key_add(
		    s, req->caller.key, c->request_hash, err, step ? step->ordinal : 0, reply);
	if (c->session && command_rows[req->command].kind != COMMAND_MANAGES)
		return;
	if (c->is_aside)
		c->reply = xspandup(reply);
	else
		c->outcome->key_token = keys_add(c->dispatcher->keys, req, &answer);
}

static void
finish_change(struct call *c)
{
	struct outcome *out = c->outcome;
	bool edits = command_rows[c->request->command].kind == COMMAND_EDITS;
	struct change_reply reply = { .command_id = c->command_id, .made = c->made };

	if (edits) {
		json_out_close(c->result, '}');
		reply.result =
		    c->result->n > 2 ? json_out_span(c->result) : (struct span){ NULL, 0 };
	} else {
		reply.members = (struct span){ c->result->bytes + 1, c->result->n - 1 };
	}
	call_end(c, reply.result);
	reply.warnings = json_out_span(c->warnings);
	reply.seq = out->step && out->step->last_seq ? out->step->last_seq : c->session->seq;
	reply_change(&out->body, &reply, c->session);
	remember(c, OK, json_out_span(&out->body));
	if (!c->request->caller.minimal)
		reply_add_graph(out, c->session);
}

/* The members are the reply; a graph, where the handler wants one, stands behind them. */
static void
finish_other(struct call *c)
{
	struct outcome *out = c->outcome;
	size_t plain_n = c->tail ? c->plain_n : c->result->n;

	if (c->is_written)
		return;
	call_end(c, (struct span){ NULL, 0 });
	json_out_bytes(&out->body, (struct span){ c->result->bytes, plain_n });
	json_out_close(&out->body, '}');
	remember(c, OK, json_out_span(&out->body));
	if (!c->tail)
		return;
	json_out_clear(&out->body);
	json_out_bytes(&out->body, json_out_span(c->result));
	reply_start_tree(out, c->tail);
	c->tail = NULL;
}

void
lifecycle_finish(struct call *c)
{
	if (lifecycle_has(c->request->command))
		finish_change(c);
	else
		finish_other(c);
}

void
lifecycle_put_row(struct call *c)
{
	struct outcome *out = c->outcome;

	if (!out->session || !(out->step || out->created))
		return;
	out->session->idle_since_ms = c->request->now_ms;
	sessions_use(c->sessions, out->session, c->request->now_us, c->request->now_ms);
	if (sessions_put_row(c->sessions, out->session))
		out->stores = true;
}

static bool
shows_graph(const struct call *c, const struct session *s)
{
	return s && !c->request->caller.minimal && !uuid_is_nil(&s->meta.project_id) &&
	    command_shows_graph(c->request->command);
}

/* Clients blank their screen at an answer to a command that is without a graph. */
static void
show_with_error(struct call *c)
{
	if (lifecycle_has(c->request->command) && shows_graph(c, c->session))
		reply_add_graph(c->outcome, c->session);
}

void
lifecycle_refuse(struct call *c, enum error err)
{
	struct outcome *out = c->outcome;

	out->error = err;
	/* Nothing was begun, as far as anybody is told. */
	out->n_announcements = 0;
	json_out_clear(&out->texts);
	if (c->session && lifecycle_has(c->request->command))
		announce_failed(c, err);
	json_out_clear(&out->body);
	reply_error(&out->body, err, c->why);
	remember(c, err, json_out_span(&out->body));
	show_with_error(c);
}

/* The session whose graph belongs to a remembered reply. */
static struct session *
replied_session(struct call *c, struct span reply)
{
	struct span text;
	struct uuid id;
	struct session *s;
	enum error err;

	if (c->session)
		return c->session;
	if (!json_find(reply, "session_id", &text) || !uuid_parse(json_text(c->arena, text), &id))
		return NULL;
	err = sessions_get(c->sessions, &id, &s);
	if (err == ERROR_overloaded)
		c->outcome->behind = id;
	if (err)
		return NULL;
	c->outcome->session = s;
	return s;
}

/* The live session that create_project or open_project is to fill remembers their keys. */
struct session *
lifecycle_subject(struct call *c)
{
	struct span text;
	struct uuid id;
	struct session *s;

	if (c->session || command_rows[c->request->command].kind != COMMAND_MANAGES)
		return c->session;
	c->subject_error = ERROR_invalid_session;
	if (!json_find(c->request->args, "session_id", &text) || json_type(text) != JSON_STRING ||
	    !uuid_parse(json_text(c->arena, text), &id))
		return NULL;
	c->subject_error = sessions_get(c->sessions, &id, &s);
	if (c->subject_error == ERROR_overloaded)
		c->outcome->behind = id;
	return c->subject_error ? NULL : s;
}

bool
lifecycle_repeat(struct call *c)
{
	struct outcome *out = c->outcome;
	struct session *shown;
	struct remembered answer;

	switch (keys_find(c->dispatcher->keys, c->request, c->subject, &answer)) {
	case KEY_NEW:
		return false;
	case KEY_UNREAD:
		/* A commit lies between two shares, and with it the turns of others. */
		out->unfinished = out->stores = true;
		return true;
	case KEY_AWAITS_STORE:
		out->awaits_store = true;
		return true;
	case KEY_UNREADABLE:
		/* It may have been done. */
		out->error = answer.error;
		reply_error(&out->body, out->error, c->why);
		return true;
	case KEY_USED:
		break;
	}
	if (!uuid_is_nil(&answer.behind)) {
		out->behind = answer.behind;
		return true;
	}
	if (answer.request_hash != keys_request_hash(c->request)) {
		out->error = ERROR_idempotency_mismatch;
		reply_error(&out->body, out->error, c->why);
		show_with_error(c);
		return true;
	}
	shown = replied_session(c, answer.reply);
	if (!uuid_is_nil(&out->behind))
		return true;
	out->error = answer.error;
	json_out_bytes(&out->body, answer.reply);
	/* The first answer may not be on disk yet; this one waits with it. */
	out->stores = true;
	if (shows_graph(c, shown) && (!answer.error || lifecycle_has(c->request->command)))
		reply_add_graph(out, shown);
	return true;
}
