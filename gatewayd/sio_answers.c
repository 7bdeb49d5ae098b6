/* What sockets answer to the questions they were asked: the ack that belongs to a question's
 * number. */

#include "common/json.h"
#include "common/limits.h"
#include "gatewayd/sio_seats.h"

#include <nettle/base64.h>

/* Bytes in a JSON answer: {"base64":"…"}. */
static void
write_attachment(struct json_out *out, struct arena *arena, struct span bytes)
{
	size_t n = BASE64_ENCODE_RAW_LENGTH(bytes.n);
	char *text = arena_take(arena, n + 1);

	base64_encode_raw(text, bytes.n, (const uint8_t *)bytes.p);
	json_out_open(out, '{');
	json_out_key(out, "base64");
	json_out_text(out, (struct span){ text, n });
	json_out_close(out, '}');
}

/* Recursion is bounded: the packet has passed sio_packet_check(). */
static void
write_value(struct json_out *out, struct arena *arena, struct span value,
    const struct sio_attachments *attachments)
{
	enum json_type type = json_type(value);
	struct json_iter walk;
	struct span key, member;
	int64_t num;

	if (type != JSON_ARRAY && type != JSON_OBJECT) {
		json_out_raw(out, value);
		return;
	}
	if (type == JSON_OBJECT && sio_is_placeholder(value, &num)) {
		write_attachment(out, arena, attachments->items[num]);
		return;
	}
	json_out_open(out, type == JSON_ARRAY ? '[' : '{');
	json_walk(&walk, value);
	while (json_next(&walk, &key, &member)) {
		if (type == JSON_OBJECT)
			json_out_key_text(out, json_key(arena, key));
		write_value(out, arena, member, attachments);
	}
	json_out_close(out, type == JSON_ARRAY ? ']' : '}');
}

static size_t
total_bytes(const struct sio_event *ack)
{
	size_t n = ack->args.n;

	for (unsigned i = 0; i < ack->attachments.n; i++)
		n += ack->attachments.items[i].n;
	return n;
}

/* The arguments as one array. */
static void
write_arguments(struct json_out *out, struct arena *arena, const struct sio_event *ack)
{
	struct json_out array = { 0 };

	json_out_bytes(&array, SPAN("["));
	json_out_bytes(&array, ack->args);
	json_out_bytes(&array, SPAN("]"));
	if (ack->attachments.n)
		write_value(out, arena, json_out_span(&array), &ack->attachments);
	else
		json_out_raw(out, json_out_span(&array));
	json_out_fini(&array);
}

static enum error
read_ack(const struct sio_event *ack, struct arena *arena, struct json_out *arguments)
{
	if (ack->fault != JSON_OK)
		return ERROR_invalid_request;
	if (total_bytes(ack) > LIMIT_ANSWER_BYTES)
		return ERROR_limit_value;
	write_arguments(arguments, arena, ack);
	return OK;
}

/* One of the socket's sessions was asked that, or none. */
static bool
give(struct place *p, uint64_t number, enum error error, struct span arguments)
{
	for (struct seat *s = p->seats; s; s = s->next) {
		if (hub_answer(place_hub(p), &s->member, number, error, arguments))
			return true;
	}
	return false;
}

void
sio_seats_acked(void *context, struct sio_socket *socket, uint64_t id, const struct sio_event *ack)
{
	struct place *p = sio_user(socket);
	struct json_out arguments = { 0 };
	struct arena arena;
	enum error error;

	(void)context;
	arena_init(&arena);
	error = read_ack(ack, &arena, &arguments);
	if (!give(p, id, error, json_out_span(&arguments)))
		hub_count_stray_answer();
	json_out_fini(&arguments);
	arena_fini(&arena);
}
