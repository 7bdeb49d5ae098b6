#include "proto/proto.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

const struct error_row error_rows[ERRORS] = {
	[OK] = { "OK", "ok", "", 200 },
#define ERROR(ident, code, status, text) [ERROR_##ident] = { code, #ident, text, status },
#include "proto/errors.def"
};

/* The rows of one command's arguments and replies, named after the command. */
#define COMMAND(ident, name, kind, doc) static const struct field_row ident##_arg_rows[] = {
#define REQ(type, name, doc) { #name, doc, ARG_##type, true },
#define OPT(type, name, doc) { #name, doc, ARG_##type, false },
#define RET(type, name, doc)
#define END(ident) \
	{ \
		NULL, NULL, ARG_text, false \
	} \
	} \
	;
#include "proto/commands.def"

#define COMMAND(ident, name, kind, doc) static const struct field_row ident##_ret_rows[] = {
#define REQ(type, name, doc)
#define OPT(type, name, doc)
#define RET(type, name, doc) { #name, doc, ARG_##type, true },
#define END(ident) \
	{ \
		NULL, NULL, ARG_text, false \
	} \
	} \
	;
#include "proto/commands.def"

const struct command_row command_rows[COMMANDS] = {
#define COMMAND(ident, name, kind, doc) \
	[COMMAND_##ident] = { name, #ident, doc, COMMAND_##kind, ident##_arg_rows, \
		ident##_ret_rows, sizeof(struct ident##_args) },
#define REQ(type, name, doc)
#define OPT(type, name, doc)
#define RET(type, name, doc)
#define END(ident)
#include "proto/commands.def"
};

#define EVENT(ident, colon, dash, durability, doc) \
	static const struct event_field ident##_fields[] = {
#define FIELD(type, name, doc) { #name, #type, doc },
#define END(ident) \
	{ \
		NULL, NULL, NULL \
	} \
	} \
	;
#include "proto/events.def"

const struct event_row event_rows[EVENTS] = {
#define EVENT(ident, colon, dash, durability, doc) \
	[EVENT_##ident] = { colon, dash, #ident, doc, EVENT_##durability, ident##_fields },
#define FIELD(type, name, doc)
#define END(ident)
#include "proto/events.def"
};

bool
command_shows_graph(enum command command)
{
	const struct command_row *row = &command_rows[command];

	if (row->kind == COMMAND_EDITS || command == COMMAND_undo || command == COMMAND_redo)
		return true;
	for (const struct field_row *f = row->rets; f->name && row->kind == COMMAND_MANAGES; f++)
		if (strcmp(f->name, "graph") == 0)
			return true;
	return false;
}

enum error
command_check_edits(enum command command, struct span name, struct refusal *why)
{
	/* Cut inside a character it ends the message, where refuse() looks for that. */
	int n = name.n < 64 ? (int)name.n : 64;

	if (command != COMMANDS && command_rows[command].kind == COMMAND_EDITS)
		return OK;
	return refuse(why, ERROR_unknown_command, "command_type",
	    command == COMMANDS ? "There is no command %.*s"
				: "%.*s does not edit the graph: it is asked for by its own path.",
	    n, name.p);
}

enum command
command_find(struct span name)
{
	for (int i = 0; i < COMMANDS; i++) {
		if (span_is(name, command_rows[i].name))
			return (enum command)i;
	}
	return COMMANDS;
}

enum event
event_find(struct span colon_name)
{
	if (colon_name.n == 0)
		return EVENTS;
	for (int i = 0; i < EVENTS; i++) {
		if (span_is(colon_name, event_rows[i].colon))
			return (enum event)i;
	}
	return EVENTS;
}

enum error
error_find(struct span code)
{
	for (int i = 0; i < ERRORS; i++) {
		if (span_is(code, error_rows[i].code))
			return (enum error)i;
	}
	return ERRORS;
}

void
refusal_fini(struct refusal *r)
{
	json_out_fini(&r->details);
}

/* Cuts off the beginning of a character whose rest is not there. */
static void
trim(char *text)
{
	size_t n = strlen(text), back = 0;

	while (back < n && back < 4 && ((unsigned char)text[n - 1 - back] & 0xc0) == 0x80)
		back++;
	if (back < n) {
		unsigned char lead = (unsigned char)text[n - 1 - back];
		size_t want = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;

		if (want != back)
			text[n - back - 1] = '\0';
	}
}

void
refusal_trim(struct refusal *r)
{
	trim(r->field);
	trim(r->message);
}

enum error
refuse(struct refusal *r, enum error err, const char *field, const char *message, ...)
{
	va_list ap;

	assert(err != OK);
	snprintf(r->field, sizeof r->field, "%s", field ? field : "");
	va_start(ap, message);
	vsnprintf(r->message, sizeof r->message, message, ap);
	va_end(ap);
	refusal_trim(r);
	json_out_clear(&r->details);
	return err;
}

void
error_write(struct json_out *out, enum error err, const struct refusal *why)
{
	bool said = why && why->message[0];

	json_out_open(out, '{');
	json_out_key(out, "code");
	json_out_string(out, error_rows[err].code);
	json_out_key(out, "message");
	json_out_string(out, said ? why->message : error_rows[err].text);
	if (why && why->field[0]) {
		json_out_key(out, "field");
		json_out_string(out, why->field);
	}
	if (why && why->details.n) {
		json_out_key(out, "details");
		json_out_raw(out, json_out_span(&why->details));
	}
	json_out_close(out, '}');
}
