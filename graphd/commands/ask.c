#include "common/limits.h"
#include "graphd/dispatcher.h"
#include "proto/taken.h"

/* A name that is heard as another thing than a question would mislead its hearers. */
static bool
is_taken(struct span name)
{
	static const char *const others[] = { TAKEN_BY_SOCKETIO, TAKEN_BY_GATEWAYS };

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (span_is(name, others[i]))
			return true;
	for (int e = 0; e < EVENTS; e++)
		if (span_is(name, event_rows[e].colon) || span_is(name, event_rows[e].dash))
			return true;
	return false;
}

static enum error
check_event(struct call *c, struct span event)
{
	enum error err = call_text(c, "event", event, LIMIT_ASK_EVENT_BYTES);

	if (err)
		return err;
	for (size_t i = 0; i < event.n; i++)
		if ((unsigned char)event.p[i] < 0x20 || event.p[i] == 0x7f)
			return refuse(c->why, ERROR_invalid_request, "event",
			    "event holds a character that is not allowed.");
	if (is_taken(event))
		return refuse(c->why, ERROR_invalid_request, "event",
		    "event cannot be the name of an event that clients hear already.");
	return OK;
}

static enum error
check_timeout(struct call *c, int64_t given, uint64_t *timeout_ms)
{
	*timeout_ms = LIMIT_ASK_MS;
	if (given == ARG_ABSENT)
		return OK;
	if (given < 1 || given > LIMIT_ASK_LONGEST_MS)
		return refuse(c->why, ERROR_invalid_request, "timeout_ms",
		    "timeout_ms must be 1 to %d.", LIMIT_ASK_LONGEST_MS);
	*timeout_ms = (uint64_t)given;
	return OK;
}

static enum error
begin(struct call *c, const struct ask_args *a, uint64_t timeout_ms, uint64_t *last)
{
	struct survey_wish w = { .session = c->session,
		.client_id = a->client_id,
		.until_ms = c->request->now_ms + timeout_ms };
	enum error err = surveys_begin(c->dispatcher->surveys, &w, &c->outcome->survey, last);

	if (err == ERROR_client_not_found)
		return refuse(c->why, err, "client_id", "%s", error_rows[err].text);
	return err;
}

static void
announce(struct call *c, const struct ask_args *a, uint64_t timeout_ms, uint64_t last)
{
	struct announce_who who = { .actor = c->request->caller.actor,
		.client = a->client_id,
		.now_us = c->request->now_us };
	struct json_out *text = announce_begin(c->outcome, EVENT_ask, c->session, false, &who);

	json_out_key(text, "ask_id");
	json_out_uuid(text, &c->outcome->survey);
	json_out_key(text, "event");
	json_out_text(text, a->event);
	json_out_key(text, "data");
	json_out_minified(text, a->data);
	json_out_key(text, "timeout_ms");
	json_out_uint(text, timeout_ms);
	json_out_key(text, "last");
	json_out_uint(text, last);
	announce_end(c->outcome);
}

enum error
cmd_ask(struct call *c, const struct ask_args *a)
{
	uint64_t timeout_ms, last;
	enum error err = check_event(c, a->event);

	if (!err && a->data.n > LIMIT_ASK_BYTES)
		err = refuse(
		    c->why, ERROR_limit_value, "data", "data may have %d bytes.", LIMIT_ASK_BYTES);
	if (!err)
		err = check_timeout(c, a->timeout_ms, &timeout_ms);
	if (!err)
		err = begin(c, a, timeout_ms, &last);
	if (err)
		return err;
	if (!uuid_is_nil(&c->outcome->survey)) {
		announce(c, a, timeout_ms, last);
		return OK;
	}
	json_out_key(c->result, "answers");
	json_out_open(c->result, '[');
	json_out_close(c->result, ']');
	return OK;
}
