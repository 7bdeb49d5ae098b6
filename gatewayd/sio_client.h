#pragma once
/* The inside of Socket.IO clients, for gatewayd/sio*.c only. */

#include "common/list.h"
#include "common/mem.h"
#include "gatewayd/sio.h"

#include <stdalign.h>

enum sio_state { SIO_CONNECTING, SIO_CONNECTED, SIO_GONE };

struct sio_socket {
	struct sio_socket *next; /* of its client; of the graves once it is gone */
	struct sio_client *client;
	char id[EIO_SID_TEXT + 1];
	uint16_t ns;		     /* index in the settings */
	uint8_t state;		     /* enum sio_state */
	alignas(void *) char user[]; /* the application's */
};

/* Exists until the first namespace is joined. */
struct sio_waiting {
	struct link link;
	struct sio_client *client;
	uint64_t at_ms;
};

/* A packet that is kept: its attachments are on their way, or it came too early. */
struct sio_partial {
	struct link link; /* of what came too early */
	char *text;	  /* owned: the packet */
	size_t n_text;
	size_t total_bytes; /* of the packet and the attachments so far */
	unsigned n_due, n;
	struct span items[]; /* owned bytes */
};

/* Lies in its session, and goes with it. */
struct sio_client {
	struct sio_socket *sockets;
	struct sio_waiting *waiting;
	struct sio_partial *partial;
	struct sio_early *early; /* exists while something in it waits */
	void *data;
};

struct sio {
	struct sio_settings settings;
	const struct sio_app *app;
	struct eio_app eio_app;
	struct eio *eio;
	struct link waiting; /* in order of their deadlines, which all have the same length */
	struct link early;   /* what may go on, for the next tick */
	struct sio_socket *socket_graves;
	struct arena arena; /* of one packet */
};

static inline struct eio_session *
sio_session(const struct sio_client *c)
{
	return eio_session_of(c);
}

static inline struct sio *
sio_of(const struct sio_client *c)
{
	return eio_context(sio_session(c));
}

/* Engine.IO's message callback. */
void sio_message_in(void *context, struct eio_session *, struct span bytes, bool is_binary);
void sio_partial_free(struct sio_partial *);
/* A whole packet with its attachments, if it has any, that need not wait. */
void sio_take_packet(struct sio_client *, const struct sio_packet *, const struct sio_attachments *,
    enum json_fault);
struct sio_socket *sio_find_socket(const struct sio_client *, struct span ns);
/* Takes it out of its client; no packet is sent. Calls disconnect(). */
void sio_end_socket(struct sio_socket *, enum sio_reason);
void sio_send_control(struct sio_client *, enum sio_type, struct span ns, struct span payload);

/* Whether the packet has to wait for the answer to a CONNECT, or for those that do. */
bool sio_is_early(const struct sio_client *, const struct sio_packet *);
/* Takes the packet. False, and nothing is taken, when too much waits already. */
bool sio_early_keep(struct sio_client *, struct sio_partial *);
/* A CONNECT was answered, or its socket has ended: the next tick looks what may go on. */
void sio_early_wake(struct sio_client *);
void sio_early_drop(struct sio_client *);
void sio_early_tick(struct sio *);
