/*
 * Prints the reference from the tables: "describe wire" the document docs/wire.md, "describe
 * events" the table in docs/clients.md, "describe schema" JSON Schema (2020-12) of every command's
 * arguments and every event's payload. Generation goes outward only; a test fails when a printed
 * document is stale.
 */

#include "common/limits.h"
#include "proto/wire.h"

#include <stdio.h>
#include <string.h>

static const char *const type_words[] = {
	[ARG_text] = "text",
	[ARG_id] = "id",
	[ARG_node] = "node",
	[ARG_json] = "json",
	[ARG_object] = "object",
	[ARG_list] = "list",
	[ARG_integer] = "integer",
	[ARG_flag] = "flag",
};

static const char *const kind_words[] = {
	[COMMAND_EDITS] = "edits the graph",
	[COMMAND_CHANGES] = "changes the session",
	[COMMAND_READS] = "reads",
	[COMMAND_MANAGES] = "manages sessions and projects",
	[COMMAND_REPORTS] = "about live clients",
};

static void
print_fields(const char *title, const struct field_row *row, bool arguments)
{
	if (!row->name)
		return;
	printf("\n| %s | type | %s |\n|---|---|---|\n", title,
	    arguments ? "required; meaning" : "meaning");
	for (; row->name; row++) {
		const char *must = !arguments ? "" : row->required ? "yes; " : "no; ";

		printf("| `%s` | %s | %s%s |\n", row->name, type_words[row->type], must, row->doc);
	}
}

static void
print_commands(void)
{
	printf("\n## Commands\n");
	for (int i = 0; i < COMMANDS; i++) {
		const struct command_row *row = &command_rows[i];

		printf("\n### %s\n\n%s (%s)\n", row->name, row->doc, kind_words[row->kind]);
		print_fields("argument", row->args, true);
		print_fields("reply", row->rets, false);
	}
}

static void
print_events(void)
{
	static const char *const words[] = {
		[EVENT_DURABLE] = "durable",
		[EVENT_TRANSIENT] = "transient",
		[EVENT_INTERNAL] = "between the daemons",
	};

	printf("\n## Events\n\nEvery payload holds `session_id`, `project_id`, `timestamp` and "
	       "`seq`, and `command_id`, `actor` and\n"
	       "`client_id` where a command caused it.\n");
	for (int i = 0; i < EVENTS; i++) {
		const struct event_row *row = &event_rows[i];

		printf("\n### %s\n\n", row->colon[0] ? row->colon : row->dash);
		printf("%s Dash name `%s`; %s; number %d.\n\n| field | type | meaning "
		       "|\n|---|---|---|\n",
		    row->doc, row->dash, words[row->durability], i);
		for (const struct event_field *f = row->fields; f->name; f++)
			printf("| `%s` | %s | %s |\n", f->name, f->type, f->doc);
	}
}

/* What clients can hear, in short: the table in docs/clients.md. */
static void
print_catalogue(void)
{
	printf("| event | dash name | kept | when |\n|---|---|---|---|\n");
	for (int i = 0; i < EVENTS; i++) {
		const struct event_row *row = &event_rows[i];

		if (row->durability == EVENT_INTERNAL)
			continue;
		if (row->colon[0])
			printf("| `%s` ", row->colon);
		else
			printf("| ");
		printf("| `%s` | %s | %s |\n", row->dash,
		    row->durability == EVENT_DURABLE ? "yes" : "no", row->doc);
	}
}

static void
print_errors(void)
{
	printf("\n## Errors\n\n| code | HTTP | meaning |\n|---|---|---|\n");
	for (int i = OK + 1; i < ERRORS; i++)
		printf("| `%s` | %d | %s |\n", error_rows[i].code, error_rows[i].status,
		    error_rows[i].text);
}

static void
print_requests(void)
{
	printf("Request, from a DEALER or REQ socket to graphd's ROUTER. The empty frame is the "
	       "delimiter that a REQ\n"
	       "socket sends by itself:\n"
	       "\n"
	       "    [] [%s] [request id] [command] [session id, or empty] [caller] [arguments]...\n"
	       "\n"
	       "Reply: `[] [%s] [request id] [OK, PART or an error code] [body]...`\n"
	       "\n"
	       "Caller, arguments and body are JSON; an empty caller or empty arguments count as "
	       "`{}`. The caller may\n"
	       "hold `actor`, `client`, `gateway`, `key` (an idempotency key; with "
	       "`key_is_command_id` a UUID that\n"
	       "becomes the command's id), `minimal` (leave the graph out), `deadline_ms` and "
	       "`traceparent`.\n"
	       "\n"
	       "A frame holds at most %d bytes: arguments or a body longer than %d are cut into "
	       "several frames\n"
	       "of the same message. The status `PART` announces further messages with the same "
	       "request id: their\n"
	       "bodies are to be joined, and the last one says `OK`.\n",
	    WIRE_PROTOCOL, WIRE_PROTOCOL, LIMIT_FRAME_BYTES, LIMIT_PART_BYTES);
}

