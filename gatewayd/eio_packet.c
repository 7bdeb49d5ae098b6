#include "gatewayd/eio_packet.h"

#include "common/mem.h"

#include <nettle/base64.h>

#include <stdlib.h>

static const char sid_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
eio_payload_walk(struct eio_payload *p, struct span body)
{
	const char *at = body.p ? body.p : "";

	*p = (struct eio_payload){ at, at + body.n, false };
}

bool
eio_payload_next(struct eio_payload *p, struct span *packet)
{
	size_t left = (size_t)(p->end - p->at);
	const char *cut = left ? memchr(p->at, EIO_SEPARATOR, left) : NULL;

	if (p->is_done)
		return false;
	*packet = (struct span){ p->at, cut ? (size_t)(cut - p->at) : left };
	p->is_done = !cut;
	p->at = cut ? cut + 1 : p->end;
	return true;
}

size_t
eio_packet_size(const struct shared_bytes *b)
{
	return b->frame == SHARED_BINARY ? 1 + BASE64_ENCODE_RAW_LENGTH((size_t)b->n) : b->n;
}

void
eio_packet_write(const struct shared_bytes *b, struct json_out *body)
{
	struct span payload = shared_bytes_payload(b);
	size_t n = eio_packet_size(b);
	char *text;

	if (b->frame != SHARED_BINARY) {
		json_out_bytes(body, payload);
		return;
	}
	text = xmalloc(n);
	text[0] = 'b';
	base64_encode_raw(text + 1, payload.n, (const uint8_t *)payload.p);
	json_out_bytes(body, (struct span){ text, n });
	free(text);
}

char *
eio_unbase64(struct span text, size_t *n)
{
	struct base64_decode_ctx ctx;
	char *bytes = xmalloc(BASE64_DECODE_LENGTH(text.n) + 1);

	base64_decode_init(&ctx);
	*n = 0;
	if (base64_decode_update(&ctx, n, (uint8_t *)bytes, text.n, text.p) &&
	    base64_decode_final(&ctx))
		return bytes;
	free(bytes);
	return NULL;
}

void
eio_sid_format(const struct eio_sid *sid, char out[EIO_SID_TEXT + 1])
{
	uint32_t bits = 0;
	unsigned n_bits = 0, to = 0;

	for (unsigned i = 0; i < EIO_SID_BYTES; i++) {
		bits = bits << 8 | sid->bytes[i];
		for (n_bits += 8; n_bits >= 6; n_bits -= 6)
			out[to++] = sid_digits[bits >> (n_bits - 6) & 63];
	}
	out[to++] = sid_digits[bits << (6 - n_bits) & 63];
	out[to] = '\0';
}

bool
eio_sid_parse(struct span text, struct eio_sid *sid)
{
	uint32_t bits = 0;
	unsigned n_bits = 0, to = 0;

	if (text.n != EIO_SID_TEXT)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		const char *digit = text.p[i] ? strchr(sid_digits, text.p[i]) : NULL;

		if (!digit)
			return false;
		bits = bits << 6 | (uint32_t)(digit - sid_digits);
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			sid->bytes[to++] = (uint8_t)(bits >> n_bits);
		}
	}
	/* The bits left over have to be zero, else several texts would name one session. */
	return (bits & ((1u << n_bits) - 1)) == 0;
}

void
eio_open_packet(const struct eio_settings *settings, const struct eio_sid *sid, bool upgrades,
    struct json_out *out)
{
	struct json_out json = { 0 };
	char text[EIO_SID_TEXT + 1];

	eio_sid_format(sid, text);
	json_out_open(&json, '{');
	json_out_key(&json, "sid");
	json_out_string(&json, text);
	json_out_key(&json, "upgrades");
	json_out_raw(&json, upgrades ? SPAN("[\"websocket\"]") : SPAN("[]"));
	json_out_key(&json, "pingInterval");
	json_out_uint(&json, settings->ping_interval_ms);
	json_out_key(&json, "pingTimeout");
	json_out_uint(&json, settings->ping_timeout_ms);
	json_out_key(&json, "maxPayload");
	json_out_uint(&json, settings->max_payload_bytes);
	json_out_close(&json, '}');
	json_out_bytes(out, SPAN("0"));
	json_out_bytes(out, json_out_span(&json));
	json_out_fini(&json);
}
