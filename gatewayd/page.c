#include "gatewayd/page.h"

#include "common/json.h"
#include "common/mem.h"
#include "gatewayd/live.h"

#include <stdlib.h>

/* A page that is being written. */
struct writing {
	const struct page_wish *wish;
	struct outbox *heard;
	struct json_out *out;
	struct page_seen *seen;
	bool has_more;
	bool passed_over; /* the last event was */
};

static void
write_mark(struct writing *w)
{
	struct json_out body = { 0 };
	struct delivery mark = { .event = EVENTS, .seq = w->seen->seq };

	json_out_open(&body, '{');
	json_out_key(&body, "session_id");
	json_out_uuid(&body, &w->wish->session);
	json_out_key(&body, "seq");
	json_out_uint(&body, w->seen->seq);
	json_out_close(&body, '}');
	mark.body = json_out_span(&body);
	live_write_event(w->out, w->wish->names, &mark);
	json_out_fini(&body);
}

/* One event under the client's names, if it wants it and has not got it. */
static void
write_event(struct writing *w, struct span item)
{
	struct span name, seq, data, value;
	struct uuid path[LIMIT_PATH_NODES];
	struct delivery d = { .durable = true };
	int64_t n;

	if (!json_find(item, "event", &name) || !json_find(item, "seq", &seq) ||
	    !json_find(item, "data", &data) || !json_integer(seq, &n) ||
	    (uint64_t)n <= w->seen->seq)
		return;
	w->seen->seq = (uint64_t)n;
	d.event = event_find((struct span){ name.p + 1, name.n - 2 });
	d.seq = w->seen->seq;
	d.body = data;
	if (json_find(item, "path", &value))
		d.path = filter_read_path(value, path);
	w->passed_over = d.event == EVENTS || !filter_passes(&w->wish->filter, d.event, d.path) ||
	    !live_write_event(w->out, w->wish->names, &d);
	w->seen->n += !w->passed_over;
}

static void
write_list(struct writing *w, struct span list)
{
	struct json_iter it;
	struct span key, item;

	json_walk(&it, list);
	while (json_next(&it, &key, &item))
		write_event(w, item);
}

static void
write_heard(struct writing *w)
{
	size_t n = outbox_bytes(w->heard);
	char *list = xmalloc(n + 2);

	list[0] = '[';
	outbox_take(w->heard, list + 1, n);
	list[n > 0 ? n : 1] = ']'; /* over the last comma */
	write_list(w, (struct span){ list, n > 0 ? n + 1 : 2 });
	free(list);
}

/* Who is to ask for more must know from where on. */
static void
write_events(struct writing *w, struct span events)
{
	json_out_open(w->out, '[');
	write_list(w, events);
	if (w->heard)
		write_heard(w);
	else if (w->has_more && w->passed_over)
		write_mark(w);
	json_out_close(w->out, ']');
}

void
page_write(const struct page_wish *wish, struct span body, struct outbox *heard,
    struct json_out *out, struct page_seen *seen)
{
	struct writing w = { .wish = wish,
		.heard = heard,
		.out = out,
		.seen = seen,
		.has_more = page_says(body, "more") };
	struct json_iter it;
	struct span key, value;

	*seen = (struct page_seen){ .seq = wish->since };
	json_out_open(out, '{');
	json_walk(&it, body);
	while (json_next(&it, &key, &value)) {
		json_out_key_text(out, key);
		if (span_is(key, "events"))
			write_events(&w, value);
		else if (heard && span_is(key, "seq"))
			json_out_uint(out, seen->seq);
		else
			json_out_raw(out, value);
	}
	json_out_close(out, '}');
}

bool
page_says(struct span body, const char *flag)
{
	struct span value;

	return json_find(body, flag, &value) && value.p[0] == 't';
}
