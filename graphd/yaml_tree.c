#include "graphd/yaml_tree.h"

#include "common/log.h"
#include "common/table.h"
#include "graphd/clip.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

enum {
	LINEAR_KEYS = 32,
	/* libyaml looks at every level of brackets that is open for each token: so many looks take
	 * half a second. */
	LOOKS_MOST = 100000000,
};

/* What a value costs with all aliases in it written out. */
struct weight {
	size_t values, bytes;
	unsigned height; /* levels of collections */
};

struct anchor {
	struct span name;
	struct yaml_node *node; /* NULL: not complete yet */
	struct weight weight;
};

/* A collection that is still open. */
struct frame {
	struct yaml_node *node, *last;
	struct anchor *anchor;
	size_t n;
	struct weight weight; /* of what is inside */
	bool in_brackets;
};

struct builder {
	struct arena *arena;
	const struct yaml_bounds *bounds;
	struct table anchors;
	struct frame *frames;
	unsigned depth, brackets; /* levels that are open; those that brackets have opened */
	size_t looks;
	struct weight weight; /* of everything so far */
	struct yaml_node *root;
	char *message;
};

static bool __attribute__((format(printf, 3, 4)))
fail(struct builder *b, size_t line, const char *format, ...)
{
	va_list args;
	int n = snprintf(b->message, YAML_MESSAGE, "line %zu: ", line);

	va_start(args, format);
	vsnprintf(b->message + n, YAML_MESSAGE - (size_t)n, format, args);
	va_end(args);
	return false;
}

static struct yaml_node *
node_new(struct builder *b, enum yaml_kind kind, const yaml_event_t *event)
{
	struct yaml_node *node = arena_take(b->arena, sizeof(*node));

	*node = (struct yaml_node){
		.kind = (uint8_t)kind,
		.line = (uint32_t)event->start_mark.line + 1,
	};
	return node;
}

/* The anchor of that name; a name given anew forgets what it meant (YAML 1.2 section 3.2.2.2). */
static struct anchor *
anchor_take(struct builder *b, const yaml_char_t *name)
{
	struct span key = span_of((const char *)name);
	struct anchor *anchor;

	if (!name)
		return NULL;
	/* Aliases met so far point to nodes, not to anchors, so the old one can simply go. */
	table_remove(&b->anchors, &key);
	anchor = arena_take(b->arena, sizeof(*anchor));
	*anchor = (struct anchor){ .name = { arena_text(b->arena, key), key.n } };
	table_add(&b->anchors, anchor);
	return anchor;
}

/* In a mapping keys and values take turns. */
static bool
is_key_due(const struct frame *f)
{
	return f->node->kind == YAML_MAP && f->n % 2 == 0;
}

/* Hangs a value, or a collection that was just opened, into what is open. */
static bool
attach(struct builder *b, struct yaml_node *node)
{
	struct frame *f;

	if (b->depth == 0) {
		b->root = node;
		return true;
	}
	f = &b->frames[b->depth - 1];
	if (is_key_due(f) && node->kind != YAML_TEXT)
		return fail(b, node->line, "a key must be a plain text");
	if (is_key_due(f) && node->plain && span_is(node->text, "<<"))
		return fail(b, node->line, "merge keys are not supported");
	*(f->last ? &f->last->next : &f->node->first) = node;
	f->last = node;
	f->n++;
	return true;
}

/* Heights do not add up: side by side the greater one counts. */
static void
weigh(struct weight *total, const struct weight *part)
{
	total->values += part->values;
	total->bytes += part->bytes;
	if (total->height < part->height)
		total->height = part->height;
}

/* Counts a value with all that is in it. */
static bool
count(struct builder *b, const struct weight *w, size_t line)
{
	if (w->values > b->bounds->values - b->weight.values)
		return fail(b, line, "more than %zu values", b->bounds->values);
	if (w->bytes > b->bounds->bytes - b->weight.bytes)
		return fail(b, line, "more than %zu bytes", b->bounds->bytes);
	if (b->depth + w->height > b->bounds->depth)
		return fail(b, line, "more than %u levels", b->bounds->depth);
	b->looks += b->brackets;
	if (b->looks > LOOKS_MOST)
		return fail(b, line, "too many values for so many levels of brackets");
	weigh(&b->weight, w);
	if (b->depth)
		weigh(&b->frames[b->depth - 1].weight, w);
	return true;
}

