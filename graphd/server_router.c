#include "graphd/server_router.h"

#include "common/bus_socket.h"
#include "common/frames.h"
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "graphd/clip.h"

#include <errno.h>
#include <stdlib.h>

static struct metric dropped = { .name = "graphd_requests_dropped_total",
	.help = "Messages that could not be answered because they were no requests.",
	.type = "counter" };
static struct metric lost = { .name = "graphd_replies_lost_total",
	.help = "Replies whose gateway had gone or did not read.",
	.type = "counter" };

void *
router_bind(void *zmq, const char *endpoint, const struct bus_security *security)
{
	void *socket = bus_socket_new(zmq, ZMQ_ROUTER, security);

	if (!socket)
		return NULL;
	metrics_add(&dropped);
	metrics_add(&lost);
	/* Without MANDATORY a reply to a peer that has left vanishes without a word; without
	 * HANDOVER a gateway that comes back under its old id would be ignored while its dead
	 * connection lingers. */
	bus_socket_set(socket, ZMQ_ROUTER_MANDATORY, 1);
	bus_socket_set(socket, ZMQ_ROUTER_HANDOVER, 1);
	bus_socket_set(socket, ZMQ_SNDHWM, LIMIT_BUS_QUEUE);
	bus_socket_set(socket, ZMQ_RCVHWM, LIMIT_BUS_QUEUE);
	return bus_socket_listen(socket, endpoint);
}

/* Where the parts of a request stand in a message. */
struct layout {
	size_t n_envelope;
	size_t total_bytes;
};

enum { AT_PROTOCOL, AT_ID, AT_COMMAND, AT_SESSION, AT_CALLER, AT_ARGS };

/* What stands before the arguments, as spans into the frames. */
struct head {
	bool is_packed;
	bool is_known;		  /* the protocol is ours */
	struct span session_text; /* {NULL,0} when packed */
	struct wire_packed parts;
	size_t at_args; /* the frame behind it */
};

/* The envelope ends with the first empty frame; a routing id is never empty. False: there is no
 * such frame within bounds. */
static bool
measure(const struct frames *f, struct layout *out)
{
	size_t envelope_bytes = 0;

	for (size_t i = 0; i < f->n && i < LIMIT_ENVELOPE_FRAMES; i++) {
		envelope_bytes += frames_at(f, i).n;
		if (envelope_bytes > LIMIT_ENVELOPE_BYTES)
			return false;
		if (frames_at(f, i).n > 0)
			continue;
		out->n_envelope = i + 1;
		out->total_bytes = 0;
		for (size_t j = 0; j < f->n; j++)
			out->total_bytes += frames_at(f, j).n;
		return true;
	}
	return false;
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
	struct head h = { .at_args = base + 1 };

	h.is_packed = h.is_known = wire_packed_get(frames_at(f, base), &h.parts);
	if (h.is_packed)
		return h;
	h.is_known = span_is(frames_at(f, base + AT_PROTOCOL), WIRE_PROTOCOL);
	h.parts.id = frames_at(f, base + AT_ID);
	h.parts.command = frames_at(f, base + AT_COMMAND);
	h.parts.caller = frames_at(f, base + AT_CALLER);
	h.session_text = frames_at(f, base + AT_SESSION);
	h.at_args = base + AT_ARGS;
	return h;
}

/* Arguments that were cut into several frames are joined again. */
static struct ask *
ask_new(const struct frames *f, const struct layout *layout, const struct head *head)
{
	struct ask *ask = xcalloc(1, sizeof *ask + layout->total_bytes);
	char *at = ask->bytes;

	for (size_t i = 0; i < layout->n_envelope; i++)
		ask->envelope[i] = keep(&at, frames_at(f, i));
	ask->n_envelope = layout->n_envelope;
	ask->is_packed = head->is_packed;
	ask->session = head->parts.session;
	ask->id = keep(&at, head->parts.id);
	ask->caller = keep(&at, head->parts.caller);
	ask->args = (struct span){ at, 0 };
	for (size_t i = head->at_args; i < f->n; i++)
		ask->args.n += keep(&at, frames_at(f, i)).n;
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

/* Import files nest two levels for each level of the graph, and may be one long text. */
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
	bounds.depth = LIMIT_JSON_DEPTH + 2 * LIMIT_DEPTH;
	bounds.values = LIMIT_JSON_IMPORT_VALUES;
	if (command == COMMAND_import_project)
		bounds.text_bytes = LIMIT_IMPORT_BYTES;
	return bounds;
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
	if (fault != JSON_OK) {
		json_out_open(&why->details, '{');
		json_out_key(&why->details, "fault");
		json_out_string(&why->details, json_fault_name(fault));
		json_out_key(&why->details, "offset");
		json_out_uint(&why->details, offset);
		json_out_close(&why->details, '}');
		return refuse(why, ERROR_invalid_request, what,
		    "No acceptable JSON in the %s: %s at byte %zu.", what, json_fault_name(fault),
		    offset);
	}
	*text = json_trim(*text);
	if (json_type(*text) != JSON_OBJECT)
		return refuse(why, ERROR_invalid_request, what, "The %s must be an object.", what);
	return OK;
}

