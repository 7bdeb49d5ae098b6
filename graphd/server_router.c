#include "graphd/server_router.h"

#include "common/bus_socket.h"
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "graphd/clip.h"

#include <stdlib.h>

static struct metric dropped = { .name = "graphd_requests_dropped_total",
	.help = "Messages that could not be answered because they were no requests.",
	.type = "counter" };

void *
router_bind(void *zmq, const char *endpoint, const struct bus_security *security)
{
	void *socket = bus_socket_new(zmq, ZMQ_ROUTER, security);

	if (!socket)
		return NULL;
	metrics_add(&dropped);
	router_add_reply_metrics();
	/* Without MANDATORY a reply to a peer that has left vanishes without a word; without
	 * HANDOVER a gateway that comes back under its old id would be ignored while its dead
	 * connection lingers. */
	bus_socket_set(socket, ZMQ_ROUTER_MANDATORY, 1);
	bus_socket_set(socket, ZMQ_ROUTER_HANDOVER, 1);
	bus_socket_set(socket, ZMQ_SNDHWM, LIMIT_BUS_QUEUE);
	bus_socket_set(socket, ZMQ_RCVHWM, LIMIT_BUS_QUEUE);
	return bus_socket_listen(socket, endpoint);
}

enum { AT_PROTOCOL, AT_ID, AT_COMMAND, AT_SESSION, AT_CALLER, AT_ARGS };

/* One request as it came, as spans into the frames of its message. */
struct head {
	const struct span *envelope;
	size_t n_envelope;
	bool is_packed;
	bool is_in_row;
	bool is_known; /* the protocol is ours */
	bool is_short; /* frames are missing */
	bool is_too_long;
	struct span session_text; /* {NULL,0} when packed */
	struct wire_packed parts;
	const struct span *args; /* in so many frames */
	size_t n_args;
};

/* The envelope ends with the first empty frame; a routing id is never empty. 0: there is no such
 * frame within bounds. */
static size_t
measure_envelope(const struct frames *f)
{
	size_t bytes = 0;

	for (size_t i = 0; i < f->n && i < LIMIT_ENVELOPE_FRAMES; i++) {
		bytes += f->at[i].n;
		if (bytes > LIMIT_ENVELOPE_BYTES)
			return 0;
		if (f->at[i].n == 0)
			return i + 1;
	}
	return 0;
}

static struct span
keep(char **at, struct span bytes)
{
	struct span kept = { *at, bytes.n };

	if (bytes.n)
		memcpy(*at, bytes.p, bytes.n);
	*at += bytes.n;
	return kept;
}

static struct head
read_head(const struct frames *f, size_t base)
{
	struct head h = { .envelope = f->at, .n_envelope = base, .is_too_long = f->too_long };
	size_t at_args = base + 1;

	h.is_packed = h.is_known = wire_packed_get(frames_at(f, base), &h.parts);
	if (!h.is_packed) {
		h.is_known = span_is(frames_at(f, base + AT_PROTOCOL), WIRE_PROTOCOL);
		h.parts.id = frames_at(f, base + AT_ID);
		h.parts.command = frames_at(f, base + AT_COMMAND);
		h.parts.caller = frames_at(f, base + AT_CALLER);
		h.session_text = frames_at(f, base + AT_SESSION);
		at_args = base + AT_ARGS;
	}
	h.is_short = f->n < at_args;
	h.args = &f->at[at_args];
	h.n_args = h.is_short ? 0 : f->n - at_args;
	return h;
}

/* Arguments that were cut into several frames are joined again. */
static struct ask *
ask_new(const struct head *head)
{
	size_t total = head->parts.id.n + head->parts.caller.n;
	struct ask *ask;
	char *at;

	for (size_t i = 0; i < head->n_envelope; i++)
		total += head->envelope[i].n;
	for (size_t i = 0; i < head->n_args; i++)
		total += head->args[i].n;
	/* Of a graph that is to be loaded, zeroing all would cost as much as copying it. */
	ask = xmalloc(sizeof *ask + total);
	memset(ask, 0, sizeof *ask);
	at = ask->bytes;
	for (size_t i = 0; i < head->n_envelope; i++)
		ask->envelope[i] = keep(&at, head->envelope[i]);
	ask->n_envelope = head->n_envelope;
	ask->is_packed = head->is_packed;
	ask->is_in_row = head->is_in_row;
	ask->session = head->parts.session;
	ask->id = keep(&at, head->parts.id);
	ask->caller = keep(&at, head->parts.caller);
	ask->args = (struct span){ at, 0 };
	for (size_t i = 0; i < head->n_args; i++)
		ask->args.n += keep(&at, head->args[i]).n;
	return ask;
}

struct ask *
ask_stub(struct ask *ask)
{
	size_t total = ask->id.n;
	struct ask *stub;
	char *at;

	for (size_t i = 0; i < ask->n_envelope; i++)
		total += ask->envelope[i].n;
	stub = xmalloc(sizeof *stub + total);
	*stub = *ask;
	at = stub->bytes;
	for (size_t i = 0; i < ask->n_envelope; i++)
		stub->envelope[i] = keep(&at, ask->envelope[i]);
	stub->id = keep(&at, ask->id);
	stub->caller = stub->args = (struct span){ NULL, 0 };
	free(ask);
	return stub;
}

static bool
takes_whole_graphs(enum command command)
{
	return command == COMMAND_load_graph || command == COMMAND_import_project;
}

