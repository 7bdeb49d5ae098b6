#pragma once
/*
 * The contract as C: enums, argument structs and tables expanded from commands.def, events.def and
 * errors.def, and the decoder that fills the argument structs. Pure functions, no I/O.
 */

#include "common/id.h"
#include "common/json_out.h"
#include "common/mem.h"
#include "common/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* OK is 0. */
enum error {
	OK,
#define ERROR(ident, code, status, text) ERROR_##ident,
#include "proto/errors.def"
	ERRORS
};

enum command {
#define COMMAND(ident, name, kind, doc) COMMAND_##ident,
#define REQ(type, name, doc)
#define OPT(type, name, doc)
#define RET(type, name, doc)
#define END(ident)
#include "proto/commands.def"
	COMMANDS
};

enum event {
#define EVENT(ident, colon, dash, durability, doc) EVENT_##ident,
#define FIELD(type, name, doc)
#define END(ident)
#include "proto/events.def"
	EVENTS
};

enum command_kind {
	COMMAND_EDITS,
	COMMAND_CHANGES,
	COMMAND_READS,
	COMMAND_MANAGES,
	COMMAND_REPORTS
};
enum event_durability { EVENT_DURABLE, EVENT_TRANSIENT, EVENT_INTERNAL };

/*
 * Argument structs: struct create_node_args and so on, one member per argument. An absent optional
 * argument is {NULL,0} (text, json, object, list: spans), nil (id, node), or ARG_ABSENT (integer,
 * flag). Text is decoded; json, object and list are spans of the request as written.
 */
#define ARG_ABSENT INT64_MIN
typedef struct span arg_text;
typedef struct uuid arg_id;
typedef struct uuid arg_node;
typedef struct span arg_json;
typedef struct span arg_object;
typedef struct span arg_list;
typedef int64_t arg_integer;
typedef int64_t arg_flag; /* 0, 1 or ARG_ABSENT */

#define COMMAND(ident, name, kind, doc) struct ident##_args {
#define REQ(type, name, doc) arg_##type name;
#define OPT(type, name, doc) arg_##type name;
#define RET(type, name, doc)
#define END(ident) \
	char end_of_arguments; /* so that no struct is empty */ \
	} \
	;
#include "proto/commands.def"

enum arg_type { ARG_text, ARG_id, ARG_node, ARG_json, ARG_object, ARG_list, ARG_integer, ARG_flag };

struct field_row {
	const char *name, *doc;
	enum arg_type type;
	bool required;
};

struct command_row {
	const char *name, *ident, *doc;
	enum command_kind kind;
	/* End with a NULL name. Argument structs hold their members in this order, so a member's
	 * place follows from the types before it. */
	const struct field_row *args, *rets;
	size_t args_size_bytes;
};

struct event_field {
	const char *name, *type, *doc;
};

struct event_row {
	const char *colon, *dash, *ident, *doc;
	enum event_durability durability;
	const struct event_field *fields; /* end with a NULL name */
};

struct error_row {
	const char *code, *ident, *text;
	int status; /* HTTP */
};

extern const struct command_row command_rows[COMMANDS];
extern const struct event_row event_rows[EVENTS];
/* Indexed by enum error; [OK] is {"OK", "ok", "", 200}. */
extern const struct error_row error_rows[ERRORS];

/* Whether its reply carries the graph unless the caller wants it minimal. */
bool command_shows_graph(enum command);
/* COMMANDS, EVENTS or ERRORS when there is none of that name. */
enum command command_find(struct span name);
enum event event_find(struct span colon_name);
enum error error_find(struct span code);

/* Why a request was refused: what goes into the error object besides the code. */
struct refusal {
	char field[64];	   /* empty when no single field is at fault */
	char message[256]; /* empty: the error's own text */
	struct json_out
	    details; /* one JSON value, or empty; the owner of the struct calls refusal_fini() */
};

void refusal_fini(struct refusal *);
/* Field and message end with a whole character, where they were cut: for who writes them himself.
 */
void refusal_trim(struct refusal *);
/* Fills it in and returns err, so that a check can end with: return refuse(...). message as
 * printf(3). The details are empty then: they are written behind it. */
enum error refuse(struct refusal *, enum error err, const char *field, const char *message, ...)
    __attribute__((format(printf, 4, 5)));
/* OK when the command that was found by that name edits a graph: others have paths of their own. */
enum error command_check_edits(enum command, struct span name, struct refusal *);
/* {"code":…,"message":…,"field"?,"details"?} */
void error_write(struct json_out *, enum error, const struct refusal *);

/*
 * "$0" in a Batch: index -> the node that command made. NULL resolver: no references allowed.
 */
struct arg_resolver {
	bool (*resolve)(void *context, unsigned index, struct uuid *out);
	void *context;
};

/*
 * Decodes the arguments of a command from a scanned JSON object (json.h) into its argument struct,
 * which must be args_size_bytes long. What it decodes lives in the arena or in the text. Refuses a
 * missing or mistyped argument by its name; unknown members are ignored.
 */
enum error args_decode(enum command, struct span object, const struct arg_resolver *,
    struct arena *, void *args, struct refusal *);
