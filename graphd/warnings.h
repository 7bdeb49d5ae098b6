#pragma once
/*
 * What a reply warns of: elements of an array, {"node_id"?,"property_id"?,"rule","message"}. Behind
 * LIMIT_WARNINGS_BYTES of them a last one says that there were more, for a reply must not outgrow
 * what it answers.
 */

#include "common/id.h"
#include "common/json_out.h"

/* node, property_id: NULL when it is about none. */
void warnings_add(struct json_out *, const struct uuid *node, const char *property_id,
    const char *rule, const char *message);
/* The same of one but for the message, as members of an open object: for a refusal's details. */
void warning_write_members(
    struct json_out *, const struct uuid *node, const char *property_id, const char *rule);
