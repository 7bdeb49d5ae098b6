/* Requests: the query, and the checks in the order stock servers make them. */

#include "common/limits.h"
#include "gatewayd/eio_packet.h"
#include "gatewayd/eio_session.h"
#include "gatewayd/field_value.h"
#include "gatewayd/percent.h"

static const char *const messages[] = { "Transport unknown", "Session ID unknown",
	"Bad handshake method", "Bad request", "Forbidden", "Unsupported protocol version" };

enum code { UNKNOWN_TRANSPORT, UNKNOWN_SID, BAD_METHOD, BAD_REQUEST, FORBIDDEN, BAD_VERSION };

enum { QUERY_VALUE_BYTES = 64 }; /* more than any value that is known here */

/* One character of a query; a percent sign that is no escape stands for itself. */
static char
next_char(struct span *rest)
{
	char c = rest->p[0] == '+' ? ' ' : rest->p[0];
	int escaped = percent_escape(*rest);
	size_t used = escaped >= 0 ? 3 : 1;

	rest->p += used;
	rest->n -= used;
	return escaped >= 0 ? (char)escaped : c;
}

static bool
decoded_is(struct span raw, const char *text)
{
	while (raw.n && *text) {
		if (next_char(&raw) != *text++)
			return false;
	}
	return !raw.n && !*text;
}

static bool
decode(struct span raw, char *out, size_t size, size_t *n)
{
	for (*n = 0; raw.n; (*n)++) {
		char c = next_char(&raw);

		if (*n == size)
			return false;
		out[*n] = c;
	}
	return true;
}

/* Cuts `rest` at the first `mark`; returns what was before it. */
static struct span
cut(struct span *rest, char mark)
{
	const char *at = rest->n ? memchr(rest->p, mark, rest->n) : NULL;
	struct span before = { rest->p, at ? (size_t)(at - rest->p) : rest->n };
	size_t used = before.n + (at ? 1 : 0);

	rest->p += used;
	rest->n -= used;
	return before;
}

/* False when there is no such parameter; a repeated one has its last value, as in stock servers. */
static bool
find_raw(struct span query, const char *name, struct span *value)
{
	bool is_found = false;

	while (query.n) {
		struct span pair = cut(&query, '&');
		struct span key = cut(&pair, '=');

		if (decoded_is(key, name)) {
			*value = pair;
			is_found = true;
		}
	}
	return is_found;
}

bool
eio_query_find(struct span query, const char *name, char *out, size_t size, size_t *n)
{
	struct span raw;

	*n = 0;
	return find_raw(query, name, &raw) && decode(raw, out, size, n);
}

static bool
query_is(struct span query, const char *name, const char *value)
{
	struct span raw;

	return find_raw(query, name, &raw) && decoded_is(raw, value);
}

static struct eio_verdict
refuse(enum code code)
{
	return (struct eio_verdict){ .next = EIO_REFUSE,
		.status = code == FORBIDDEN ? 403 : 400,
		.code = (int)code,
		.message = messages[code] };
}

static struct eio_verdict
accept(enum eio_next next, const struct eio_session *s)
{
	struct eio_verdict v = { .next = next, .status = 200, .code = -1, .message = "" };

	if (next == EIO_WEBSOCKET)
		v.status = 101;
	if (s) {
		v.has_sid = true;
		v.sid = s->sid;
	}
	return v;
}

static bool
is_full(const struct eio *eio)
{
	const struct eio_settings *s = &eio->settings;
	size_t others = s->others ? s->others(s->others_context) : 0;

	return eio->sessions.n + others >= s->max_sessions;
}

static struct eio_verdict
check_handshake(struct eio *eio, const struct eio_request *r, bool is_websocket)
{
	const char *words = NULL;
	struct eio_verdict v;

	if (!span_is(r->method, "GET"))
		return refuse(BAD_METHOD);
	if (is_websocket != r->is_upgrade)
		return refuse(BAD_REQUEST);
	if (eio->app->admit)
		words = eio->app->admit(eio->app->context, r);
	if (words) {
		v = refuse(FORBIDDEN);
		v.message = words;
		return v;
	}
	/* Here and not after the 101: an error cannot be told inside a WebSocket. */
	if (!query_is(r->query, "EIO", "4"))
		return refuse(BAD_VERSION);
	if (is_full(eio)) {
		v = refuse(FORBIDDEN);
		v.status = 503;
		v.message = "Too many sessions";
		return v;
	}
	return accept(is_websocket ? EIO_WEBSOCKET : EIO_HANDSHAKE, NULL);
}

static struct eio_verdict
check_session(const struct eio_session *s, const struct eio_request *r, bool is_websocket)
{
	if (is_websocket != r->is_upgrade || !s->polling)
		return refuse(BAD_REQUEST);
	if (is_websocket) {
		bool is_free = s->state == EIO_OPEN && !s->polling->candidate;

		return is_free && span_is(r->method, "GET") ? accept(EIO_WEBSOCKET, s)
							    : refuse(BAD_REQUEST);
	}
	if (span_is(r->method, "GET"))
		return accept(EIO_GET, s);
	return span_is(r->method, "POST") ? accept(EIO_POST, s) : refuse(BAD_REQUEST);
}

/* Not here; perhaps where its first bytes say. */
static struct eio_verdict
refuse_sid(const struct eio *eio, const struct eio_sid *sid)
{
	struct eio_verdict v = refuse(UNKNOWN_SID);

	v.has_sid = memcmp(sid->bytes, eio->settings.home, EIO_HOME_BYTES) != 0;
	v.sid = *sid;
	return v;
}

struct eio_verdict
eio_check_request(struct eio *eio, const struct eio_request *r, uint64_t now_ms)
{
	bool is_websocket = query_is(r->query, "transport", "websocket");
	char text[QUERY_VALUE_BYTES];
	struct span raw = { 0 };
	struct eio_session *s;
	struct eio_sid sid;
	size_t n;

	eio_tick(eio, now_ms);
	if (!is_websocket && !query_is(r->query, "transport", "polling"))
		return refuse(UNKNOWN_TRANSPORT);
	if (!is_field_value(r->origin))
		return refuse(BAD_REQUEST);
	if (!find_raw(r->query, "sid", &raw) || raw.n == 0)
		return check_handshake(eio, r, is_websocket);
	if (!decode(raw, text, sizeof(text), &n) || !eio_sid_parse((struct span){ text, n }, &sid))
		return refuse(UNKNOWN_SID);
	s = eio_find(eio, &sid, now_ms);
	return s ? check_session(s, r, is_websocket) : refuse_sid(eio, &sid);
}

void
eio_verdict_body(const struct eio_verdict *v, struct json_out *body)
{
	struct json_out json = { 0 };

	if (v->code < 0)
		return;
	json_out_open(&json, '{');
	json_out_key(&json, "code");
	json_out_int(&json, v->code);
	json_out_key(&json, "message");
	json_out_string(&json, v->message);
	json_out_close(&json, '}');
	json_out_bytes(body, json_out_span(&json));
	json_out_fini(&json);
}

bool
eio_is_path(const struct eio *eio, struct span path)
{
	size_t n = strlen(eio->settings.path);

	return path.n >= n && memcmp(path.p, eio->settings.path, n) == 0;
}
