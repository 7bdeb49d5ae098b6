#include "graph_fixture.h"

#include "common/mem.h"
#include "graphd/codec.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

struct uuid
id_of(uint64_t n)
{
	struct uuid id = { { 0 } };

	for (int i = 0; i < 8; i++)
		id.bytes[15 - i] = (uint8_t)(n >> (8 * i));
	return id;
}

struct content *
content_of(const char *type, const char *name)
{
	struct content *c = xcalloc(1, sizeof(*c));

	c->type = xstrdup(type);
	c->name = xstrdup(name);
	return c;
}

void
content_add(struct content *c, const char *key, const char *value_json)
{
	c->properties = xrealloc(c->properties, c->n_properties + 1, sizeof(*c->properties));
	c->properties[c->n_properties].key = xstrdup(key);
	c->properties[c->n_properties++].value = xstrdup(value_json);
}

struct edit
add_edit(uint64_t node, uint64_t parent, uint32_t index, const char *name)
{
	return (struct edit){ .kind = EDIT_ADD,
		.node = id_of(node),
		.after = { .parent = id_of(parent), .index = index },
		.content = content_of("task", name) };
}

struct edit
remove_edit(uint64_t node)
{
	return (struct edit){ .kind = EDIT_REMOVE, .node = id_of(node) };
}

struct edit
move_edit(uint64_t node, uint64_t parent, uint32_t index)
{
	return (struct edit){ .kind = EDIT_MOVE,
		.node = id_of(node),
		.after = { .parent = id_of(parent), .index = index } };
}

struct edit
set_edit(uint64_t node, const char *key, const char *value_json)
{
	return (struct edit){ .kind = EDIT_PROPERTY,
		.node = id_of(node),
		.key = xstrdup(key),
		.value_after = xstrdup(value_json),
		.property_index = UINT32_MAX };
}

struct edit
unset_edit(uint64_t node, const char *key)
{
	return (struct edit){ .kind = EDIT_PROPERTY, .node = id_of(node), .key = xstrdup(key) };
}

struct edit
mark_edit(enum mark mark)
{
	return (struct edit){ .kind = EDIT_MARK, .mark = mark };
}

struct edit
meta_edit(const struct meta *meta)
{
	struct json_out out = { 0 };
	struct edit e = { .kind = EDIT_META };

	meta_write(&out, meta);
	e.value_after = xspandup(json_out_span(&out));
	json_out_fini(&out);
	return e;
}

enum error
apply(struct graph *g, struct edit e)
{
	enum error err = graph_apply(g, &e);

	edit_fini(&e);
	return err;
}

char *
dump(const struct graph *g, size_t *n)
{
	static const struct uuid nil;
	struct json_out out = { 0 };

	code_text(&out, graph_meta(g));
	for (const struct node *at = graph_walk(g, NULL, NULL); at; at = graph_walk(g, at, NULL)) {
		code_id(&out, node_id(at));
		code_id(&out, node_parent(at) ? node_id(node_parent(at)) : &nil);
		code_content(&out, node_content(at));
	}
	return json_out_take(&out, n);
}

char *
snapshot_text(const struct session *s)
{
	struct json_out out = { 0 };
	char *text;

	session_snapshot(s, &out);
	text = xmalloc(2 * out.n + 1);
	for (size_t i = 0; i < out.n; i++) {
		text[2 * i] = "0123456789abcdef"[(unsigned char)out.bytes[i] >> 4];
		text[2 * i + 1] = "0123456789abcdef"[out.bytes[i] & 15];
	}
	text[2 * out.n] = '\0';
	json_out_fini(&out);
	return text;
}

void
assert_same_snapshots(char *x, char *y)
{
	size_t i = 0;

	while (x[i] && x[i] == y[i])
		i++;
	ck_assert_msg(x[i] == y[i], "snapshots differ at byte %zu of %zu and %zu", i / 2,
	    strlen(x) / 2, strlen(y) / 2);
	free(x);
	free(y);
}

void
assert_same_sessions(const struct session *a, const struct session *b)
{
	assert_same_snapshots(snapshot_text(a), snapshot_text(b));
}

struct session *
new_session(void)
{
	struct uuid id = id_of(0x5e5510), log_id = id_of(0x106);

	return session_new(&id, &log_id, 1000000);
}

void
begin_as(struct session *s, const char *actor, enum step_kind kind, enum command type)
{
	struct step_request who = { .kind = kind,
		.type = type,
		.actor = span_of(actor),
		.command_id = id_of(0xc0000 + s->ordinal + 1),
		.now_us = 1000001 + s->ordinal };

	session_begin(s, &who);
}

struct step *
do_edit(struct session *s, const char *actor, struct edit e)
{
	begin_as(s, actor, STEP_DO, COMMAND_update_property);
	ck_assert_int_eq(session_edit(s, &e), OK);
	return session_end(s, (struct span){ NULL, 0 });
}

struct session *
session_of_three(void)
{
	struct session *s = new_session();

	free_step(do_edit(s, NULL, add_edit(1, 0, 0, "one")));
	free_step(do_edit(s, NULL, add_edit(2, 0, 0, "two")));
	free_step(do_edit(s, NULL, add_edit(3, 0, 0, "three")));
	return s;
}

