/* Whether graphd is there: greetings over each link, their answers, and heartbeats. */

#include "gatewayd/upstream_inner.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/owner.h"

void
upstream_hello(struct upstream *u, bool leaving)
{
	struct json_out args = { 0 };

	json_out_open(&args, '{');
	json_out_key(&args, "gateway");
	json_out_string(&args, u->gateway_id);
	if (u->address) {
		json_out_key(&args, "address");
		json_out_string(&args, u->address);
	}
	if (leaving) {
		json_out_key(&args, "leaving");
		json_out_bool(&args, true);
	}
	json_out_close(&args, '}');
	upstream_send_hello(u, json_out_span(&args));
	json_out_fini(&args);
}

void
upstream_linked(struct upstream *u)
{
	upstream_end_once(u);
	upstream_resend_all(u);
	u->is_linked = true;
	u->takes_rows = false;
	/* Its answer tells whether the two understand each other; then what waits is sent. */
	upstream_hello(u, false);
	upstream_flush(u);
}

static void
note_version(struct upstream *u, struct span contract, struct arena *arena)
{
	struct span version = contract.p ? json_text(arena, contract) : contract;
	bool is_other = !span_is(version, WIRE_CONTRACT);

	if (is_other && !u->is_other_version)
		log_warn("graphd", "it speaks contract %.*s, this gateway %s: nothing is served",
		    (int)version.n, version.p ? version.p : "", WIRE_CONTRACT);
	u->is_other_version = is_other;
}

static void
note_endpoint(struct upstream *u, bool is_packed)
{
	bool is_other = is_packed != u->is_feed;

	if (is_other && !u->is_other_endpoint)
		log_warn("graphd", "its --bind-%s was given as --%s: nothing is served",
		    is_packed ? "feed" : "events", u->is_feed ? "feed" : "events");
	u->is_other_endpoint = is_other;
}

/* A Hello goes out once a second. */
static void
note_stillness(struct upstream *u, uint64_t now_ms)
{
	if (u->ticked_ms && now_ms - u->ticked_ms >= LIMIT_LEASE_MS - LIMIT_BUS_HEARTBEAT_MS)
		u->was_still = true;
}

void
upstream_heard(struct upstream *u, struct span body)
{
	static const struct json_bounds bounds = { 4, 64, 256, 64 };
	struct arena arena;
	struct span value, contract;
	struct uuid boot_id = { 0 };
	bool was_up = u->is_up, restarted;

	body = json_trim(body);
	if (json_scan(body, &bounds, NULL) != JSON_OK)
		return;
	arena_init(&arena);
	uuid_parse(json_find_text(&arena, body, "boot_id"), &boot_id);
	json_find(body, "contract", &contract);
	note_version(u, contract, &arena);
	if (json_find(body, "packed", &value))
		note_endpoint(u, span_is(value, "true"));
	arena_fini(&arena);
	u->heard_ms = clock_now_ms();
	note_stillness(u, u->heard_ms);
	restarted = !uuid_is_nil(&u->boot_id) && !uuid_equal(&u->boot_id, &boot_id);
	u->boot_id = boot_id;
	u->is_up = !u->is_other_version && !u->is_other_endpoint;
	upstream_flush(u);
	if (!u->is_up || (was_up && !restarted))
		return;
	log_info("graphd", "%s", restarted ? "is here after a restart" : "is here");
	u->is_told = restarted;
	/* The one before may have announced our clients gone, which this one does not know. */
	if (restarted && u->was_still && u->events.forgotten)
		u->events.forgotten(u->events.context);
	if (u->events.up)
		u->events.up(u->events.context, restarted);
}

void
upstream_greeted(struct upstream *u, struct span body)
{
	bool was_told, may_be_unknown = u->has_broken;
	struct span known, rows;

	u->takes_rows = json_find(json_trim(body), "rows", &rows) && span_is(rows, "true");
	upstream_heard(u, body);
	was_told = u->is_told;
	u->is_told = u->has_broken = u->was_still = false;
	if (json_find(json_trim(body), "known", &known) && known.p[0] == 'f')
		may_be_unknown = true;
	/* It says once that it does not know us: over a link that broke nobody may have heard it.
	 * After a restart everything is being reported already. */
	if (u->is_up && may_be_unknown && !was_told && u->events.forgotten)
		u->events.forgotten(u->events.context);
}

static void
set_starved(struct upstream *u, bool is_starved)
{
	if (is_starved == u->is_starved)
		return;
	u->is_starved = is_starved;
	if (is_starved)
		log_warn("graphd", "it answers, but no events are heard");
	else
		log_info("graphd", "events are heard again");
	if (u->events.fed)
		u->events.fed(u->events.context, !is_starved);
}

void
upstream_fed(struct upstream *u)
{
	u->fed_ms = clock_now_ms();
	set_starved(u, false);
}

/* While graphd does not answer there are no events either; and what came while this process stood
 * still has not been read yet. */
static void
look_at_feed(struct upstream *u, uint64_t now_ms)
{
	bool stood_still = now_ms - u->ticked_ms >= 2 * LIMIT_BUS_HEARTBEAT_MS;

	if (!upstream_is_answered(u) || stood_still)
		u->fed_ms = now_ms;
	else if (now_ms - u->fed_ms > LIMIT_BUS_SILENCE_MS)
		set_starved(u, true);
}

void
upstream_lost(struct upstream *u, const char *why)
{
	u->heard_ms = 0;
	if (!u->is_up)
		return;
	u->is_up = false;
	log_warn("graphd", "%s", why);
}

static void
tick_due(struct loop_timer *t)
{
	struct upstream *u = OWNER_OF(t, struct upstream, tick);
	uint64_t now_ms = clock_now_ms();

	note_stillness(u, now_ms);
	look_at_feed(u, now_ms);
	u->ticked_ms = now_ms;
	if (u->is_up && now_ms - u->heard_ms > LIMIT_BUS_SILENCE_MS)
		upstream_lost(u, "was not heard for too long");
	if (u->is_linked)
		upstream_hello(u, false);
	loop_set_timer(u->loop, t, now_ms + LIMIT_BUS_HEARTBEAT_MS);
}

void
upstream_prepare_greeting(struct upstream *u)
{
	u->tick.due = tick_due;
	loop_set_timer(u->loop, &u->tick, clock_now_ms() + LIMIT_BUS_HEARTBEAT_MS);
}
