#include "graphd/session.h"

#include "common/mem.h"
#include "common/table.h"
#include "graphd/ancestry.h"
#include "graphd/old_keys.h"
#include "graphd/step_keep.h"

#include <assert.h>
#include <stdlib.h>

struct session *
session_new(const struct uuid *id, const struct uuid *log_id, uint64_t now_us)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->id = *id;
	s->log_id = *log_id;
	s->epoch = 1;
	s->created_us = s->active_us = now_us;
	s->graph = graph_new();
	history_init(&s->history);
	graph_whole_hash(s->graph, s->clean_hash);
	list_init(&s->clients);
	list_init(&s->keys_by_age);
	list_init(&s->rollbacks);
	return s;
}

static void
keys_free(struct session *s)
{
	key_entries_free(&s->keys_by_age);
	if (s->keys)
		table_fini(s->keys);
	free(s->keys);
}

void
session_free(struct session *s)
{
	if (!s)
		return;
	step_free(s->open);
	session_settled(s, UINT64_MAX);
	list_remove(&s->by_activity);
	assert(list_is_empty(&s->clients)); /* whoever keeps them lets go of them first */
	keys_free(s);
	old_keys_free(s->old_keys);
	history_fini(&s->history);
	meta_fini(&s->meta);
	graph_free(s->graph);
	free(s);
}

struct session_face
session_face(const struct session *s)
{
	return s->is_lent ? s->face : (struct session_face){ s->meta.project_id, s->seq };
}

bool
session_is_closed(const struct session *s)
{
	return !s->is_lent && s->closed;
}

bool
session_is_dirty(const struct session *s)
{
	char hash[33];

	graph_whole_hash(s->graph, hash);
	return strcmp(hash, s->clean_hash) != 0;
}

bool
session_can_undo(const struct session *s)
{
	return !s->closed && history_undo_next(&s->history, NULL);
}

bool
session_can_redo(const struct session *s)
{
	return !s->closed && history_redo_next(&s->history, NULL);
}

/* Copied to *at; NULL for an absent or empty text: nobody, no client. */
static char *
pack_if_any(char **at, struct span text)
{
	char *packed = *at;

	if (text.n == 0)
		return NULL;
	memcpy(packed, text.p, text.n);
	packed[text.n] = '\0';
	*at += text.n + 1;
	return packed;
}

void
session_begin(struct session *s, const struct step_request *who)
{
	struct step *step = xcalloc(1, sizeof(*step) + who->actor.n + who->client_id.n + 2);
	char *at = (char *)(step + 1);

	assert(!s->open);
	step->kind = who->kind;
	step->type = who->type;
	step->session = s->id;
	step->log_id = s->log_id;
	step->epoch = s->epoch;
	step->command_id = who->command_id;
	step->time_us = who->now_us;
	step->packed = true;
	step->actor = pack_if_any(&at, who->actor);
	step->client_id = pack_if_any(&at, who->client_id);
	step->key = who->key.n ? xspandup(who->key) : NULL;
	step->request_hash = who->request_hash;
	s->open = step;
}

/* Room for one more, doubled when the number is a power of two. */
static void
keep_edit(struct step *step, const struct edit *e)
{
	size_t n = step->n_edits;

	if ((n & (n - 1)) == 0)
		step->edits = xrealloc(step->edits, n ? n * 2 : 1, sizeof(*step->edits));
	step->edits[step->n_edits++] = *e;
}

bool
session_adopt_meta(struct session *s, const char *text)
{
	struct meta meta = { .project_name = NULL };

	if (text && !meta_read(span_of(text), &meta))
		return false;
	meta_fini(&s->meta);
	s->meta = meta;
	return true;
}

enum error
session_apply(struct session *s, struct edit *e)
{
	struct content *added = NULL;
	enum error err = OK;

	assert(s->open);
	if (e->kind == EDIT_ADD)
		added = e->content->packed ? e->content : content_pack(e->content);
	if (e->kind == EDIT_ADD && added == e->content)
		e->content = content_copy(added);
	if (e->kind == EDIT_META && !session_adopt_meta(s, e->value_after))
		err = ERROR_invalid_request;
	if (!err)
		err = graph_apply(s->graph, e);
	if (err) {
		content_free(added);
		edit_fini(e);
		return err;
	}
	if (added)
		e->content = added;
	keep_edit(s->open, e);
	return OK;
}

enum error
session_edit(struct session *s, struct edit *e)
{
	if (e->kind == EDIT_PROPERTY)
		e->property_index = UINT32_MAX;
	return session_apply(s, e);
}

enum error
session_remove(struct session *s, const struct node *top)
{
	const struct node *next;
	enum error err = OK;

	for (const struct node *n = graph_deepest_first(top); n && !err; n = next) {
		struct edit edit = { .kind = EDIT_REMOVE, .node = *node_id(n) };

		next = graph_walk_up(n, top);
		err = session_edit(s, &edit);
	}
	return err;
}

enum error
session_clear(struct session *s)
{
	const struct node *root;
	enum error err = OK;

	while (!err && (root = graph_first_root(s->graph)))
		err = session_remove(s, root);
	return err;
}

/* Makes the edit's opposite in the graph; the edit is spoilt by that. */
static void
take_back(struct session *s, struct edit *e)
{
	enum error err;

	edit_invert(e);
	if (e->kind == EDIT_META)
		session_adopt_meta(s, e->value_after);
	err = graph_apply(s->graph, e);
	assert(!err); /* the graph is as the edit left it */
}

void
session_abort(struct session *s)
{
	struct step *step = s->open;

	if (!step)
		return;
	for (size_t i = step->n_edits; i-- > 0;)
		take_back(s, &step->edits[i]);
	step_free(step);
	s->open = NULL;
}

struct step *
session_end(struct session *s, struct span result)
{
	struct step *step = s->open;
	struct edit *edits = NULL;

	s->open = NULL;
	/* A command that found everything as it was asked for is told and remembered too. */
	if (!step || (step->n_edits == 0 && step_event_count(step) == 0 && !step->key)) {
		step_free(step);
		return NULL;
	}
	step->result = xspandup(result);
	step->project_id = s->meta.project_id;
	step->ordinal = s->ordinal + 1;
	step->first_seq = s->seq + 1;
	step->last_seq = s->seq + step_event_count(step);
	step_find_ancestors(step, s->graph);
	if (step->kind != STEP_MARK)
		edits = edits_pack(step->edits, step->n_edits);
	session_record(s, step, edits, step->n_edits, rollback_new(s, step->ordinal));
	return step;
}

void
session_revert(struct session *s, const struct step *step)
{
	struct link *newest = s->rollbacks.prev;

	assert(!s->open && step->ordinal == s->ordinal && newest != &s->rollbacks);
	for (size_t i = step->n_edits; i-- > 0;) {
		struct edit e;
		edit_copy(&e, &step->edits[i], true);
		take_back(s, &e);
		edit_fini(&e);
	}
	s->ordinal = step->ordinal - 1;
	s->seq = step->first_seq - 1;
	rollback_run(s, LIST_OF(newest, struct rollback, link));
}

void
session_settled(struct session *s, uint64_t ordinal)
{
	while (!list_is_empty(&s->rollbacks)) {
		struct rollback *oldest = LIST_OF(s->rollbacks.next, struct rollback, link);
		if (oldest->ordinal > ordinal)
			return;
		rollback_settle(oldest);
	}
}
