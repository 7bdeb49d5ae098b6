#include "graphd/server_stream.h"

#include "common/mem.h"

#include <assert.h>
#include <stdlib.h>

struct stream *
stream_new(struct outcome *o, uint64_t now_ms)
{
	struct stream *s = xcalloc(1, sizeof *s);

	s->error = o->error;
	s->out = o->body;
	s->tree = o->tree;
	s->tree_active = o->tree_active;
	s->tail = o->tail;
	s->graph = o->tree_graph;
	s->progress_ms = now_ms;
	o->body = (struct json_out){ 0 };
	o->tree_active = false;
	o->tail = NULL;
	o->tree_graph = NULL;
	return s;
}

void
stream_free(struct stream *s)
{
	if (!s)
		return;
	assert(!s->lane);
	free(s->ask);
	free(s->tail);
	graph_free(s->graph);
	json_out_fini(&s->out);
	free(s);
}

/* The last byte stays, because the writer tells from it whether a comma is due. */
static void
drop_sent(struct stream *s)
{
	size_t drop = s->sent ? s->sent - 1 : 0;

	memmove(s->out.bytes, s->out.bytes + drop, s->out.n - drop);
	s->out.n -= drop;
	s->sent -= drop;
}

static void
make_more(struct stream *s)
{
	drop_sent(s);
	if (!tree_write(&s->tree, &s->out, LIMIT_SLICE_BYTES))
		return;
	s->tree_active = false;
	if (s->tail)
		json_out_bytes(&s->out, span_of(s->tail));
}

enum stream_state
stream_step(struct stream *s, struct router *router, uint64_t now_ms)
{
	struct span part;
	bool last;

	if (s->tree_active && s->out.n - s->sent < LIMIT_SLICE_BYTES)
		make_more(s);
	part = (struct span){ s->out.bytes + s->sent, s->out.n - s->sent };
	if (part.n > LIMIT_PART_BYTES)
		part.n = LIMIT_PART_BYTES;
	last = !s->tree_active && s->sent + part.n == s->out.n;
	switch (router_reply(
	    router, s->ask, last ? error_rows[s->error].code : WIRE_STATUS_PART, part)) {
	case ROUTER_SENT:
		s->sent += part.n;
		s->progress_ms = now_ms;
		return last ? STREAM_OVER : STREAM_GOING;
	case ROUTER_FULL:
		return now_ms - s->progress_ms > LIMIT_DEADLINE_MS ? STREAM_OVER : STREAM_BLOCKED;
	case ROUTER_GONE:
		break;
	}
	return STREAM_OVER;
}
