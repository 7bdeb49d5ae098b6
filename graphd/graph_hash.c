#include "graphd/graph_hash.h"

#include "graphd/siblings.h"

#include <assert.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
	TEXT_AS_IT_IS_BYTES = 64, /* a longer text stands in the term with its own hash */
	TERM_MAX = 512,
	NO_TEXT = 0xff,
	HASHED_TEXT = 0xfe,
};

/* The bytes of one term, gathered. */
struct term {
	size_t n;
	uint8_t bytes[TERM_MAX];
};

static void
add_bytes(struct term *t, const void *p, size_t n)
{
	assert(n <= sizeof(t->bytes) - t->n);
	memcpy(t->bytes + t->n, p, n);
	t->n += n;
}

static void
add_byte(struct term *t, uint8_t b)
{
	add_bytes(t, &b, 1);
}

/* A length or a mark goes before each text: no two lists of texts give the same bytes. */
static void
add_text(struct term *t, const char *text)
{
	size_t n;

	if (!text) {
		add_byte(t, NO_TEXT);
		return;
	}
	n = strlen(text);
	if (n <= TEXT_AS_IT_IS_BYTES) {
		add_byte(t, (uint8_t)n);
		add_bytes(t, text, n);
	} else {
		XXH128_canonical_t canonical;
		XXH128_canonicalFromHash(&canonical, XXH3_128bits(text, n));
		add_byte(t, HASHED_TEXT);
		add_bytes(t, canonical.digest, sizeof(canonical.digest));
	}
}

static struct digest
finish(const struct term *t)
{
	XXH128_hash_t hash = XXH3_128bits(t->bytes, t->n);

	return (struct digest){ hash.low64, hash.high64 };
}

/* The first byte tells the kinds of terms apart. */
static void
begin(struct term *t, char kind, const struct uuid *id)
{
	t->n = 0;
	add_byte(t, (uint8_t)kind);
	add_bytes(t, id->bytes, UUID_BYTES);
}

struct digest
hash_identity(const struct node *n)
{
	struct term t;

	begin(&t, 'n', &n->id);
	add_text(&t, n->content.type);
	add_text(&t, n->content.name);
	add_text(&t, n->content.icon_id);
	add_text(&t, n->content.indicator_id);
	add_text(&t, n->content.indicator_set);
	add_text(&t, n->content.extra);
	return finish(&t);
}

struct digest
hash_property(const struct node *n, uint32_t index)
{
	const struct property *p = &n->content.properties[index];
	struct term t;

	begin(&t, 'p', &n->id);
	add_text(&t, index > 0 ? p[-1].key : NULL);
	add_text(&t, p->key);
	add_text(&t, p->value);
	return finish(&t);
}

struct digest
hash_place(const struct node *n)
{
	static const struct uuid nil;
	const struct node *previous = siblings_previous(n);
	struct term t;

	begin(&t, 'l', &n->id);
	add_bytes(&t, n->parent ? n->parent->id.bytes : nil.bytes, UUID_BYTES);
	add_bytes(&t, previous ? previous->id.bytes : nil.bytes, UUID_BYTES);
	return finish(&t);
}

struct digest
hash_meta(const char *meta)
{
	static const struct uuid nil;
	struct term t;

	if (!meta)
		return (struct digest){ 0, 0 };
	begin(&t, 'm', &nil);
	add_text(&t, meta);
	return finish(&t);
}

struct digest
hash_content(const struct node *n)
{
	struct digest sum = hash_identity(n);

	for (uint32_t i = 0; i < n->content.n_properties; i++)
		digest_add(&sum, hash_property(n, i));
	return sum;
}
