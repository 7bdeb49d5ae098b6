#include "graphd/snapshot.h"

#include "common/limits.h"
#include "common/mem.h"
#include "common/table.h"
#include "graphd/codec.h"
#include "graphd/old_keys.h"
#include "graphd/rollback.h"

#include <stdlib.h>

/* Of format 2 are those with old keys; all else is the same. */
enum {
	SNAPSHOT_FORMAT = 1,
	SNAPSHOT_WITH_OLD_KEYS,
	HASH_DIGITS = 32,
	ENTRY_BYTES_MIN = 20,
	KEY_BYTES_MIN = 12
};

static void
code_head(struct json_out *out, const struct session *s)
{
	put_byte(out, old_keys_count(s->old_keys) ? SNAPSHOT_WITH_OLD_KEYS : SNAPSHOT_FORMAT);
	code_id(out, &s->id);
	code_id(out, &s->log_id);
	code_number(out, s->epoch);
	code_number(out, s->created_us);
	code_number(out, s->active_us);
	code_number(out, s->seq);
	code_number(out, s->ordinal);
	put_byte(out, s->closed);
	put_bytes(out, s->clean_hash, HASH_DIGITS);
	code_text(out, graph_meta(s->graph));
	code_number(out, graph_count(s->graph));
}

static void
code_entry(struct json_out *out, const struct history_entry *entry)
{
	code_id(out, &entry->command_id);
	code_text(out, command_rows[entry->type].name);
	code_text(out, entry->actor);
	code_number(out, entry->ordinal);
	put_byte(out, entry->mine_only);
	code_number(out, entry->n_edits);
	for (size_t i = 0; i < entry->n_edits; i++)
		code_edit(out, &entry->edits[i]);
}

static void
code_list(struct json_out *out, const struct link *list, size_t n)
{
	code_number(out, n);
	LIST_EACH(l, list)
	code_entry(out, LIST_OF(l, struct history_entry, link));
}

/* Answers without a step are remembered until a restart only. */
static void
code_keys(struct json_out *out, const struct session *s)
{
	size_t n = 0;

	LIST_EACH(l, &s->keys_by_age)
	n += LIST_OF(l, struct key_entry, age)->has_step;
	code_number(out, n);
	LIST_EACH(l, &s->keys_by_age)
	{
		const struct key_entry *entry = LIST_OF(l, struct key_entry, age);
		if (!entry->has_step)
			continue;
		code_span(out, entry->key);
		code_fixed(out, entry->request_hash);
		code_number(out, entry->ordinal);
		code_span(out, entry->reply);
	}
}

/* Parents first, each with its depth: that and the order say where it hangs. */
static void
code_node(struct json_out *out, const struct node *n, unsigned depth)
{
	code_number(out, depth);
	code_id(out, node_id(n));
	code_content(out, node_content(n));
}

static void
advance(struct snapshot_writer *w)
{
	const struct node *from = w->at;

	w->at = graph_walk(w->session->graph, from, NULL);
	if (!w->at)
		return;
	if (node_parent(w->at) == from) {
		w->depth++;
		return;
	}
	for (; node_parent(from) != node_parent(w->at); from = node_parent(from))
		w->depth--;
}

static void
code_nodes(struct snapshot_writer *w, struct json_out *out, size_t until)
{
	while (w->at && out->n < until) {
		code_node(out, w->at, w->depth);
		advance(w);
	}
}

void
snapshot_init(struct snapshot_writer *w, const struct session *s)
{
	*w = (struct snapshot_writer){ .session = s, .at = graph_first_root(s->graph) };
}

bool
snapshot_write(struct snapshot_writer *w, struct json_out *out, size_t limit_bytes)
{
	const struct session *s = w->session;
	size_t until = limit_bytes < SIZE_MAX - out->n ? out->n + limit_bytes : SIZE_MAX;

	if (w->stage == SNAPSHOT_HEAD) {
		code_head(out, s);
		w->stage = SNAPSHOT_NODES;
	}
	if (w->stage == SNAPSHOT_NODES) {
		code_nodes(w, out, until);
		if (w->at)
			return false;
		w->stage = SNAPSHOT_TAIL;
	}
	if (w->stage == SNAPSHOT_TAIL && out->n < until) {
		code_list(out, &s->history.undo, s->history.n_undo);
		code_list(out, &s->history.redo, s->history.n_redo);
		code_keys(out, s);
		if (old_keys_count(s->old_keys))
			old_keys_code(out, s->old_keys);
		w->stage = SNAPSHOT_DONE;
	}
	return w->stage == SNAPSHOT_DONE;
}

void
session_snapshot(const struct session *s, struct json_out *out)
{
	struct snapshot_writer w;

	snapshot_init(&w, s);
	snapshot_write(&w, out, SIZE_MAX);
}

