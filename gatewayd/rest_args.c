#include "gatewayd/rest_inner.h"

#include "common/limits.h"
#include "common/utf8.h"

#include <stdlib.h>

enum { COLUMN_MAX = 20 };

static const struct json_bounds usual = { LIMIT_JSON_DEPTH, LIMIT_JSON_VALUES,
	LIMIT_JSON_TEXT_BYTES, LIMIT_JSON_KEY_BYTES };
static const struct json_bounds import = { LIMIT_JSON_IMPORT_DEPTH, LIMIT_JSON_IMPORT_VALUES,
	LIMIT_IMPORT_BYTES, LIMIT_JSON_KEY_BYTES };

enum error
rest_scan(struct span text, bool is_import, struct refusal *why)
{
	size_t offset = 0;
	enum json_fault fault = json_scan(text, is_import ? &import : &usual, &offset);

	if (fault == JSON_OK)
		return OK;
	refuse(why, ERROR_invalid_request, NULL,
	    "The body is not acceptable JSON (%s at byte %zu).", json_fault_name(fault), offset);
	json_out_open(&why->details, '{');
	json_out_key(&why->details, "reason");
	json_out_string(&why->details, json_fault_name(fault));
	json_out_key(&why->details, "offset");
	json_out_uint(&why->details, offset);
	json_out_close(&why->details, '}');
	return ERROR_invalid_request;
}

enum error
rest_read_body(struct rest_call *c, unsigned flags)
{
	struct span text = http_body(c->http);
	enum error err;

	if (!(flags & (ROUTE_BODY | ROUTE_MAYBE_BODY)))
		return OK;
	if (text.n == 0 && flags & ROUTE_MAYBE_BODY)
		return OK;
	err = rest_scan(text, flags & ROUTE_IMPORT, &c->why);
	if (err)
		return err;
	text = json_trim(text);
	if (json_type(text) != JSON_OBJECT)
		return refuse(&c->why, ERROR_invalid_request, NULL,
		    "The body must be a JSON object, not %s.", json_type_name(json_type(text)));
	rest_take_body(c, text);
	return OK;
}

void
rest_take_body(struct rest_call *c, struct span object)
{
	struct {
		const char *name;
		struct span *value;
	} members[] = {
		{ "session_id", &c->members.session_id },
		{ "command_type", &c->members.command_type },
		{ "data", &c->members.data },
		{ "command_id", &c->members.command_id },
		{ "actor", &c->members.actor },
		{ "client_id", &c->members.client_id },
	};
	struct json_iter it;
	struct span key, value;

	c->body = object;
	json_walk(&it, object);
	while (json_next(&it, &key, &value)) {
		struct span name = json_key(http_arena(c->http), key);
		if (json_type(value) == JSON_NULL)
			continue;
		for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
			if (span_is(name, members[i].name))
				*members[i].value = value;
	}
}

static enum error
number_refused(struct rest_call *c, const char *name)
{
	return refuse(&c->why, ERROR_invalid_request, name, "%s must be a whole number.", name);
}

/* What JSON holds exactly. */
static bool
parse_number(struct span text, uint64_t *out)
{
	return span_number(text, (uint64_t)1 << 53, out);
}

enum error
rest_query_number(struct rest_call *c, const char *name, uint64_t *out)
{
	struct span text = http_query_value(c->http, name);

	if (text.p && !parse_number(text, out))
		return number_refused(c, name);
	return OK;
}

enum error
rest_text(struct rest_call *c, const char *name, struct span value, struct span *out)
{
	*out = (struct span){ 0 };
	if (!value.p || json_type(value) == JSON_NULL)
		return OK;
	if (json_type(value) != JSON_STRING)
		return refuse(&c->why, ERROR_invalid_request, name, "%s must be text, not %s.",
		    name, json_type_name(json_type(value)));
	*out = json_text(http_arena(c->http), value);
	return OK;
}

