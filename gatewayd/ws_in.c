/*
 * The inbound half. wslay's frame layer finds frame headers and unmasks; everything above it is
 * done here, because its event layer judges close frames wrongly, bounds no queue, and allocates
 * what a header claims. The reader exists only while something is incomplete, since its context
 * holds 8 KB.
 */

#include "common/mem.h"
#include "common/utf8.h"
#include "gatewayd/ws_inner.h"

#include <assert.h>
#include <stdlib.h>
#include <wslay/wslay.h>

enum { CONTROL_BYTES = 125, FIRST_CAPACITY = 1024 };

struct ws_in {
	wslay_frame_context_ptr frames;
	struct span feed;	   /* not given to wslay yet */
	uint64_t given, accounted; /* bytes; equal when wslay holds nothing back */
	uint64_t frame_got;	   /* payload of the frame so far */
	char *kept;		   /* owned: came with the upgrade, to be fed first */
	size_t n_kept;
	char *message; /* owned */
	size_t n, capacity;
	size_t checked; /* of a text: valid UTF-8 up to here */
	bool in_frame;
	uint8_t opcode; /* of the message; WS_OP_CONTINUE when none is in progress */
	uint8_t n_control;
	char control[CONTROL_BYTES];
};

static ssize_t
give(uint8_t *to, size_t size, int flags, void *user)
{
	struct ws_in *in = user;
	size_t n = in->feed.n < size ? in->feed.n : size;

	(void)flags;
	/* 0 makes wslay say that it wants more. */
	if (n == 0)
		return 0;
	memcpy(to, in->feed.p, n);
	in->feed.p += n;
	in->feed.n -= n;
	in->given += n;
	return (ssize_t)n;
}

static struct ws_in *
in_get(struct ws *w)
{
	static const struct wslay_frame_callbacks callbacks = { .recv_callback = give };

	if (w->in)
		return w->in;
	w->in = w->server->spare;
	w->server->spare = NULL;
	if (w->in)
		return w->in;
	w->in = xcalloc(1, sizeof *w->in);
	if (wslay_frame_context_init(&w->in->frames, &callbacks, w->in) != 0)
		abort(); /* it fails for want of memory alone */
	return w->in;
}

void
ws_in_free(struct ws_in *in)
{
	if (!in)
		return;
	wslay_frame_context_free(in->frames);
	free(in->kept);
	free(in->message);
	free(in);
}

/* Gives the reader back when nothing is incomplete. */
static void
in_put(struct ws *w)
{
	struct ws_in *in = w->in;
	bool is_clean = in->given == in->accounted && !in->in_frame && !in->opcode && !in->kept;

	if (!is_clean && w->state < WS_LINGERING)
		return;
	w->in = NULL;
	if (is_clean && !w->server->spare) {
		/* A long message leaves no long buffer behind. */
		free(in->message);
		in->message = NULL;
		in->n = in->capacity = in->checked = 0;
		in->given = in->accounted = 0;
		w->server->spare = in;
	} else {
		ws_in_free(in);
	}
}

/* Whether these up to three bytes can become a character: tried with the lowest tails that any lead
 * allows. */
static bool
is_cut_character(const char *p, size_t n)
{
	static const char tails[] = { '\x80', '\x90', '\xa0' };
	char whole[4];

	if (n >= sizeof whole)
		return false;
	for (size_t i = 0; i < sizeof tails; i++) {
		memset(whole, tails[i], sizeof whole);
		memcpy(whole, p, n);
		if (utf8_sequence(whole, sizeof whole) > n)
			return true;
	}
	return false;
}

/* Skips eight plain ASCII characters at once. */
static size_t
skip_ascii(const char *p, size_t n)
{
	size_t i = 0;
	uint64_t word;

	for (; i + sizeof word <= n; i += sizeof word) {
		memcpy(&word, p + i, sizeof word);
		if (word & 0x8080808080808080u)
			break;
	}
	return i;
}

/* Moves *checked over all complete characters. False when the text cannot become valid, or is_end
 * and it is not. */
static bool
check_text(const char *text, size_t n, size_t *checked, bool is_end)
{
	while (*checked < n) {
		size_t skipped = skip_ascii(text + *checked, n - *checked);
		size_t length;

		*checked += skipped;
		if (*checked == n)
			break;
		length = utf8_sequence(text + *checked, n - *checked);
		if (length == 0)
			return !is_end && is_cut_character(text + *checked, n - *checked);
		*checked += length;
	}
	return true;
}

/* The codes a peer may send: the RFC's own, those registered since (1012 to 1014), and 3000 to
 * 4999. */