static void
print_packed_requests(void)
{
	printf("\n### Packed requests\n"
	       "\n"
	       "Gateways save frames. They send all but the arguments as one frame, the head: `[] "
	       "[head]\n"
	       "[arguments]...`. Numbers are little-endian.\n"
	       "\n"
	       "| the head | bytes |\n"
	       "|---|---|\n"
	       "| `%s` and a line feed | 8 |\n"
	       "| request id | 8 |\n"
	       "| session id; zero: none | 16 |\n"
	       "| length of the command's name | 1 |\n"
	       "| the command's name | |\n"
	       "| the caller: JSON, or packed as below | what is left |\n"
	       "\n"
	       "| a packed caller | bytes |\n"
	       "|---|---|\n"
	       "| 1 | 1 |\n"
	       "| flags: bit 0 minimal, bit 1 key_is_command_id | 1 |\n"
	       "| deadline_ms | 4 |\n"
	       "| actor, client, gateway, key, traceparent: each its length in one byte, and the "
	       "text | |\n"
	       "\n"
	       "The reply is packed as well, `[] [head] [body]...`; its head is the same first 8 "
	       "bytes, the request\n"
	       "id, and the status.\n"
	       "\n"
	       "If the answer to Hello said `rows`, a gateway sends the requests of one turn in "
	       "one message, a row:\n"
	       "`[] [row]`. A row is the bytes `%s` and then, for each request, the length of its "
	       "head and of its\n"
	       "arguments, 4 bytes each, and these two. Replies come in rows too, with a body in "
	       "place of the\n"
	       "arguments, in any order and not grouped as the requests were. A row has at most %d "
	       "bytes; what is\n"
	       "longer is sent on its own, and so are the parts of a long reply.\n",
	    WIRE_PROTOCOL, WIRE_ROW, LIMIT_ROW_BYTES);
}

static void
print_bus(void)
{
	printf("\n### The event bus\n"
	       "\n"
	       "Event, from graphd's XPUB socket:\n"
	       "\n"
	       "    [session_<id>/<event>] [header, %d bytes, and perhaps a path] [payload, JSON]\n"
	       "\n"
	       "| the header, little-endian | bytes |\n"
	       "|---|---|\n"
	       "| version: 1 | 1 |\n"
	       "| flags: bit 0 durable, bit 1 for dash names only, bit 2 a path follows | 1 |\n"
	       "| event number | 2 |\n"
	       "| reserved | 4 |\n"
	       "| log_id | 16 |\n"
	       "| epoch | 8 |\n"
	       "| seq | 8 |\n"
	       "| microseconds since 1970 | 8 |\n"
	       "\n"
	       "The path says where the event happened: the node it is about and its ancestors, "
	       "nearest first, 16 bytes\n"
	       "each, at most %d. For node-unlinked and node-linked these are the child and the "
	       "ancestors of the\n"
	       "parent, that parent included; for command:executed, undo and redo, and for "
	       "command:executing, all\n"
	       "nodes in the paths of the command's events. An event without a path concerns the "
	       "whole session, or\n"
	       "too many nodes.\n"
	       "\n"
	       "Topics are byte prefixes: subscribe to `session_<id>/`, slash included. graphd "
	       "answers a\n"
	       "subscription with the event `sync` and the current seq: everything after that seq "
	       "will be heard; what\n"
	       "came before can be read with ListEvents. `%s` is sent every %d ms.\n"
	       "\n"
	       "An event with a payload longer than %d bytes is not published. A `sync` with its "
	       "seq is sent\n"
	       "instead, and the event can be read with ListEvents. Neither are the events of a "
	       "step that has more\n"
	       "than %d, for which one `sync` with its last seq is sent; its command:executing is "
	       "published\n"
	       "before that, without a path, and node-updated is left out.\n",
	    WIRE_HEADER_BYTES, LIMIT_PATH_NODES, WIRE_HEARTBEAT_TOPIC, LIMIT_BUS_HEARTBEAT_MS,
	    LIMIT_EVENT_BYTES, LIMIT_STEP_EVENTS);
}

static void
print_feed(void)
{
	printf(
	    "\n### The feed\n"
	    "\n"
	    "Gateways read the same events from an endpoint of their own, the feed. There the "
	    "events of one commit\n"
	    "in one session are one message of at most about %d bytes, or a single longer event:\n"
	    "\n"
	    "    [session id, 16 bytes; events]\n"
	    "\n"
	    "Each event is the length of its header and of its payload, 4 bytes each, "
	    "little-endian, and these\n"
	    "two. The topic to subscribe to is the 16 bytes; with `%s` after them, node-updated is "
	    "sent as well.\n"
	    "Heartbeats are as above, with `\"packed\":true` in their payload.\n",
	    LIMIT_PACK_BYTES, WIRE_FEED_DASH);
}