enum error
rest_find_session(struct rest_call *c)
{
	struct span text = c->match.params[PARAM_session_id];
	enum error err = OK;

	if (!text.p && !(c->match.route->flags & ROUTE_SESSION))
		return OK;
	if (!text.p)
		text = http_query_value(c->http, "session_id");
	if (!text.p)
		text = http_header(c->http, "x-session-id");
	if (!text.p)
		return refuse(&c->why, ERROR_invalid_request, "session_id", "Missing session_id");
	if (!uuid_parse(text, &c->session))
		err = ERROR_invalid_session;
	return err;
}

/* One query parameter as the JSON its argument's type wants. */
static enum error
put_query_value(
    struct rest_call *c, const struct field_row *row, struct span value, struct json_out *out)
{
	uint64_t number = 0;
	bool is_true = span_is(value, "true") || span_is(value, "1");

	if (!utf8_is_valid(value))
		return refuse(
		    &c->why, ERROR_invalid_request, row->name, "%s is not UTF-8.", row->name);
	if (row->type == ARG_integer && !parse_number(value, &number))
		return number_refused(c, row->name);
	if (row->type == ARG_flag && !is_true && !span_is(value, "false") && !span_is(value, "0"))
		return refuse(&c->why, ERROR_invalid_request, row->name,
		    "%s must be true or false.", row->name);
	json_out_key(out, row->name);
	if (row->type == ARG_integer)
		json_out_uint(out, number);
	else if (row->type == ARG_flag)
		json_out_bool(out, is_true);
	else
		json_out_text(out, value);
	return OK;
}

static enum error
put_query(struct rest_call *c, enum command command, struct json_out *out)
{
	for (const struct field_row *row = command_rows[command].args; row->name; row++) {
		struct span value = http_query_value(c->http, row->name);
		enum error err = value.p ? put_query_value(c, row, value, out) : OK;
		if (err)
			return err;
	}
	return OK;
}

/* RFC 9110 section 8.8.3: the next tag of a list, cut off the rest; {NULL,0}: it is none. */
static struct span
take_tag(struct span *rest, bool *weak)
{
	struct span tag = { 0 };
	size_t n;

	*weak = rest->n > 2 && rest->p[0] == 'W' && rest->p[1] == '/';
	if (*weak)
		*rest = (struct span){ rest->p + 2, rest->n - 2 };
	if (rest->n < 2 || rest->p[0] != '"')
		return tag;
	for (n = 1; n < rest->n && (unsigned char)rest->p[n] > ' ' && rest->p[n] != '"'; n++)
		;
	if (n == rest->n || rest->p[n] != '"')
		return tag;
	tag = (struct span){ rest->p + 1, n - 1 };
	*rest = (struct span){ rest->p + n + 1, rest->n - n - 1 };
	return tag;
}

/* To the next element of a list; elements may be empty. False: no comma stands where one must. */
static bool
pass_comma(struct span *rest, bool is_first)
{
	bool found = is_first;

	for (; rest->n > 0 && strchr(" \t,", rest->p[0]); rest->p++, rest->n--)
		found |= rest->p[0] == ',';
	return found || rest->n == 0;
}

/* A tag is compared as it is written, so no other spelling of a number is a revision's. */
static bool
is_revision(struct span tag, uint64_t *revision)
{
	return parse_number(tag, revision) && (tag.p[0] != '0' || tag.n == 1);
}

/* If-Match (RFC 9110 section 13.1.1): the revisions among its tags. Weak ones match nothing, and
 * neither do those that are no revisions; a list without any is never true. */
