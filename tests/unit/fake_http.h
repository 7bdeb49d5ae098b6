#pragma once
/* Requests that only take notes: defines the functions of gatewayd/http.h that live transports use.
 */

#include "common/mem.h"
#include "gatewayd/http.h"

#include <check.h>
#include <stdlib.h>

enum { FAKE_BODY = 64 * 1024 };

struct http_request {
	const char *protocols; /* Sec-WebSocket-Protocol, or NULL */
	int status;	       /* 0: not answered; 101: upgraded */
	char body[FAKE_BODY];
	size_t n;
	const char *subprotocol, *content_type;
	void (*taken)(void *arg, int fd, struct span extra);
	void *taken_arg;
	void (*gone)(void *arg);
	void *gone_arg;
	const struct http_stream_ops *stream;
	bool is_cut;
	bool is_over; /* the stream has ended */
	unsigned wakes;
};

struct span
http_header_listed(const struct http_request *r, const char *name, const char *token)
{
	ck_assert_str_eq(name, "sec-websocket-protocol");
	return span_of(r->protocols && strstr(r->protocols, token) ? token : NULL);
}

void
http_add_header(struct http_request *r, const char *name, struct span value)
{
	ck_assert_int_eq(r->status, 0);
	ck_assert(name && value.p);
}

void
http_reply(struct http_request *r, int status, const char *content_type, char *body, size_t n)
{
	ck_assert_int_eq(r->status, 0);
	ck_assert_uint_lt(n, FAKE_BODY);
	r->status = status;
	r->content_type = content_type;
	memcpy(r->body, body, n);
	r->body[n] = '\0';
	r->n = n;
	free(body);
}

bool
http_accepts(const struct http_request *r, const char *type)
{
	ck_assert(r && type);
	return false;
}

const char *
http_reason(int status)
{
	ck_assert_int_ge(status, 400);
	return "Reason";
}

void
http_hold(struct http_request *r, void (*gone)(void *arg), void *arg)
{
	r->gone = gone;
	r->gone_arg = arg;
}

void
http_upgrade(struct http_request *r, const char *subprotocol,
    void (*taken)(void *arg, int fd, struct span extra), void *arg)
{
	ck_assert_int_eq(r->status, 0);
	r->status = 101;
	r->subprotocol = subprotocol;
	r->taken = taken;
	r->taken_arg = arg;
}

void
http_stream(struct http_request *r, int status, const char *content_type,
    const struct http_stream_ops *ops, void *arg)
{
	ck_assert_int_eq(r->status, 0);
	r->status = status;
	r->content_type = content_type;
	r->stream = ops;
	r->gone_arg = arg;
}

void
http_stream_cut(struct http_request *r)
{
	r->is_cut = true;
}

void
http_stream_wake(struct http_request *r)
{
	r->wakes++;
}

/* As the library does when the socket takes bytes: size at a time until there are none. */
static inline void
fake_http_pull(struct http_request *r, size_t size)
{
	long n = 1;

	while (r->stream && n > 0) {
		ck_assert_uint_lt(r->n + size, FAKE_BODY);
		n = r->stream->pull(r->gone_arg, r->body + r->n, size);
		if (n > 0)
			r->n += (size_t)n;
		r->body[r->n] = '\0';
		if (n < 0) {
			r->stream = NULL;
			r->is_over = true;
		}
	}
}

/* The peer goes away. */
static inline void
fake_http_leave(struct http_request *r)
{
	if (r->stream)
		r->stream->gone(r->gone_arg);
	else if (r->gone && !r->status)
		r->gone(r->gone_arg);
	r->stream = NULL;
	r->gone = NULL;
}
