#pragma once
/*
 * What makes an HTTP request unfit to be looked at: RFC 9112 framing, RFC 9110 fields, and the few
 * things libmicrohttpd lets pass although two readers could understand them differently. Pure
 * functions on what was received.
 */

#include "common/span.h"
#include "proto/proto.h"

#include <stdbool.h>
#include <stdint.h>

struct http_field {
	struct span name, value;
};

struct http_head {
	struct span method, target, version;
	/* filled in by http_split_target() */
	struct span authority; /* {NULL,0}: the target names none */
	struct span path, query;
	struct http_field *fields;
	size_t n_fields;
	bool is_odd; /* NUL, line folding or bare LF stood in it */
	/* filled in by http_check_head() */
	int64_t content_length; /* -1: none told */
	bool is_chunked;
};

/*
 * The parts of a target, well-formed or not: in origin form, or in absolute form, which a server
 * must take (RFC 9112 section 3.2.2). {NULL,0}: a query that is not there.
 */
void http_split_target(struct http_head *);
/* Of a target that has been split: OK, or why the connection must be closed; *what then says it in
 * words, for good. */
enum error http_check_head(struct http_head *, const char **what);
/* Whom the request is for: the target's authority or, when it names none, the Host field's. */
struct span http_head_host(const struct http_head *);
/* {NULL,0} when absent; the first when it comes more than once. name in lower case. */
struct span http_field_find(const struct http_head *, const char *name);
/*
 * Fields of one name are one list, in however many lines it comes (RFC 9110 section 5.3). The token
 * as it is written there, whatever the case and whatever parameters it has; {NULL,0} when no line
 * has it. Both in lower case.
 */
struct span http_field_listed(const struct http_head *, const char *name, const char *token);
/* Whether Accept names this type, in lower case, and does not give it the weight 0 (RFC 9110
 * section 12.5.1). Ranges do not count: who takes anything gets what is usual. */
bool http_field_accepts(const struct http_head *, const char *type);
/* Whether one of its lines holds this text. */
bool http_field_holds(const struct http_head *, const char *name, struct span text);
/* Bytes of one percent-encoded run; false for a bad escape or NUL. out holds text.n bytes at least.
 */
bool http_percent_decode(struct span text, bool plus_is_space, char *out, size_t *n);
