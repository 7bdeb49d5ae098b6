#pragma once
/* What a new node holds: the blueprint's defaults, then what the caller gives. */

#include "graphd/call.h"

/*
 * properties: an object or {NULL,0}; its name, when it has one, renames the node. Refuses what is
 * too long or too many by field. The owner frees *out with content_free().
 */
enum error new_node(struct call *, const struct blueprint *, struct span type, struct span name,
    struct span properties, struct content **out);

/* Bounds of one property: id and value as written. */
enum error new_node_check_property(
    struct call *, const char *field, struct span id, struct span value);
/* The text of a name property's value; refuses one that is none. */
enum error new_node_name(struct call *, const char *field, struct span value, char **out);
/* Minified JSON; owned. */
char *new_node_value(struct span json);