static struct step *
take_back_as(struct session *s, const char *actor, const char *scope, enum error *err, bool redo)
{
	struct step_request who = { .type = redo ? COMMAND_redo : COMMAND_undo,
		.actor = span_of(actor),
		.command_id = id_of(0xc0000 + s->ordinal + 1),
		.now_us = 1000001 + s->ordinal };
	struct history_entry *entry;
	struct refusal why = { .message = "" };

	*err = redo ? session_redo(s, &who, scope, &entry, &why)
		    : session_undo(s, &who, scope, &entry, &why);
	refusal_fini(&why);
	if (*err || !entry) {
		ck_assert_ptr_null(s->open);
		return NULL;
	}
	return session_end(s, (struct span){ NULL, 0 });
}

struct step *
undo_as(struct session *s, const char *actor, const char *scope, enum error *err)
{
	return take_back_as(s, actor, scope, err, false);
}

struct step *
redo_as(struct session *s, const char *actor, const char *scope, enum error *err)
{
	return take_back_as(s, actor, scope, err, true);
}

void
free_step(struct step *step)
{
	if (!step)
		return;
	step_fini(step);
	free(step);
}

struct step
read_back(const struct step *step)
{
	struct json_out bytes = { 0 };
	struct step read;

	step_encode(step, &bytes);
	ck_assert(step_decode(json_out_span(&bytes), &read));
	json_out_fini(&bytes);
	return read;
}

const struct node *
find_node(const struct graph *g, uint64_t n)
{
	struct uuid id = id_of(n);

	return graph_find(g, &id);
}

const struct node *
nth_node(const struct graph *g, uint32_t n)
{
	const struct node *at = graph_walk(g, NULL, NULL);

	while (at && n-- > 0)
		at = graph_walk(g, at, NULL);
	return at;
}

static const struct node *
any_node(const struct graph *g, struct dice *d)
{
	size_t n = graph_count(g);

	return n ? nth_node(g, roll(d, (uint32_t)n)) : NULL;
}

/* One time in four among the roots; a quarter of the places are exact, the rest at the end. */
static struct place
any_place(const struct graph *g, struct dice *d)
{
	const struct node *parent = roll(d, 4) ? any_node(g, d) : NULL;
	struct place place = { .index = roll(d, 2) ? UINT32_MAX : roll(d, 5) };

	if (parent)
		place.parent = *node_id(parent);
	return place;
}

static struct content *
any_content(struct dice *d)
{
	static const char *const types[] = { "task", "phase", "part" };
	char text[32];
	struct content *c;

	snprintf(text, sizeof(text), "node %u", roll(d, 100));
	c = content_of(types[roll(d, 3)], text);
	for (uint32_t i = roll(d, 4); i > 0; i--) {
		snprintf(text, sizeof(text), "p%u", i);
		content_add(c, text, roll(d, 2) ? "\"a\"" : "[1,{\"b\":null}]");
	}
	if (!roll(d, 5))
		c->icon_id = xstrdup("wrench");
	if (!roll(d, 5))
		c->extra = xstrdup("\"created_at\":\"x\"");
	return c;
}

static struct edit
any_property_edit(const struct node *n, struct dice *d)
{
	char key[16], value[96];
	struct edit e = { .kind = EDIT_PROPERTY, .node = *node_id(n) };

	if (!roll(d, 6)) {
		snprintf(value, sizeof(value), "\"renamed %u\"", roll(d, 50));
		e.key = xstrdup("name");
		e.value_after = xstrdup(value);
		e.name_after = xspandup((struct span){ value + 1, strlen(value) - 2 });
		return e;
	}
	snprintf(key, sizeof(key), "p%u", roll(d, 6));
	e.key = xstrdup(key);
	snprintf(value, sizeof(value), "\"%u%.*s\"", roll(d, 5), (int)roll(d, 70),
	    "0000000000000000000000000000000000000000000000000000000000000000000000");
	if (roll(d, 4))
		e.value_after = xstrdup(value);
	return e;
}

static struct edit
any_meta_edit(struct dice *d)
{
	struct meta meta = {
		.project_id = id_of(roll(d, 3)), .project_name = (char *)"p", .strict = roll(d, 2)
	};

	return meta_edit(&meta);
}

/* Whole branches go children first, as DeleteNode does it. */
static enum error
remove_branch(struct session *s, const struct node *top)
{
	const struct node *n = graph_deepest_first(top), *next;
	enum error err = OK;

	for (; n && !err; n = next) {
		struct edit e = { .kind = EDIT_REMOVE, .node = *node_id(n) };
		next = graph_walk_up(n, top);
		err = session_edit(s, &e);
	}
	return err;
}

static void
random_edit(struct session *s, struct dice *d)
{
	const struct node *n = any_node(s->graph, d);
	struct edit e = { .kind = EDIT_ADD };
	uint32_t choice = roll(d, 20);

	if (!n || choice < 7) {
		uuid_random(&e.node);
		e.after = any_place(s->graph, d);
		e.content = any_content(d);
	} else if (choice < 9) {
		remove_branch(s, n);
		return;
	} else if (choice < 13) {
		e = (struct edit){
			.kind = EDIT_MOVE, .node = *node_id(n), .after = any_place(s->graph, d)
		};
	} else if (choice < 19) {
		e = any_property_edit(n, d);
	} else {
		e = any_meta_edit(d);
	}
	session_edit(s, &e);
}

struct step *
random_long_step(struct session *s, struct dice *d, const char *actor, uint32_t n_tries)
{
	begin_as(s, actor, STEP_DO, COMMAND_batch);
	while (n_tries-- > 0)
		random_edit(s, d);
	return session_end(s, (struct span){ NULL, 0 });
}

struct step *
random_step(struct session *s, struct dice *d, const char *actor)
{
	return random_long_step(s, d, actor, 1 + roll(d, 4));
}
