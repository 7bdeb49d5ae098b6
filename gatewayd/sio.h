#pragma once
/*
 * Socket.IO revision 5, server side, on top of Engine.IO sessions: namespaces, events, acks and
 * attachments. The I/O layer drives the sessions of sio_eio() and, for the time, sio_tick() alone.
 *
 * A client is one Engine.IO session; a socket is its membership in one namespace. Both stay
 * readable after their last callback until the next sio_tick(). All functions below may be called
 * from callbacks, except sio_tick() and sio_free().
 */

#include "gatewayd/eio.h"
#include "gatewayd/sio_packet.h"

struct sio;
struct sio_client;
struct sio_socket;

struct sio_settings {
	uint32_t connect_timeout_ms;   /* until the first namespace is joined */
	const char *const *namespaces; /* "/", "/graph"; borrowed for good */
	size_t n_namespaces;
};

enum sio_reason { /* the first five are those of Engine.IO */
	SIO_TRANSPORT_CLOSE,
	SIO_TRANSPORT_ERROR,
	SIO_PING_TIMEOUT,
	SIO_PARSE_ERROR,
	SIO_FORCED_CLOSE,
	SIO_CLIENT_LEFT,
};

struct sio_attachments {
	const struct span *items;
	unsigned n;
};

/* Borrowed during the call. */
struct sio_event {
	struct span name; /* text, unescaped; the digits of a number */
	bool is_number;
	struct span args; /* the other elements, without brackets; placeholders stay as they are */
	struct sio_attachments attachments;
	bool has_ack;
	uint64_t ack_id; /* to be answered at most once, by sio_ack() */
	/* Not JSON_OK: within the protocol, but beyond this bound of ours; name and args are empty.
	 */
	enum json_fault fault;
};

struct sio_app {
	void *context;
	size_t user_bytes; /* of its own with each socket: see sio_user() */
	/* As in struct eio_app; may be absent. */
	const char *(*admit)(void *context, const struct eio_request *);
	/* May be absent. The request is the handshake's. */
	void (*open)(void *context, struct sio_client *, const struct eio_request *);
	/* auth: a JSON object. Answer with sio_accept() or sio_refuse(), at once or later. */
	void (*connect)(void *context, struct sio_socket *, struct span auth);
	void (*event)(void *context, struct sio_socket *, const struct sio_event *);
	/* The answer to an event sent with an id; ids are not checked here. Name and has_ack of the
	 * event mean nothing. May be absent. */
	void (*acked)(void *context, struct sio_socket *, uint64_t id, const struct sio_event *);
	/* Once for each socket that connect() was called for and that was not refused. */
	void (*disconnect)(void *context, struct sio_socket *, enum sio_reason);
	/* After the sockets. May be absent. */
	void (*close)(void *context, struct sio_client *, enum sio_reason);
};

/* All borrowed for good but the settings, which are copied. */
struct sio *sio_new(const struct sio_settings *, const struct eio_settings *,
    const struct sio_app *, const struct eio_io *);
void sio_free(struct sio *);
/* Borrowed: for the I/O layer's calls. */
struct eio *sio_eio(struct sio *);
/* Instead of eio_tick() and eio_next_deadline(). */
void sio_tick(struct sio *, uint64_t now_ms);
uint64_t sio_next_deadline(const struct sio *);

/* pid: private session id for connection state recovery; {NULL, 0} when there is none. */
void sio_accept(struct sio_socket *, struct span pid);
/*
 * Refused for good: stock clients do not try again. data: JSON or {NULL, 0}. The connection stays,
 * disconnect() is not called.
 */
void sio_refuse(struct sio_socket *, const char *message, struct span data);
/* Before sio_accept(): gives a recovered socket its former id. False when it is none of ours. */
bool sio_set_id(struct sio_socket *, struct span id);

/* The encoding of `message`, and its attachments behind it. ns is filled in. */
void sio_emit(struct sio_socket *, const struct sio_message *, const struct sio_attachments *);
void sio_ack(struct sio_socket *, uint64_t id, struct span args, const struct sio_attachments *);
/* A packet from sio_encode(), made once for many sockets: see eio_feed(). */
void sio_feed(struct sio_socket *, struct shared_bytes *);
/* Ends the connection and all its sockets; stock clients reconnect by themselves. */
void sio_close(struct sio_client *);

/* Accepted, and not ended. */
bool sio_is_connected(const struct sio_socket *);
struct span sio_namespace(const struct sio_socket *);
/* The socket's public id, unlike the session's. */
const char *sio_socket_id(const struct sio_socket *);
/* The WebSocket for the hub's short way, or NULL while polling, connecting or ended. */
void *sio_websocket(const struct sio_socket *);
size_t sio_queued_bytes(const struct sio_socket *);
struct sio_client *sio_client_of(const struct sio_socket *);
/* The sockets of one session of sio_eio(), accepted or not; NULL at the end. */
struct sio_socket *sio_first_socket(struct eio_session *);
struct sio_socket *sio_next_socket(const struct sio_socket *);
/* The application's part of the socket: zeroed at first, and gone with it. */
void *sio_user(struct sio_socket *);
struct sio_socket *sio_socket_of(const void *user);
/* That of the struct sio_app. */
void *sio_context(const struct sio_socket *);
void sio_client_set_data(struct sio_client *, void *data);
void *sio_client_data(const struct sio_client *);
