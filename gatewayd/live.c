#include "gatewayd/live.h"

#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/filter.h"
#include "gatewayd/problem.h"
#include "gatewayd/shared_bytes.h"

#include <stdlib.h>

static const struct json_bounds bounds = {
	.depth = LIMIT_JSON_DEPTH,
	.values = LIMIT_JSON_VALUES,
	.text_bytes = LIMIT_JSON_TEXT_BYTES,
	.key_bytes = LIMIT_JSON_KEY_BYTES,
};

const char *
live_event_name(enum names names, enum event event)
{
	const char *name;

	if (event >= EVENTS)
		return "seq";
	name = names == NAMES_DASH ? event_rows[event].dash : event_rows[event].colon;
	return name[0] ? name : NULL;
}

static void
write_question(struct json_out *out, const struct question *q)
{
	json_out_open(out, '{');
	json_out_key(out, "ask");
	json_out_uint(out, q->number);
	json_out_key(out, "event");
	json_out_text(out, q->event);
	json_out_key(out, "data");
	json_out_raw(out, q->data);
	json_out_key(out, "timeout_ms");
	json_out_uint(out, q->timeout_ms);
	json_out_close(out, '}');
}

bool
live_write_event(struct json_out *out, enum names names, const struct delivery *d)
{
	const char *name = live_event_name(names, d->event);

	if (!name)
		return false;
	json_out_open(out, '{');
	json_out_key(out, "event");
	json_out_string(out, name);
	json_out_key(out, "seq");
	json_out_uint(out, d->seq);
	json_out_key(out, "data");
	if (d->question)
		write_question(out, d->question);
	else
		json_out_raw(out, d->body);
	json_out_close(out, '}');
	return true;
}

struct shared_bytes *
live_encode_event(unsigned dialect, const struct delivery *d)
{
	struct json_out out = { 0 };
	struct shared_bytes *bytes = NULL;

	if (live_write_event(&out, (enum names)dialect, d))
		bytes = shared_bytes_new(SHARED_TEXT, json_out_span(&out));
	json_out_fini(&out);
	return bytes;
}

void
live_write_joined(struct json_out *out, const struct uuid *session, struct span client_id,
    const struct join_result *result)
{
	json_out_open(out, '{');
	json_out_key(out, "session_id");
	json_out_uuid(out, session);
	json_out_key(out, "client_id");
	json_out_text(out, client_id);
	json_out_key(out, "active_clients");
	json_out_uint(out, result->active_clients);
	json_out_key(out, "seq");
	json_out_uint(out, result->seq);
	json_out_key(out, "log_id");
	json_out_uuid(out, &result->log_id);
	json_out_close(out, '}');
}

void
live_write_joined_event(struct json_out *out, const struct uuid *session, struct span client_id,
    const struct join_result *result)
{
	json_out_open(out, '{');
	json_out_key(out, "event");
	json_out_string(out, "joined");
	json_out_key(out, "seq");
	json_out_uint(out, result->seq);
	json_out_key(out, "data");
	live_write_joined(out, session, client_id, result);
	json_out_close(out, '}');
}

void
live_refuse(struct http_request *request, enum error err, const char *field, const char *message)
{
	struct json_out error = { 0 }, out = { 0 };
	struct refusal why = { 0 };
	const char *content_type;
	char *body;
	size_t n;

	refuse(&why, err, field, "%s", message ? message : error_rows[err].text);
	error_write(&error, err, &why);
	content_type = problem_write(
	    request, error_rows[err].status, json_out_span(&error), (struct span){ 0 }, &out);
	refusal_fini(&why);
	json_out_fini(&error);
	body = json_out_take(&out, &n);
	http_reply(request, error_rows[err].status, content_type, body, n);
}

bool
live_check_join(struct http_request *request, const struct join *join)
{
	filter_set filter;

	if (uuid_is_nil(&join->session)) {
		live_refuse(request, ERROR_invalid_request, "session_id", "Missing session_id");
		return false;
	}
	if (!filter_parse(join->events, &filter)) {
		live_refuse(request, ERROR_invalid_request, "events",
		    "events must be a comma list of event names, or of prefixes that end in *.");
		return false;
	}
	return true;
}