static bool
on_alias(struct builder *b, const yaml_event_t *event)
{
	struct span key = span_of((const char *)event->data.alias.anchor);
	const struct anchor *anchor = table_find(&b->anchors, &key);
	struct yaml_node *node = node_new(b, YAML_SAME, event);

	if (!anchor)
		return fail(b, node->line, "the alias %.*s stands for nothing", CLIP(key));
	if (!anchor->node)
		return fail(b, node->line, "the alias %.*s contains itself", CLIP(key));
	node->first = anchor->node;
	return attach(b, node) && count(b, &anchor->weight, node->line);
}

/* "!!str" and "!" make a text of what looks like a number; other core tags say what the text says.
 */
static bool
is_tag_known(const char *tag, bool *is_text)
{
	static const char *const core[] = { "int", "float", "bool", "null" };
	static const char prefix[] = "tag:yaml.org,2002:";

	*is_text = false;
	if (!tag)
		return true;
	*is_text = strcmp(tag, "!") == 0 || strcmp(tag, "tag:yaml.org,2002:str") == 0;
	if (*is_text)
		return true;
	if (strncmp(tag, prefix, sizeof(prefix) - 1) != 0)
		return false;
	for (size_t i = 0; i < sizeof(core) / sizeof(*core); i++)
		if (strcmp(tag + sizeof(prefix) - 1, core[i]) == 0)
			return true;
	return false;
}

static bool
on_scalar(struct builder *b, const yaml_event_t *event)
{
	struct span text = { (const char *)event->data.scalar.value, event->data.scalar.length };
	struct yaml_node *node = node_new(b, YAML_TEXT, event);
	struct anchor *anchor = anchor_take(b, event->data.scalar.anchor);
	struct weight weight = { .values = 1, .bytes = text.n };
	bool is_text;

	if (!is_tag_known((const char *)event->data.scalar.tag, &is_text))
		return fail(b, node->line, "a tag that is not supported");
	if (memchr(text.p, '\0', text.n))
		return fail(b, node->line, "a text with a zero byte");
	node->text = (struct span){ arena_text(b->arena, text), text.n };
	node->plain = !is_text && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (anchor)
		*anchor = (struct anchor){ .name = anchor->name, .node = node, .weight = weight };
	return attach(b, node) && count(b, &weight, node->line);
}

static bool
on_open(struct builder *b, const yaml_event_t *event, enum yaml_kind kind)
{
	bool list = kind == YAML_LIST;
	const yaml_char_t *tag =
	    list ? event->data.sequence_start.tag : event->data.mapping_start.tag;
	const yaml_char_t *name =
	    list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor;
	const char *plain_tag = list ? YAML_SEQ_TAG : YAML_MAP_TAG;
	struct yaml_node *node = node_new(b, kind, event);
	struct anchor *anchor = anchor_take(b, name);
	struct weight weight = { .values = 1, .height = 1 };
	bool in_brackets = list ? event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE
				: event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;

	if (tag && strcmp((const char *)tag, plain_tag) != 0)
		return fail(b, node->line, "a tag that is not supported");
	if (!attach(b, node) || !count(b, &weight, node->line))
		return false;
	b->brackets += in_brackets;
	b->frames[b->depth++] =
	    (struct frame){ .node = node, .anchor = anchor, .in_brackets = in_brackets };
	return true;
}

static bool
refuse_key(struct builder *b, const struct yaml_node *key)
{
	return fail(b, key->line, "the key %.*s stands twice", CLIP(key->text));
}

/* Small mappings are compared pairwise; a table would cost more than it saves. */
static bool
has_key_before(const struct yaml_node *map, const struct yaml_node *key)
{
	for (const struct yaml_node *k = map->first; k != key; k = k->next->next)
		if (span_equal(k->text, key->text))
			return true;
	return false;
}

