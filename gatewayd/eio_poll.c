/* The polling transport: what is queued, the one GET and the one POST that may be under way. */

#include "common/limits.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "gatewayd/eio_packet.h"
#include "gatewayd/eio_session.h"

#include <assert.h>
#include <stdlib.h>

enum { PACKET_COST_BYTES = 64 }; /* what an empty packet counts in the queue's bound */

void
eio_queue_add(struct eio_queue *q, struct shared_bytes *b, bool is_fed)
{
	size_t bytes = b->n + PACKET_COST_BYTES;

	if (q->first + q->n == q->capacity && q->first > q->n) {
		memmove(q->items, q->items + q->first, q->n * sizeof(*q->items));
		q->first = 0;
	}
	if (q->first + q->n == q->capacity) {
		q->capacity = q->capacity ? 2 * q->capacity : 8;
		q->items = xrealloc(q->items, q->capacity, sizeof(*q->items));
	}
	q->items[q->first + q->n++] = b;
	q->bytes += bytes;
	q->fed_bytes += is_fed ? bytes : 0;
}

static void
queue_fini(struct eio_queue *q)
{
	for (uint32_t i = 0; i < q->n; i++)
		shared_bytes_unref(q->items[q->first + i]);
	free(q->items);
	*q = (struct eio_queue){ 0 };
}

struct shared_bytes *
eio_queue_take(struct eio_queue *q)
{
	struct shared_bytes *b;

	if (q->n == 0)
		return NULL;
	b = q->items[q->first++];
	q->bytes -= b->n + PACKET_COST_BYTES;
	if (q->fed_bytes > q->bytes)
		q->fed_bytes = q->bytes;
	/* An idle session keeps no queue. */
	if (--q->n == 0)
		queue_fini(q);
	return b;
}

void
eio_polling_free(struct eio_polling *p)
{
	if (!p)
		return;
	list_remove(&p->upgrade);
	queue_fini(&p->queue);
	free(p);
}

void
eio_wake_poll(struct eio_session *s)
{
	struct eio_polling *p = s->polling;

	if (!p->get || p->is_told)
		return;
	p->is_told = true;
	s->eio->io->poll_ready(p->get);
}

static struct eio_verdict
answer(const struct eio_session *s, enum eio_next next)
{
	return (struct eio_verdict){ .next = next,
		.status = 200,
		.code = -1,
		.message = "",
		.has_sid = true,
		.sid = s->sid };
}

static struct eio_verdict
unknown_sid(void)
{
	return (struct eio_verdict){
		.next = EIO_REFUSE, .status = 400, .code = 1, .message = "Session ID unknown"
	};
}

static struct eio_verdict
bad_request(void)
{
	return (struct eio_verdict){
		.next = EIO_REFUSE, .status = 400, .code = 3, .message = "Bad request"
	};
}

static struct eio_verdict
too_big(void)
{
	return (struct eio_verdict){
		.next = EIO_REFUSE, .status = 413, .code = -1, .message = "Payload too large"
	};
}

struct eio_sid
eio_handshake(struct eio *eio, const struct eio_request *r, uint64_t now_ms, struct json_out *body)
{
	struct eio_session *s;

	eio_tick(eio, now_ms);
	s = eio_open_session(eio);
	s->polling = xcalloc(1, sizeof(*s->polling));
	s->polling->session = s;
	eio_open_packet(&eio->settings, &s->sid, true, body);
	eio->app->open(eio->app->context, s, r);
	return s->sid;
}

static bool
has_answer(const struct eio_session *s)
{
	return s->polling->queue.n > 0 || s->polling->is_probed || s->state == EIO_CLOSING;
}

/* What is queued, in order; python-engineio refuses an answer of more packets than this. */
static unsigned
write_queued(struct eio_session *s, struct json_out *body)
{
	struct eio_queue *q = &s->polling->queue;
	size_t total = 0;
	unsigned n = 0;

	for (; q->n > 0 && n < LIMIT_POLL_PACKETS; n++) {
		struct shared_bytes *b = q->items[q->first];
		size_t size_bytes = eio_packet_size(b) + (n > 0);

		if (n > 0 && total + size_bytes > s->eio->settings.max_payload_bytes)
			break;
		if (n > 0)
			json_out_bytes(body, (struct span){ &(const char){ EIO_SEPARATOR }, 1 });
		eio_packet_write(b, body);
		total += size_bytes;
		shared_bytes_unref(eio_queue_take(q));
	}
	return n;
}

/* Never leaves the body empty: clients take that for a broken packet. */
static void
write_answer(struct eio_session *s, struct json_out *body)
{
	unsigned n = write_queued(s, body);
	bool is_last =
	    s->state == EIO_CLOSING && s->polling->queue.n == 0 && !s->polling->is_probed;

	if (is_last && !s->is_sent_away && n < LIMIT_POLL_PACKETS) {
		json_out_bytes(body,
		    n ? SPAN("\x1e"
			     "1")
		      : SPAN("1"));
		eio_end(s, EIO_FORCED_CLOSE, SPAN("1"));
		return;
	}
	if (n == 0)
		json_out_bytes(body, SPAN("6"));
	if (is_last && s->is_sent_away)
		eio_end(s, EIO_FORCED_CLOSE, SPAN("6"));
}

