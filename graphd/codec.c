#include "graphd/codec.h"

#include "common/limits.h"
#include "common/mem.h"

enum {
	VARINT_MAX = 10,
	PROPERTY_BYTES_MIN = 2,
	CONTENT_TEXTS = 6, /* before the properties */
};

void
code_number(struct json_out *out, uint64_t value)
{
	char *to = put_room(out, VARINT_MAX);

	for (; value >= 0x80; value >>= 7, out->n++)
		*to++ = (char)(value | 0x80);
	*to = (char)value;
	out->n++;
}

void
code_fixed(struct json_out *out, uint64_t value)
{
	char *to = put_room(out, sizeof(value));

	for (size_t i = 0; i < sizeof(value); i++, value >>= 8)
		to[i] = (char)value;
	out->n += sizeof(value);
}

void
code_id(struct json_out *out, const struct uuid *id)
{
	put_bytes(out, id->bytes, UUID_BYTES);
}

void
code_span(struct json_out *out, struct span bytes)
{
	code_number(out, bytes.n + 1);
	if (bytes.n)
		put_bytes(out, bytes.p, bytes.n);
}

void
code_text(struct json_out *out, const char *text)
{
	if (text)
		code_span(out, span_of(text));
	else
		code_number(out, 0);
}

struct reader
reader_of(struct span bytes)
{
	const uint8_t *at = (const uint8_t *)bytes.p;

	return (struct reader){ .at = at, .end = at ? at + bytes.n : at };
}

bool
reader_is_done(const struct reader *r)
{
	return !r->bad && r->at == r->end;
}

static size_t
left(const struct reader *r)
{
	return r->bad ? 0 : (size_t)(r->end - r->at);
}

uint64_t
read_number(struct reader *r)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && left(r) > 0; shift += 7) {
		uint8_t byte = *r->at++;
		/* The tenth byte holds the one bit that is left of 64. */
		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
	r->bad = true;
	return 0;
}

uint64_t
read_bounded(struct reader *r, uint64_t max)
{
	uint64_t value = read_number(r);

	if (value <= max)
		return value;
	r->bad = true;
	return 0;
}

size_t
read_count(struct reader *r, size_t element_bytes)
{
	return (size_t)read_bounded(r, left(r) / element_bytes);
}

uint64_t
read_fixed(struct reader *r)
{
	uint64_t value = 0;

	if (left(r) < sizeof(value)) {
		r->bad = true;
		return 0;
	}
	for (size_t i = 0; i < sizeof(value); i++)
		value |= (uint64_t)*r->at++ << (8 * i);
	return value;
}

struct uuid
read_id(struct reader *r)
{
	struct uuid id = { { 0 } };

	if (left(r) < UUID_BYTES) {
		r->bad = true;
		return id;
	}
	memcpy(id.bytes, r->at, UUID_BYTES);
	r->at += UUID_BYTES;
	return id;
}

struct span
read_span(struct reader *r)
{
	uint64_t n = read_number(r);
	struct span s = { NULL, 0 };

	if (n == 0)
		return s;
	if (n - 1 > left(r)) {
		r->bad = true;
		return s;
	}
	s = (struct span){ (const char *)r->at, (size_t)n - 1 };
	r->at += s.n;
	return s;
}

/* Also where the reading is brief. */
static char *
take_text(struct reader *r)
{
	struct span s = read_span(r);

	if (!s.p)
		return NULL;
	if (memchr(s.p, '\0', s.n)) {
		r->bad = true;
		return NULL;
	}
	return xspandup(s);
}

char *
read_text(struct reader *r)
{
	if (!r->brief)
		return take_text(r);
	read_span(r);
	return NULL;
}

char *
read_some_text(struct reader *r)
{
	char *text = read_text(r);

	if (!text && !r->brief)
		r->bad = true;
	return text;
}

void
code_content(struct json_out *out, const struct content *c)
{
	code_text(out, c->type);
	code_text(out, c->name);
	code_text(out, c->icon_id);
	code_text(out, c->indicator_id);
	code_text(out, c->indicator_set);
	code_text(out, c->extra);
	code_number(out, c->n_properties);
	for (uint32_t i = 0; i < c->n_properties; i++) {
		code_text(out, c->properties[i].key);
		code_text(out, c->properties[i].value);
	}
}