static bool
check_keys(struct builder *b, const struct frame *f)
{
	struct table seen;
	bool ok = true;

	table_init(&seen, offsetof(struct yaml_node, text), 0);
	for (struct yaml_node *key = f->node->first; key && ok; key = key->next->next) {
		if (f->n / 2 <= LINEAR_KEYS)
			ok = !has_key_before(f->node, key) || refuse_key(b, key);
		else if (table_find(&seen, &key->text))
			ok = refuse_key(b, key);
		else
			table_add(&seen, key);
	}
	table_fini(&seen);
	return ok;
}

static bool
on_close(struct builder *b)
{
	struct frame *f = &b->frames[--b->depth];
	struct frame *outer = b->depth ? f - 1 : NULL;

	b->brackets -= f->in_brackets;
	if (f->node->kind == YAML_MAP && !check_keys(b, f))
		return false;
	f->weight.height++;
	/* Its own value was counted when it opened; what is inside counts for the outer ones too.
	 */
	if (outer)
		weigh(&outer->weight, &f->weight);
	if (f->anchor) {
		f->weight.values++;
		f->anchor->node = f->node;
		f->anchor->weight = f->weight;
	}
	return true;
}

static bool
on_event(struct builder *b, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return !b->root || fail(b, event->start_mark.line + 1, "a second document");
	case YAML_ALIAS_EVENT:
		return on_alias(b, event);
	case YAML_SCALAR_EVENT:
		return on_scalar(b, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(b, event, YAML_LIST);
	case YAML_MAPPING_START_EVENT:
		return on_open(b, event, YAML_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_close(b);
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return true;
	}
	return true;
}

/* The parser gives events and keeps no tree, so the bounds hold before memory is taken. */
static bool
run(struct builder *b, yaml_parser_t *parser)
{
	bool going = true, done = false;

	while (going && !done) {
		yaml_event_t event;
		if (!yaml_parser_parse(parser, &event)) {
			if (parser->error == YAML_MEMORY_ERROR)
				log_fatal("memory", "the system has none left for a YAML text");
			return fail(b, parser->problem_mark.line + 1, "this is not YAML");
		}
		done = event.type == YAML_STREAM_END_EVENT;
		going = on_event(b, &event);
		yaml_event_delete(&event);
	}
	return going;
}

static struct yaml_node *
empty(struct arena *arena)
{
	struct yaml_node *node = arena_take(arena, sizeof(*node));

	*node = (struct yaml_node){ .text = SPAN(""), .line = 1, .plain = true };
	return node;
}

struct yaml_node *
yaml_read(struct arena *arena, struct span text, const struct yaml_bounds *bounds,
    char message[YAML_MESSAGE])
{
	struct builder b = { .arena = arena, .bounds = bounds, .message = message };
	yaml_parser_t parser;
	bool ok;

	if (text.n > bounds->bytes) {
		fail(&b, 1, "more than %zu bytes", bounds->bytes);
		return NULL;
	}
	if (!yaml_parser_initialize(&parser))
		log_fatal("memory", "the system has none left for a YAML text");
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
	    &parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
	table_init(&b.anchors, offsetof(struct anchor, name), 0);
	b.frames = xcalloc(bounds->depth + 1, sizeof(*b.frames));
	ok = run(&b, &parser);
	free(b.frames);
	table_fini(&b.anchors);
	yaml_parser_delete(&parser);
	if (!ok)
		return NULL;
	return b.root ? b.root : empty(arena);
}

const struct yaml_node *
yaml_resolve(const struct yaml_node *node)
{
	return node && node->kind == YAML_SAME ? node->first : node;
}

/* Linear: mappings that are searched by name are those of blueprints, which are small. */
const struct yaml_node *
yaml_find(const struct yaml_node *map, const char *key)
{
	if (map->kind != YAML_MAP)
		return NULL;
	for (const struct yaml_node *k = map->first; k; k = k->next->next)
		if (span_is(k->text, key))
			return yaml_resolve(k->next);
	return NULL;
}
