#pragma once
/*
 * Cross-origin requests (the Fetch standard's CORS protocol): which origins may read our answers
 * and send changes. An origin is allowed when it is the server's own, when it is listed, or, while
 * we listen on loopback and nothing is listed, always.
 */

#include "common/span.h"
#include "gatewayd/http.h"

struct cors {
	const char *const *allowed; /* "https://app.example", or "*"; borrowed */
	size_t n_allowed;
	bool allow_any;
};

/* Requests without an Origin are allowed. */
bool cors_is_allowed(const struct cors *, const struct http_request *);
/* Adds what an answer to this request must carry; for errors too. */
void cors_add_headers(const struct cors *, struct http_request *);
bool cors_is_preflight(const struct http_request *);
/* Answers a preflight: 204. */
void cors_answer_preflight(const struct cors *, struct http_request *);
