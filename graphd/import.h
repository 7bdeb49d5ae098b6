#pragma once
/*
 * Graphs as peers send them, in JSON or YAML: nested {"roots":[…]}, and two flat shapes of the
 * predecessor, the older server whose projects and frontend this one takes over:
 *
 *   (a) {"nodes":{ID:{…,"children":[ID],"parent_id":ID}}}, its project files;
 *   (b) {"graph":{"nodes":[{…}],"edges":[{"source":ID,"target":ID}]}}, what its frontend saves.
 *
 * Reading gives a list of nodes, parents before children, siblings in order, checked for cycles,
 * repeated ids and limits, iteratively; what was lost on the way is in the warnings. Exporting
 * gives shape (b), or a portable file of our own.
 */

#include "graphd/blueprint.h"
#include "graphd/session.h"

struct import_node {
	struct uuid id, parent;	 /* parent nil: a root */
	struct content *content; /* owned */
};

struct import {
	struct import_node *nodes; /* parents first, siblings in order */
	size_t n;
	char *template_id, *project_name;  /* as the file names them, or NULL */
	const struct blueprint *blueprint; /* of that template; borrowed for good, or NULL */
	char *extra; /* unknown members as JSON members: "file":{…} and "graph":{…}; or NULL */
	struct json_out warnings; /* elements of an array: {"node_id"?,"rule","message"} */
};

void import_fini(struct import *);
/* Refuses invalid_template: strict rules of a blueprint that is not here cannot be kept. */
enum error import_check_template(const struct import *, bool strict, struct refusal *);
/* What the file calls its project, else what the first root is called. Borrowed. */
const char *import_project_name(const struct import *);
/*
 * document: scanned JSON: a graph, or a file holding one under "graph". blueprints: finds the
 * blueprint that the file (or template_id, which wins; may be {NULL,0}) names, whose uuid forms of
 * types and properties are then translated to plain ids; unknown ones stay as they are. out: zero,
 * but for the blueprint that counts when none is named. Refuses invalid_graph with the node at
 * fault, limit_*. Ids that are not UUIDs become uuid5(DNS, id).
 */
enum error import_read(struct span document, struct blueprints *, struct span template_id,
    struct import *out, struct refusal *);
/* YAML of the same content to JSON text, bounded like JSON (no aliases that multiply). False with a
 * message. */
bool import_yaml_to_json(struct span yaml, struct json_out *json, char message[256]);

/* The edits that replace the open step's graph by the imported one: through session_edit(), rules
 * checked. Takes the contents. */
enum error import_apply(struct session *, struct import *, struct refusal *);

/* The predecessor's shape (b): what load-graph takes; unknown members come out again. */
void export_predecessor(const struct session *, struct json_out *out);
/* Our portable file: {"format":"graphd-project","version":1,…}: flat nodes with ids and state hash;
 * history: the session's steps as well (given by the caller as base64 texts). */
void export_native(const struct session *, struct json_out *out);
bool import_is_native(struct span document);
