#pragma once
/*
 * YAML as a tree, for files that people write (blueprints) and files of older programs (projects).
 * Everything a text can do to its reader is bounded: size, depth, and what aliases multiply. Keys
 * are scalars and stand once in a mapping; merge keys and tags beyond the core schema (YAML 1.2
 * section 10.3) are refused, not guessed at.
 */

#include "common/json_out.h"
#include "common/mem.h"
#include "common/span.h"

#include <stdbool.h>
#include <stdint.h>

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP, YAML_SAME };

struct yaml_node {
	struct span text; /* TEXT: NUL-terminated, without NUL inside */
	struct yaml_node
	    *first; /* LIST: elements. MAP: key, value, key, … SAME: the anchored node */
	struct yaml_node *next; /* in the same collection */
	uint32_t line;		/* from 1 */
	uint8_t kind;		/* enum yaml_kind */
	bool plain;		/* TEXT: not quoted, may mean a number, true, … */
};

/* Aliases count as what they stand for. */
struct yaml_bounds {
	size_t bytes; /* of the text, and of all scalars */
	unsigned depth;
	size_t values;
};

enum { YAML_MESSAGE = 256 };

/* The tree lives in the arena. NULL with a message that names the line. An empty text is a plain
 * "". */
struct yaml_node *yaml_read(
    struct arena *, struct span text, const struct yaml_bounds *, char message[YAML_MESSAGE]);
/* What an alias stands for; any other node is itself. */
const struct yaml_node *yaml_resolve(const struct yaml_node *);
/* Borrowed, resolved; NULL when the mapping has no such key. */
const struct yaml_node *yaml_find(const struct yaml_node *map, const char *key);
/* True of an absent node (NULL) and of a plain scalar that means null. */
bool yaml_is_null(const struct yaml_node *);
/* The value as JSON, scalars by the core schema: numbers that JSON or a double cannot hold stay
 * texts. */
void yaml_write_json(struct json_out *, const struct yaml_node *);
