#include "gatewayd/relay_inner.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/owner.h"

#include <stdlib.h>

static void
take_list(struct relay *relay, enum error status, struct span body)
{
	if (status == OK)
		homes_learn(&relay->homes, body);
}

static uint64_t
ask(struct relay *relay, upstream_reply_fn *fn, void *arg)
{
	struct upstream_question question = { .command = COMMAND_list_gateways };

	return upstream_ask(relay->settings.upstream, &question, fn, arg);
}

static void
on_refreshed(void *arg, enum error status, struct span body)
{
	struct relay *relay = arg;

	relay->refreshing = 0;
	take_list(relay, status, body);
}

/* Looked at while all is well, so that requests find their way while graphd is away. */
static void
refresh_due(struct loop_timer *t)
{
	struct relay *relay = OWNER_OF(t, struct relay, refresh);

	if (!relay->refreshing && upstream_is_answered(relay->settings.upstream))
		relay->refreshing = ask(relay, on_refreshed, relay);
	loop_set_timer(relay->settings.loop, t, clock_now_ms() + LIMIT_BUS_HEARTBEAT_MS);
}

struct relay *
relay_new(const struct relay_settings *settings)
{
	struct relay *relay = xcalloc(1, sizeof(*relay));

	relay->settings = *settings;
	homes_init(&relay->homes);
	relay->splices = splices_new(settings->loop);
	list_init(&relay->calls);
	relay_call_add_metrics();
	relay->refresh.due = refresh_due;
	loop_set_timer(settings->loop, &relay->refresh, clock_now_ms() + LIMIT_BUS_HEARTBEAT_MS);
	return relay;
}

void
relay_free(struct relay *relay)
{
	if (!relay)
		return;
	while (!list_is_empty(&relay->calls))
		relay_call_free(LIST_OF(relay->calls.next, struct relay_call, link));
	if (relay->refreshing)
		upstream_forget(relay->settings.upstream, relay->refreshing);
	loop_cancel_timer(relay->settings.loop, &relay->refresh);
	splices_free(relay->splices);
	homes_fini(&relay->homes);
	free(relay);
}

size_t
relay_count(const struct relay *relay)
{
	return relay->n_calls + splices_count(relay->splices);
}

/* The client has left: closing the connection tells the home. */
static void
on_gone(void *arg)
{
	struct relay_call *call = arg;

	call->request = NULL;
	relay_call_free(call);
}

/* A gateway that began a moment ago is known to graphd before it has its first session. */
static void
on_listed(void *arg, enum error status, struct span body)
{
	struct relay_call *call = arg;
	const struct home *home;

	call->question = 0;
	take_list(call->relay, status, body);
	home = homes_find(&call->relay->homes, call->home);
	if (home)
		relay_call_start(call, home);
	else
		relay_call_fail(call);
}

static bool
has_room(const struct relay *relay)
{
	const struct relay_settings *s = &relay->settings;
	size_t n = relay_count(relay);

	return n < s->max &&
	    (!s->max_descriptors ||
		s->locals(s->locals_context) + 2 * (n + 1) <= s->max_descriptors);
}

static bool
may_relay(const struct relay *relay, struct http_request *request)
{
	enum http_method method = http_method(request);

	return !http_header(request, RELAY_GUARD).p && has_room(relay) &&
	    (method == HTTP_GET || method == HTTP_POST);
}

bool
relay_request(struct relay *relay, struct http_request *request, const uint8_t id[EIO_HOME_BYTES])
{
	const struct home *home;
	struct relay_call *call;

	if (!may_relay(relay, request))
		return false;
	call = xcalloc(1, sizeof(*call));
	call->relay = relay;
	call->request = request;
	call->is_upgrade = http_is_upgrade(request);
	call->fd = -1;
	call->io.fd = -1;
	memcpy(call->home, id, EIO_HOME_BYTES);
	list_append(&relay->calls, &call->link);
	relay->n_calls++;
	http_hold(request, on_gone, call);
	home = homes_find(&relay->homes, id);
	if (home) {
		relay_call_start(call, home);
		return true;
	}
	call->question = ask(relay, on_listed, call);
	if (!call->question)
		relay_call_fail(call);
	return true;
}

bool
relay_end_one(struct relay *relay)
{
	if (splices_end_one(relay->splices))
		return true;
	LIST_EACH(at, &relay->calls)
	{
		struct relay_call *call = LIST_OF(at, struct relay_call, link);

		if (!call->request || http_method(call->request) != HTTP_GET)
			continue;
		/* An empty answer would keep a session whose home may have answered just now, into
		 * a connection that is closing: its client must begin anew. */
		relay_call_fail(call);
		return true;
	}
	return false;
}
