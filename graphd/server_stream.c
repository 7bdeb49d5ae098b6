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

/* A slice goes away whole with its buffer, so the next one has a buffer of its own. */
static void
make_more(struct stream *s)
{
	if (!s->out.bytes)
		json_out_reserve(&s->out, LIMIT_SLICE_BYTES + TREE_SLACK_BYTES);
	if (!tree_write(&s->tree, &s->out, LIMIT_SLICE_BYTES))
		return;
	s->tree_active = false;
	if (s->tail)
		json_out_bytes(&s->out, span_of(s->tail));
}

/* A part of what is too much for one message is copied; all that is left is given away. */
static enum router_sent
send_part(struct stream *s, struct router *router)
{
	struct span part = { s->out.bytes + s->sent, s->out.n - s->sent };
	bool last = !s->tree_active && part.n <= LIMIT_PART_BYTES;
	const char *status = last ? error_rows[s->error].code : WIRE_STATUS_PART;
	bool whole = s->sent == 0 && part.n <= LIMIT_PART_BYTES;
	enum router_sent sent;

	if (part.n > LIMIT_PART_BYTES)
		part.n = LIMIT_PART_BYTES;
	sent = whole ? router_send_taking(router, s->ask, status, s->out.bytes, part.n)
		     : router_send(router, s->ask, status, part);
	if (sent != ROUTER_SENT)
		return sent;
	s->sent += part.n;
	s->is_over = last;
	if (whole)
		s->out = (struct json_out){ 0 };
	else if (s->sent == s->out.n)
		json_out_clear(&s->out);
	if (s->out.n == 0)
		s->sent = 0;
	return sent;
}

enum stream_state
stream_step(struct stream *s, struct router *router, uint64_t now_ms)
{
	if (s->tree_active && s->out.n == 0)
		make_more(s);
	switch (send_part(s, router)) {
	case ROUTER_SENT:
		s->progress_ms = now_ms;
		return s->is_over ? STREAM_OVER : STREAM_GOING;
	case ROUTER_FULL:
		return now_ms - s->progress_ms > LIMIT_DEADLINE_MS ? STREAM_OVER : STREAM_BLOCKED;
	case ROUTER_GONE:
		break;
	}
	return STREAM_OVER;
}
