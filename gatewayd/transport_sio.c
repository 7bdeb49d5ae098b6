#include "gatewayd/transport_sio.h"

#include "common/clock.h"
#include "common/json_out.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/owner.h"
#include "gatewayd/eio_server.h"
#include "gatewayd/live.h"
#include "gatewayd/relay.h"
#include "gatewayd/sio_seats.h"

#include <stdlib.h>

enum {
	DRAIN_STEP_MS = 50,
	/* For pollers to hear of it: those that come through other gateways cannot, and
	 * hear from these that the session is unknown. */
	FAREWELL_MS = 1000,
};

struct transport_sio {
	struct loop *loop;
	struct hub *hub;
	struct sio_seats *seats;
	struct eio_server *engine;
	struct relay *relay;
	struct loop_timer drain_timer;
	uint64_t drain_end_ms;	  /* 0: not draining */
	size_t spare_descriptors; /* beside one for each client at home here */
	uint64_t told_ms;	  /* when the last client was sent away; 0: not yet */
};

static const char *const namespaces[] = { "/", "/graph" };

static bool
on_foreign(void *context, struct http_request *request, const struct eio_sid *sid)
{
	struct transport_sio *t = context;

	return relay_request(t->relay, request, sid->bytes);
}

/* Each of them takes two descriptors; those that the clients at home here cannot all use at once
 * are free for that. */
static size_t
taken_by_others(const struct transport_sio *t)
{
	size_t n = 2 * relay_count(t->relay);

	return n > t->spare_descriptors ? n - t->spare_descriptors : 0;
}

static size_t
other_clients(const void *context)
{
	const struct transport_sio *t = context;

	return hub_clients(t->hub) + taken_by_others(t);
}

static size_t
count_clients(const struct transport_sio *t)
{
	return eio_session_count(eio_server_eio(t->engine));
}

static size_t
local_clients(const void *context)
{
	const struct transport_sio *t = context;

	return hub_clients(t->hub) + count_clients(t);
}

static struct relay *
open_relay(const struct transport_sio *t, const struct eio_settings *eio,
    const struct transport_sio_settings *settings)
{
	struct relay_settings s = {
		.loop = t->loop,
		.upstream = hub_upstream(t->hub),
		.max = settings->max_relayed,
		.max_descriptors = settings->max_descriptors,
		.locals = local_clients,
		.locals_context = t,
		/* A poll ends with the next ping at the latest. */
		.answer_ms = eio->ping_interval_ms + eio->ping_timeout_ms + LIMIT_RELAY_SLACK_MS,
		.unknown = eio_server_unknown,
	};

	return relay_new(&s);
}

struct transport_sio *
transport_sio_new(const struct transport_sio_settings *settings)
{
	struct transport_sio *t = xcalloc(1, sizeof *t);
	struct eio_server_settings s = {
		.loop = hub_loop(settings->hub),
		.eio = eio_default_settings(),
		.sio = {
			.connect_timeout_ms = LIMIT_CONNECT_MS,
			.namespaces = namespaces,
			.n_namespaces = sizeof namespaces / sizeof *namespaces,
		},
		.foreign = on_foreign,
		.foreign_context = t,
		.progress = sio_seats_progress,
	};

	memcpy(s.eio.home, settings->home, EIO_HOME_BYTES);
	s.eio.max_sessions = settings->max_clients;
	s.eio.others = other_clients;
	s.eio.others_context = t;
	t->hub = settings->hub;
	t->loop = s.loop;
	t->spare_descriptors = settings->max_descriptors - settings->max_clients;
	t->relay = open_relay(t, &s.eio, settings);
	t->seats = sio_seats_new(settings->hub, settings->recover_all);
	s.sio_app = sio_seats_app(t->seats);
	s.context = t->seats;
	t->engine = eio_server_new(&s);
	return t;
}

void
transport_sio_free(struct transport_sio *t)
{
	if (!t)
		return;
	loop_cancel_timer(t->loop, &t->drain_timer);
	relay_free(t->relay);
	eio_server_free(t->engine);
	sio_seats_free(t->seats);
	free(t);
}

void
transport_sio_headed(void *context, struct http_request *request)
{
	struct transport_sio *t = context;

	if (eio_server_is_path(t->engine, http_path(request)))
		eio_server_headed(t->engine, request);
}

/* A client that is only coming is better off elsewhere at once. */
static bool
is_handshake(struct http_request *request)
{
	return http_query_value(request, "sid").n == 0;
}

void
transport_sio_request(void *context, struct http_request *request)
{
	struct transport_sio *t = context;

	if (!eio_server_is_path(t->engine, http_path(request))) {
		live_refuse(request, ERROR_not_found, NULL, NULL);
	} else if (t->drain_end_ms && is_handshake(request)) {
		http_close_after(request);
		live_refuse(request, ERROR_overloaded, NULL, NULL);
	} else {
		eio_server_request(t->engine, request);
	}
}

size_t
transport_sio_taken(const void *context)
{
	const struct transport_sio *t = context;

	return count_clients(t) + taken_by_others(t);
}

size_t
transport_sio_remaining(const struct transport_sio *t)
{
	bool is_over = t->told_ms && clock_now_ms() - t->told_ms > FAREWELL_MS;

	return is_over ? 0 : count_clients(t) + relay_count(t->relay);
}

static size_t
share(size_t n, uint64_t steps)
{
	return steps > 1 ? (n + steps - 1) / steps : n;
}

static void
drain_due(struct loop_timer *timer)
{
	struct transport_sio *t = OWNER_OF(timer, struct transport_sio, drain_timer);
	uint64_t now_ms = clock_now_ms();
	uint64_t steps = t->drain_end_ms > now_ms ? (t->drain_end_ms - now_ms) / DRAIN_STEP_MS : 0;
	struct eio *eio = eio_server_eio(t->engine);
	size_t relayed = share(relay_count(t->relay), steps);
	size_t n = eio_close_some(eio, share(eio_session_count(eio), steps));

	while (relayed-- > 0 && relay_end_one(t->relay))
		n++;
	if (n > 0)
		t->told_ms = 0;
	else if (!t->told_ms)
		t->told_ms = now_ms;
	loop_set_timer(t->loop, timer, now_ms + DRAIN_STEP_MS);
}

void
transport_sio_drain(struct transport_sio *t, uint64_t over_ms)
{
	t->drain_end_ms = clock_now_ms() + over_ms;
	t->drain_timer.due = drain_due;
	loop_set_timer(t->loop, &t->drain_timer, clock_now_ms());
}
