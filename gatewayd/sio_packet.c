#include "gatewayd/sio_packet.h"

#include "common/json_out.h"
#include "common/limits.h"
#include "common/mem.h"
#include "proto/taken.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum { ENCODED_PIECES = 10 };

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits from the start of `rest` on. False when there are none or the number is above max. */
static bool
take_number(struct span *rest, uint64_t max, uint64_t *out)
{
	const char *start = rest->p;

	for (*out = 0; rest->n && is_digit(*rest->p); rest->p++, rest->n--) {
		/* max is far below 2^60, so that ten times as much fits. */
		*out = *out * 10 + (uint64_t)(*rest->p - '0');
		if (*out > max)
			return false;
	}
	return rest->p > start;
}

static bool
is_binary(enum sio_type type)
{
	return type == SIO_BINARY_EVENT || type == SIO_BINARY_ACK;
}

static bool
take_attachment_count(struct span *rest, unsigned *out)
{
	uint64_t n;

	if (!take_number(rest, LIMIT_ATTACHMENTS, &n) || !rest->n || *rest->p != '-')
		return false;
	rest->p++;
	rest->n--;
	*out = (unsigned)n;
	return true;
}

/* The comma may be missing when nothing follows. */
static bool
take_namespace(struct span *rest, struct span *ns)
{
	const char *comma;

	*ns = SPAN("/");
	if (!rest->n || *rest->p != '/')
		return true;
	comma = memchr(rest->p, ',', rest->n);
	*ns = (struct span){ rest->p, comma ? (size_t)(comma - rest->p) : rest->n };
	rest->p += ns->n + (comma ? 1 : 0);
	rest->n -= ns->n + (comma ? 1 : 0);
	return ns->n <= SIO_NAMESPACE_BYTES;
}

bool
sio_packet_parse(struct span text, struct sio_packet *p)
{
	struct span rest = text;

	*p = (struct sio_packet){ 0 };
	if (!rest.n || *rest.p < '0' || *rest.p > '6')
		return false;
	p->type = (enum sio_type)(*rest.p - '0');
	rest.p++;
	rest.n--;
	if (is_binary(p->type) && !take_attachment_count(&rest, &p->n_attachments))
		return false;
	if (!take_namespace(&rest, &p->ns))
		return false;
	if (rest.n && is_digit(*rest.p)) {
		p->has_id = true;
		if (!take_number(&rest, SIO_ID_MAX, &p->id))
			return false;
	}
	if (rest.n)
		p->payload = json_trim(rest);
	return true;
}

bool
sio_is_placeholder(struct span object, int64_t *num)
{
	struct span value;

	if (!json_find(object, "_placeholder", &value) || !span_is(value, "true"))
		return false;
	if (!json_find(object, "num", &value) || !json_integer(value, num))
		*num = -1;
	return true;
}

/* Recursion is bounded: the text has passed json_scan() with LIMIT_JSON_DEPTH. */
static bool
placeholders_fit(struct span value, unsigned n)
{
	enum json_type type = json_type(value);
	struct json_iter walk;
	struct span key, member;
	int64_t num;

	if (type != JSON_ARRAY && type != JSON_OBJECT)
		return true;
	if (type == JSON_OBJECT && sio_is_placeholder(value, &num))
		return num >= 0 && num < n;
	json_walk(&walk, value);
	while (json_next(&walk, &key, &member)) {
		if (!placeholders_fit(member, n))
			return false;
	}
	return true;
}

/* The names that Socket.IO libraries use for events of their own. */
static bool
is_reserved(struct span name)
{
	static const char *const reserved[] = { TAKEN_BY_SOCKETIO };
	struct arena arena;
	struct span text;
	bool is_one = false;

	arena_init(&arena);
	text = json_text(&arena, name);
	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		is_one = is_one || span_is(text, reserved[i]);
	arena_fini(&arena);
	return is_one;
}

