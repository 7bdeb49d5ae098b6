#include "graphd/call.h"
#include "graphd/past.h"
#include "graphd/reply.h"

#include <stdlib.h>

static void
write_state(struct json_out *out, const struct session *s)
{
	json_out_key(out, "project_id");
	json_out_uuid(out, &s->meta.project_id);
	reply_state(out, s);
}

/* Ends the reply: what stands behind the trees closes it. */
static void
write_trees(struct call *c, const struct session *s, const struct node *within, int64_t depth)
{
	struct json_out tail = { 0 };
	char *text;

	json_out_bytes(&tail, SPAN("]"));
	write_state(&tail, s);
	json_out_close(&tail, '}');
	text = xspandup(json_out_span(&tail));
	call_tree(c, "\"roots\":[", s->graph, s->blueprint, within, depth, text);
	free(text);
	json_out_fini(&tail);
}

static enum error
write_missing(struct call *c, const struct session *s)
{
	json_out_key(c->result, "roots");
	json_out_raw(c->result, SPAN("[]"));
	write_state(c->result, s);
	return OK;
}

static enum error
write_tree(struct call *c, const struct get_tree_args *a, const struct session *s)
{
	const struct node *within = NULL;

	if (!uuid_is_nil(&a->node_id) && !(within = graph_find(s->graph, &a->node_id)))
		return a->allow_missing == 1
		    ? write_missing(c, s)
		    : refuse(c->why, ERROR_node_not_found, "node_id", "There is no such node.");
	write_trees(c, s, within, a->depth == ARG_ABSENT ? -1 : a->depth);
	return OK;
}

/* Gives the graph of a past session to the outcome, which needs it as long as the reply is written.
 */
static enum error
write_past(struct call *c, const struct get_tree_args *a)
{
	struct session *past;
	enum error err = past_session(c, (uint64_t)a->at, &past);

	if (err || !past)
		return err;
	err = write_tree(c, a, past);
	if (!err) {
		c->outcome->tree_graph = past->graph;
		past->graph = graph_new();
	}
	session_free(past);
	return err;
}

enum error
cmd_get_tree(struct call *c, const struct get_tree_args *a)
{
	if (a->depth != ARG_ABSENT && a->depth < 0)
		return refuse(
		    c->why, ERROR_invalid_request, "depth", "depth must not be negative.");
	if (a->at == ARG_ABSENT || a->at == (int64_t)c->session->seq)
		return write_tree(c, a, c->session);
	if (a->at < 0)
		return refuse(c->why, ERROR_invalid_request, "at", "at must not be negative.");
	return write_past(c, a);
}
