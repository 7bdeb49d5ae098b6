#include "graphd/edit.h"

#include "common/mem.h"

#include <stdlib.h>

enum { CONTENT_TEXTS = 6 };
/* What each takes besides its texts, as edits_weight() counts it on every machine alike. */
enum { EDIT_WEIGHT = 176, CONTENT_WEIGHT = 96, PROPERTY_WEIGHT = 16 };

/* The plain texts of a content, for what is done to each of them. */
static void
texts_of(const struct content *c, const char *texts[CONTENT_TEXTS])
{
	texts[0] = c->type;
	texts[1] = c->name;
	texts[2] = c->icon_id;
	texts[3] = c->indicator_id;
	texts[4] = c->indicator_set;
	texts[5] = c->extra;
}

void
content_free(struct content *c)
{
	const char *texts[CONTENT_TEXTS];

	if (!c)
		return;
	if (!c->packed) {
		texts_of(c, texts);
		for (size_t i = 0; i < CONTENT_TEXTS; i++)
			free((char *)texts[i]);
		for (uint32_t i = 0; i < c->n_properties; i++) {
			free(c->properties[i].key);
			free(c->properties[i].value);
		}
		free(c->properties);
	}
	free(c);
}

void
content_write(struct json_out *out, const struct content *c)
{
	json_out_key(out, "name");
	json_out_string(out, c->name);
	json_out_key(out, "properties");
	json_out_open(out, '{');
	for (uint32_t i = 0; i < c->n_properties; i++) {
		json_out_key_text(out, span_of(c->properties[i].key));
		json_out_raw(out, span_of(c->properties[i].value));
	}
	json_out_close(out, '}');
}

static char *
copy_or_null(const char *text)
{
	return xspandup(span_of(text));
}

struct content *
content_copy(const struct content *from)
{
	struct content *c = xmalloc(sizeof(*c));

	*c = (struct content){
		.type = copy_or_null(from->type),
		.name = copy_or_null(from->name),
		.icon_id = copy_or_null(from->icon_id),
		.indicator_id = copy_or_null(from->indicator_id),
		.indicator_set = copy_or_null(from->indicator_set),
		.extra = copy_or_null(from->extra),
		.n_properties = from->n_properties,
	};
	if (!c->n_properties)
		return c;
	c->properties = xmalloc(c->n_properties * sizeof(*c->properties));
	for (uint32_t i = 0; i < c->n_properties; i++) {
		c->properties[i].key = xstrdup(from->properties[i].key);
		c->properties[i].value = xstrdup(from->properties[i].value);
	}
	return c;
}

