/* What graphd is told of a room's roster: who else was here, as the listeners know it. */

#include "gatewayd/hub_inner.h"

#include "common/clock.h"
#include "common/json_out.h"

enum { REMINDERS = 256 }; /* in one report */

static void
mark_ours(void *context, struct member *m)
{
	struct room *r = context;
	struct span client_id = span_of(m->client_id);
	struct listed *l = table_find(&r->roster, &client_id);

	if (l)
		l->is_ours = true;
}

void
roster_mark_ours(struct room *r)
{
	room_each_counted(r, mark_ours, r);
}

static void
write_listed(struct json_out *out, const struct listed *l)
{
	json_out_open(out, '{');
	json_out_key(out, "client_id");
	json_out_text(out, l->client_id);
	if (l->actor.p) {
		json_out_key(out, "actor");
		json_out_text(out, l->actor);
	}
	json_out_close(out, '}');
}

static void
end_reminder(struct room *r, struct json_out *args)
{
	json_out_close(args, ']');
	json_out_close(args, '}');
	room_report(r, NULL, COMMAND_remind, json_out_span(args));
	json_out_clear(args);
}

void
roster_remind(struct room *r)
{
	struct json_out args = { 0 };
	struct listed *l;
	size_t n = 0;

	roster_mark_ours(r);
	for (size_t i = 0; (l = table_next(&r->roster, &i));) {
		if (!l->is_ours) {
			if (n == 0) {
				json_out_open(&args, '{');
				json_out_key(&args, "clients");
				json_out_open(&args, '[');
			}
			write_listed(&args, l);
			n = (n + 1) % REMINDERS;
			if (n == 0)
				end_reminder(r, &args);
		}
		l->is_ours = false;
	}
	if (n > 0)
		end_reminder(r, &args);
	json_out_fini(&args);
	/* What was asked of the one before is answered by one that knows nobody yet. */
	if (r->asked_clients)
		upstream_forget(r->hub->upstream, r->asked_clients);
	r->asked_clients = 0;
	if (r->n_clients != UINT64_MAX)
		r->unsure_ms = clock_now_ms() + ROSTER_SETTLE_MS;
}
