/* Replies on their way out: alone, in parts, or several in a row. */

#include "common/metrics.h"
#include "graphd/server_router.h"

#include <errno.h>

static struct metric lost = { .name = "graphd_replies_lost_total",
	.help = "Replies whose gateway had gone or did not read.",
	.type = "counter" };

void
router_add_reply_metrics(void)
{
	metrics_add(&lost);
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
router_send(struct router *r, const struct ask *ask, const char *status, struct span body)
{
	enum router_sent sent = send_head(r, ask, status);

	if (sent == ROUTER_SENT)
		frames_send(r->socket, body, false);
	return sent;
}

enum router_sent
router_send_taking(
    struct router *r, const struct ask *ask, const char *status, char *body, size_t n)
{
	enum router_sent sent = send_head(r, ask, status);

	if (sent == ROUTER_SENT)
		frames_send_owned(r->socket, body, n, false);
	return sent;
}

static void
send_row(struct router *r, struct router_row *row)
{
	if (frames_send(r->socket, (struct span){ row->to, row->to_n }, true)) {
		frames_send(r->socket, SPAN(""), true);
		frames_send(r->socket, json_out_span(&row->bytes), false);
	} else {
		lost.value += row->n;
	}
	json_out_clear(&row->bytes);
	row->n = 0;
}

void
router_flush(struct router *r)
{
	for (size_t i = 0; i < ROUTER_ROWS; i++)
		if (r->rows[i].n > 0)
			send_row(r, &r->rows[i]);
}

/* The row to that peer, or one that is not in use. */
static struct router_row *
find_row(struct router *r, struct span to)
{
	struct router_row *unused = NULL;

	for (size_t i = 0; i < ROUTER_ROWS; i++) {
		struct router_row *row = &r->rows[i];

		if (row->n == 0)
			unused = unused ? unused : row;
		else if (row->to_n == to.n && memcmp(row->to, to.p, to.n) == 0)
			return row;
	}
	if (unused)
		return unused;
	router_flush(r);
	return &r->rows[0];
}

static void
add_to_row(struct router *r, const struct ask *ask, const char *status, struct span body)
{
	char head[WIRE_ANSWER_HEAD_MAX];
	size_t n = wire_answer_head(ask->id, status, head);
	struct router_row *row = find_row(r, ask->envelope[0]);

	if (!wire_row_fits(row->bytes.n, (struct span){ head, n }, body))
		send_row(r, row);
	memcpy(row->to, ask->envelope[0].p, ask->envelope[0].n);
	row->to_n = ask->envelope[0].n;
	wire_row_put((struct span){ head, n }, body, &row->bytes);
	row->n++;
}

/* An envelope of more than the routing id came over a proxy. */
static bool
may_be_in_row(const struct ask *ask, struct span body)
{
	return ask->is_in_row && ask->n_envelope == 2 &&
	    ask->envelope[0].n <= sizeof(((struct router_row *)0)->to) &&
	    body.n <= LIMIT_ROW_BYTES / 2;
}

void
router_reply(struct router *r, const struct ask *ask, const char *status, struct span body)
{
	if (may_be_in_row(ask, body))
		add_to_row(r, ask, status, body);
	else
		router_send(r, ask, status, body);
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

void
router_fini(struct router *r)
{
	for (size_t i = 0; i < ROUTER_ROWS; i++)
		json_out_fini(&r->rows[i].bytes);
	frames_fini(&r->message);
	zmq_close(r->socket);
}
