#include "graphd/reply.h"

#include "common/limits.h"
#include "common/mem.h"
#include "graphd/put.h"
#include "proto/event_head.h"

#include <assert.h>
#include <stdlib.h>

enum {
	REPLY_BYTES = 384, /* most minimal replies are shorter */
	NODE_BYTES = 256,  /* in a tree, about */
};

void
outcome_init(struct outcome *out)
{
	memset(out, 0, sizeof(*out));
}

void
outcome_clear(struct outcome *out)
{
	struct json_out body = out->body, texts = out->texts;

	step_free(out->step);
	json_out_fini(&out->step_bytes);
	free(out->tail);
	graph_free(out->tree_graph);
	if (out->errand)
		out->errand->free(out->errand);
	json_out_clear(&body);
	json_out_clear(&texts);
	memset(out, 0, sizeof(*out));
	out->body = body;
	out->texts = texts;
}

void
outcome_fini(struct outcome *out)
{
	outcome_clear(out);
	json_out_fini(&out->body);
	json_out_fini(&out->texts);
}

static void
put_bool(struct json_out *out, bool value)
{
	if (value)
		put_literal(out, "true");
	else
		put_literal(out, "false");
}

static void
put_span(struct json_out *out, struct span s)
{
	put_bytes(out, s.p, s.n);
}

void
reply_change(struct json_out *out, const struct change_reply *r, const struct session *s)
{
	json_out_reserve(out, REPLY_BYTES);
	put_literal(out, "{\"success\":true,");
	if (r->members.n > 0) {
		put_span(out, r->members);
	} else {
		put_literal(out, "\"command_id\":");
		put_uuid(out, &r->command_id);
	}
	if (!uuid_is_nil(&r->made)) {
		put_literal(out, ",\"node_id\":");
		put_uuid(out, &r->made);
	}
	if (r->result.n > 0) {
		put_literal(out, ",\"result\":");
		put_span(out, r->result);
	}
	if (r->warnings.n > 0) {
		put_literal(out, ",\"warnings\":[");
		put_span(out, r->warnings);
		put_byte(out, ']');
	}
	put_literal(out, ",\"seq\":");
	put_uint(out, r->seq);
	put_literal(out, ",\"undo_available\":");
	put_bool(out, session_can_undo(s));
	put_literal(out, ",\"redo_available\":");
	put_bool(out, session_can_redo(s));
	put_literal(out, ",\"is_dirty\":");
	put_bool(out, session_is_dirty(s));
	put_byte(out, '}');
}

void
reply_state(struct json_out *out, const struct session *s)
{
	char hash[33];

	graph_hash(s->graph, hash);
	json_out_key(out, "seq");
	json_out_uint(out, s->seq);
	json_out_key(out, "log_id");
	json_out_uuid(out, &s->log_id);
	json_out_key(out, "state_hash");
	json_out_string(out, hash);
}

void
reply_error(struct json_out *out, enum error err, const struct refusal *why)
{
	json_out_open(out, '{');
	json_out_key(out, "error");
	error_write(out, err, why);
	json_out_close(out, '}');
}

void
reply_start_tree(struct outcome *out, char *tail)
{
	size_t about_bytes = graph_count(out->tree.graph) * NODE_BYTES;

	json_out_reserve(&out->body,
	    about_bytes < LIMIT_SLICE_BYTES ? about_bytes : LIMIT_SLICE_BYTES + TREE_SLACK_BYTES);
	if (!tree_write(&out->tree, &out->body, LIMIT_SLICE_BYTES)) {
		out->tree_active = true;
		out->tail = tail;
		return;
	}
	json_out_bytes(&out->body, span_of(tail));
	free(tail);
	graph_free(out->tree_graph);
	out->tree_graph = NULL;
}

void
reply_add_graph(struct outcome *out, const struct session *s)
{
	assert(out->body.n > 0 && out->body.bytes[out->body.n - 1] == '}');
	out->body.n--;
	json_out_key(&out->body, "graph");
	json_out_open(&out->body, '{');
	json_out_key(&out->body, "roots");
	json_out_open(&out->body, '[');
	tree_init(&out->tree, s->graph, s->blueprint, NULL, -1);
	reply_start_tree(out, xstrdup("]}}"));
}

struct json_out *
announce_begin(struct outcome *out, enum event event, struct session *s, bool first,
    const struct announce_who *who)
{
	struct session_face face = session_face(s);
	struct announcement *a;
	struct event_head head = { .session = &s->id,
		.project = &face.project_id,
		.time_us = who->now_us,
		.seq = face.seq,
		.command_id = &who->command_id,
		.actor = who->actor,
		.client_id = who->client };

	assert(out->n_announcements < OUTCOME_ANNOUNCEMENTS);
	a = &out->announcements[out->n_announcements++];
	json_out_open(&out->texts, '{');
	/* The bodies lie side by side; the comma that stands between them belongs to neither. */
	*a = (struct announcement){
		.event = event,
		.session = s,
		.body_at = out->texts.n - 1,
		.seq = face.seq,
		.first = first,
	};
	event_head_write(&out->texts, &head);
	return &out->texts;
}

void
announce_client(
    struct outcome *out, enum event event, struct session *s, const struct announce_who *who)
{
	struct json_out *text = announce_begin(out, event, s, false, who);

	json_out_key(text, "client_count");
	json_out_uint(text, s->n_clients);
	announce_end(out);
}

/* White space would be told to all, and a line's end in it would end an event of an EventSource. */
void
announce_presence(
    struct outcome *out, struct session *s, const struct announce_who *who, struct span data)
{
	struct json_out *text = announce_begin(out, EVENT_presence_update, s, false, who);

	json_out_key(text, "data");
	json_out_minified(text, data);
	announce_end(out);
}

void
announce_end(struct outcome *out)
{
	struct announcement *a = &out->announcements[out->n_announcements - 1];

	json_out_close(&out->texts, '}');
	a->body_n = out->texts.n - a->body_at;
}