static enum error
check_ask(struct ask *ask, const struct frames *f, const struct head *head, struct refusal *why)
{
	static const struct json_bounds caller_bounds = { 4, 64, LIMIT_ENVELOPE_BYTES, 64 };
	struct span command = head->parts.command;
	struct json_bounds bounds;
	enum error err;

	if (!head->is_known)
		return refuse(
		    why, ERROR_unsupported_version, "", "This server speaks %s.", WIRE_PROTOCOL);
	if (f->n < head->at_args)
		return refuse(why, ERROR_invalid_request, "", "The request has too few frames.");
	ask->command = command_find(command);
	if (ask->command == COMMANDS)
		return refuse(why, ERROR_unknown_command, "command_type",
		    "There is no command \"%.*s\".", CLIP(command));
	if (f->too_long ||
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

void
router_refuse_for(
    struct router *r, const struct ask *ask, enum error err, const struct refusal *why)
{
	struct json_out body = { 0 };

	json_out_open(&body, '{');
	json_out_key(&body, "error");
	error_write(&body, err, why);
	json_out_close(&body, '}');
	router_reply(r, ask, error_rows[err].code, json_out_span(&body));
	json_out_fini(&body);
}

void
router_refuse(struct router *r, const struct ask *ask, enum error err)
{
	struct refusal why = { 0 };

	router_refuse_for(r, ask, err, &why);
	refusal_fini(&why);
}

/* A message without a request id cannot be answered so that anybody would know what the answer is
 * to. */
static struct ask *
parse(struct router *r, const struct frames *f)
{
	struct refusal why = { 0 };
	struct layout layout;
	struct head head = { 0 };
	struct ask *ask;
	enum error err;

	if (measure(f, &layout))
		head = read_head(f, layout.n_envelope);
	if (head.parts.id.n == 0 || head.parts.id.n > LIMIT_REQUEST_ID_BYTES) {
		dropped.value++;
		log_debug("bus", "dropped a message of %zu frames that is no request", f->n);
		return NULL;
	}
	ask = ask_new(f, &layout, &head);
	err = check_ask(ask, f, &head, &why);
	if (err) {
		router_refuse_for(r, ask, err, &why);
		free(ask);
		ask = NULL;
	}
	refusal_fini(&why);
	return ask;
}

bool
router_take(struct router *r, struct ask **ask)
{
	struct frames f;

	if (!frames_recv(&f, r->socket))
		return false;
	*ask = parse(r, &f);
	frames_fini(&f);
	return true;
}

/* All but the body. Once the first frame has gone, the others of the message cannot fail. */
static enum router_sent
send_head(struct router *r, const struct ask *ask, const char *status)
{
	if (!frames_send(r->socket, ask->envelope[0], true)) {
		enum router_sent sent = errno == EAGAIN ? ROUTER_FULL : ROUTER_GONE;

		lost.value++;
		return sent;
	}
	for (size_t i = 1; i < ask->n_envelope; i++)
		frames_send(r->socket, ask->envelope[i], true);
	if (ask->is_packed) {
		char head[WIRE_ANSWER_HEAD_MAX];
		size_t n = wire_answer_head(ask->id, status, head);

		frames_send(r->socket, (struct span){ head, n }, true);
		return ROUTER_SENT;
	}
	frames_send(r->socket, SPAN(WIRE_PROTOCOL), true);
	frames_send(r->socket, ask->id, true);
	frames_send(r->socket, span_of(status), true);
	return ROUTER_SENT;
}

enum router_sent
router_reply(struct router *r, const struct ask *ask, const char *status, struct span body)
{
	enum router_sent sent = send_head(r, ask, status);

	if (sent == ROUTER_SENT)
		frames_send(r->socket, body, false);
	return sent;
}

enum router_sent
router_reply_taking(
    struct router *r, const struct ask *ask, const char *status, char *body, size_t n)
{
	enum router_sent sent = send_head(r, ask, status);

	if (sent == ROUTER_SENT)
		frames_send_owned(r->socket, body, n, false);
	return sent;
}
