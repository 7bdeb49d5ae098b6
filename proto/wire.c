#include "proto/wire.h"

#include "common/json.h"
#include "common/limits.h"

#include <assert.h>
#include <endian.h>

/* Little-endian integers at fixed places; put stands beside get. */
static void
put_u64(uint8_t *at, uint64_t value)
{
	value = htole64(value);
	memcpy(at, &value, sizeof value);
}

static uint64_t
get_u64(const char *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof value);
	return le64toh(value);
}

enum { PACKED_BYTES = sizeof(WIRE_PACKED) - 1 };

static bool
is_packed(struct span frame)
{
	return frame.n >= PACKED_BYTES + WIRE_PACKED_ID_BYTES &&
	    memcmp(frame.p, WIRE_PACKED, PACKED_BYTES) == 0;
}

void
wire_packed_put(const struct wire_packed *head, struct json_out *out)
{
	char length = (char)head->command.n;

	assert(head->id.n == WIRE_PACKED_ID_BYTES && head->command.n <= UINT8_MAX);
	json_out_bytes(out, SPAN(WIRE_PACKED));
	json_out_bytes(out, head->id);
	json_out_bytes(out, (struct span){ (const char *)head->session.bytes, UUID_BYTES });
	json_out_bytes(out, (struct span){ &length, 1 });
	json_out_bytes(out, head->command);
	json_out_bytes(out, head->caller);
}

bool
wire_packed_get(struct span frame, struct wire_packed *out)
{
	enum { FIXED = PACKED_BYTES + WIRE_PACKED_ID_BYTES + UUID_BYTES + 1 };
	const char *at = frame.p + PACKED_BYTES;

	if (!is_packed(frame) || frame.n < FIXED)
		return false;
	out->id = (struct span){ at, WIRE_PACKED_ID_BYTES };
	memcpy(out->session.bytes, at + WIRE_PACKED_ID_BYTES, UUID_BYTES);
	out->command = (struct span){ frame.p + FIXED, (unsigned char)frame.p[FIXED - 1] };
	if (out->command.n > frame.n - FIXED)
		return false;
	out->caller =
	    (struct span){ out->command.p + out->command.n, frame.n - FIXED - out->command.n };
	return true;
}

size_t
wire_answer_head(struct span id, const char *status, char out[WIRE_ANSWER_HEAD_MAX])
{
	size_t n = strlen(status);

	assert(id.n == WIRE_PACKED_ID_BYTES && PACKED_BYTES + id.n + n <= WIRE_ANSWER_HEAD_MAX);
	memcpy(out, WIRE_PACKED, PACKED_BYTES);
	memcpy(out + PACKED_BYTES, id.p, id.n);
	memcpy(out + PACKED_BYTES + id.n, status, n);
	return PACKED_BYTES + id.n + n;
}

bool
wire_answer_head_get(struct span frame, struct span *id, struct span *status)
{
	size_t head = PACKED_BYTES + WIRE_PACKED_ID_BYTES;

	if (!is_packed(frame))
		return false;
	*id = (struct span){ frame.p + PACKED_BYTES, WIRE_PACKED_ID_BYTES };
	*status = (struct span){ frame.p + head, frame.n - head };
	return true;
}

/* What stands in one frame with others: two texts behind their lengths. */
enum { LENGTHS_BYTES = 8 };

static void
put_pair(struct span head, struct span body, struct json_out *out)
{
	uint32_t lengths[2] = { htole32((uint32_t)head.n), htole32((uint32_t)body.n) };

	json_out_bytes(out, (struct span){ (const char *)lengths, LENGTHS_BYTES });
	json_out_bytes(out, head);
	json_out_bytes(out, body);
}

static bool
take_pair(struct span *left, struct span *head, struct span *body)
{
	uint32_t lengths[2];

	if (left->n < LENGTHS_BYTES)
		return false;
	memcpy(lengths, left->p, LENGTHS_BYTES);
	*head = (struct span){ left->p + LENGTHS_BYTES, le32toh(lengths[0]) };
	body->n = le32toh(lengths[1]);
	if (left->n - LENGTHS_BYTES < head->n || left->n - LENGTHS_BYTES - head->n < body->n)
		return false;
	body->p = head->p + head->n;
	left->n -= LENGTHS_BYTES + head->n + body->n;
	left->p = body->p + body->n;
	return true;
}

bool
wire_row_fits(size_t row_bytes, struct span head, struct span body)
{
	size_t before = row_bytes ? row_bytes : sizeof(WIRE_ROW) - 1;

	return before + LENGTHS_BYTES + head.n + body.n <= LIMIT_ROW_BYTES;
}

void
wire_row_put(struct span head, struct span body, struct json_out *row)
{
	if (row->n == 0)
		json_out_bytes(row, SPAN(WIRE_ROW));
	put_pair(head, body, row);
}

