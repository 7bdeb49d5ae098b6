#pragma once
/*
 * Socket.IO revision 5 packets inside Engine.IO text messages: type [n-] [/ns,] [ackid] [json].
 * Parsing borrows; arguments come out as the bytes that came in.
 */

#include "common/json.h"
#include "gatewayd/shared_bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum sio_type {
	SIO_CONNECT,
	SIO_DISCONNECT,
	SIO_EVENT,
	SIO_ACK,
	SIO_CONNECT_ERROR,
	SIO_BINARY_EVENT,
	SIO_BINARY_ACK,
};

enum { SIO_NAMESPACE_BYTES = 256 };
#define SIO_ID_MAX 9007199254740991u /* 2^53 - 1: what a JavaScript number holds */

struct sio_packet {
	enum sio_type type;
	unsigned n_attachments;
	struct span ns; /* "/" when none is named */
	bool has_id;
	uint64_t id;
	struct span payload; /* without white space around it; {NULL, 0} when there is none */
};

/* The part before the payload. False when it is malformed or over a limit. */
bool sio_packet_parse(struct span text, struct sio_packet *);

enum sio_validity {
	SIO_VALID,
	SIO_BEYOND_BOUNDS, /* a limit of ours was met: the client may be told, *fault says which */
	SIO_INVALID,
};

/* The payload: strict JSON of the form its type demands, placeholders in range. */
enum sio_validity sio_packet_check(const struct sio_packet *, enum json_fault *fault);
/* True when an object stands for an attachment; then *num is its index or, in a payload that was
 * not checked, -1. */
bool sio_is_placeholder(struct span object, int64_t *num);
/* Of a checked event: its name as a JSON value, and the other elements without brackets. */
void sio_event_split(struct span payload, struct span *name, struct span *args);
/* Of a checked ack: its elements without brackets. */
struct span sio_ack_args(struct span payload);

/* A packet to send. Borrowed. */
struct sio_message {
	enum sio_type type; /* SIO_EVENT or SIO_ACK; attachments make it binary */
	struct span ns;
	bool has_id;
	uint64_t id;
	struct span name;	/* of an event: text, escaped if it needs to be */
	struct span args;	/* elements of the array as JSON, without brackets; may be empty */
	struct span extra;	/* one element more, or {NULL, 0} */
	unsigned n_attachments; /* args hold their placeholders */
};

/* Returns owned: an Engine.IO text packet, the same bytes for every client of the namespace. */
struct shared_bytes *sio_encode(const struct sio_message *);
/* Returns owned: a packet of any other type; payload may be {NULL, 0}. */
struct shared_bytes *sio_encode_control(enum sio_type, struct span ns, struct span payload);
