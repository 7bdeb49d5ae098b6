#include "gatewayd/rest_inner.h"

#include "common/limits.h"

#include <stdlib.h>
#include <strings.h>

typedef void local_fn(struct rest_call *);

/* In the order of routes[]; NULL: graphd answers. */
static local_fn *const locals[] = {
#define ROUTE(method, path, command, status, flags) NULL,
#define LOCAL(method, path, function, flags) rest_##function,
#include "gatewayd/routes.def"
};

struct rest *
rest_new(const struct rest_settings *settings)
{
	struct rest *rest = xcalloc(1, sizeof(*rest));

	rest->settings = *settings;
	return rest;
}

void
rest_free(struct rest *rest)
{
	free(rest);
}

void
rest_drain(struct rest *rest)
{
	rest->is_draining = true;
}

static bool
is_socketio(struct span path)
{
	static const char prefix[] = "/socket.io";
	size_t n = sizeof(prefix) - 1;

	return path.n >= n && memcmp(path.p, prefix, n) == 0 && (path.n == n || path.p[n] == '/');
}

size_t
rest_body_limit(void *context, enum http_method method, struct span path)
{
	struct route_match match;
	struct arena arena;
	enum error err;

	(void)context;
	if (is_socketio(path))
		return LIMIT_MESSAGE_BYTES;
	if (method != HTTP_POST)
		return LIMIT_BODY_BYTES;
	arena_init(&arena);
	err = route_find(method, path, &arena, &match);
	arena_fini(&arena);
	return !err && match.route->flags & ROUTE_IMPORT ? LIMIT_IMPORT_BYTES : LIMIT_BODY_BYTES;
}

/* Questions to graphd. */

static void
call_free(struct rest_call *c)
{
	refusal_fini(&c->why);
}

static void
peer_gone(void *arg)
{
	struct rest_call *c = arg;

	upstream_forget(c->rest->settings.upstream, c->number);
	call_free(c);
}

static void
answered(void *arg, enum error status, struct span body)
{
	rest_answer(arg, status, body);
}

/* How long clients are waited for, when graphd will take the number too. */
static void
wait_for_clients(const struct rest_call *c, struct upstream_question *question)
{
	int64_t timeout_ms;

	question->once = true;
	question->deadline_ms = LIMIT_ASK_MS + LIMIT_ASK_LATE_MS;
	if (json_find_integer(c->body, "timeout_ms", &timeout_ms) && timeout_ms > 0 &&
	    timeout_ms <= LIMIT_ASK_LONGEST_MS)
		question->deadline_ms = timeout_ms + LIMIT_ASK_LATE_MS;
}

void
rest_ask(struct rest_call *c, enum command command, struct span args)
{
	struct upstream_question question = {
		.command = command, .session = c->session, .caller = c->caller, .args = args
	};

	if (c->match.route->flags & ROUTE_WAITS)
		wait_for_clients(c, &question);
	c->command = command;
	c->number = upstream_ask(c->rest->settings.upstream, &question, answered, c);
	if (c->number)
		http_hold(c->http, peer_gone, c);
	else
		rest_fail(c, c->refused ? c->refused : ERROR_overloaded);
}

void
rest_turn_down(struct rest_call *c, enum error err)
{
	if (uuid_is_nil(&c->session) || c->caller.minimal) {
		rest_fail(c, err);
		return;
	}
	c->refused = err;
	rest_ask(c, COMMAND_get_graph, SPAN("{}"));
}

/* What an id may be chosen for, however it is sent. */
static bool
is_command(enum command command)
{
	return command_rows[command].kind == COMMAND_EDITS || command == COMMAND_undo ||
	    command == COMMAND_redo;
}

/* The session is looked for first, but of two faults the body's is told. */
static enum error
prepare(struct rest_call *c, struct span *args)
{
	const struct route *route = c->match.route;
	enum error no_session = rest_find_session(c);
	enum error err = rest_read_body(c, route->flags);

	if (!err)
		err = no_session;
	if (!err)
		err = rest_caller(c);
	if (!err && is_command(route->command))
		err = rest_command_id(c);
	if (!err)
		err = rest_args(c, route->command, route->flags, args);
	return err;
}