/* Import files may be one long text. */
static struct json_bounds
bounds_of(enum command command)
{
	struct json_bounds bounds = { .depth = LIMIT_JSON_DEPTH,
		.values = LIMIT_JSON_VALUES,
		.text_bytes = LIMIT_JSON_TEXT_BYTES,
		.key_bytes = LIMIT_JSON_KEY_BYTES };

	/* What a client says stands four levels down. */
	if (command == COMMAND_answer)
		bounds.depth += 4;
	if (!takes_whole_graphs(command))
		return bounds;
	bounds.depth = LIMIT_JSON_IMPORT_DEPTH;
	bounds.values = LIMIT_JSON_IMPORT_VALUES;
	if (command == COMMAND_import_project)
		bounds.text_bytes = LIMIT_IMPORT_BYTES;
	return bounds;
}

static enum error
refuse_json(const char *what, enum json_fault fault, size_t offset, struct refusal *why)
{
	enum error err = refuse(why, ERROR_invalid_request, what,
	    "No acceptable JSON in the %s: %s at byte %zu.", what, json_fault_name(fault), offset);

	json_out_open(&why->details, '{');
	json_out_key(&why->details, "fault");
	json_out_string(&why->details, json_fault_name(fault));
	json_out_key(&why->details, "offset");
	json_out_uint(&why->details, offset);
	json_out_close(&why->details, '}');
	return err;
}

static enum error
check_json(
    struct span *text, const char *what, const struct json_bounds *bounds, struct refusal *why)
{
	enum json_fault fault;
	size_t offset;

	if (text->n == 0)
		return OK;
	fault = json_scan(*text, bounds, &offset);
	if (fault != JSON_OK)
		return refuse_json(what, fault, offset, why);
	*text = json_trim(*text);
	if (json_type(*text) != JSON_OBJECT)
		return refuse(why, ERROR_invalid_request, what, "The %s must be an object.", what);
	return OK;
}

static enum error
check_ask(struct ask *ask, const struct head *head, struct refusal *why)
{
	static const struct json_bounds caller_bounds = { 4, 64, LIMIT_ENVELOPE_BYTES, 64 };
	struct span command = head->parts.command;
	struct json_bounds bounds;
	enum error err;

	if (!head->is_known)
		return refuse(
		    why, ERROR_unsupported_version, "", "This server speaks %s.", WIRE_PROTOCOL);
	if (head->is_short)
		return refuse(why, ERROR_invalid_request, "", "The request has too few frames.");
	ask->command = command_find(command);
	if (ask->command == COMMANDS)
		return refuse(why, ERROR_unknown_command, "command_type",
		    "There is no command \"%.*s\".", CLIP(command));
	if (head->is_too_long ||
	    ask->args.n >
		(takes_whole_graphs(ask->command) ? LIMIT_IMPORT_BYTES : LIMIT_BODY_BYTES))
		return refuse(why, ERROR_payload_too_large, "", "%s",
		    error_rows[ERROR_payload_too_large].text);
	if (head->session_text.n && !uuid_parse(head->session_text, &ask->session))
		return refuse(why, ERROR_invalid_session, "session_id", "%s",
		    error_rows[ERROR_invalid_session].text);
	err = caller_is_packed(ask->caller)
	    ? OK
	    : check_json(&ask->caller, "caller", &caller_bounds, why);
	bounds = bounds_of(ask->command);
	return err ? err : check_json(&ask->args, "arguments", &bounds, why);
}

/* A message without a request id cannot be answered so that anybody would know what the answer is
 * to. */
static struct ask *
take_ask(struct router *r, const struct head *head)
{
	struct refusal why = { 0 };
	struct ask *ask;
	enum error err;

	if (head->parts.id.n == 0 || head->parts.id.n > LIMIT_REQUEST_ID_BYTES) {
		dropped.value++;
		log_debug("bus", "dropped a message that is no request");
		return NULL;
	}
	ask = ask_new(head);
	err = check_ask(ask, head, &why);
	if (err) {
		router_refuse_for(r, ask, err, &why);
		free(ask);
		ask = NULL;
	}
	refusal_fini(&why);
	return ask;
}

/* The next one of a row. What is damaged is dropped, and all that would stand behind it. */
static struct ask *
take_from_row(struct router *r)
{
	struct span packed, args;
	struct head head = { .envelope = r->message.at,
		.n_envelope = r->n_envelope,
		.is_packed = true,
		.is_in_row = true,
		.is_known = true,
		.args = &args,
		.n_args = 1 };

	if (!wire_row_take(&r->left, &packed, &args) || !wire_packed_get(packed, &head.parts)) {
		head.parts.id.n = 0;
		r->left.n = 0;
	}
	return take_ask(r, &head);
}

static struct ask *
take_single(struct router *r)
{
	struct head head = { 0 };

	if (r->n_envelope > 0)
		head = read_head(&r->message, r->n_envelope);
	return take_ask(r, &head);
}

static bool
is_row(struct router *r)
{
	return r->n_envelope > 0 && r->message.n == r->n_envelope + 1 &&
	    wire_row_get(frames_at(&r->message, r->n_envelope), &r->left);
}

bool
router_take(struct router *r, struct ask **ask)
{
	if (r->left.n == 0) {
		if (!frames_recv(&r->message, r->socket))
			return false;
		r->n_envelope = measure_envelope(&r->message);
	}
	*ask = r->left.n > 0 || is_row(r) ? take_from_row(r) : take_single(r);
	if (r->left.n == 0)
		frames_fini(&r->message);
	return true;
}
