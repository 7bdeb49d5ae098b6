#pragma once
/*
 * HTTP/1.1 on libmicrohttpd: one daemon in external epoll mode inside our loop, no threads. This
 * layer checks what the library lets pass (framing, doubled headers, NUL, deadlines), collects
 * bodies, and gives each complete request to a handler, which answers at once or later. It knows
 * nothing of routes.
 */

#include "common/json_out.h"
#include "common/loop.h"
#include "common/span.h"
#include "gatewayd/http_method.h"
#include "proto/proto.h"

#include <stdbool.h>
#include <stdint.h>

struct http;
struct http_request;

struct http_settings {
	const char *address; /* "127.0.0.1" */
	uint16_t port;	     /* 0: any free one */
	unsigned max_connections;
	/* The largest body this path takes, told before the body is read. */
	size_t (*body_limit)(void *context, enum http_method, struct span path);
	/*
	 * A request whose body is still to come, its head checked. May answer at once, and the body
	 * is not awaited; or hold it: gone() is then called when the body breaks off before
	 * handle() has the request. May be NULL.
	 */
	void (*headed)(void *context, struct http_request *);
	/* A whole request: body complete, hygiene checked. Answers with http_reply() now or later,
	 * or one of the others below. */
	void (*handle)(void *context, struct http_request *);
	/*
	 * Answers, with http_reply() and at once, a request that is not handed to handle(); message
	 * NULL: the error's own text. May be NULL: the error as JSON.
	 */
	void (*refuse)(void *context, struct http_request *, enum error, const char *message);
	void *context;
	/* 0: the defaults of limits.h. What has come of a body adds to body_ms, and what has been
	 * taken of a long answer to answer_ms. */
	unsigned head_ms, body_ms, answer_ms, keepalive_ms, watch_ms, requests_per_connection;
	size_t held_bytes; /* of bodies and long answers, together for all peers; 0: as above */
};

/* NULL and errno when the address cannot be bound. */
struct http *http_new(struct loop *, const struct http_settings *);
uint16_t http_port(const struct http *);
/* Accepts no more connections; those that are open go on. */
void http_stop_listening(struct http *);
/* Ends held requests with 503 and frees everything. */
void http_free(struct http *);
size_t http_connections(const struct http *);
/* Of bodies that are coming and of answers of more than 64 KiB that are not taken yet: while there
 * are any, requests are under way though nobody works on them. */
size_t http_held_bytes(const struct http *);

/* What was asked. Spans live until the request is answered. */
enum http_method http_method(const struct http_request *);
/* Path as sent, before the '?', not decoded: split it, then decode each segment. */
struct span http_path(const struct http_request *);
struct span http_query(const struct http_request *); /* behind the '?', not decoded */
/* Whom it is for: the authority of a target in absolute form, else the Host field. */
struct span http_host(const struct http_request *);
/* The value of a header that may come once; {NULL,0} when absent. name in any case. */
struct span http_header(const struct http_request *, const char *name);
/* Of a list, which may come in several lines: the token as it is written there, {NULL,0} when it is
 * in none; and whether one of them holds this text. */
struct span http_header_listed(const struct http_request *, const char *name, const char *token);
bool http_header_holds(const struct http_request *, const char *name, struct span text);
/* Whether Accept names this type, and not with the weight 0. */
bool http_accepts(const struct http_request *, const char *type);
struct span http_body(const struct http_request *);
bool http_is_upgrade(
    const struct http_request *); /* to websocket, RFC 6455 section 4.2.1, method GET */
/* Memory that lives as long as the request. */
struct arena *http_arena(struct http_request *);

/* Percent-decodes; false for a bad escape, or NUL. Lives in the arena or the text. */
bool http_decode(struct arena *, struct span text, bool plus_is_space, struct span *out);
/* The last value of a query parameter, decoded; {NULL,0} when absent or badly escaped. */
struct span http_query_value(struct http_request *, const char *name);

/* For the answer; before it is given. A name stands once: the last value counts. Values with CR, LF
 * or NUL are refused (ours to prevent). */
void http_add_header(struct http_request *, const char *name, struct span value);
/* Answers; with 503 when too much is held for others. Takes body (malloc'd; may be NULL). HEAD
 * sends the length alone, and so does 304, whose body is NULL and n that of what is unchanged. The
 * request is gone afterwards. */
void http_reply(struct http_request *, int status, const char *content_type, char *body, size_t n);
/* What a status is called: "Not Found". */
const char *http_reason(int status);
/* Closes the connection after this answer. */
void http_close_after(struct http_request *);

/* Answering later. gone() is called once when the peer has left or the server stops before the
 * answer; after it the request must not be touched again. */
void http_hold(struct http_request *, void (*gone)(void *arg), void *arg);
/* Who holds it: the arg of http_hold(), or NULL. */
void *http_holder(const struct http_request *);
/* For gone(): it was this side that broke off, because the body outgrew its limit. */
bool http_is_too_big(const struct http_request *);

/* An answer without a known length, chunked. pull() is asked for bytes whenever the connection can
 * take some: returns how many it wrote into out (at most size), 0 for none just now, -1 for the
 * end. After 0 call http_stream_wake() when there is more. gone() as above. */
struct http_stream_ops {
	long (*pull)(void *arg, char *out, size_t size);
	void (*gone)(void *arg);
};
void http_stream(struct http_request *, int status, const char *content_type,
    const struct http_stream_ops *, void *arg);
void http_stream_wake(struct http_request *);
/* Breaks the connection off, for a peer that takes nothing: gone() follows, not from within. */
void http_stream_cut(struct http_request *);

/*
 * Takes the connection over as a WebSocket: 101 with the accept key and the subprotocol (NULL:
 * none), then taken(arg, fd, extra): fd is the caller's own, non-blocking, with TCP_NODELAY, and
 * the kernel keeps no more than LIMIT_SEND_BUFFER_BYTES of what it is owed; extra are the bytes
 * that came behind the request; borrowed. taken is called from the loop, later; fd -1: the peer was
 * gone, or there was no descriptor, and it has been answered 503.
 */
void http_upgrade(struct http_request *, const char *subprotocol,
    void (*taken)(void *arg, int fd, struct span extra), void *arg);

/* Of libmicrohttpd as linked. */
const char *http_library_version(void);
