#include "gatewayd/routes.h"

#include "common/id.h"
#include "gatewayd/http_hygiene.h"

#include <ctype.h>

enum { SEGMENTS_MAX = 8, NAME_BYTES_MAX = 64, BASE_SEGMENTS = 2 };

/* Flags without their prefix, as the table spells them. */
enum {
	ROOT = ROUTE_ROOT,
	BODY = ROUTE_BODY,
	MAYBE_BODY = ROUTE_MAYBE_BODY,
	QUERY = ROUTE_QUERY,
	IMPORT = ROUTE_IMPORT,
	SESSION = ROUTE_SESSION,
	STATE_TAG = ROUTE_STATE_TAG,
	REVISION_TAG = ROUTE_REVISION_TAG,
	ECHO = ROUTE_ECHO,
	UNWRAP = ROUTE_UNWRAP,
	WAITS = ROUTE_WAITS,
};

const struct route routes[] = {
#define ROUTE(method, path, command, status, flags) \
	{ HTTP_##method, path, COMMAND_##command, status, flags },
#define LOCAL(method, path, function, flags) { HTTP_##method, path, COMMANDS, 200, flags },
#include "gatewayd/routes.def"
};
const size_t n_routes = sizeof(routes) / sizeof(*routes);

static const char *const param_names[PARAMS] = {
	[PARAM_session_id] = "session_id",
	[PARAM_project_id] = "project_id",
	[PARAM_node_id] = "node_id",
	[PARAM_template_id] = "template_id",
	[PARAM_set] = "set",
	[PARAM_id] = "id",
};

const char *
route_param_name(enum route_param param)
{
	return param_names[param];
}

bool
route_is_name(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '_' && s.p[i] != '-')
			return false;
	return s.n > 0 && s.n <= NAME_BYTES_MAX;
}

/* The segments behind each slash, decoded. False: too many, or one that cannot be decoded. */
static bool
split(struct span path, struct arena *arena, struct span segments[SEGMENTS_MAX], size_t *n)
{
	const char *at = path.p, *end = path.p + path.n;

	for (*n = 0; at < end; (*n)++) {
		const char *from = at + 1;
		const char *slash = memchr(from, '/', (size_t)(end - from));
		struct span raw = { from, (size_t)((slash ? slash : end) - from) };
		char *decoded;

		if (*n == SEGMENTS_MAX)
			return false;
		at = slash ? slash : end;
		segments[*n] = raw;
		if (!memchr(raw.p, '%', raw.n))
			continue;
		decoded = arena_take(arena, raw.n);
		segments[*n].p = decoded;
		if (!http_percent_decode(raw, false, decoded, &segments[*n].n))
			return false;
	}
	return true;
}

static enum route_param
find_param(struct span name)
{
	enum route_param param = 0;

	while (!span_is(name, param_names[param]))
		param++;
	return param;
}

/* One pattern against the segments, which may hold any bytes; a parameter takes any segment that is
 * not empty. */
static bool
is_match(const char *pattern, const struct span *segments, size_t n, struct span params[PARAMS])
{
	size_t i = 0, length;

	for (; *pattern; i++, pattern += length) {
		pattern++;
		if (i == n)
			return false;
		length = segments[i].n;
		if (*pattern == '{') {
			if (segments[i].n == 0)
				return false;
			length = strcspn(pattern, "/");
			params[find_param((struct span){ pattern + 1, length - 2 })] = segments[i];
		} else if (strncmp(pattern, segments[i].p, length) != 0 ||
		    strnlen(pattern, length) != length ||
		    (pattern[length] != '/' && pattern[length] != '\0')) {
			return false;
		}
	}
	return i == n;
}

/* An id that cannot exist is answered like one that does not. */
static enum error
check_params(const struct span params[PARAMS])
{
	static const enum error unknown[PARAMS] = {
		[PARAM_session_id] = ERROR_invalid_session,
		[PARAM_project_id] = ERROR_project_not_found,
		[PARAM_node_id] = ERROR_node_not_found,
		[PARAM_template_id] = ERROR_template_not_found,
		[PARAM_set] = ERROR_not_found,
		[PARAM_id] = ERROR_not_found,
	};
	struct uuid id;

	for (enum route_param i = 0; i < PARAMS; i++) {
		bool is_uuid = i <= PARAM_node_id;
		if (!params[i].p)
			continue;
		if (is_uuid ? !uuid_parse(params[i], &id) : !route_is_name(params[i]))
			return unknown[i];
	}
	return OK;
}

static bool
is_below_base(const struct span *segments, size_t n)
{
	return n > BASE_SEGMENTS && span_is(segments[0], "api") && span_is(segments[1], "v1");
}

enum error
route_find(enum http_method method, struct span path, struct arena *arena, struct route_match *out)
{
	struct span all[SEGMENTS_MAX], *segments = all;
	enum http_method wanted = method == HTTP_HEAD ? HTTP_GET : method;
	bool is_root;
	size_t n;

	memset(out, 0, sizeof(*out));
	if (span_is(path, "*")) {
		for (const struct route *r = routes; r < routes + n_routes; r++)
			out->allowed |= 1u << r->method;
		return ERROR_method_not_allowed;
	}
	if (!split(path, arena, all, &n))
		return ERROR_not_found;
	is_root = !is_below_base(all, n);
	if (!is_root) {
		segments += BASE_SEGMENTS;
		n -= BASE_SEGMENTS;
	}
	for (const struct route *r = routes; r < routes + n_routes; r++) {
		struct span params[PARAMS] = { 0 };
		if (is_root != !!(r->flags & ROUTE_ROOT) || !is_match(r->path, segments, n, params))
			continue;
		out->allowed |= 1u << r->method;
		if (r->method != wanted)
			continue;
		out->route = r;
		memcpy(out->params, params, sizeof(params));
		return check_params(out->params);
	}
	return out->allowed ? ERROR_method_not_allowed : ERROR_not_found;
}

struct span
route_allow(unsigned allowed, struct arena *arena)
{
	enum { LONGEST = 64 };
	char *text = arena_take(arena, LONGEST);
	size_t n = 0;

	allowed |= 1u << HTTP_OPTIONS;
	if (allowed & 1u << HTTP_GET)
		allowed |= 1u << HTTP_HEAD;
	for (enum http_method method = HTTP_GET; method <= HTTP_OPTIONS; method++) {
		struct span name = span_of(http_method_name(method));
		if (!(allowed & 1u << method))
			continue;
		if (n > 0) {
			memcpy(text + n, ", ", 2);
			n += 2;
		}
		memcpy(text + n, name.p, name.n);
		n += name.n;
	}
	return (struct span){ text, n };
}
