#pragma once
/*
 * HTTP requests as Engine.IO sees them: session ids, the query, and the checks with their verdicts
 * in the order stock servers make them. Answers to the calls of eio.h are verdicts, too.
 */

#include "common/json_out.h"
#include "common/span.h"

#include <stdbool.h>
#include <stdint.h>

struct eio;

enum { EIO_HOME_BYTES = 4, EIO_SID_BYTES = EIO_HOME_BYTES + 16, EIO_SID_TEXT = 27 };

/*
 * Which gateway has the session, and 128 random bits. On the wire: EIO_SID_TEXT characters of
 * base64url, which mean nothing to clients. It is a bearer secret.
 */
struct eio_sid {
	uint8_t bytes[EIO_SID_BYTES];
};

/* A request as far as it matters here. Borrowed during the call. */
struct eio_request {
	struct span method, query; /* query: as it came, without the question mark */
	struct span origin;	   /* {NULL, 0}: no such header */
	bool is_upgrade;	   /* to WebSocket, complete as RFC 6455 wants it */
	void *http;		   /* for the admission hook; not looked at here */
};

/* What to do with a request. */
enum eio_next {
	EIO_REFUSE,    /* answer status and eio_verdict_body(), on a refused upgrade as text with a
			  close */
	EIO_HANDSHAKE, /* call eio_handshake() */
	EIO_GET,       /* call eio_poll_get() */
	EIO_POST,      /* call eio_post_begin() */
	EIO_WEBSOCKET, /* answer 101, then call eio_ws_attach() */
	EIO_ANSWER,    /* 200, and the body has been written */
	EIO_HOLD,      /* keep the GET until poll_ready() or poll_finish() */
	EIO_READ,      /* read the body, then call one of the eio_post_ functions */
};

struct eio_verdict {
	enum eio_next next;
	unsigned status; /* of HTTP */
	int code;	 /* Engine.IO's error number, or -1 */
	const char *message;
	/* With EIO_REFUSE: a well-formed sid whose home is another gateway. */
	bool has_sid;
	struct eio_sid sid;
};

bool eio_is_path(const struct eio *, struct span path);
/* All checks, in the stock order. */
struct eio_verdict eio_check_request(struct eio *, const struct eio_request *, uint64_t now_ms);
/* {"code":N,"message":"…"}; nothing when there is no code. */
void eio_verdict_body(const struct eio_verdict *, struct json_out *body);
/*
 * The last value of a query parameter, percent-decoded, without a NUL behind it. False when it is
 * absent or longer than size; bytes may be anything.
 */
bool eio_query_find(struct span query, const char *name, char *out, size_t size, size_t *n);
void eio_sid_format(const struct eio_sid *, char out[EIO_SID_TEXT + 1]);
