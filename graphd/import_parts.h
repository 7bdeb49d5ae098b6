#pragma once
/*
 * The parts of import.c: reading node objects in one pass over the text, making contents of
 * them, and hanging them together. Everything here lives in the reader's arena but the contents.
 */

#include "common/table.h"
#include "graphd/import.h"

/* One element of a list of children: an id as written, or the node that stands there itself. */
struct import_ref {
	struct import_ref *next;
	struct span id;
	struct import_entry *entry; /* NULL: only an id */
};

struct import_entry {
	struct uuid id;		 /* key of the table */
	struct span id_text;	 /* as written */
	struct span parent_text; /* {NULL,0}: nothing said */
	struct import_ref *refs, *refs_last;
	struct content *content; /* owned by the reader */
	struct import_entry *parent, *first, *last, *next;
	struct import_entry *read_next; /* in the order of the text */
};

struct import_reader {
	struct arena arena;
	struct table by_id;
	struct import_entry top; /* what the roots hang under; its refs are the list of roots */
	struct import_entry *read_first, *read_last;
	size_t n;
	const struct blueprint *blueprint; /* NULL: none */
	struct json_out *warnings;
	struct refusal *why;
};

/* The members of a node object that mean something. */
enum import_member {
	MEMBER_ID,
	MEMBER_BLUEPRINT_TYPE_ID,
	MEMBER_BLUEPRINT_TYPE,
	MEMBER_TYPE, /* the three in the order in which they count */
	MEMBER_NAME,
	MEMBER_LABEL,
	MEMBER_PROPERTIES,
	MEMBER_PARENT_ID,
	MEMBER_PARENT_ID_CAMEL,
	MEMBER_INDICATOR_ID,
	MEMBER_INDICATOR_SET,
	MEMBER_ICON_ID,
	MEMBERS
};

/* A node object as far as it has been read. */
struct import_draft {
	struct import_entry *entry;
	struct span members[MEMBERS];
	struct json_out extra; /* the other members */
};

/* Whether a scanned value fits with its levels where values go: only graphs may be nested deeply.
 */
bool import_is_shallow(struct span value);
/* A text's own id, or the one that its name gives. */
void import_uuid(struct span text, struct uuid *out);
struct import_entry *import_find(const struct import_reader *, struct span id_text);
/* NULL entry: about no node. */
void import_warn(struct import_reader *, const struct import_entry *, const char *rule,
    const char *message, ...) __attribute__((format(printf, 4, 5)));

/* import_nodes.c: all nodes of an array or a map; roots: elements hang under the top, ids are taken
 * too. */
enum error import_read_nodes(struct import_reader *, struct span container, bool roots);
/* import_content.c: fills in the entry's id, parent and content. position counts from 1. */
enum error import_read_content(
    struct import_reader *, struct import_draft *, struct span map_key, size_t position);
/* import_link.c: children, parents, edges, roots; then the list, in order. */
enum error import_link(struct import_reader *, struct span edges);
enum error import_order(struct import_reader *, struct import *out);
