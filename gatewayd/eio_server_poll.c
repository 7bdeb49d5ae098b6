/* Polling on real connections: GETs that are held, POSTs whose body is on its way. */

#include "gatewayd/eio_server_inner.h"

#include "common/mem.h"

#include <stdlib.h>

/* A GET that waits for something to say. */
struct held {
	struct link ready;
	struct eio_server *server;
	struct http_request *request; /* NULL: answered, or its client is gone */
	struct eio_sid sid;
};

/* What the state machine calls for a held GET; see struct eio_io. */
void
eio_server_poll_ready(void *get)
{
	struct held *h = get;

	if (!link_is_in_list(&h->ready))
		list_append(&h->server->ready, &h->ready);
}

static void
held_free(struct held *h)
{
	list_remove(&h->ready);
	free(h);
}

void
eio_server_poll_finish(void *get, struct span bytes)
{
	struct held *h = get;
	struct json_out body = { 0 };

	json_out_bytes(&body, bytes);
	eio_server_answer(h->request, 200, EIO_ANSWER_TYPE, &body);
	held_free(h);
}

static void
on_gone(void *arg)
{
	struct held *h = arg;

	eio_poll_abort(h->server->eio, &h->sid, h, clock_now_ms());
	held_free(h);
}

/* Who polls has taken what it was answered. */
static void
progress(struct eio_server *server, const struct eio_sid *sid)
{
	struct eio_session *session = eio_session_at(server->eio, sid);

	if (session && server->s.progress)
		server->s.progress(server->s.context, session);
}

void
eio_server_answer_ready(struct eio_server *server)
{
	struct link *at;

	while ((at = list_take(&server->ready))) {
		struct held *h = LIST_OF(at, struct held, ready);
		struct json_out body = { 0 };

		if (eio_poll_take(server->eio, &h->sid, h, &body)) {
			eio_server_answer(h->request, 200, EIO_ANSWER_TYPE, &body);
			progress(server, &h->sid);
			held_free(h);
		}
		json_out_fini(&body);
	}
}

void
eio_server_handshake(
    struct eio_server *server, struct http_request *http, const struct eio_request *request)
{
	struct json_out body = { 0 };

	eio_handshake(server->eio, request, clock_now_ms(), &body);
	eio_server_answer(http, 200, EIO_ANSWER_TYPE, &body);
}

void
eio_server_take_get(
    struct eio_server *server, struct http_request *request, const struct eio_verdict *check)
{
	struct json_out body = { 0 };
	struct held *h = xcalloc(1, sizeof *h);
	struct eio_verdict v;

	h->server = server;
	h->request = request;
	h->sid = check->sid;
	v = eio_poll_get(server->eio, &h->sid, h, clock_now_ms(), &body);
	if (v.next == EIO_HOLD) {
		http_hold(request, on_gone, h);
		return;
	}
	held_free(h);
	if (v.next == EIO_ANSWER) {
		eio_server_answer(request, 200, EIO_ANSWER_TYPE, &body);
		progress(server, &check->sid);
	} else {
		eio_server_refuse(request, &v);
	}
	json_out_fini(&body);
}

/* A POST whose body is on its way; lives in the request's arena. */
struct posting {
	struct eio_server *server;
	struct http_request *request;
	struct eio_sid sid;
};

static void
on_post_gone(void *arg)
{
	struct posting *p = arg;

	if (http_is_too_big(p->request))
		eio_post_too_big(p->server->eio, &p->sid);
	else
		eio_post_abort(p->server->eio, &p->sid, clock_now_ms());
}

void
eio_server_begin_post(
    struct eio_server *server, struct http_request *request, const struct eio_verdict *check)
{
	/* Its length has been looked at: a longer one than maxPayload is refused by the HTTP layer.
	 */
	struct eio_verdict v = eio_post_begin(
	    server->eio, &check->sid, http_header(request, "Content-Type"), -1, clock_now_ms());
	struct posting *p;

	if (v.next != EIO_READ) {
		eio_server_refuse(request, &v);
		return;
	}
	p = arena_take(http_arena(request), sizeof *p);
	*p = (struct posting){ .server = server, .request = request, .sid = check->sid };
	http_hold(request, on_post_gone, p);
}

void
eio_server_take_post(
    struct eio_server *server, struct http_request *request, const struct eio_verdict *check)
{
	struct span body = http_body(request);
	struct json_out out = { 0 };
	struct eio_verdict v = { .next = EIO_READ };

	/* Only an empty body has not been announced by its head. */
	if (!http_holder(request))
		v = eio_post_begin(server->eio, &check->sid, http_header(request, "Content-Type"),
		    (int64_t)body.n, clock_now_ms());
	if (v.next == EIO_READ)
		v = eio_post_body(server->eio, &check->sid, body, clock_now_ms());
	if (v.next != EIO_ANSWER) {
		eio_server_refuse(request, &v);
		return;
	}
	json_out_bytes(&out, SPAN("ok"));
	eio_server_answer(request, 200, "text/html", &out);
}
