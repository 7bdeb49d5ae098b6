#pragma once
/*
 * One reversible change, as plain data. The same record is undo (inverted), event (encoded) and
 * storage (appended). Graphs change through graph_apply() of edits and in no other way.
 */

#include "common/id.h"
#include "common/json_out.h"
#include "common/span.h"

#include <stdbool.h>
#include <stdint.h>

enum edit_kind {
	EDIT_ADD,      /* a node without children appears */
	EDIT_REMOVE,   /* a node without children goes */
	EDIT_MOVE,     /* to another parent, or among its siblings */
	EDIT_PROPERTY, /* a property is set, added (before NULL) or removed (after NULL) */
	EDIT_META,     /* the project's data besides nodes changes: struct meta, as JSON */
	EDIT_MARK,     /* nothing changes; the step tells something: created, saved, closed, … */
};

enum mark { MARK_CREATED, MARK_SAVED, MARK_LOADED, MARK_CLEAN, MARK_CLOSED };

/* Where a node stands. parent nil: among the roots. previous nil: first. */
struct place {
	struct uuid parent;
	struct uuid previous;
	uint32_t index;
};

/* Values are minified JSON text, NUL-terminated, owned. Order is the order of insertion. */
struct property {
	char *key;
	char *value;
};

/* What a node is besides its place. Owned by whoever holds the pointer: a node, or an edit. */
struct content {
	char *type; /* blueprint_type_id */
	char *name;
	char *icon_id;			    /* or NULL */
	char *indicator_id, *indicator_set; /* or NULL; as imported */
	char *extra; /* unknown members of an imported node: JSON members without braces; or NULL */
	struct property *properties;
	uint32_t n_properties;
	bool packed; /* one allocation, made by content_pack(); to be read only */
};

struct edit {
	enum edit_kind kind;
	enum mark mark; /* EDIT_MARK */
	struct uuid node;
	struct place before, after; /* ADD: after. REMOVE: before. MOVE: both. */
	struct content *content; /* ADD: what to add, moves into the graph. REMOVE: what was there,
				    moves out of it. */
	char *key;		 /* PROPERTY: which */
	char *value_before,
	    *value_after; /* PROPERTY: JSON or NULL. META: whole struct meta as JSON. MARK: after =
			     members of its event, such as "revision":3 */
	char *name_before,
	    *name_after;	 /* PROPERTY "name": the display name; both NULL when it stays */
	uint32_t property_index; /* PROPERTY: place in the node's list */
	uint64_t content_hash;	 /* ADD, REMOVE: of the content, filled in by graph_apply() */
	bool packed;		 /* made by edits_pack(): its texts are to be read only */
};

void content_free(struct content *);
/* "name" and "properties", as members of an object. */
void content_write(struct json_out *, const struct content *);
/* Deep copy. */
struct content *content_copy(const struct content *);
/* The same in one allocation: cheaper to make and to keep, but nothing in it can be replaced. */
struct content *content_pack(const struct content *);
/* Deep copy. with_added: the content of an ADD as well, which is otherwise left out. */
void edit_copy(struct edit *to, const struct edit *from, bool with_added);
/* Deep copies in one allocation, to be kept and not to be applied; the content of an ADD is left
 * out. edits_free() is due. */
struct edit *edits_pack(const struct edit *from, size_t n);
/* Frees what the edit owns, not the struct. */
void edit_fini(struct edit *);
/* Frees a whole array of them. */
void edits_free(struct edit *, size_t n);
/* About how many bytes they take in memory, kept without the content of an ADD. Computed from what
 * they say and not from how they are allocated, so that it is the same after a restart. */
size_t edits_weight(const struct edit *, size_t n);
/* In place: ADD becomes REMOVE, before becomes after. */
void edit_invert(struct edit *);
