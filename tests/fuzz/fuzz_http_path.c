/*
 * What a client can write into a request head: the target's path, its query, and header fields.
 * Finding a route ends with an answer for any bytes, what it finds is well-formed, and nothing
 * decoded is longer than it was.
 */

#include "common/limits.h"
#include "gatewayd/http_hygiene.h"
#include "gatewayd/routes.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look_up(struct span path)
{
	struct route_match match;
	struct arena arena;
	struct uuid id;

	arena_init(&arena);
	for (enum http_method m = HTTP_GET; m <= HTTP_OPTIONS; m++) {
		enum error err = route_find(m, path, &arena, &match);
		if (err == OK) {
			struct span session = match.params[PARAM_session_id];
			assert(match.route && match.allowed & 1u << match.route->method);
			assert(!session.p || uuid_parse(session, &id));
			assert(!match.params[PARAM_id].p || route_is_name(match.params[PARAM_id]));
		}
		assert(err != ERROR_method_not_allowed || match.allowed);
	}
	arena_fini(&arena);
}

static void
decode(struct span text)
{
	char *out = xmalloc(text.n);
	size_t n;

	if (http_percent_decode(text, true, out, &n)) {
		assert(n <= text.n);
		assert(!memchr(out, '\0', n));
	}
	free(out);
}

/* Lines of name, colon and value, as the library would have cut them. */
static void
check_head(struct span text)
{
	struct http_field fields[LIMIT_HEADERS + 2];
	const char *end_of_line = text.n ? memchr(text.p, '\n', text.n) : NULL;
	struct http_head head = { .method = SPAN("POST"),
		.target = end_of_line ? (struct span){ text.p, (size_t)(end_of_line - text.p) }
				      : SPAN("/"),
		.version = SPAN("HTTP/1.1"),
		.fields = fields };
	const char *what = NULL;
	enum error err;

	while (text.n > 0 && head.n_fields < LIMIT_HEADERS + 2) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t line = end ? (size_t)(end - text.p) : text.n;
		const char *colon = memchr(text.p, ':', line);
		size_t name = colon ? (size_t)(colon - text.p) : line;
		fields[head.n_fields++] = (struct http_field){ { text.p, name },
			{ text.p + name, colon ? line - name : 0 } };
		if (colon) {
			fields[head.n_fields - 1].value.p++;
			fields[head.n_fields - 1].value.n--;
		}
		text.p += end ? line + 1 : line;
		text.n -= end ? line + 1 : line;
	}
	http_split_target(&head);
	err = http_check_head(&head, &what);
	if (err == OK) {
		assert(!head.is_chunked || head.content_length < 0);
		assert(head.path.n > 0 && (!head.authority.p || head.authority.n > 0));
	}
	if (err == ERROR_invalid_request)
		assert(what);
	http_field_listed(&head, "connection", "upgrade");
	http_field_holds(&head, "accept", SPAN("text/event-stream"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = { (const char *)data, size };
	char path[4096] = API_BASE "/";
	size_t base = strlen(path), n = size < sizeof(path) - base ? size : sizeof(path) - base;

	memcpy(path + base, data, n);
	look_up((struct span){ path, base + n });
	if (size > 0 && data[0] == '/')
		look_up(bytes);
	decode(bytes);
	check_head(bytes);
	return 0;
}