static size_t
size_of_text(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static size_t
size_of_content_texts(const struct content *c)
{
	const char *texts[CONTENT_TEXTS];
	size_t n = 0;

	texts_of(c, texts);
	for (size_t i = 0; i < CONTENT_TEXTS; i++)
		n += size_of_text(texts[i]);
	for (uint32_t i = 0; i < c->n_properties; i++)
		n += size_of_text(c->properties[i].key) + size_of_text(c->properties[i].value);
	return n;
}

static size_t
packed_size(const struct content *c)
{
	return sizeof(*c) + c->n_properties * sizeof(*c->properties) + size_of_content_texts(c);
}

/* Copies the text to *at and moves on behind it. */
static char *
pack_text(char **at, const char *text)
{
	size_t n = size_of_text(text);
	char *packed = *at;

	if (!text)
		return NULL;
	memcpy(packed, text, n);
	*at += n;
	return packed;
}

struct content *
content_pack(const struct content *from)
{
	struct content *c = xmalloc(packed_size(from));
	char *at = (char *)(c + 1) + from->n_properties * sizeof(*c->properties);

	*c = (struct content){ .n_properties = from->n_properties, .packed = true };
	c->properties = (struct property *)(c + 1);
	for (uint32_t i = 0; i < c->n_properties; i++) {
		c->properties[i].key = pack_text(&at, from->properties[i].key);
		c->properties[i].value = pack_text(&at, from->properties[i].value);
	}
	c->type = pack_text(&at, from->type);
	c->name = pack_text(&at, from->name);
	c->icon_id = pack_text(&at, from->icon_id);
	c->indicator_id = pack_text(&at, from->indicator_id);
	c->indicator_set = pack_text(&at, from->indicator_set);
	c->extra = pack_text(&at, from->extra);
	return c;
}

/* Contents are packed by themselves. */
static struct content *
kept_content(const struct edit *from, bool with_added)
{
	bool keeps = from->content && (with_added || from->kind != EDIT_ADD);

	return keeps ? content_pack(from->content) : NULL;
}

void
edit_copy(struct edit *to, const struct edit *from, bool with_added)
{
	*to = *from;
	to->packed = false;
	to->content = kept_content(from, with_added);
	to->key = copy_or_null(from->key);
	to->value_before = copy_or_null(from->value_before);
	to->value_after = copy_or_null(from->value_after);
	to->name_before = copy_or_null(from->name_before);
	to->name_after = copy_or_null(from->name_after);
}

static size_t
size_of_texts(const struct edit *e)
{
	return size_of_text(e->key) + size_of_text(e->value_before) + size_of_text(e->value_after) +
	    size_of_text(e->name_before) + size_of_text(e->name_after);
}

struct edit *
edits_pack(const struct edit *from, size_t n)
{
	size_t n_bytes = n * sizeof(*from);
	struct edit *edits;
	char *at;

	for (size_t i = 0; i < n; i++)
		n_bytes += size_of_texts(&from[i]);
	edits = xmalloc(n_bytes);
	at = (char *)(edits + n);
	for (size_t i = 0; i < n; i++) {
		struct edit *e = &edits[i];
		*e = from[i];
		e->packed = true;
		e->content = kept_content(&from[i], false);
		e->key = pack_text(&at, from[i].key);
		e->value_before = pack_text(&at, from[i].value_before);
		e->value_after = pack_text(&at, from[i].value_after);
		e->name_before = pack_text(&at, from[i].name_before);
		e->name_after = pack_text(&at, from[i].name_after);
	}
	return edits;
}

static size_t
content_weight(const struct content *c)
{
	return CONTENT_WEIGHT + c->n_properties * (size_t)PROPERTY_WEIGHT +
	    size_of_content_texts(c);
}

size_t
edits_weight(const struct edit *edits, size_t n)
{
	size_t weight = n * EDIT_WEIGHT;

	for (size_t i = 0; i < n; i++) {
		const struct edit *e = &edits[i];

		weight += size_of_texts(e);
		if (e->content && e->kind != EDIT_ADD)
			weight += content_weight(e->content);
	}
	return weight;
}

void
edit_fini(struct edit *e)
{
	content_free(e->content);
	if (!e->packed) {
		free(e->key);
		free(e->value_before);
		free(e->value_after);
		free(e->name_before);
		free(e->name_after);
	}
	e->content = NULL;
	e->key = e->value_before = e->value_after = e->name_before = e->name_after = NULL;
}

void
edits_free(struct edit *edits, size_t n)
{
	for (size_t i = 0; i < n; i++)
		edit_fini(&edits[i]);
	free(edits);
}

static void
swap_texts(char **a, char **b)
{
	char *kept = *a;

	*a = *b;
	*b = kept;
}

void
edit_invert(struct edit *e)
{
	struct place kept = e->before;

	if (e->kind == EDIT_ADD)
		e->kind = EDIT_REMOVE;
	else if (e->kind == EDIT_REMOVE)
		e->kind = EDIT_ADD;
	else if (e->kind == EDIT_MARK)
		return;
	e->before = e->after;
	e->after = kept;
	swap_texts(&e->value_before, &e->value_after);
	swap_texts(&e->name_before, &e->name_after);
}