struct content *
read_content(struct reader *r)
{
	struct content *c = xcalloc(1, sizeof(*c));
	size_t n;

	c->type = read_some_text(r);
	c->name = read_some_text(r);
	c->icon_id = read_text(r);
	c->indicator_id = read_text(r);
	c->indicator_set = read_text(r);
	c->extra = read_text(r);
	n = read_count(r, PROPERTY_BYTES_MIN);
	if (n > LIMIT_PROPERTIES)
		r->bad = true;
	if (r->bad || n == 0)
		return c;
	c->properties = xcalloc(n, sizeof(*c->properties));
	for (; c->n_properties < n && !r->bad; c->n_properties++) {
		c->properties[c->n_properties].key = read_some_text(r);
		c->properties[c->n_properties].value = read_some_text(r);
	}
	return c;
}

static void
pass_content(struct reader *r)
{
	for (int i = 0; i < CONTENT_TEXTS; i++)
		read_span(r);
	for (size_t n = read_count(r, PROPERTY_BYTES_MIN); n > 0 && !r->bad; n--) {
		read_span(r);
		read_span(r);
	}
}

enum { PLACE_PARENT = 1, PLACE_PREVIOUS = 2 };

static void
code_place(struct json_out *out, const struct place *p)
{
	bool parent = !uuid_is_nil(&p->parent), previous = !uuid_is_nil(&p->previous);

	put_byte(out, (char)((parent ? PLACE_PARENT : 0) | (previous ? PLACE_PREVIOUS : 0)));
	if (parent)
		code_id(out, &p->parent);
	if (previous)
		code_id(out, &p->previous);
	code_number(out, p->index);
}

static struct place
read_place(struct reader *r)
{
	uint64_t flags = read_bounded(r, PLACE_PARENT | PLACE_PREVIOUS);
	struct place p = { .index = 0 };

	if (flags & PLACE_PARENT)
		p.parent = read_id(r);
	if (flags & PLACE_PREVIOUS)
		p.previous = read_id(r);
	p.index = (uint32_t)read_bounded(r, UINT32_MAX);
	return p;
}

static void
code_added_or_removed(struct json_out *out, const struct edit *e)
{
	code_id(out, &e->node);
	code_place(out, e->kind == EDIT_ADD ? &e->after : &e->before);
	code_fixed(out, e->content_hash);
	put_byte(out, e->content != NULL);
	if (e->content)
		code_content(out, e->content);
}

static void
read_added_or_removed(struct reader *r, struct edit *e)
{
	e->node = read_id(r);
	*(e->kind == EDIT_ADD ? &e->after : &e->before) = read_place(r);
	e->content_hash = read_fixed(r);
	if (!read_bounded(r, 1))
		return;
	if (r->brief)
		pass_content(r);
	else
		e->content = read_content(r);
}

static void
code_property(struct json_out *out, const struct edit *e)
{
	code_id(out, &e->node);
	code_text(out, e->key);
	code_text(out, e->value_before);
	code_text(out, e->value_after);
	code_text(out, e->name_before);
	code_text(out, e->name_after);
	code_number(out, e->property_index);
}

static void
read_property(struct reader *r, struct edit *e)
{
	e->node = read_id(r);
	e->key = read_some_text(r);
	e->value_before = read_text(r);
	e->value_after = read_text(r);
	e->name_before = read_text(r);
	e->name_after = read_text(r);
	e->property_index = (uint32_t)read_bounded(r, UINT32_MAX);
}

void
code_edit(struct json_out *out, const struct edit *e)
{
	put_byte(out, (char)e->kind);
	switch (e->kind) {
	case EDIT_ADD:
	case EDIT_REMOVE:
		code_added_or_removed(out, e);
		break;
	case EDIT_MOVE:
		code_id(out, &e->node);
		code_place(out, &e->before);
		code_place(out, &e->after);
		break;
	case EDIT_PROPERTY:
		code_property(out, e);
		break;
	case EDIT_META:
		code_text(out, e->value_before);
		code_text(out, e->value_after);
		break;
	case EDIT_MARK:
		put_byte(out, (char)e->mark);
		code_text(out, e->value_after);
		break;
	}
}

void
read_edit(struct reader *r, struct edit *e)
{
	*e = (struct edit){ .kind = (enum edit_kind)read_bounded(r, EDIT_MARK) };
	switch (e->kind) {
	case EDIT_ADD:
	case EDIT_REMOVE:
		read_added_or_removed(r, e);
		break;
	case EDIT_MOVE:
		e->node = read_id(r);
		e->before = read_place(r);
		e->after = read_place(r);
		break;
	case EDIT_PROPERTY:
		read_property(r, e);
		break;
	case EDIT_META:
		e->value_before = take_text(r); /* whether it raises an event stands in them */
		e->value_after = take_text(r);
		break;
	case EDIT_MARK:
		e->mark = (enum mark)read_bounded(r, MARK_CLOSED);
		e->value_after = read_text(r);
		break;
	}
}
