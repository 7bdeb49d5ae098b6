#include "common/clock.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/owner.h"
#include "common/resident.h"
#include "common/service.h"
#include "gatewayd/http.h"
#include "gatewayd/hub.h"
#include "gatewayd/options.h"
#include "gatewayd/rest.h"
#include "gatewayd/transport.h"
#include "gatewayd/transport_sio.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	SPARE_DESCRIPTORS = 512,
	DRAIN_LOOK_MS = 20,
	READY_FALSE_MS = 200,
	FAREWELL_MS = 300,
	GRAPHD_LATE_MS = 5000,
};

struct gateway {
	struct options options;
	struct uuid id; /* new at each start */
	struct loop *loop;
	struct bus_security *security; /* NULL: none */
	struct upstream *upstream;
	struct hub *hub;
	struct transport_sio *socketio;
	struct assets *assets;
	struct rest *rest;
	struct http *http;
	struct service service;
	struct loop_timer drain_timer, late_timer;
	uint64_t drain_began_ms; /* 0: not draining */
	uint64_t idle_ms; /* since when there is nothing left to do while draining; 0: there is */
	bool is_closed, clients_told, had_clients;
};

/* Files are cheap and connections are many: as many as the system gives, and no more connections
 * than that. */
static void
raise_descriptors(struct options *o)
{
	struct rlimit limit;
	rlim_t wanted, left;

	/* A WebSocket whose session is on another gateway takes two, so not as many of those fit
	 * beside as many of ours. */
	o->live_descriptors = 2 * (size_t)o->max_websockets;
	wanted = (rlim_t)o->max_connections + o->live_descriptors + SPARE_DESCRIPTORS;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_cur < wanted) {
		limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= wanted)
		return;
	/* What is kept back must suffice for the bus, for lingering sockets and for saying no. */
	left = limit.rlim_cur * 9 / 10;
	log_warn("gatewayd", "only %llu file descriptors: fewer connections than configured",
	    (unsigned long long)limit.rlim_cur);
	if (o->max_connections > left / 2)
		o->max_connections = (unsigned)(left / 2);
	if (o->max_websockets > left / 2)
		o->max_websockets = (unsigned)(left / 2);
	if (o->live_descriptors > left / 2)
		o->live_descriptors = left / 2;
}

static bool
is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static void
on_event(
    void *context, const struct uuid *session, const struct wire_header *header, struct span body)
{
	struct gateway *g = context;

	hub_event(g->hub, session, header, body);
}

static void
on_up(void *context, bool restarted)
{
	struct gateway *g = context;

	hub_up(g->hub, restarted);
}

static void
on_forgotten(void *context)
{
	struct gateway *g = context;

	hub_forgotten(g->hub);
}

static void
on_deaf(void *context)
{
	struct gateway *g = context;

	hub_deaf(g->hub);
}

/* A socket that is not there, or not for us, looks like a graphd that is away; libzmq tries again
 * for ever and never says why. */
static void
graphd_is_late(struct loop_timer *t)
{
	struct gateway *g = OWNER_OF(t, struct gateway, late_timer);
	const char *at = g->options.graphd.requests;

	if (upstream_is_answered(g->upstream))
		return;
	if (strncmp(at, "ipc:///", 7) == 0 && access(at + 6, R_OK | W_OK) != 0)
		log_warn("graphd", "no answer from %s: %s", at, strerror(errno));
	else
		log_warn("graphd", "no answer from %s", at);
}

static void
on_fed(void *context, bool is_fed)
{
	struct gateway *g = context;

	/* Before there is a hub nothing can be missed. */
	if (g->hub)
		hub_fed(g->hub, is_fed);
}

