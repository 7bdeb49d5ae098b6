#include "graphd/call.h"
#include "graphd/past.h"

#include <stdlib.h>

/* What follows the trees: it closes the reply. */
static char *
write_tail(const struct session *s)
{
	struct json_out tail = { 0 };
	char hash[33], *text;

	graph_hash(s->graph, hash);
	json_out_bytes(&tail, SPAN("]"));
	json_out_key(&tail, "seq");
	json_out_uint(&tail, s->seq);
	json_out_key(&tail, "log_id");
	json_out_uuid(&tail, &s->log_id);
	json_out_key(&tail, "state_hash");
	json_out_string(&tail, hash);
	json_out_close(&tail, '}');
	text = xspandup(json_out_span(&tail));
	json_out_fini(&tail);
	return text;
}

static enum error
write_tree(struct call *c, const struct get_tree_args *a, const struct session *s)
{
	int64_t depth = a->depth == ARG_ABSENT ? -1 : a->depth;
	const struct node *within = NULL;
	char *tail;

	if (!uuid_is_nil(&a->node_id) && !(within = graph_find(s->graph, &a->node_id)))
		return refuse(c->why, ERROR_node_not_found, "node_id", "There is no such node.");
	tail = write_tail(s);
	call_tree(c, "\"roots\":[", s->graph, s->blueprint, within, depth, tail);
	free(tail);
	return OK;
}

/* Gives the graph of a past session to the outcome, which needs it as long as the reply is written.
 */
static enum error
write_past(struct call *c, const struct get_tree_args *a)
{
	struct session *past;
	enum error err = past_session(c, (uint64_t)a->at, &past);

	if (!err)
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
