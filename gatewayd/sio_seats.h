#pragma once
/*
 * The application on Socket.IO (docs/clients.md): which sessions a socket is in, and how it is fed.
 * A socket has one seat in each session it is in. sio_seats.c joins, leaves, encodes and delivers;
 * sio_connect.c lets in; sio_events.c answers what clients emit, sio_rejoin.c a join_session of who
 * has a seat already; sio_answers.c takes what they answer.
 */

#include "common/list.h"
#include "gatewayd/hub.h"
#include "gatewayd/live.h"
#include "gatewayd/sio.h"

struct sio_seats;

enum {
	SIO_PID_TEXT = EIO_SID_TEXT + UUID_TEXT + 1, /* without the seq that may follow */
	SIO_PID_SPACE = SIO_PID_TEXT + 24,
	SIO_OFFSET_SPACE = UUID_TEXT + 32,
};

/* A socket's state of ours; lies in it. */
struct place {
	struct seat *seats; /* in the order they were taken */
	struct live_asks asks;
	char *pid;   /* owned; NULL unless recovers */
	char *actor; /* owned, or NULL */
	uint16_t n_seats;
	bool recovers; /* events carry an offset */
	/* It has been in several sessions at a time: no offset tells its place in all of them, so
	 * it is given none any more, and does not come back as itself. */
	bool is_in_several;
	bool is_back; /* the pid is one that it came with */
};

/* Membership in one session. */
struct seat {
	struct member member;
	struct seat *next; /* of its place */
	struct place *place;
	struct rejoin *joins; /* each join_session that waits until it is in, in order */
	bool by_event;	      /* `joined` is waited for; else CONNECT is */
	bool keeps_pid;	      /* it resumes what it had joined by event: its pid names no history */
	bool is_unasked;      /* its session is known from the offset alone */
};

/* Both borrowed for good. */
struct sio_seats *sio_seats_new(struct hub *, bool recover_all);
void sio_seats_free(struct sio_seats *);
/* The callbacks for sio_new(); and the engine they then serve. */
const struct sio_app *sio_seats_app(struct sio_seats *);

/* For the I/O layer: a client has been written to; its seats may be fed on. */
void sio_seats_progress(void *context, struct eio_session *);

struct sio_seats *place_app(const struct place *);
struct sio_socket *place_socket(const struct place *);
struct hub *place_hub(const struct place *);
/* How the others know it: the socket's id. */
const char *place_client_id(const struct place *);
struct seat *place_seat(const struct place *, const struct uuid *session);

/* What a seat is asked for with; texts are borrowed. */
struct seat_wish {
	struct uuid session;
	enum names names;
	bool has_names; /* they were asked for */
	bool by_event, has_ack;
	uint64_t ack_id;
	bool keeps_pid, is_unasked, has_since;
	uint64_t since;
	struct span events, log_id;
	struct uuid subtree; /* nil: none */
};
void seat_take(struct place *, const struct seat_wish *);
void seat_leave(struct seat *);
/* Events as a member of this place is to be given them. */
unsigned place_dialect(const struct place *, enum names);
enum names seat_names(const struct seat *);

/* sio_rejoin.c: a join_session as long as it is not answered. */
struct rejoin {
	struct rejoin *next;
	bool has_ack, has_names;
	uint64_t ack_id;
	struct uuid session;
	uint64_t connection;  /* the membership that it was said to */
	struct change change; /* its dialect is known when it is made */
};
/* Keeps the wish with a seat that is not in yet. False: it has too many. */
bool seat_keep_join(struct seat *, const struct seat_wish *);
/* What was kept is told that error; the seat is not touched. Takes the list. */
void place_refuse_joins(struct place *, struct rejoin *, enum error);
void rejoins_free(struct rejoin *);
/* The client leaves: what it said before the seat was in comes to nothing, as acks are told. */
void seat_give_up_joins(struct seat *);
/* Who is in already: other filters than now take effect, and `joined` comes in any case. */
void seat_join_again(struct seat *, const struct seat_wish *);
/* The seat is in: what was said to it meanwhile. */
void seat_go_on(struct seat *);
/* The options that auth, query and join_session share, from a JSON object. */
bool wish_read(struct arena *, struct span object, struct seat_wish *, const char **fault);

/* sio_connect.c: the other callbacks, and the names that survive a connection. */
void sio_seats_open(void *context, struct sio_client *, const struct eio_request *);
void sio_seats_close(void *context, struct sio_client *, enum sio_reason);
void sio_seats_connect(void *context, struct sio_socket *, struct span auth);
/* Answers CONNECT. log_id, seq: the history and where in it the socket begins, for the pid to name;
 * NULL: as it is. */
void place_accept(struct place *, const struct uuid *log_id, uint64_t seq);
/* Answers CONNECT of who was in a session that is no more and asks for none: it is somebody new. */
void place_begin_anew(struct place *);
/* If it is in a second session now, from here on no offset says where it is. */
void place_in_several(struct place *);
/* What goes with `joined`: that offset, if it is one for all of the socket; NULL: nothing. */
const char *place_offset(const struct place *, const char *offset);
/* Answers CONNECT with an error, for good; the place is gone. */
void place_refuse_connect(struct place *, enum error, const char *message);
/* What the place holds is freed; its socket goes by itself. */
void place_fini(struct place *);
bool sio_seats_recover_all(const struct sio_seats *);

/* sio_events.c: the event callback of struct sio_app. */
void sio_seats_event(void *context, struct sio_socket *, const struct sio_event *);
/* An offset, as JSON, that names no place: who comes back with it has not recovered. */
#define SIO_NOWHERE "\"-\""
/* The error event, and {"error":…} as an ack if one was asked for. why: NULL for the error's own
 * text. */
void place_refuse(
    struct place *, enum error, const struct refusal *why, bool has_ack, uint64_t ack_id);
/* An error object, as an ack if one was asked for, else as the error event. */
void place_fail(struct place *, struct span error, bool has_ack, uint64_t ack_id);
/* joined, and the same as an ack if one was asked for. offset: JSON, goes with the event; or NULL.
 */
void place_emit_joined(struct place *, const struct uuid *session, uint64_t active_clients,
    uint64_t seq, const char *offset, bool has_ack, uint64_t ack_id);

/* sio_answers.c: the acked callback of struct sio_app. */
void sio_seats_acked(void *context, struct sio_socket *, uint64_t id, const struct sio_event *);