static void
open_upstream(struct gateway *g)
{
	char message[256];
	struct upstream_events events = { .event = on_event,
		.up = on_up,
		.forgotten = on_forgotten,
		.deaf = on_deaf,
		.fed = on_fed,
		.context = g };
	char id[UUID_TEXT + 1];

	uuid_random(&g->id);
	uuid_format(&g->id, id);
	if (g->options.curve_certificate &&
	    !(g->security = bus_security_client(
		  g->options.curve_certificate, g->options.curve_server, message)))
		log_fatal("bus", "%s", message);
	g->upstream = upstream_new(g->loop, &g->options.graphd, id, g->security, &events);
	if (!g->upstream)
		log_fatal("bus", "cannot use these endpoints");
	upstream_gather(g->upstream);
	g->hub = hub_new(g->loop, g->upstream);
	g->late_timer.due = graphd_is_late;
	loop_set_timer(g->loop, &g->late_timer, clock_now_ms() + GRAPHD_LATE_MS);
}

static void
open_rest(struct gateway *g)
{
	struct rest_settings settings = { .upstream = g->upstream,
		.cors = { .allowed = g->options.origins,
		    .n_allowed = g->options.n_origins,
		    .allow_any = g->options.n_origins == 0 && is_loopback(g->options.address) },
		.hosts = g->options.hosts,
		.n_hosts = g->options.n_hosts,
		.max_websockets = g->options.max_websockets,
		.live = { .hub = g->hub,
		    .websocket = transport_ws_accept,
		    .sse = transport_sse_accept,
		    .poll = transport_poll_accept,
		    .clients = hub_clients,
		    .socketio_clients = transport_sio_taken,
		    .socketio_headed = transport_sio_headed,
		    .socketio = transport_sio_request } };
	struct transport_sio_settings socketio = { .hub = g->hub,
		.recover_all = g->options.recover_all,
		.max_clients = g->options.max_websockets,
		.max_relayed = g->options.max_websockets,
		.max_descriptors = g->options.live_descriptors };

	g->assets = assets_new(g->options.assets);
	if (!g->assets)
		log_fatal("assets", "cannot read %s", g->options.assets);
	settings.assets = g->assets;
	memcpy(socketio.home, g->id.bytes, EIO_HOME_BYTES);
	g->socketio = transport_sio_new(&socketio);
	settings.live.socketio_context = g->socketio;
	g->rest = rest_new(&settings);
}

static void
write_port_file(const char *path, uint16_t port)
{
	FILE *file = path ? fopen(path, "we") : NULL;

	if (path && (!file || fprintf(file, "%u\n", port) < 0 || fclose(file) != 0))
		log_fatal("gatewayd", "%s: %s", path, strerror(errno));
}

/* Others are told where this gateway is, so that its Socket.IO sessions can be used through them.
 */
static void
advertise(struct gateway *g)
{
	const struct options *o = &g->options;
	bool is_six = strchr(o->address, ':') != NULL;
	bool is_any = strcmp(o->address, "0.0.0.0") == 0 || strcmp(o->address, "::") == 0;
	char address[LIMIT_ADDRESS_BYTES];

	if (o->advertise) {
		upstream_advertise(g->upstream, o->advertise);
		return;
	}
	if (is_any) {
		log_info("gatewayd", "without --advertise other gateways cannot reach this one");
		return;
	}
	snprintf(
	    address, sizeof(address), is_six ? "[%s]:%u" : "%s:%u", o->address, http_port(g->http));
	upstream_advertise(g->upstream, address);
}

static void
listen_for_requests(struct gateway *g)
{
	struct http_settings settings = { .address = g->options.address,
		.port = g->options.port,
		.max_connections = g->options.max_connections,
		/* A bound for those who are exposed; on loopback there is nobody to bound. */
		.requests_per_connection = is_loopback(g->options.address) ? UINT32_MAX : 0,
		.body_limit = rest_body_limit,
		.headed = rest_headed,
		.handle = rest_handle,
		.refuse = rest_refuse,
		.context = g->rest };

	g->http = http_new(g->loop, &settings);
	if (!g->http)
		log_fatal("http", "cannot listen on %s port %u: %s", g->options.address,
		    g->options.port, strerror(errno));
	advertise(g);
	write_port_file(g->options.port_file, http_port(g->http));
	log_info("http", "listening on %s port %u", g->options.address, http_port(g->http));
}

