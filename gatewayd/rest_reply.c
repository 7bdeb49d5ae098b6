#include "gatewayd/rest_inner.h"

#include "gatewayd/problem.h"

#include <stdio.h>
#include <stdlib.h>

enum { TAG_MAX = 48, STATE_HASH_TEXT = 32 };

void
rest_add_headers(struct rest *rest, struct http_request *r)
{
	cors_add_headers(&rest->settings.cors, r);
	http_add_header(r, "X-Content-Type-Options", SPAN("nosniff"));
	http_add_header(r, "Cache-Control", SPAN("no-store"));
}

void
rest_reply(struct rest *rest, struct http_request *r, int status, const char *content_type,
    char *body, size_t n)
{
	rest_add_headers(rest, r);
	http_reply(r, status, content_type, body, n);
}

void
rest_reply_text(struct rest *rest, struct http_request *r, int status, const char *content_type,
    struct span text)
{
	rest_reply(rest, r, status, content_type, xspandup(text), text.n);
}

/* error: the error object; graph: what stands beside it, or {NULL,0}. */
static void
reply_error(
    struct rest *rest, struct http_request *r, int status, struct span error, struct span graph)
{
	struct json_out out = { 0 };
	const char *content_type = problem_write(r, status, error, graph, &out);
	char *body;
	size_t n;

	body = json_out_take(&out, &n);
	rest_reply(rest, r, status, content_type, body, n);
}

void
rest_error(struct rest *rest, struct http_request *r, enum error err, const struct refusal *why)
{
	struct json_out error = { 0 };

	error_write(&error, err, why);
	reply_error(rest, r, error_rows[err].status, json_out_span(&error), (struct span){ 0 });
	json_out_fini(&error);
}

void
rest_fail(struct rest_call *c, enum error err)
{
	rest_error(c->rest, c->http, err, &c->why);
	refusal_fini(&c->why);
}

