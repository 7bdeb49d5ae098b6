/*
 * Plain WebSocket clients, subprotocol graph.v1: how they come in and go, and are told the events,
 * {"event","seq","data"} each. What they say is graph_v1.c's.
 */

#include "common/limits.h"
#include "common/mem.h"
#include "common/owner.h"
#include "gatewayd/graph_v1.h"
#include "gatewayd/transport.h"

#include <stdlib.h>

#define SUBPROTOCOL "graph.v1"

/* From the request until the connection is ours: a client and what it joins with. */
struct arrival {
	struct hub *hub;
	struct uuid id;
	struct join join; /* its spans are owned, but for client_id */
};

static const struct transport ws_transport;

static struct graph_v1 *
client_of(const struct member *m)
{
	return OWNER_OF((uintptr_t)m, struct graph_v1, member);
}

static void
client_free(struct graph_v1 *c)
{
	graph_v1_fini(c);
	free(c);
}

static void
on_message(struct ws *ws, struct span message, bool is_binary)
{
	struct graph_v1 *c = ws_user(ws);

	graph_v1_take(c, message, is_binary);
}

static void
on_closed(struct ws *ws, enum ws_end why)
{
	struct graph_v1 *c = ws_user(ws);

	if (why == WS_PEER_CLOSED)
		hub_leave(graph_v1_hub(c), &c->member);
	else
		hub_lose(graph_v1_hub(c), &c->member);
	client_free(c);
}

static void
on_progress(struct ws *ws)
{
	struct graph_v1 *c = ws_user(ws);

	hub_progress(graph_v1_hub(c), &c->member);
}

/* Down. */

static void
deliver(struct member *m, struct shared_bytes *bytes)
{
	ws_send(client_of(m)->ws, bytes);
}

static size_t
owed(const struct member *m)
{
	return ws_owed(client_of(m)->ws);
}

static void
close_client(struct graph_v1 *c, unsigned code, const char *reason)
{
	ws_close(c->ws, code, reason);
	client_free(c);
}

static void
refuse_member(struct graph_v1 *c, enum error err)
{
	graph_v1_refuse(c, err);
	if (err == ERROR_invalid_session || err == ERROR_too_many_clients)
		close_client(c, WS_CODE_POLICY, error_rows[err].text);
	else
		close_client(c, WS_CODE_TRY_LATER, error_rows[err].text);
}

static void
joined(struct member *m, const struct join_result *result)
{
	struct graph_v1 *c = client_of(m);
	struct json_out out = { 0 };

	if (result->error) {
		refuse_member(c, result->error);
		return;
	}
	live_write_joined_event(&out, hub_session(m), span_of(c->id), result);
	graph_v1_send(c, &out);
	json_out_fini(&out);
	graph_v1_joined(c);
}

static void
evict(struct member *m, const char *reason)
{
	unsigned code = WS_CODE_NORMAL;

	if (span_is(SPAN("slow"), reason))
		code = WS_CODE_TRY_LATER;
	else if (span_is(SPAN("drain"), reason))
		code = WS_CODE_RESTART;
	close_client(client_of(m), code, reason);
}

static void *
start(struct hub *hub)
{
	struct ws_settings settings = {
		.message_bytes = LIMIT_MESSAGE_BYTES,
		.owed_bytes = LIMIT_QUEUE_BYTES,
		.ping_ms = LIMIT_PING_MS,
		.pong_ms = LIMIT_PONG_MS,
		.close_ms = LIMIT_CLOSE_MS,
		.context = hub,
		.message = on_message,
		.closed = on_closed,
		.progress = on_progress,
	};

	return ws_server_new(hub_loop(hub), &settings);
}

static void
stop(void *common)
{
	ws_server_free(common);
}

static const struct transport ws_transport = {
	.name = "websocket",
	.is_stream = true,
	.encode = live_encode_event,
	.deliver = deliver,
	.owed = owed,
	.joined = joined,
	.evict = evict,
	.start = start,
	.stop = stop,
};

/* Coming in. */

static struct span
own(struct span s)
{
	return (struct span){ xspandup(s), s.n };
}

static void
arrival_free(struct arrival *a)
{
	free((char *)(uintptr_t)a->join.actor.p);
	free((char *)(uintptr_t)a->join.log_id.p);
	free((char *)(uintptr_t)a->join.events.p);
	free(a);
}

static void
taken(void *arg, int fd, struct span extra)
{
	struct arrival *a = arg;
	struct join join = a->join;
	struct graph_v1 *c;

	if (fd >= 0) {
		c = xcalloc(1, sizeof *c);
		c->actor = a->join.actor.n ? xspandup(a->join.actor) : NULL;
		uuid_format(&a->id, c->id);
		c->ws = ws_open(hub_transport(a->hub, &ws_transport), fd, extra, c);
		join.client_id = span_of(c->id);
		join.actor = span_of(c->actor);
		hub_join(a->hub, &c->member, &ws_transport, join.names, &join);
	}
	arrival_free(a);
}

void
transport_ws_accept(struct hub *hub, struct http_request *request, const struct join *join)
{
	const char *subprotocol = SUBPROTOCOL;
	struct arrival *a;

	if (!live_check_join(request, join))
		return;
	a = xcalloc(1, sizeof *a);
	a->hub = hub;
	a->join = *join;
	a->join.counted = true;
	/* A client that names itself can come back as itself. */
	a->join.may_return = uuid_parse(join->client_id, &a->id);
	if (!a->join.may_return)
		uuid_random(&a->id);
	a->join.actor = own(join->actor);
	a->join.log_id = own(join->log_id);
	a->join.events = own(join->events);
	/* What is not written just so would not be taken for what was offered. */
	if (!span_is(
		http_header_listed(request, "sec-websocket-protocol", SUBPROTOCOL), SUBPROTOCOL))
		subprotocol = NULL;
	http_upgrade(request, subprotocol, taken, a);
}
