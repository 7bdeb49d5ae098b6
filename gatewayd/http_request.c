#include "gatewayd/http_inner.h"

#include "common/owner.h"

#include <stdlib.h>

struct http_connection *
http_connection_of(const struct http_request *r)
{
	return OWNER_OF((uintptr_t)r, struct http_connection, request);
}

enum http_method
http_method(const struct http_request *r)
{
	return r->method;
}

struct span
http_path(const struct http_request *r)
{
	return r->head.path;
}

struct span
http_query(const struct http_request *r)
{
	return r->head.query;
}

struct span
http_host(const struct http_request *r)
{
	return http_head_host(&r->head);
}

struct span
http_header(const struct http_request *r, const char *name)
{
	return http_field_find(&r->head, name);
}

struct span
http_header_listed(const struct http_request *r, const char *name, const char *token)
{
	return http_field_listed(&r->head, name, token);
}

bool
http_accepts(const struct http_request *r, const char *type)
{
	return http_field_accepts(&r->head, type);
}

bool
http_header_holds(const struct http_request *r, const char *name, struct span text)
{
	return http_field_holds(&r->head, name, text);
}

struct span
http_body(const struct http_request *r)
{
	return (struct span){ r->body, r->body_n };
}

struct arena *
http_arena(struct http_request *r)
{
	return &http_connection_of(r)->arena;
}

/* RFC 6455 section 4.2.1. The key is 16 bytes in base64. */
bool
http_is_upgrade(const struct http_request *r)
{
	struct span key = http_header(r, "sec-websocket-key");

	return key.n == 24 && key.p[22] == '=' && key.p[23] == '=' && r->method == HTTP_GET &&
	    span_is(r->head.version, "HTTP/1.1") &&
	    http_header_listed(r, "connection", "upgrade").p &&
	    http_header_listed(r, "upgrade", "websocket").p &&
	    span_is(http_header(r, "sec-websocket-version"), "13");
}

bool
http_decode(struct arena *arena, struct span text, bool plus_is_space, struct span *out)
{
	bool is_plain = !memchr(text.p ? text.p : "", '%', text.n) &&
	    !(plus_is_space && memchr(text.p ? text.p : "", '+', text.n));
	char *decoded;

	if (is_plain) {
		*out = text;
		return !memchr(text.p ? text.p : "", '\0', text.n);
	}
	decoded = arena_take(arena, text.n);
	out->p = decoded;
	return http_percent_decode(text, plus_is_space, decoded, &out->n);
}

static bool
is_name(struct arena *arena, struct span text, const char *name)
{
	struct span decoded;

	return http_decode(arena, text, true, &decoded) && span_is(decoded, name);
}

struct span
http_query_value(struct http_request *r, const char *name)
{
	const char *at = r->head.query.p, *end = at ? at + r->head.query.n : NULL;
	struct span found = { 0 }, none = { 0 };

	while (at && at < end) {
		const char *stop = memchr(at, '&', (size_t)(end - at));
		const char *equals;

		stop = stop ? stop : end;
		equals = memchr(at, '=', (size_t)(stop - at));
		if (is_name(http_arena(r),
			(struct span){ at, (size_t)((equals ? equals : stop) - at) }, name))
			found = equals ? (struct span){ equals + 1, (size_t)(stop - equals - 1) }
				       : (struct span){ stop, 0 };
		at = stop + 1;
	}
	if (!found.p || !http_decode(http_arena(r), found, true, &found))
		return none;
	return found;
}

/* The head's fields as they lie in the library's buffer. */

struct collector {
	struct http_request *r;
	size_t capacity;
	const char *expected; /* where the next name must begin; NULL: unknown */
	bool is_odd;
};

static bool
is_line_end(const char *p)
{
	return p[0] == '\0' && p[1] == '\0';
}

/*
 * libmicrohttpd 0.9.75 puts NUL over the CR LF of each line and gives pointers to name and value
 * within it. So in a clean head each value is followed by two NULs and the next name. A NUL of the
 * peer's, which would cut the value, a folded line, which would be glued to the name, and a bare LF
 * all break this pattern.
 */
static enum MHD_Result
collect_field(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_n,
    const char *value, size_t value_n)
{
	struct collector *k = cls;
	struct http_head *head = &k->r->head;

	(void)kind;
	if (head->n_fields == k->capacity) {
		struct http_field *more;
		k->capacity *= 2;
		more = arena_take(http_arena(k->r), k->capacity * sizeof(*more));
		memcpy(more, head->fields, head->n_fields * sizeof(*more));
		head->fields = more;
	}
	if (!value || name != k->expected || !is_line_end(value + value_n))
		k->is_odd = true;
	k->expected = value ? value + value_n + 2 : NULL;
	while (value_n > 0 && (value[value_n - 1] == ' ' || value[value_n - 1] == '\t'))
		value_n--;
	head->fields[head->n_fields++] =
	    (struct http_field){ { name, name_n }, { value ? value : "", value_n } };
	return MHD_YES;
}

bool
http_collect_fields(struct http_request *r, const char *method, const char *version)
{
	enum { USUAL_FIELDS = 24 };
	struct http_head *head = &r->head;
	size_t version_n = strlen(version);
	struct collector k = {
		.r = r, .capacity = USUAL_FIELDS, .expected = version + version_n + 2
	};

	head->method = span_of(method);
	head->version = (struct span){ version, version_n };
	head->fields = arena_take(http_arena(r), USUAL_FIELDS * sizeof(*head->fields));
	MHD_get_connection_values_n(http_connection_of(r)->mhd, MHD_HEADER_KIND, collect_field, &k);
	/* A NUL in the target would have cut it short of the version. */
	return !k.is_odd && version == r->raw_target + head->target.n + 1 &&
	    is_line_end(version + version_n) && is_line_end(k.expected);
}