enum error
live_scan(struct span text, struct span *out, struct refusal *why)
{
	size_t offset;
	enum json_fault fault = json_scan(text, &bounds, &offset);

	if (fault)
		return refuse(why, ERROR_invalid_request, NULL,
		    "The message is not acceptable JSON (%s at byte %zu).", json_fault_name(fault),
		    offset);
	*out = json_trim(text);
	if (json_type(*out) != JSON_OBJECT)
		return refuse(
		    why, ERROR_invalid_request, NULL, "The message must be a JSON object.");
	return OK;
}

/* A member that is text; absent or null: {NULL,0}. */
static enum error
read_text(struct span object, const char *name, struct arena *arena, struct span *out,
    struct refusal *why)
{
	struct span value;

	*out = (struct span){ 0 };
	if (!json_find(object, name, &value) || json_type(value) == JSON_NULL)
		return OK;
	if (json_type(value) != JSON_STRING)
		return refuse(why, ERROR_invalid_request, name, "%s must be text.", name);
	*out = json_text(arena, value);
	return OK;
}

static enum error
read_key(struct span object, struct arena *arena, struct caller *caller, struct refusal *why)
{
	struct uuid id;
	enum error err = read_text(object, "command_id", arena, &caller->key, why);

	if (err || !caller->key.p)
		return err;
	if (!uuid_parse(caller->key, &id))
		return refuse(
		    why, ERROR_invalid_request, "command_id", "command_id must be a UUID.");
	caller->key_is_command_id = true;
	return OK;
}

static enum error
read_execute(struct span object, struct arena *arena, struct json_out *args,
    struct upstream_question *q, struct refusal *why)
{
	struct span type, data;
	enum error err = read_text(object, "command_type", arena, &type, why);

	if (err)
		return err;
	if (!type.p)
		return refuse(why, ERROR_invalid_request, "command_type", "Missing command_type");
	q->command = command_find(type);
	err = command_check_edits(q->command, type, why);
	if (err)
		return err;
	if (!json_find(object, "data", &data) || json_type(data) == JSON_NULL)
		data = SPAN("{}");
	if (json_type(data) != JSON_OBJECT)
		return refuse(why, ERROR_invalid_request, "data", "data must be an object.");
	json_out_raw(args, data);
	return read_key(object, arena, &q->caller, why);
}

static enum error
read_undo(struct span object, struct arena *arena, struct json_out *args,
    struct upstream_question *q, struct refusal *why)
{
	struct span scope;
	enum error err = read_text(object, "scope", arena, &scope, why);

	if (err)
		return err;
	json_out_open(args, '{');
	if (scope.p) {
		json_out_key(args, "scope");
		json_out_text(args, scope);
	}
	json_out_close(args, '}');
	return read_key(object, arena, &q->caller, why);
}

static enum error
read_presence(struct span object, struct span client_id, struct json_out *args, struct refusal *why)
{
	struct span data;

	if (!json_find(object, "data", &data))
		return refuse(why, ERROR_invalid_request, "data", "Missing data");
	if (data.n > LIMIT_PRESENCE_BYTES)
		return refuse(why, ERROR_payload_too_large, "data", "data is longer than %d bytes.",
		    LIMIT_PRESENCE_BYTES);
	json_out_open(args, '{');
	json_out_key(args, "client_id");
	json_out_text(args, client_id);
	json_out_key(args, "data");
	json_out_minified(args, data);
	json_out_close(args, '}');
	return OK;
}

enum error
live_read(struct span object, enum live_do what, struct span client_id, struct arena *arena,
    struct json_out *args, struct upstream_question *q, struct refusal *why)
{
	enum error err = OK;

	q->caller.minimal = true;
	q->caller.client = client_id;
	switch (what) {
	case LIVE_EXECUTE:
		err = read_execute(object, arena, args, q, why);
		break;
	case LIVE_UNDO:
	case LIVE_REDO:
		q->command = what == LIVE_UNDO ? COMMAND_undo : COMMAND_redo;
		err = read_undo(object, arena, args, q, why);
		break;
	case LIVE_PRESENCE:
		q->command = COMMAND_presence;
		err = read_presence(object, client_id, args, why);
		break;
	}
	q->args = json_out_span(args);
	return err;
}