bool
wire_row_get(struct span frame, struct span *left)
{
	enum { BYTES = sizeof(WIRE_ROW) - 1 };

	if (frame.n < BYTES || memcmp(frame.p, WIRE_ROW, BYTES) != 0)
		return false;
	*left = (struct span){ frame.p + BYTES, frame.n - BYTES };
	return true;
}

bool
wire_row_take(struct span *left, struct span *head, struct span *body)
{
	return take_pair(left, head, body);
}

size_t
wire_header_put(const struct wire_header *h, uint8_t *out)
{
	size_t path_bytes = h->path.n * UUID_BYTES;

	assert(h->path.n <= LIMIT_PATH_NODES);
	memset(out, 0, WIRE_HEADER_BYTES);
	out[0] = h->version;
	out[1] = h->path.n ? h->flags | WIRE_HAS_PATH : h->flags;
	out[2] = (uint8_t)(h->event & 0xff);
	out[3] = (uint8_t)(h->event >> 8);
	memcpy(out + 8, h->log_id.bytes, UUID_BYTES);
	put_u64(out + 24, h->epoch);
	put_u64(out + 32, h->seq);
	put_u64(out + 40, h->time_us);
	if (path_bytes)
		memcpy(out + WIRE_HEADER_BYTES, h->path.ids, path_bytes);
	return WIRE_HEADER_BYTES + path_bytes;
}

/* Ids are bytes: they can be read where they lie. */
static bool
get_path(struct span bytes, struct path *out)
{
	out->ids = (const struct uuid *)(const void *)bytes.p;
	out->n = bytes.n / UUID_BYTES;
	return out->n > 0 && out->n <= LIMIT_PATH_NODES && bytes.n % UUID_BYTES == 0;
}

bool
wire_header_get(struct span b, struct wire_header *out)
{
	if (b.n < WIRE_HEADER_BYTES || b.p[0] != 1)
		return false;
	*out = (struct wire_header){
		.version = 1,
		.flags = (uint8_t)(b.p[1] & ~WIRE_HAS_PATH),
		.event = (uint16_t)((uint8_t)b.p[2] | (uint8_t)b.p[3] << 8),
		.epoch = get_u64(b.p + 24),
		.seq = get_u64(b.p + 32),
		.time_us = get_u64(b.p + 40),
	};
	memcpy(out->log_id.bytes, b.p + 8, UUID_BYTES);
	if (!(b.p[1] & WIRE_HAS_PATH))
		return true;
	return get_path(
	    (struct span){ b.p + WIRE_HEADER_BYTES, b.n - WIRE_HEADER_BYTES }, &out->path);
}

size_t
wire_feed_topic(const struct uuid *session, bool dash, char out[WIRE_TOPIC_MAX])
{
	memcpy(out, session->bytes, UUID_BYTES);
	if (!dash)
		return UUID_BYTES;
	memcpy(out + UUID_BYTES, WIRE_FEED_DASH, sizeof(WIRE_FEED_DASH) - 1);
	return UUID_BYTES + sizeof(WIRE_FEED_DASH) - 1;
}

bool
wire_feed_session(struct span frame, struct uuid *session, struct span *rest)
{
	if (frame.n < UUID_BYTES)
		return false;
	memcpy(session->bytes, frame.p, UUID_BYTES);
	*rest = (struct span){ frame.p + UUID_BYTES, frame.n - UUID_BYTES };
	return true;
}

void
wire_event_pack(const struct wire_header *h, struct span body, struct json_out *out)
{
	uint8_t header[WIRE_HEADER_MOST_BYTES];
	size_t n = wire_header_put(h, header);

	put_pair((struct span){ (const char *)header, n }, body, out);
}

bool
wire_event_unpack(struct span *left, struct wire_header *header, struct span *body)
{
	struct span head;

	return take_pair(left, &head, body) && wire_header_get(head, header);
}

static const char topic_prefix[] = WIRE_SESSION_TOPIC;
enum { PREFIX = sizeof topic_prefix - 1, SESSION_TOPIC = PREFIX + UUID_TEXT + 1 };

size_t
wire_topic(const struct uuid *session, enum event event, char out[WIRE_TOPIC_MAX])
{
	const char *name = "";
	size_t n;

	memcpy(out, topic_prefix, PREFIX);
	uuid_format(session, out + PREFIX);
	out[SESSION_TOPIC - 1] = '/';
	if (event == EVENT_node_updated)
		name = "dash/node-updated";
	else if (event != EVENTS)
		name = event_rows[event].colon;
	n = strlen(name);
	memcpy(out + SESSION_TOPIC, name, n);
	return SESSION_TOPIC + n;
}

bool
wire_topic_session(struct span topic, struct uuid *session)
{
	if (topic.n < SESSION_TOPIC || memcmp(topic.p, topic_prefix, PREFIX) != 0 ||
	    topic.p[SESSION_TOPIC - 1] != '/')
		return false;
	return uuid_parse((struct span){ topic.p + PREFIX, UUID_TEXT }, session);
}