struct eio_verdict
eio_poll_get(
    struct eio *eio, const struct eio_sid *sid, void *get, uint64_t now_ms, struct json_out *body)
{
	struct eio_session *s = eio_find(eio, sid, now_ms);

	if (!s)
		return unknown_sid();
	if (!s->polling)
		return bad_request();
	if (s->polling->get) {
		eio_end(s, EIO_TRANSPORT_ERROR, SPAN("1"));
		return bad_request();
	}
	if (!has_answer(s)) {
		s->polling->get = get;
		s->polling->is_told = false;
		return answer(s, EIO_HOLD);
	}
	write_answer(s, body);
	return answer(s, EIO_ANSWER);
}

bool
eio_poll_take(struct eio *eio, const struct eio_sid *sid, void *get, struct json_out *body)
{
	struct eio_session *s = table_find(&eio->sessions, sid->bytes);

	if (!s || !s->polling || s->polling->get != get)
		return false;
	s->polling->get = NULL;
	write_answer(s, body);
	return true;
}

void
eio_poll_abort(struct eio *eio, const struct eio_sid *sid, void *get, uint64_t now_ms)
{
	struct eio_session *s = table_find(&eio->sessions, sid->bytes);

	if (!s || !s->polling || s->polling->get != get)
		return;
	/* First of all: its time may be up just now, and that would answer what is gone. */
	s->polling->get = NULL;
	eio_tick(eio, now_ms);
	eio_end(s, EIO_TRANSPORT_ERROR, SPAN("1"));
}

static bool
is_octets(struct span content_type)
{
	static const char octets[] = "application/octet-stream";
	size_t n = sizeof(octets) - 1;

	return content_type.n >= n && strncasecmp(content_type.p, octets, n) == 0;
}

struct eio_verdict
eio_post_begin(struct eio *eio, const struct eio_sid *sid, struct span content_type,
    int64_t content_bytes, uint64_t now_ms)
{
	struct eio_session *s = eio_find(eio, sid, now_ms);

	if (!s)
		return unknown_sid();
	if (!s->polling)
		return bad_request();
	if (s->polling->is_posting || is_octets(content_type)) {
		eio_end(s, EIO_TRANSPORT_ERROR, SPAN("1"));
		return bad_request();
	}
	if (content_bytes > (int64_t)eio->settings.max_payload_bytes)
		return too_big();
	s->polling->is_posting = true;
	return answer(s, EIO_READ);
}

static bool
take_binary(struct eio_session *s, struct span base64)
{
	const struct eio_app *app = s->eio->app;
	size_t n;
	char *bytes = eio_unbase64(base64, &n);

	if (bytes)
		app->message(app->context, s, (struct span){ bytes, n }, true);
	else
		eio_end(s, EIO_PARSE_ERROR, SPAN("1"));
	free(bytes);
	return s->state == EIO_OPEN;
}

static void
take_packets(struct eio_session *s, struct span body)
{
	struct eio_payload payload;
	struct span packet;
	bool goes_on = s->state == EIO_OPEN;

	if (goes_on && !utf8_is_valid(body)) {
		eio_end(s, EIO_PARSE_ERROR, SPAN("1"));
		return;
	}
	eio_payload_walk(&payload, body);
	while (goes_on && eio_payload_next(&payload, &packet)) {
		if (packet.n && packet.p[0] == 'b')
			goes_on = take_binary(s, (struct span){ packet.p + 1, packet.n - 1 });
		else
			goes_on = eio_packet_in(s, packet);
	}
}

struct eio_verdict
eio_post_body(struct eio *eio, const struct eio_sid *sid, struct span bytes, uint64_t now_ms)
{
	struct eio_session *s = eio_find(eio, sid, now_ms);

	if (!s)
		return unknown_sid();
	/* Upgraded while the body came in: packets on the WebSocket may have overtaken it. */
	if (!s->polling || !s->polling->is_posting)
		return bad_request();
	s->polling->is_posting = false;
	if (bytes.n > eio->settings.max_payload_bytes)
		return too_big();
	take_packets(s, bytes);
	return answer(s, EIO_ANSWER);
}

struct eio_verdict
eio_post_too_big(struct eio *eio, const struct eio_sid *sid)
{
	struct eio_session *s = table_find(&eio->sessions, sid->bytes);

	if (s && s->polling)
		s->polling->is_posting = false;
	return too_big();
}

void
eio_post_abort(struct eio *eio, const struct eio_sid *sid, uint64_t now_ms)
{
	struct eio_session *s = eio_find(eio, sid, now_ms);

	if (s && s->polling && s->polling->is_posting)
		eio_end(s, EIO_TRANSPORT_ERROR, SPAN("1"));
}