/*
 * The end, step by step: /readyz says no; a moment later, when balancers may have seen it, no
 * connection is accepted any more and live clients are told to go, spread over most of the time;
 * requests under way get their answers. At the limit what is left gets 503.
 */
static void
clients_told(void *context)
{
	struct gateway *g = context;

	g->clients_told = true;
}

static void
stop_accepting(struct gateway *g)
{
	if (g->is_closed)
		return;
	g->is_closed = true;
	g->had_clients = hub_members(g->hub) + transport_sio_remaining(g->socketio) > 0;
	http_stop_listening(g->http);
	hub_drain(g->hub, g->options.drain_ms * 6 / 10, clients_told, g);
	transport_sio_drain(g->socketio, g->options.drain_ms * 6 / 10);
}

/* Nothing is left to do; clients that were told to go have had a moment to answer, or their close
 * frame could be lost to a reset. */
static bool
is_done(struct gateway *g, uint64_t now_ms)
{
	bool is_idle = g->clients_told && hub_members(g->hub) == 0 &&
	    upstream_in_flight(g->upstream) == 0 && http_held_bytes(g->http) == 0 &&
	    transport_sio_remaining(g->socketio) == 0;

	if (!is_idle)
		g->idle_ms = 0;
	else if (!g->idle_ms)
		g->idle_ms = now_ms;
	return is_idle && now_ms - g->idle_ms >= (g->had_clients ? FAREWELL_MS : 0);
}

static void
drain_due(struct loop_timer *t)
{
	struct gateway *g = OWNER_OF(t, struct gateway, drain_timer);
	uint64_t now_ms = clock_now_ms(), spent_ms = now_ms - g->drain_began_ms;
	uint64_t wait_ms = g->options.drain_ms / 10;

	if (spent_ms >= (wait_ms < READY_FALSE_MS ? wait_ms : READY_FALSE_MS))
		stop_accepting(g);
	if (is_done(g, now_ms) || spent_ms >= g->options.drain_ms)
		loop_stop(g->loop);
	else
		loop_set_timer(g->loop, t, now_ms + DRAIN_LOOK_MS);
}

static void
on_signal(void *arg, int signal)
{
	struct gateway *g = arg;

	if (g->drain_began_ms) {
		/* Not a clean end: what was under way is not answered. */
		log_info("gatewayd", "second signal %d: ending at once", signal);
		_exit(128 + signal);
	}
	log_info("gatewayd", "signal %d: draining", signal);
	service_stopping();
	g->drain_began_ms = clock_now_ms();
	rest_drain(g->rest);
	g->drain_timer.due = drain_due;
	loop_set_timer(g->loop, &g->drain_timer, g->drain_began_ms);
}

/* Of a terminal that was closed, or of somebody who changed the options. */
static void
on_hangup(void *arg, int signal)
{
	(void)arg;
	log_info("gatewayd", "signal %d: nothing is read anew: restart it", signal);
}

static void
ignore_signal(void *arg, int signal)
{
	(void)arg;
	(void)signal;
}

int
main(int argc, char **argv)
{
	struct gateway g = { 0 };

	options_read(&g.options, argc, argv);
	log_init("gatewayd", g.options.log_level, g.options.log_json);
	raise_descriptors(&g.options);
	cJSON_InitHooks(&(cJSON_Hooks){ xmalloc, free });
	g.loop = loop_new();
	loop_signal(g.loop, SIGTERM, on_signal, &g);
	loop_signal(g.loop, SIGINT, on_signal, &g);
	loop_signal(g.loop, SIGHUP, on_hangup, NULL);
	loop_signal(g.loop, SIGPIPE, ignore_signal, NULL);
	open_upstream(&g);
	open_rest(&g);
	listen_for_requests(&g);
	service_ready(&g.service, g.loop);
	resident_run(g.loop, mem_give_back);
	http_free(g.http);
	transport_sio_free(g.socketio);
	hub_free(g.hub);
	upstream_free(g.upstream);
	bus_security_free(g.security);
	rest_free(g.rest);
	assets_free(g.assets);
	loop_free(g.loop);
	log_info("gatewayd", "ended");
	return 0;
}