static void
read_head(struct reader *r, struct session *s)
{
	s->epoch = read_number(r);
	s->created_us = read_number(r);
	s->active_us = read_number(r);
	s->seq = read_number(r);
	s->ordinal = read_number(r);
	s->closed = read_bounded(r, 1);
	for (size_t i = 0; i < HASH_DIGITS; i++)
		s->clean_hash[i] = (char)read_bounded(r, 0x7f);
}

static void
read_meta(struct reader *r, struct session *s)
{
	struct edit e = { .kind = EDIT_META, .value_after = read_text(r) };

	if (e.value_after && !meta_read(span_of(e.value_after), &s->meta))
		r->bad = true;
	graph_apply(s->graph, &e);
	edit_fini(&e);
}

static void
read_nodes(struct reader *r, struct session *s)
{
	struct uuid path[LIMIT_DEPTH + 2] = { 0 }; /* path[d + 1]: the last node of depth d */
	size_t n = read_count(r, NODE_BYTES_MIN);
	uint64_t deepest = 0; /* the node before was one above that at most */

	for (size_t i = 0; i < n && !r->bad; i++) {
		uint64_t depth = read_bounded(r, deepest);
		struct edit e = { .kind = EDIT_ADD, .node = read_id(r) };
		e.after = (struct place){ .parent = path[depth], .index = UINT32_MAX };
		e.content = read_content(r);
		if (r->bad || uuid_is_nil(&e.node) || graph_apply(s->graph, &e) != OK)
			r->bad = true;
		edit_fini(&e);
		deepest = depth < LIMIT_DEPTH ? depth + 1 : depth;
		path[depth + 1] = e.node;
	}
}

static struct span
read_actor(struct reader *r)
{
	struct span actor = read_span(r);

	if (!actor.p || memchr(actor.p, '\0', actor.n))
		r->bad = true;
	return actor;
}

static struct history_entry *
read_entry(struct reader *r)
{
	struct uuid command_id = read_id(r);
	enum command type = command_find(read_span(r));
	struct history_entry *entry = history_entry_new(read_actor(r));
	size_t n;

	if (type == COMMANDS)
		r->bad = true;
	entry->command_id = command_id;
	entry->type = type;
	entry->ordinal = read_number(r);
	entry->mine_only = read_bounded(r, 1);
	n = read_count(r, EDIT_BYTES_MIN);
	if (n > 0)
		entry->edits = xmalloc(n * sizeof(*entry->edits));
	while (entry->n_edits < n && !r->bad)
		read_edit(r, &entry->edits[entry->n_edits++]);
	return entry;
}

/* A node that is to be added back must be known; only those that are there may lack their content.
 */
static bool
is_whole(const struct history_entry *entry)
{
	for (size_t i = 0; i < entry->n_edits; i++)
		if (entry->edits[i].kind == EDIT_REMOVE && !entry->edits[i].content)
			return false;
	return true;
}

static void
read_list(struct reader *r, struct history *h, bool redo)
{
	size_t n = read_count(r, ENTRY_BYTES_MIN);

	for (size_t i = 0; i < n && !r->bad; i++) {
		struct history_entry *entry = read_entry(r);
		if (!is_whole(entry))
			r->bad = true;
		if (r->bad)
			history_entry_free(entry);
		else
			history_put(h, entry, redo, NULL);
	}
}

static void
read_keys(struct reader *r, struct session *s)
{
	size_t n = read_count(r, KEY_BYTES_MIN);

	for (size_t i = 0; i < n && !r->bad; i++) {
		struct span key = read_span(r);
		uint64_t request_hash = read_fixed(r), ordinal = read_number(r);
		struct span reply = read_span(r);
		if (!key.p || ordinal == 0)
			r->bad = true;
		if (!r->bad)
			session_key_add(s, key, request_hash, OK, ordinal, reply);
	}
}

struct session *
session_restore(struct span bytes)
{
	struct reader r = reader_of(bytes);
	uint64_t format = read_bounded(&r, UINT8_MAX);
	struct uuid id, log_id;
	struct session *s;

	if (format != SNAPSHOT_FORMAT && format != SNAPSHOT_WITH_OLD_KEYS)
		return NULL;
	id = read_id(&r);
	log_id = read_id(&r);
	s = session_new(&id, &log_id, 0);
	read_head(&r, s);
	read_meta(&r, s);
	read_nodes(&r, s);
	read_list(&r, &s->history, false);
	read_list(&r, &s->history, true);
	read_keys(&r, s);
	if (format == SNAPSHOT_WITH_OLD_KEYS)
		s->old_keys = old_keys_read(&r);
	if (reader_is_done(&r))
		return s;
	session_free(s);
	return NULL;
}