static void
print_wire(void)
{
	printf(
	    "# The wire\n\nPrinted from `proto/*.def` by `describe wire`; contract version %s.\n\n"
	    "## Frames\n\n",
	    WIRE_CONTRACT);
	print_requests();
	print_packed_requests();
	print_bus();
	print_feed();
	print_commands();
	print_events();
	print_errors();
}

/* The JSON Schema of one type word; or_null adds null. */
static void
schema_type(struct json_out *out, const char *word, const char *doc)
{
	bool or_null = strstr(word, "_or_null") != NULL;
	const char *name = NULL;

	json_out_open(out, '{');
	if (strncmp(word, "text", 4) == 0 || strncmp(word, "id", 2) == 0 ||
	    strcmp(word, "node") == 0)
		name = "string";
	else if (strncmp(word, "integer", 7) == 0 || strcmp(word, "object") == 0)
		name = word[0] == 'i' ? "integer" : "object";
	else if (strcmp(word, "list") == 0)
		name = "array";
	else if (strcmp(word, "flag") == 0)
		name = "boolean";
	if (name) {
		json_out_key(out, "type");
		if (or_null)
			json_out_open(out, '[');
		json_out_string(out, name);
		if (or_null) {
			json_out_string(out, "null");
			json_out_close(out, ']');
		}
	}
	if (strncmp(word, "id", 2) == 0) {
		json_out_key(out, "format");
		json_out_string(out, "uuid");
	}
	json_out_key(out, "description");
	json_out_string(out, doc);
	json_out_close(out, '}');
}

static void
schema_fields(struct json_out *out, const struct field_row *rows)
{
	json_out_open(out, '{');
	json_out_key(out, "type");
	json_out_string(out, "object");
	json_out_key(out, "properties");
	json_out_open(out, '{');
	for (const struct field_row *row = rows; row->name; row++) {
		json_out_key(out, row->name);
		schema_type(out, type_words[row->type], row->doc);
	}
	json_out_close(out, '}');
	json_out_key(out, "required");
	json_out_open(out, '[');
	for (const struct field_row *row = rows; row->name; row++) {
		if (row->required)
			json_out_string(out, row->name);
	}
	json_out_close(out, ']');
	json_out_close(out, '}');
}

static void
schema_event(struct json_out *out, const struct event_row *row)
{
	json_out_open(out, '{');
	json_out_key(out, "type");
	json_out_string(out, "object");
	json_out_key(out, "description");
	json_out_string(out, row->doc);
	json_out_key(out, "properties");
	json_out_open(out, '{');
	for (const struct event_field *f = row->fields; f->name; f++) {
		json_out_key(out, f->name);
		schema_type(out, f->type, f->doc);
	}
	json_out_close(out, '}');
	json_out_close(out, '}');
}

static void
print_schema(void)
{
	struct json_out out = { 0 };

	json_out_open(&out, '{');
	json_out_key(&out, "$schema");
	json_out_string(&out, "https://json-schema.org/draft/2020-12/schema");
	json_out_key(&out, "$defs");
	json_out_open(&out, '{');
	json_out_key(&out, "commands");
	json_out_open(&out, '{');
	for (int i = 0; i < COMMANDS; i++) {
		json_out_key(&out, command_rows[i].name);
		schema_fields(&out, command_rows[i].args);
	}
	json_out_close(&out, '}');
	json_out_key(&out, "replies");
	json_out_open(&out, '{');
	for (int i = 0; i < COMMANDS; i++) {
		json_out_key(&out, command_rows[i].name);
		schema_fields(&out, command_rows[i].rets);
	}
	json_out_close(&out, '}');
	json_out_key(&out, "events");
	json_out_open(&out, '{');
	for (int i = 0; i < EVENTS; i++) {
		json_out_key(
		    &out, event_rows[i].colon[0] ? event_rows[i].colon : event_rows[i].dash);
		schema_event(&out, &event_rows[i]);
	}
	json_out_close(&out, '}');
	json_out_close(&out, '}');
	json_out_close(&out, '}');
	fwrite(out.bytes, 1, out.n, stdout);
	putchar('\n');
	json_out_fini(&out);
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "wire") == 0) {
		print_wire();
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "schema") == 0) {
		print_schema();
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "events") == 0) {
		print_catalogue();
		return 0;
	}
	fprintf(stderr, "usage: describe wire|events|schema\n");
	return 2;
}
