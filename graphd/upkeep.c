/* What happens without a request: clients go whom nobody has heard of, sessions nobody uses end. */

#include "common/limits.h"
#include "common/mem.h"
#include "graphd/dispatcher.h"
#include "graphd/upkeep.h"

#include <stdlib.h>

struct expiry {
	struct dispatcher *dispatcher;
	uint64_t now_us, now_ms;
	void (*fn)(void *, struct outcome *);
	void *context;
};

struct cleanup {
	struct expiry expiry;
	const struct idleness *idle;
	size_t ended;
};

static void
announce_change(void *context, const struct client_change *change)
{
	const struct expiry *e = context;
	struct announce_who who = { .now_us = e->now_us,
		.actor = span_of(change->client->actor),
		.client = span_of(clients_id_of(change->client)) };
	struct outcome out;

	outcome_init(&out);
	out.session = change->session;
	if (change->gone) {
		/* As by a word of its own: it was in use until now. */
		sessions_use(e->dispatcher->sessions, change->session, e->now_us, e->now_ms);
		announce_client(&out, EVENT_session_disconnected, change->session, &who);
	} else {
		announce_presence(&out, change->session, &who, change->data);
	}
	e->fn(e->context, &out);
	outcome_fini(&out);
}

void
dispatch_awake(struct dispatcher *d, uint64_t now_ms)
{
	if (!d->awake_ms)
		d->awake_ms = now_ms;
	clients_awake(d->clients, now_ms);
}

bool
upkeep_may_lack_clients(const struct dispatcher *d, uint64_t now_ms)
{
	return d->awake_ms && now_ms < d->awake_ms + LIMIT_LEASE_MS;
}

void
dispatch_expire(struct dispatcher *d, uint64_t now_ms, uint64_t now_us,
    void (*fn)(void *, struct outcome *), void *context)
{
	struct expiry expiry = { d, now_us, now_ms, fn, context };

	clients_tick(d->clients, now_ms, announce_change, &expiry);
	long_steps_expire(d->long_steps, now_ms);
}

enum error
upkeep_close(struct session *s, const char *reason)
{
	struct json_out details = { 0 };
	struct edit edit = { .kind = EDIT_MARK, .mark = MARK_CLOSED };

	json_out_open(&details, '{');
	json_out_key(&details, "reason");
	json_out_string(&details, reason);
	json_out_close(&details, '}');
	edit.value_after = xspandup(json_out_span(&details));
	json_out_fini(&details);
	return session_edit(s, &edit);
}

static bool
end_session(struct dispatcher *d, struct session *s, uint64_t now_us, const struct expiry *e)
{
	struct step_request request = {
		.kind = STEP_MARK, .type = COMMAND_cleanup_sessions, .now_us = now_us
	};
	struct outcome out;

	outcome_init(&out);
	uuid_random(&request.command_id);
	session_begin(s, &request);
	if (upkeep_close(s, "inactive")) {
		session_abort(s);
		return false;
	}
	out.session = s;
	out.step = session_end(s, (struct span){ NULL, 0 });
	out.stores = sessions_put_row(d->sessions, s);
	e->fn(e->context, &out);
	outcome_fini(&out);
	return true;
}

static bool
is_idle(const struct dispatcher *d, const struct idleness *idle, const struct store_session *row)
{
	uint64_t used_ms = sessions_used_ms(d->sessions, &row->id);
	uint64_t by_day_us = idle->now_us > row->active_us ? idle->now_us - row->active_us : 0;

	if (idle->began_us && row->active_us > idle->began_us)
		return false;
	if (!used_ms && upkeep_may_lack_clients(d, idle->now_ms))
		return false;
	if (!used_ms && !idle->since_ms)
		return by_day_us >= idle->inactive_ms * 1000;
	return idle->now_ms >= (used_ms ? used_ms : idle->since_ms) + idle->inactive_ms;
}

static bool
end_idle(void *context, const struct store_session *row, size_t clients)
{
	struct cleanup *cleanup = context;
	struct dispatcher *d = cleanup->expiry.dispatcher;
	struct session *s;

	if (clients > 0 || !is_idle(d, cleanup->idle, row))
		return true;
	/* A damaged one stays, for somebody to look at. */
	if (sessions_get(d->sessions, &row->id, &s))
		return true;
	cleanup->ended += end_session(d, s, cleanup->expiry.now_us, &cleanup->expiry);
	return cleanup->ended < CLEANUP_AT_ONCE;
}

uint64_t
dispatch_expires_ms(const struct dispatcher *d)
{
	uint64_t clients_ms = clients_due_ms(d->clients);
	uint64_t steps_ms = long_steps_due_ms(d->long_steps);

	return clients_ms < steps_ms ? clients_ms : steps_ms;
}

size_t
dispatch_cleanup(struct dispatcher *d, const struct idleness *idle,
    void (*fn)(void *, struct outcome *), void *context)
{
	struct cleanup cleanup = { .expiry = { d, idle->now_us, idle->now_ms, fn, context },
		.idle = idle };

	sessions_each(d->sessions, end_idle, &cleanup);
	return cleanup.ended;
}
