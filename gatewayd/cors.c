#include "gatewayd/cors.h"

#include "common/limits.h"

#include <strings.h>

static bool
is_own(struct span origin, struct span host)
{
	struct span schemes[] = { SPAN("http://"), SPAN("https://") };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (host.n > 0 && origin.n == schemes[i].n + host.n &&
		    memcmp(origin.p, schemes[i].p, schemes[i].n) == 0 &&
		    strncasecmp(origin.p + schemes[i].n, host.p, host.n) == 0)
			return true;
	return false;
}

static bool
is_listed(const struct cors *c, struct span origin)
{
	for (size_t i = 0; i < c->n_allowed; i++)
		if (strcmp(c->allowed[i], "*") == 0 || span_is(origin, c->allowed[i]))
			return true;
	return false;
}

bool
cors_is_allowed(const struct cors *c, const struct http_request *r)
{
	struct span origin = http_header(r, "origin");

	if (!origin.p)
		return true;
	return origin.n <= LIMIT_ORIGIN_BYTES &&
	    (c->allow_any || is_listed(c, origin) || is_own(origin, http_host(r)));
}

void
cors_add_headers(const struct cors *c, struct http_request *r)
{
	struct span origin = http_header(r, "origin");

	if (!origin.p || origin.n == 0)
		return;
	http_add_header(r, "Vary", SPAN("Origin"));
	if (!cors_is_allowed(c, r))
		return;
	http_add_header(r, "Access-Control-Allow-Origin", origin);
	http_add_header(r, "Access-Control-Allow-Credentials", SPAN("true"));
	http_add_header(r, "Access-Control-Expose-Headers",
	    SPAN("etag, preference-applied, retry-after, allow"));
}

bool
cors_is_preflight(const struct http_request *r)
{
	return http_method(r) == HTTP_OPTIONS && http_header(r, "origin").p &&
	    http_header(r, "access-control-request-method").p;
}

void
cors_answer_preflight(const struct cors *c, struct http_request *r)
{
	cors_add_headers(c, r);
	if (cors_is_allowed(c, r)) {
		http_add_header(r, "Access-Control-Allow-Methods",
		    SPAN("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
		http_add_header(r, "Access-Control-Allow-Headers",
		    SPAN("content-type, x-session-id, x-actor, authorization, idempotency-key, "
			 "if-match, if-none-match, last-event-id, prefer, traceparent"));
		http_add_header(r, "Access-Control-Max-Age", SPAN("600"));
	}
	http_reply(r, 204, NULL, NULL, 0);
}
