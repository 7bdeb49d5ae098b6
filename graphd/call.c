#include "graphd/dispatcher.h"

#include "common/limits.h"

#include <assert.h>
#include <stdlib.h>

const char *
call_identity(const struct call *c)
{
	const struct caller *caller = &c->request->caller;

	return arena_text(c->arena,
	    caller->actor.n > 0	       ? caller->actor
		: caller->client.n > 0 ? caller->client
				       : SPAN(""));
}

static void
step_request(const struct call *c, enum step_kind kind, struct step_request *out)
{
	const struct caller *caller = &c->request->caller;

	*out = (struct step_request){
		.kind = kind,
		.type = c->request->command,
		.command_id = c->command_id,
		.actor = span_of(call_identity(c)),
		.client_id = caller->client,
		.key = keys_apply(c->request->command) ? caller->key : (struct span){ NULL, 0 },
		.request_hash = c->request_hash,
		.now_us = c->request->now_us,
	};
	if (out->actor.n == 0)
		out->actor.p = NULL;
}

void
call_begin(struct call *c, struct session *s, enum step_kind kind)
{
	struct step_request request;

	step_request(c, kind, &request);
	c->outcome->session = s;
	c->keyed_session = request.key.n > 0;
	s->warnings = c->warnings;
	session_begin(s, &request);
}

void
call_end(struct call *c, struct span result)
{
	struct session *s = c->outcome->session;

	if (!s || !s->open)
		return;
	s->warnings = NULL;
	c->outcome->step = session_end(s, result);
}

enum error
call_new_session(struct call *c, struct session **out)
{
	enum error err = OK;

	if (c->is_aside)
		*out = sessions_draft(c->request->now_us);
	else
		err = sessions_create(c->sessions, c->request->now_us, out);
	if (err)
		return err;
	c->outcome->created = true;
	call_begin(c, *out, STEP_MARK);
	return session_edit(*out, &(struct edit){ .kind = EDIT_MARK, .mark = MARK_CREATED });
}

enum error
call_node(struct call *c, const char *field, const struct uuid *id, const struct node **out)
{
	char text[UUID_TEXT + 1];

	*out = graph_find(c->session->graph, id);
	if (*out)
		return OK;
	uuid_format(id, text);
	return refuse(c->why, ERROR_node_not_found, field, "There is no node %s.", text);
}

enum error
call_index(struct call *c, const char *field, int64_t index, uint32_t *out)
{
	*out = UINT32_MAX;
	if (index == ARG_ABSENT)
		return OK;
	if (index < 0)
		return refuse(
		    c->why, ERROR_invalid_request, field, "%s must not be negative.", field);
	if (index < UINT32_MAX)
		*out = (uint32_t)index;
	return OK;
}

enum error
call_text(struct call *c, const char *field, struct span text, size_t max_bytes)
{
	if (text.n > 0 && text.n <= max_bytes)
		return OK;
	return refuse(
	    c->why, ERROR_invalid_request, field, "%s must have 1 to %zu bytes.", field, max_bytes);
}

enum error
call_count(struct call *c, const char *field, int64_t n, size_t fallback, size_t most, size_t *out)
{
	*out = fallback;
	if (n == ARG_ABSENT)
		return OK;
	if (n < 1)
		return refuse(c->why, ERROR_invalid_request, field, "%s must be 1 or more.", field);
	*out = (uint64_t)n > most ? most : (size_t)n;
	return OK;
}

static enum error
read_scope(struct call *c, struct span scope, const char **actor)
{
	*actor = NULL;
	if (!scope.p || span_is(scope, "session"))
		return OK;
	if (!span_is(scope, "mine"))
		return refuse(
		    c->why, ERROR_invalid_request, "scope", "scope must be session or mine.");
	*actor = call_identity(c);
	return OK;
}

enum error
call_take_back(struct call *c, struct span scope, enum step_kind kind)
{
	struct history_entry *entry;
	struct step_request request;
	const char *actor;
	struct uuid target = { 0 };
	enum error err = read_scope(c, scope, &actor);

	if (err)
		return err;
	step_request(c, kind, &request);
	err = kind == STEP_UNDO ? session_undo(c->session, &request, actor, &entry, c->why)
				: session_redo(c->session, &request, actor, &entry, c->why);
	if (err)
		return err;
	if (entry) {
		target = entry->command_id;
	} else {
		/* A step of nothing, so that its key is still known after a restart. */
		request.kind = STEP_MARK;
		session_begin(c->session, &request);
	}
	sessions_bind(c->sessions, c->session);
	json_out_key(c->result, "command_id");
	json_out_uuid(c->result, &target);
	return OK;
}

enum error
call_validation(struct call *c, const char *field, struct span mode, bool *strict)
{
	if (!mode.p)
		return OK;
	*strict = span_is(mode, "strict");
	if (*strict || span_is(mode, "lenient"))
		return OK;
	return refuse(c->why, ERROR_invalid_request, field, "%s must be lenient or strict.", field);
}

bool
call_is_there(const struct node *n, const struct node *parent, int64_t index)
{
	if (node_parent(n) != parent)
		return false;
	return index == ARG_ABSENT || node_index(n) == index ||
	    (node_index(n) < index && !node_next(n));
}

/* The place of the node before it moves, among the siblings it has, as graph_apply() counts. */
enum error
call_move(struct call *c, const struct uuid *node, const struct uuid *parent, uint32_t index)
{
	struct edit edit = { .kind = EDIT_MOVE, .node = *node };

	edit.after.parent = *parent;
	edit.after.index = index;
	return session_edit(c->session, &edit);
}

enum error
call_meta(struct call *c, struct session *s, const struct meta *meta)
{
	struct json_out text = { 0 }, old = { 0 };
	struct edit edit = { .kind = EDIT_META };
	enum error err = OK;

	meta_write(&old, &s->meta);
	meta_write(&text, meta);
	if (!span_equal(json_out_span(&old), json_out_span(&text))) {
		edit.value_after = xspandup(json_out_span(&text));
		err = session_edit(s, &edit);
	}
	json_out_fini(&old);
	json_out_fini(&text);
	sessions_bind(c->sessions, s);
	return err;
}

void
call_tree(struct call *c, const char *opening, const struct graph *graph,
    const struct blueprint *blueprint, const struct node *within, int64_t depth, const char *tail)
{
	assert(!c->tail);
	c->plain_n = c->result->n;
	/* A comma is due behind members that were written, and none behind the brace. */
	if (c->result->bytes[c->result->n - 1] != '{')
		json_out_bytes(c->result, SPAN(","));
	json_out_bytes(c->result, span_of(opening));
	tree_init(&c->outcome->tree, graph, blueprint, within, depth);
	c->tail = xstrdup(tail);
}

void
call_graph(struct call *c, const struct session *s)
{
	if (c->request->caller.minimal)
		return;
	call_tree(c, "\"graph\":{\"roots\":[", s->graph, s->blueprint, NULL, -1, "]}}");
}