static bool
is_event(struct span payload)
{
	struct json_iter walk;
	struct span key, name;

	json_walk(&walk, payload);
	if (!json_next(&walk, &key, &name))
		return false;
	switch (json_type(name)) {
	case JSON_STRING:
		return !is_reserved(name);
	case JSON_INTEGER:
	case JSON_REAL:
		return true;
	case JSON_NULL:
	case JSON_BOOL:
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	return false;
}

static enum sio_validity
check_json(struct span payload, enum json_fault *fault)
{
	/* The array of arguments is a level of its own; strings are bounded by the message. */
	static const struct json_bounds bounds = { .depth = LIMIT_JSON_DEPTH + 1,
		.values = LIMIT_JSON_VALUES,
		.text_bytes = LIMIT_MESSAGE_BYTES,
		.key_bytes = LIMIT_MESSAGE_BYTES };

	*fault = json_scan(payload, &bounds, NULL);
	switch (*fault) {
	case JSON_OK:
		return SIO_VALID;
	case JSON_NUL:
	case JSON_SURROGATE:
	case JSON_NUMBER:
	case JSON_TEXT:
	case JSON_KEY:
	case JSON_REPEATED:
		/* Stock clients do send such things when their user has them: not worth a
		 * connection. */
		return SIO_BEYOND_BOUNDS;
	case JSON_SYNTAX:
	case JSON_TRUNCATED:
	case JSON_TRAILING:
	case JSON_UTF8:
	case JSON_DEPTH:
	case JSON_VALUES:
		break;
	}
	return SIO_INVALID;
}

/* What a type demands, once the payload is known to be JSON. */
static bool
has_form(const struct sio_packet *p)
{
	switch (p->type) {
	case SIO_CONNECT:
		return !p->has_id && (!p->payload.p || json_type(p->payload) == JSON_OBJECT);
	case SIO_DISCONNECT:
		return !p->has_id && !p->payload.p;
	case SIO_EVENT:
	case SIO_BINARY_EVENT:
		return p->payload.p && json_type(p->payload) == JSON_ARRAY && is_event(p->payload);
	case SIO_ACK:
	case SIO_BINARY_ACK:
		return p->has_id && p->payload.p && json_type(p->payload) == JSON_ARRAY;
	case SIO_CONNECT_ERROR:
		break; /* never from a client */
	}
	return false;
}

enum sio_validity
sio_packet_check(const struct sio_packet *p, enum json_fault *fault)
{
	enum sio_validity validity;

	*fault = JSON_OK;
	if (p->type == SIO_CONNECT_ERROR)
		return SIO_INVALID;
	if (p->payload.p) {
		validity = check_json(p->payload, fault);
		if (validity != SIO_VALID)
			return validity;
	}
	if (!has_form(p))
		return SIO_INVALID;
	if (is_binary(p->type) && !placeholders_fit(p->payload, p->n_attachments))
		return SIO_INVALID;
	return SIO_VALID;
}

void
sio_event_split(struct span payload, struct span *name, struct span *args)
{
	const char *end = payload.p + payload.n - 1; /* the closing bracket */
	struct json_iter walk;
	struct span key, rest;

	json_walk(&walk, payload);
	json_next(&walk, &key, name);
	rest.p = name->p + name->n;
	rest.n = (size_t)(end - rest.p);
	rest = json_trim(rest);
	if (rest.n)
		rest = json_trim((struct span){ rest.p + 1, rest.n - 1 });
	*args = rest.n ? rest : SPAN("");
}

struct span
sio_ack_args(struct span payload)
{
	struct span inside = json_trim((struct span){ payload.p + 1, payload.n - 2 });

	return inside.n ? inside : SPAN("");
}

static bool
is_plain(struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c < 0x20 || c == '"' || c == '\\')
			return false;
	}
	return true;
}

/* Writes "4", type, attachments, namespace and ack id; returns the length. */
static size_t
write_head(const struct sio_message *m, char *out, size_t size)
{
	unsigned type = m->type;
	size_t n;

	if (m->n_attachments)
		type = m->type == SIO_ACK ? SIO_BINARY_ACK : SIO_BINARY_EVENT;
	n = (size_t)snprintf(out, size, "4%u", type);
	if (m->n_attachments)
		n += (size_t)snprintf(out + n, size - n, "%u-", m->n_attachments);
	if (m->ns.n > 1) {
		assert(m->ns.n <= SIO_NAMESPACE_BYTES);
		memcpy(out + n, m->ns.p, m->ns.n);
		n += m->ns.n;
		out[n++] = ',';
	}
	if (m->has_id)
		n += (size_t)snprintf(out + n, size - n, "%" PRIu64, m->id);
	return n;
}

/* The name as JSON; `escaped` holds it when it is not what it was. Returns the number of pieces. */
static size_t
name_pieces(struct span name, struct json_out *escaped, struct span out[3])
{
	if (!is_plain(name)) {
		json_out_text(escaped, name);
		out[0] = json_out_span(escaped);
		return 1;
	}
	out[0] = SPAN("\"");
	out[1] = name;
	out[2] = SPAN("\"");
	return 3;
}

struct shared_bytes *
sio_encode(const struct sio_message *m)
{
	char head[SIO_NAMESPACE_BYTES + 64];
	struct span pieces[ENCODED_PIECES];
	struct json_out escaped = { 0 };
	struct shared_bytes *b;
	bool comma = m->type == SIO_EVENT;
	size_t n = 0;

	assert(m->type == SIO_EVENT || m->type == SIO_ACK);
	pieces[n++] = (struct span){ head, write_head(m, head, sizeof(head)) };
	pieces[n++] = SPAN("[");
	if (m->type == SIO_EVENT)
		n += name_pieces(m->name, &escaped, pieces + n);
	if (m->args.n) {
		pieces[n++] = comma ? SPAN(",") : SPAN("");
		pieces[n++] = m->args;
		comma = true;
	}
	if (m->extra.p) {
		pieces[n++] = comma ? SPAN(",") : SPAN("");
		pieces[n++] = m->extra;
	}
	pieces[n++] = SPAN("]");
	b = shared_bytes_join(SHARED_TEXT, pieces, n);
	json_out_fini(&escaped);
	return b;
}

struct shared_bytes *
sio_encode_control(enum sio_type type, struct span ns, struct span payload)
{
	char digits[2] = { '4', (char)('0' + type) };
	bool is_named = ns.n > 1;
	struct span pieces[] = { { digits, 2 }, is_named ? ns : SPAN(""),
		is_named ? SPAN(",") : SPAN(""), payload };

	return shared_bytes_join(SHARED_TEXT, pieces, sizeof(pieces) / sizeof(*pieces));
}