static enum error
put_revisions(struct rest_call *c, struct json_out *out)
{
	struct span rest = http_header(c->http, "if-match"), tag;
	bool good = true, weak;
	uint64_t revision;

	if (!rest.p)
		return OK;
	json_out_key(out, "if_match");
	json_out_open(out, '[');
	if (span_is(rest, "*")) {
		json_out_string(out, "*");
		rest.n = 0;
	} else {
		good = rest.n > 0 && pass_comma(&rest, true);
	}
	while (good && rest.n > 0) {
		tag = take_tag(&rest, &weak);
		if (tag.p && !weak && is_revision(tag, &revision))
			json_out_uint(out, revision);
		good = tag.p && pass_comma(&rest, false);
	}
	json_out_close(out, ']');
	return good ? OK
		    : refuse(&c->why, ERROR_invalid_request, "If-Match",
			  "If-Match must be * or a list of entity tags in quotes.");
}

static bool
has_arg(enum command command, struct span name)
{
	for (const struct field_row *row = command_rows[command].args; row->name; row++)
		if (span_is(name, row->name))
			return true;
	return false;
}

/* An id that no session can have is one that does not exist, wherever it stands. */
static enum error
check_session(struct rest_call *c, enum command command)
{
	static const char name[] = "session_id";
	struct span value = c->members.session_id;
	struct uuid id;

	if (!value.p || json_type(value) != JSON_STRING || !has_arg(command, span_of(name)) ||
	    uuid_parse(json_text(http_arena(c->http), value), &id))
		return OK;
	return refuse(
	    &c->why, ERROR_invalid_session, name, "%s", error_rows[ERROR_invalid_session].text);
}

static void
put_params(struct rest_call *c, enum command command, struct json_out *out)
{
	for (enum route_param i = PARAM_project_id; i < PARAMS; i++) {
		struct span name = span_of(route_param_name(i));
		if (!c->match.params[i].p || !has_arg(command, name))
			continue;
		json_out_key(out, route_param_name(i));
		json_out_text(out, c->match.params[i]);
	}
}

/* What a body says of who asks is no argument, and no member of the file that a graph comes in. */
static bool
is_of_caller(enum command command, struct span name)
{
	bool is_one =
	    span_is(name, "actor") || span_is(name, "client_id") || span_is(name, "command_id");

	return is_one && !has_arg(command, name);
}

/* Members of the body but those that path or header have given: a name may stand once. */
static void
put_body(struct rest_call *c, enum command command, bool has_condition, struct json_out *out)
{
	struct json_iter it;
	struct span key, value;

	json_walk(&it, c->body);
	while (json_next(&it, &key, &value)) {
		struct span name = json_key(http_arena(c->http), key);
		bool is_given = is_of_caller(command, name) ||
		    (has_condition && (span_is(name, "if_match") || span_is(name, "if_revision")));
		for (enum route_param i = PARAM_project_id; i < PARAMS; i++)
			is_given |= c->match.params[i].p && span_is(name, route_param_name(i));
		if (is_given)
			continue;
		json_out_key_text(out, name);
		json_out_raw(out, value);
	}
}

static bool
is_body_alone(const struct rest_call *c)
{
	for (enum route_param i = PARAM_project_id; i < PARAMS; i++)
		if (c->match.params[i].p)
			return false;
	return !http_header(c->http, "if-match").p && !c->members.actor.p &&
	    !c->members.client_id.p && !c->members.command_id.p;
}

enum error
rest_args(struct rest_call *c, enum command command, unsigned flags, struct span *out)
{
	struct json_out text = { 0 };
	enum error err = check_session(c, command);
	size_t before;

	*out = c->body.p ? c->body : SPAN("{}");
	if (err || (!(flags & ROUTE_QUERY) && is_body_alone(c)))
		return err;
	json_out_open(&text, '{');
	put_params(c, command, &text);
	before = text.n;
	if (has_arg(command, SPAN("if_match")))
		err = put_revisions(c, &text);
	if (!err && flags & ROUTE_QUERY)
		err = put_query(c, command, &text);
	if (!err && c->body.p)
		put_body(c, command, text.n > before, &text);
	json_out_close(&text, '}');
	*out = (struct span){ arena_text(http_arena(c->http), json_out_span(&text)), text.n };
	json_out_fini(&text);
	return err;
}