static void
dispatch(struct rest_call *c)
{
	const struct route *route = c->match.route;
	local_fn *local = locals[route - routes];
	struct span args;
	enum error err;

	c->status = route->status;
	if (local) {
		local(c);
		return;
	}
	err = prepare(c, &args);
	if (err && command_shows_graph(route->command))
		rest_turn_down(c, err);
	else if (err)
		rest_fail(c, err);
	else if (route->flags & ROUTE_WAITS && !upstream_is_ready(c->rest->settings.upstream))
		rest_fail(c, ERROR_backend_unavailable);
	else
		rest_ask(c, route->command, args);
}

/* What is refused before the path is looked at. */

/* Balancers ask these by address, or by no name at all; nobody learns anything from them. */
static bool
is_probe(struct span path)
{
	return span_is(path, "/healthz") || span_is(path, "/readyz");
}

/* One that is given without a port is meant with any. */
static bool
is_called(struct span host, const char *name)
{
	size_t n = strlen(name);

	return host.n >= n && strncasecmp(host.p, name, n) == 0 &&
	    (host.n == n || host.p[n] == ':');
}

/* RFC 9110 section 7.4. A name rebound to our address must not reach us when names are configured.
 */
static bool
is_our_host(const struct rest *rest, const struct http_request *r)
{
	for (size_t i = 0; i < rest->settings.n_hosts; i++)
		if (is_called(http_host(r), rest->settings.hosts[i]))
			return true;
	return rest->settings.n_hosts == 0 || is_probe(http_path(r));
}

static bool
changes_something(const struct http_request *r)
{
	enum http_method method = http_method(r);

	return (method != HTTP_GET && method != HTTP_HEAD && method != HTTP_OPTIONS) ||
	    http_header(r, "upgrade").p;
}

static enum error
check_source(const struct rest *rest, const struct http_request *r)
{
	if (!is_our_host(rest, r))
		return ERROR_misdirected;
	/* A form or a WebSocket of a strange page needs no preflight, so it is refused here. */
	if (!cors_is_allowed(&rest->settings.cors, r) &&
	    (changes_something(r) || is_socketio(http_path(r))))
		return ERROR_forbidden_origin;
	return OK;
}

/* A value that cannot be decoded must not count as one that was not given. */
static enum error
check_query(struct rest_call *c)
{
	struct span query = http_query(c->http), decoded;

	if (query.n == 0 || http_decode(http_arena(c->http), query, true, &decoded))
		return OK;
	return refuse(&c->why, ERROR_invalid_request, NULL, "The query is badly escaped.");
}

static void
route_request(struct rest *rest, struct http_request *r)
{
	struct rest_call *c = arena_take(http_arena(r), sizeof(*c));
	enum error err;

	memset(c, 0, sizeof(*c));
	c->rest = rest;
	c->http = r;
	c->caller.minimal = http_header_listed(r, "prefer", "return=minimal").p;
	err = route_find(http_method(r), http_path(r), http_arena(r), &c->match);
	if (!err)
		err = check_query(c);
	if (err == ERROR_method_not_allowed)
		http_add_header(r, "Allow", route_allow(c->match.allowed, http_arena(r)));
	if (err == ERROR_method_not_allowed && http_method(r) == HTTP_OPTIONS)
		rest_reply(rest, r, 204, NULL, NULL, 0);
	else if (err)
		rest_fail(c, err);
	else
		dispatch(c);
}

void
rest_headed(void *context, struct http_request *r)
{
	struct rest *rest = context;
	const struct rest_live *live = &rest->settings.live;

	if (!is_socketio(http_path(r)) || !live->socketio_headed || check_source(rest, r))
		return;
	rest_add_headers(rest, r);
	live->socketio_headed(live->socketio_context, r);
}

static void
hand_to_socketio(struct rest *rest, struct http_request *r)
{
	rest_add_headers(rest, r);
	rest->settings.live.socketio(rest->settings.live.socketio_context, r);
}

void
rest_handle(void *context, struct http_request *r)
{
	struct rest *rest = context;
	enum error err = check_source(rest, r);

	if (err)
		rest_error(rest, r, err, NULL);
	else if (cors_is_preflight(r))
		cors_answer_preflight(&rest->settings.cors, r);
	else if (is_socketio(http_path(r)) && rest->settings.live.socketio)
		hand_to_socketio(rest, r);
	else
		route_request(rest, r);
}
