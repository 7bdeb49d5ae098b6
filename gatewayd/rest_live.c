#include "gatewayd/rest_inner.h"

#include "common/limits.h"
#include "gatewayd/http_hygiene.h"

/* The URLs whose connections stay: /ws and /events. What they ask for is read here; the rest is the
 * hub's. */

/* No event has it: who says it is told to begin anew. */
#define NO_EVENT_ID ((uint64_t)1 << 53) /* graphd takes nothing greater */

/*
 * Where a browser that connects again was; what its first URL said is then old. It cannot choose
 * what it says, and gives up for good after anything but a 200 (WHATWG HTML, section 9.2.3): so an
 * id that never was one of ours is of another history, and not an error. An empty one is none.
 */
static void
read_last_event_id(const struct http_request *r, uint64_t *since)
{
	struct span id = http_header(r, "last-event-id");

	if (id.n > 0 && !span_number(id, NO_EVENT_ID, since))
		*since = NO_EVENT_ID;
}

static enum error
read_since(struct rest_call *c, struct join *join)
{
	uint64_t since = UINT64_MAX;
	enum error err = rest_query_number(c, "since", &since);

	read_last_event_id(c->http, &since);
	join->has_since = since != UINT64_MAX;
	join->since = join->has_since ? since : 0;
	return err;
}

static enum error
read_names(struct rest_call *c, struct join *join)
{
	struct span names = http_query_value(c->http, "names");

	join->names = NAMES_COLON;
	if (!names.p || span_is(names, "colon"))
		return OK;
	if (!span_is(names, "dash"))
		return refuse(
		    &c->why, ERROR_invalid_request, "names", "names must be colon or dash.");
	join->names = NAMES_DASH;
	return OK;
}

/* A node need not exist: it may come, or come back. */
static enum error
read_subtree(struct rest_call *c, struct join *join)
{
	struct span subtree = http_query_value(c->http, "subtree");

	if (!subtree.p || uuid_parse(subtree, &join->subtree))
		return OK;
	return refuse(
	    &c->why, ERROR_invalid_request, "subtree", "subtree must be the id of a node.");
}

static enum error
read_join(struct rest_call *c, struct join *join)
{
	enum error err = rest_find_session(c);

	memset(join, 0, sizeof(*join));
	if (!err)
		err = rest_caller(c);
	if (!err)
		err = read_since(c, join);
	if (!err)
		err = read_names(c, join);
	if (!err)
		err = read_subtree(c, join);
	join->session = c->session;
	join->actor = c->caller.actor;
	join->client_id = c->caller.client;
	join->log_id = http_query_value(c->http, "log_id");
	join->events = http_query_value(c->http, "events");
	return err;
}

static bool
is_full(const struct rest *rest)
{
	const struct rest_live *live = &rest->settings.live;
	size_t n = live->clients ? live->clients(live->hub) : 0;

	if (live->socketio_clients)
		n += live->socketio_clients(live->socketio_context);
	return rest->settings.max_websockets && n >= rest->settings.max_websockets;
}

void
rest_websocket(struct rest_call *c)
{
	const struct rest_live *live = &c->rest->settings.live;
	struct join join;
	enum error err;

	if (!live->websocket) {
		rest_fail(c, ERROR_not_found);
		return;
	}
	err = read_join(c, &join);
	if (!err && (c->rest->is_draining || is_full(c->rest)))
		err = ERROR_overloaded;
	if (!err && !http_is_upgrade(c->http)) {
		http_add_header(c->http, "Sec-WebSocket-Version", SPAN("13"));
		err = refuse(&c->why, ERROR_invalid_request, "Upgrade",
		    "This is a WebSocket; the handshake is incomplete.");
	}
	join.counted = true;
	if (err) {
		rest_fail(c, err);
		return;
	}
	rest_add_headers(c->rest, c->http);
	live->websocket(live->hub, c->http, &join);
}

/* A page: what there is now. */
static void
ask_for_page(struct rest_call *c, const struct join *join, uint64_t limit)
{
	struct json_out args = { 0 };

	json_out_open(&args, '{');
	json_out_key(&args, "since");
	json_out_uint(&args, join->since);
	json_out_key(&args, "limit");
	json_out_uint(&args, limit);
	if (join->log_id.n > 0) {
		json_out_key(&args, "log_id");
		json_out_text(&args, join->log_id);
	}
	json_out_close(&args, '}');
	rest_ask(c, COMMAND_list_events, json_out_span(&args));
	json_out_fini(&args);
}

void
rest_events(struct rest_call *c)
{
	enum { USUAL_PAGE = 1000 };
	const struct rest_live *live = &c->rest->settings.live;
	uint64_t limit = USUAL_PAGE, wait_ms = 0;
	bool is_ndjson = http_accepts(c->http, "application/x-ndjson");
	bool is_stream = is_ndjson || http_accepts(c->http, "text/event-stream");
	bool is_poll, is_filtered;
	struct join join;
	enum error err = read_join(c, &join);

	if (!err)
		err = rest_query_number(c, "limit", &limit);
	if (!err)
		err = rest_query_number(c, "wait", &wait_ms);
	if (!err && (limit == 0 || limit > LIMIT_EVENTS_PAGE))
		err = refuse(&c->why, ERROR_invalid_request, "limit", "limit must be 1 to %d.",
		    LIMIT_EVENTS_PAGE);
	if (wait_ms > LIMIT_EVENTS_WAIT_MS)
		wait_ms = LIMIT_EVENTS_WAIT_MS;
	if (!err && (c->rest->is_draining || is_full(c->rest)) && (is_stream || wait_ms))
		err = ERROR_overloaded;
	is_stream = is_stream && live->sse;
	is_filtered = join.events.p || !uuid_is_nil(&join.subtree);
	/* graphd gives pages of all events, under their names with a colon. */
	is_poll = !is_stream && (wait_ms || is_filtered || join.names == NAMES_DASH) && live->poll;
	if (err) {
		rest_fail(c, err);
		return;
	}
	if (is_stream || is_poll)
		rest_add_headers(c->rest, c->http);
	if (is_stream)
		live->sse(live->hub, c->http, &join, is_ndjson);
	else if (is_poll)
		live->poll(live->hub, c->http, &join, limit, wait_ms);
	else
		ask_for_page(c, &join, limit);
}

bool
rest_begins_anew(struct rest_call *c, struct span body)
{
	/* graphd says it before anything long. */
	static const char nothing[] = "{\"events\":[],\"resync\":true,";
	const struct rest_live *live = &c->rest->settings.live;
	struct join join;

	if (c->command != COMMAND_list_events || !live->poll || body.n < sizeof nothing - 1 ||
	    memcmp(body.p, nothing, sizeof nothing - 1) != 0 || read_join(c, &join))
		return false;
	rest_add_headers(c->rest, c->http);
	live->poll(live->hub, c->http, &join, 1, 0);
	return true;
}
