#pragma once
/*
 * The blueprint's rules, checked on every write. Lenient projects accept the write and the reply's
 * warnings say {"node_id","property_id"?,"rule","message"}; strict ones refuse it with
 * RULE_VIOLATED and the same three in the details.
 */

#include "graphd/session.h"

/*
 * rule: "unknown_type", "allowed_children", "unknown_property", "type", "option", "required". OK in
 * lenient sessions, where a warning is added to s->warnings.
 */
enum error rule_broken(struct session *, const struct uuid *node, const char *property_id,
    const char *rule, struct refusal *, const char *message, ...)
    __attribute__((format(printf, 6, 7)));

/* A node of this type with this content under this parent (NULL: a root). */
enum error rules_check_node(struct session *, const struct uuid *node, const struct content *,
    const struct node *parent, struct refusal *);
/* This type under this parent. */
enum error rules_check_place(struct session *, const struct uuid *node, const char *type,
    const struct node *parent, struct refusal *);
/* One property's new value (NULL: removed) on a node of this type. */
enum error rules_check_value(struct session *, const struct uuid *node, const char *type,
    const char *property_id, const char *value_json, struct refusal *);
