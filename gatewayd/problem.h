#pragma once
/* Errors as answers: {"error":{…}}, or a problem document (RFC 9457) for whoever asks for one. */

#include "gatewayd/http.h"

bool problem_is_wanted(const struct http_request *);
/* Of a status that will pass: when to come again. Before the answer is given. */
void problem_add_retry(struct http_request *, int status);
/* Writes the body of the answer and does the above; returns its content type. error: the error
 * object; graph: what stands beside it, or {NULL,0}. */
const char *problem_write(
    struct http_request *, int status, struct span error, struct span graph, struct json_out *body);