static bool
is_code(unsigned code)
{
	if (code >= 3000 && code <= 4999)
		return true;
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

static void
take_close(struct ws *w, const char *body, size_t n)
{
	size_t checked = 0;
	unsigned code;

	if (n == 0) {
		ws_closed_by_peer(w, WS_CODE_NO_STATUS);
		return;
	}
	code = n < 2 ? 0 : (unsigned)(uint8_t)body[0] << 8 | (uint8_t)body[1];
	if (!is_code(code))
		ws_fail(w, WS_CODE_PROTOCOL, "bad close code", WS_BROKEN);
	else if (!check_text(body + 2, n - 2, &checked, true))
		ws_fail(w, WS_CODE_BAD_TEXT, "bad close reason", WS_BROKEN);
	else
		ws_closed_by_peer(w, code);
}

static void
control_done(struct ws *w, uint8_t opcode)
{
	struct ws_in *in = w->in;

	if (opcode == WS_OP_CLOSE)
		take_close(w, in->control, in->n_control);
	else if (opcode == WS_OP_PING)
		ws_pong(w, (struct span){ in->control, in->n_control });
	else
		ws_ponged(w);
	in->n_control = 0;
}

static void
message_done(struct ws *w)
{
	struct ws_in *in = w->in;
	bool is_binary = in->opcode == WS_OP_BINARY;

	in->opcode = WS_OP_CONTINUE;
	if (w->state == WS_OPEN)
		w->server->settings.message(
		    w, (struct span){ in->message ? in->message : "", in->n }, is_binary);
	in->n = in->checked = 0;
}

/* The rules for a frame's header. False when the connection was ended for it. */
static bool
frame_begins(struct ws *w, const struct wslay_frame_iocb *part)
{
	struct ws_in *in = w->in;
	const char *fault = NULL;
	bool is_control = part->opcode & 8;
	bool is_first = part->opcode == WS_OP_TEXT || part->opcode == WS_OP_BINARY;

	if (part->rsv)
		fault = "reserved bit set";
	else if (!part->mask)
		fault = "frame not masked";
	else if (is_control ? part->opcode > WS_OP_PONG : part->opcode > WS_OP_BINARY)
		fault = "reserved opcode";
	else if (!is_control && !is_first && !in->opcode)
		fault = "nothing to continue";
	else if (is_first && in->opcode)
		fault = "message interrupted";
	if (fault) {
		ws_fail(w, WS_CODE_PROTOCOL, fault, WS_BROKEN);
		return false;
	}
	if (!is_control && part->payload_length > w->server->settings.message_bytes - in->n) {
		ws_fail(w, WS_CODE_TOO_BIG, "message too big", WS_BROKEN);
		return false;
	}
	if (is_first)
		in->opcode = part->opcode;
	in->in_frame = true;
	in->frame_got = 0;
	return true;
}

/* Grows with what has come, never with what a header claims. */
static void
append(struct ws_in *in, const uint8_t *p, size_t n)
{
	if (n == 0)
		return;
	if (in->n + n > in->capacity) {
		size_t capacity = in->capacity ? in->capacity : FIRST_CAPACITY;

		while (capacity < in->n + n)
			capacity *= 2;
		in->message = xrealloc(in->message, capacity, 1);
		in->capacity = capacity;
	}
	memcpy(in->message + in->n, p, n);
	in->n += n;
}

static void
take_data(struct ws *w, const struct wslay_frame_iocb *part, bool is_frame_end)
{
	struct ws_in *in = w->in;
	bool is_end = is_frame_end && part->fin;

	/* Behind our close frame nothing is kept or judged, but frames are still read to find the
	 * peer's. */
	if (w->state == WS_OPEN)
		append(in, part->data, part->data_length);
	if (w->state == WS_OPEN && in->opcode == WS_OP_TEXT &&
	    !check_text(in->message, in->n, &in->checked, is_end))
		ws_fail(w, WS_CODE_BAD_TEXT, "text is not UTF-8", WS_BROKEN);
	else if (is_end)
		message_done(w);
}

static uint64_t
head_bytes(uint64_t payload_bytes)
{
	return 2 + 4 + (payload_bytes < 126 ? 0 : payload_bytes < 65536 ? 2 : 8);
}

static void
take_part(struct ws *w, const struct wslay_frame_iocb *part)
{
	struct ws_in *in = w->in;
	bool is_frame_end;

	if (!in->in_frame && !frame_begins(w, part))
		return;
	in->frame_got += part->data_length;
	is_frame_end = in->frame_got == part->payload_length;
	if (is_frame_end) {
		in->in_frame = false;
		in->accounted += head_bytes(part->payload_length) + part->payload_length;
	}
	if (!(part->opcode & 8)) {
		take_data(w, part, is_frame_end);
		return;
	}
	/* wslay has refused control frames that are longer or fragmented. */
	assert(in->n_control + part->data_length <= CONTROL_BYTES);
	if (part->data_length)
		memcpy(in->control + in->n_control, part->data, part->data_length);
	in->n_control = (uint8_t)(in->n_control + part->data_length);
	if (is_frame_end)
		control_done(w, part->opcode);
}

void
ws_in_feed(struct ws *w, struct span bytes)
{
	struct ws_in *in = in_get(w);
	ssize_t n = 0;

	in->feed = bytes;
	while (w->state < WS_LINGERING) {
		struct wslay_frame_iocb part = { 0 };

		n = wslay_frame_recv(in->frames, &part);
		if (n < 0)
			break;
		take_part(w, &part);
	}
	if (n < 0 && n != WSLAY_ERR_WANT_READ)
		ws_fail(w, WS_CODE_PROTOCOL, "bad frame", WS_BROKEN);
	in->feed = (struct span){ 0 };
	in_put(w);
}

void
ws_in_keep(struct ws *w, struct span bytes)
{
	struct ws_in *in;

	if (bytes.n == 0)
		return;
	in = in_get(w);
	in->kept = xspandup(bytes);
	in->n_kept = bytes.n;
	ws_touch(w);
}

void
ws_in_feed_kept(struct ws *w)
{
	struct span bytes;
	char *kept;

	if (!w->in || !w->in->kept)
		return;
	kept = w->in->kept;
	bytes = (struct span){ kept, w->in->n_kept };
	w->in->kept = NULL;
	ws_in_feed(w, bytes);
	free(kept);
}
