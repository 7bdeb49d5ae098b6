#include "gatewayd/problem.h"

#include "common/json.h"
#include "common/json_out.h"

bool
problem_is_wanted(const struct http_request *r)
{
	return http_accepts(r, "application/problem+json");
}

void
problem_add_retry(struct http_request *r, int status)
{
	if (status == 503 || status == 429)
		http_add_header(r, "Retry-After", SPAN("1"));
}

/* RFC 9457: the same members, and type, title, status and detail besides. Of the type about:blank
 * the title is the status in words (section 4.2.1). */
static void
write_members(struct json_out *out, int status, struct span error)
{
	struct json_iter it;
	struct span key, value;

	json_out_open(out, '{');
	json_out_key(out, "type");
	json_out_string(out, "about:blank");
	json_out_key(out, "status");
	json_out_int(out, status);
	json_out_key(out, "title");
	json_out_string(out, http_reason(status));
	json_walk(&it, error);
	while (json_next(&it, &key, &value)) {
		json_out_key_text(out, key);
		json_out_raw(out, value);
		if (!span_is(key, "message"))
			continue;
		json_out_key(out, "detail");
		json_out_raw(out, value);
	}
}

const char *
problem_write(
    struct http_request *r, int status, struct span error, struct span graph, struct json_out *body)
{
	bool is_problem = problem_is_wanted(r);

	problem_add_retry(r, status);
	if (is_problem) {
		write_members(body, status, error);
	} else {
		json_out_open(body, '{');
		json_out_key(body, "error");
		json_out_raw(body, error);
	}
	if (graph.p) {
		json_out_key(body, "graph");
		json_out_raw(body, graph);
	}
	json_out_close(body, '}');
	return is_problem ? "application/problem+json" : "application/json";
}
