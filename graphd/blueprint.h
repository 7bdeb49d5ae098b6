#pragma once
/*
 * Blueprints: node types, their properties and options, and what may hang under what. Read from
 * YAML files in one directory, by exact id, [A-Za-z0-9_-]{1,64}; bounded in size, depth and
 * aliases.
 */

#include "common/json_out.h"
#include "common/span.h"
#include "graphd/graph.h"

#include <stdbool.h>

struct option {
	char *id, *name, *indicator_id, *bullet; /* the last two may be NULL */
};

enum value_type {
	VALUE_TEXT,
	VALUE_NUMBER,
	VALUE_CURRENCY,
	VALUE_DATE,
	VALUE_SELECT,
	VALUE_CHECKBOX,
	VALUE_OTHER
};

struct property_type {
	char *id, *label, *type_name, *indicator_set; /* the last may be NULL */
	char *value;				      /* default as JSON, or NULL */
	char *uuid; /* the id older files use for it: SHA-1 of "property.<type>:<id>" */
	enum value_type type;
	bool required;
	struct option *options;
	size_t n_options;
};

struct node_type {
	char *id, *label, *icon; /* icon may be NULL */
	char *uuid;		 /* the id older files use for it: SHA-1 of "node_type:<id>" */
	bool has_time_log;
	char **allowed_children;
	size_t n_allowed_children;
	struct property_type *properties;
	size_t n_properties;
};

struct blueprint {
	char *id, *version, *name, *description;
	struct node_type *types;
	size_t n_types;
};

struct blueprints;

/* Reads no file yet. directory: borrowed. NULL and errno when it cannot be opened. */
struct blueprints *blueprints_open(const char *directory);
void blueprints_free(struct blueprints *);
/* Borrowed for good; NULL: no such file, an id of another form, or one that cannot be read
 * (logged). Cached. From any thread. */
const struct blueprint *blueprints_find(struct blueprints *, struct span id);
/* {"templates":[{id,name,description}…]} by id. */
void blueprints_list(struct blueprints *, struct json_out *);

/* From YAML text; id as the file's name gives it. NULL with a message (line included) when it is
 * not a blueprint. */
struct blueprint *blueprint_parse(struct span id, struct span yaml, char message[256]);
void blueprint_free(struct blueprint *);
/* The schema object of GET /templates/{id}/schema. */
void blueprint_schema(const struct blueprint *, struct json_out *);

const struct node_type *blueprint_type(const struct blueprint *, const char *type_id);
const struct property_type *node_type_property(const struct node_type *, const char *property_id);
/* value: JSON. By id, or by exact name. */
const struct option *property_type_option(const struct property_type *, const char *value_json);
/* The node's indicator: the first select property with an indicator_set and a known option. False:
 * none. */
bool blueprint_indicator(
    const struct blueprint *, const struct content *, const char **set, const struct option **);
