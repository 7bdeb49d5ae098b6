#include "gatewayd/rest_inner.h"

#include "common/limits.h"

/*
 * POST /commands/execute {"session_id","command_type","data":{},"command_id"?}: the one URL whose
 * body says what it means. It is in the hot path, so the body is walked once.
 */

/* Only a whole graph may be nested deeper than other bodies; which it is cannot be told before it
 * is scanned. */
static enum error
scan_body(struct rest_call *c)
{
	struct span text = http_body(c->http), type;
	enum error err = rest_scan(text, false, &c->why);
	struct refusal ignored = { 0 };

	if (!err)
		return OK;
	if (rest_scan(text, true, &ignored) == OK &&
	    json_find(json_trim(text), "command_type", &type) && span_is(type, "\"LoadGraph\"")) {
		refusal_fini(&c->why);
		c->why = (struct refusal){ 0 };
		err = OK;
	}
	refusal_fini(&ignored);
	return err;
}

static enum error
find_session(struct rest_call *c, struct span value)
{
	struct span text;

	if (value.p && json_type(value) != JSON_STRING)
		return refuse(
		    &c->why, ERROR_invalid_request, "session_id", "session_id must be text.");
	if (value.p)
		text = json_text(http_arena(c->http), value);
	else if (http_query_value(c->http, "session_id").p)
		text = http_query_value(c->http, "session_id");
	else
		text = http_header(c->http, "x-session-id");
	if (!text.p)
		return refuse(&c->why, ERROR_invalid_request, "session_id", "Missing session_id");
	return uuid_parse(text, &c->session) ? OK : ERROR_invalid_session;
}

static enum error
find_command(struct rest_call *c, struct span value, enum command *command)
{
	struct span type;

	if (!value.p)
		return refuse(
		    &c->why, ERROR_invalid_request, "command_type", "Missing command_type");
	if (json_type(value) != JSON_STRING)
		return refuse(
		    &c->why, ERROR_invalid_request, "command_type", "command_type must be text.");
	type = json_text(http_arena(c->http), value);
	*command = command_find(type);
	return command_check_edits(*command, type, &c->why);
}

static enum error
find_data(struct rest_call *c, struct span value, struct span *data)
{
	*data = value.p ? value : SPAN("{}");
	if (json_type(*data) != JSON_OBJECT)
		return refuse(&c->why, ERROR_invalid_request, "data", "data must be an object.");
	return OK;
}

/* What is refused for its size still says whose graph is to be shown with the refusal. */
static void
find_session_of_refused(struct rest_call *c)
{
	struct span text = http_body(c->http), value;

	if (json_is_readable(text) && json_find(json_trim(text), "session_id", &value) &&
	    json_type(value) == JSON_STRING)
		uuid_parse(json_text(http_arena(c->http), value), &c->session);
}

static enum error
read_request(struct rest_call *c, enum command *command, struct span *data)
{
	enum error err = scan_body(c);
	struct span body;

	if (err) {
		find_session_of_refused(c);
		return err;
	}
	body = json_trim(http_body(c->http));
	if (json_type(body) != JSON_OBJECT)
		return refuse(
		    &c->why, ERROR_invalid_request, NULL, "The body must be a JSON object.");
	rest_take_body(c, body);
	err = find_session(c, c->members.session_id);
	if (!err)
		err = rest_caller(c);
	if (!err)
		err = find_command(c, c->members.command_type, command);
	if (!err)
		err = find_data(c, c->members.data, data);
	if (!err)
		err = rest_command_id(c);
	return err;
}

void
rest_execute(struct rest_call *c)
{
	enum command command = COMMANDS;
	struct span data;
	enum error err = read_request(c, &command, &data);

	if (err)
		rest_turn_down(c, err);
	else
		rest_ask(c, command, data);
}

/*
 * POST /projects/import: {"file":…} with the other arguments, or the file itself: JSON, or any
 * text, which graphd takes for YAML. The other arguments may then stand in the query.
 */

static enum error
import_args(struct rest_call *c, struct json_out *args)
{
	static const char *const options[] = { "template_id", "project_name", "mode" };
	struct span text = http_body(c->http), file;
	bool is_json = text.n > 0 && rest_scan(text, true, &c->why) == OK;

	if (text.n == 0)
		return refuse(&c->why, ERROR_invalid_request, "file", "Missing file");
	refusal_fini(&c->why);
	c->why = (struct refusal){ 0 };
	is_json = is_json && json_type(json_trim(text)) == JSON_OBJECT;
	if (is_json && json_find(json_trim(text), "file", &file)) {
		rest_take_body(c, json_trim(text));
		json_out_raw(args, c->body);
		return OK;
	}
	json_out_open(args, '{');
	json_out_key(args, "file");
	if (is_json)
		json_out_raw(args, json_trim(text));
	else
		json_out_text(args, text);
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		struct span value = http_query_value(c->http, options[i]);
		if (!value.p)
			continue;
		json_out_key(args, options[i]);
		json_out_text(args, value);
	}
	json_out_close(args, '}');
	/* What is not JSON may be not even text; nothing that graphd would choke on is sent. */
	return rest_scan(json_out_span(args), true, &c->why);
}

void
rest_import(struct rest_call *c)
{
	struct json_out args = { 0 };
	enum error err = import_args(c, &args);

	if (!err)
		err = rest_caller(c);
	c->status = 201;
	if (err)
		rest_fail(c, err);
	else
		rest_ask(c, COMMAND_import_project, json_out_span(&args));
	json_out_fini(&args);
}