void
rest_refuse(void *context, struct http_request *r, enum error err, const char *message)
{
	struct refusal why = { 0 };

	if (message)
		refuse(&why, err, NULL, "%s", message);
	if (err == ERROR_method_not_allowed)
		http_add_header(r, "Allow", SPAN("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
	rest_error(context, r, err, &why);
	refusal_fini(&why);
}

/* RFC 7240 section 3: that the graph was left out. */
static void
add_preference(struct rest_call *c)
{
	if (c->caller.minimal && command_shows_graph(c->command))
		http_add_header(c->http, "Preference-Applied", SPAN("return=minimal"));
}

/* What was refused here, and the graph where the session has one. */
static void
answer_refused(struct rest_call *c, enum error err, struct span body)
{
	struct json_out error = { 0 };
	struct span graph = { 0 };

	if (!err)
		json_find(body, "graph", &graph);
	error_write(&error, c->refused, &c->why);
	reply_error(c->rest, c->http, error_rows[c->refused].status, json_out_span(&error), graph);
	json_out_fini(&error);
	refusal_fini(&c->why);
}

/* What graphd refused: {"error":{…},"graph"?:…}, or nothing when it was not reached. */
static void
answer_error(struct rest_call *c, enum error err, struct span body)
{
	struct span error, graph = { 0 };

	if (body.n == 0 || !json_find(body, "error", &error)) {
		rest_fail(c, err);
		return;
	}
	json_find(body, "graph", &graph);
	if (!graph.p && !problem_is_wanted(c->http)) {
		problem_add_retry(c->http, error_rows[err].status);
		rest_reply_text(c->rest, c->http, error_rows[err].status, "application/json", body);
		return;
	}
	reply_error(c->rest, c->http, error_rows[err].status, error, graph);
}

/*
 * The tree's hash stands behind the tree, which may be large, as the last member; only there can no
 * property of a node be taken for it.
 */
static struct span
find_state_hash(struct arena *arena, struct span body)
{
	static const char name[] = "\"state_hash\":\"";
	size_t name_n = sizeof(name) - 1, tail = name_n + STATE_HASH_TEXT + 2;
	struct span value;

	if (body.n > tail && memcmp(body.p + body.n - tail, name, name_n) == 0)
		return (struct span){ body.p + body.n - tail + name_n, STATE_HASH_TEXT };
	if (!json_find(body, "state_hash", &value) || json_type(value) != JSON_STRING)
		return (struct span){ 0 };
	return json_text(arena, value);
}

/* The entity tag with its quotes; {NULL,0}: none. */
static struct span
make_tag(struct rest_call *c, struct span body)
{
	unsigned flags = c->match.route->flags;
	struct arena *arena = http_arena(c->http);
	struct span value = { 0 };
	char *tag;

	if (flags & ROUTE_STATE_TAG)
		value = find_state_hash(arena, body);
	else if (flags & ROUTE_REVISION_TAG)
		json_find(body, "revision", &value);
	if (!value.p || value.n + 3 > TAG_MAX)
		return (struct span){ 0 };
	tag = arena_take(arena, TAG_MAX);
	return (
	    struct span){ tag, (size_t)snprintf(tag, TAG_MAX, "\"%.*s\"", (int)value.n, value.p) };
}

/* RFC 9110 section 13.1.2: weak comparison, "*" for anything. What was changed is not "unchanged":
 * the answer to a POST is given whatever the client knows. */
static bool
is_known_tag(const struct http_request *r, struct span tag)
{
	bool is_read = http_method(r) == HTTP_GET || http_method(r) == HTTP_HEAD;

	return is_read &&
	    (span_is(http_header(r, "if-none-match"), "*") ||
		http_header_holds(r, "if-none-match", tag));
}

/* The same on every gateway that has the same file. */
static struct span
tag_of_file(struct rest_call *c, struct span bytes)
{
	char *tag = arena_take(http_arena(c->http), UUID_TEXT + 3);
	struct uuid digest;

	uuid_of_name(bytes, &digest);
	uuid_format(&digest, tag + 1);
	tag[0] = tag[UUID_TEXT + 1] = '"';
	return (struct span){ tag, UUID_TEXT + 2 };
}

void
rest_reply_file(struct rest_call *c, const char *content_type, struct span bytes)
{
	struct span tag = tag_of_file(c, bytes);

	rest_add_headers(c->rest, c->http);
	http_add_header(c->http, "ETag", tag);
	/* What an <img> of a page brought must not be taken for the answer to its fetch(). */
	http_add_header(c->http, "Vary", SPAN("Origin"));
	http_add_header(c->http, "Cache-Control", SPAN("public, max-age=3600"));
	if (is_known_tag(c->http, tag))
		http_reply(c->http, 304, NULL, NULL, bytes.n);
	else
		http_reply(c->http, 200, content_type, xspandup(bytes), bytes.n);
}

/* {"session_id":…,"template_id":…,<the answer's members> */
static char *
join_echo(const struct rest_call *c, struct span body, size_t *n)
{
	struct json_out text = { 0 };
	struct span result, template_id = { 0 };

	if (json_find(body, "result", &result))
		json_find(result, "template_id", &template_id);
	json_out_open(&text, '{');
	json_out_key(&text, "session_id");
	json_out_uuid(&text, &c->session);
	json_out_key(&text, "template_id");
	json_out_raw(&text, template_id.p ? template_id : SPAN("null"));
	if (body.n > 2)
		json_out_bytes(&text, SPAN(","));
	json_out_bytes(&text, (struct span){ body.p + 1, body.n - 1 });
	return json_out_take(&text, n);
}

void
rest_answer(struct rest_call *c, enum error err, struct span body)
{
	struct span tag, file;

	if (c->refused) {
		answer_refused(c, err, body);
		return;
	}
	if (err) {
		add_preference(c);
		answer_error(c, err, body);
		return;
	}
	if (rest_begins_anew(c, body))
		return;
	tag = make_tag(c, body);
	if (tag.p) {
		http_add_header(c->http, "ETag", tag);
		if (is_known_tag(c->http, tag)) {
			rest_reply(c->rest, c->http, 304, NULL, NULL, body.n);
			return;
		}
	}
	add_preference(c);
	if (c->match.route->flags & ROUTE_UNWRAP && json_find(body, "file", &file))
		body = file;
	if (c->match.route->flags & ROUTE_ECHO && body.n >= 2) {
		size_t n;
		char *text = join_echo(c, body, &n);
		rest_reply(c->rest, c->http, c->status, "application/json", text, n);
		return;
	}
	rest_reply_text(c->rest, c->http, c->status, "application/json", body);
}
