#pragma once
/*
 * The inside of the HTTP layer, for gatewayd/http*.c only. One connection holds at most one request
 * at a time, so the request is part of it and its arena is used again and again.
 */

#include "common/list.h"
#include "common/loop.h"
#include "common/mem.h"
#include "gatewayd/http.h"
#include "gatewayd/http_hygiene.h"

#include <microhttpd.h>

enum http_state {
	HTTP_IDLE,	  /* between requests; the head may be arriving */
	HTTP_HEADED,	  /* the request line is here */
	HTTP_READING,	  /* the head is checked, the body is arriving */
	HTTP_HANDLING,	  /* inside handle(): an answer can be queued at once */
	HTTP_HELD,	  /* suspended until there is an answer */
	HTTP_RESUMED,	  /* has an answer, waits for the library to ask for it */
	HTTP_ANSWERED,	  /* the answer is the library's */
	HTTP_STREAM_HELD, /* suspended in the middle of an answer that has nothing to send just now
			   */
};

struct http_extra {
	struct http_extra *next;
	const char *name, *value;
};

struct http_request {
	enum http_state state;
	enum http_method method;
	struct http_head head;
	const char *raw_target; /* where it lies in the library's buffer, behind the method */
	char *body;		/* in the arena when its length was told and is small; else owned */
	bool body_is_owned;
	size_t body_n, body_capacity, body_limit;
	uint64_t body_began_ms;
	struct http_extra *extras;
	struct MHD_Response *response; /* owned until it is queued */
	int status;
	size_t held_bytes; /* of http.held_bytes */
	bool is_long;	   /* the answer: how fast it is taken counts from when it is queued */
	uint64_t answer_began_ms, answer_began_bytes;
	bool close_after, is_gone, is_too_big;
	void (*gone)(void *arg);
	void *gone_arg;
	const struct http_stream_ops *stream;
	void *stream_arg;
	void (*taken)(void *arg, int fd, struct span extra);
	void *taken_arg;
	int taken_fd; /* with taken: what it will be given; -1: there was none */
};

struct http_connection {
	struct http *http;
	struct MHD_Connection *mhd;
	int fd;
	bool over_limit; /* beyond max_connections: its first request is answered 503 */
	bool lingers;	 /* it may still send what nobody reads: see http_linger() */
	bool head_seen;	 /* bytes of a head had come when the timer last looked */
	unsigned requests;
	uint64_t answered_ms, deadline_ms;
	struct loop_timer
	    timer; /* due at deadline_ms or earlier, so that most requests need not move it */
	struct loop_io watch; /* for the peer's leaving, while suspended for long; fd -1: off */
	uint64_t held_ms;
	struct link in_held; /* http.held, oldest first, http.watched or http.upgraded */
	struct MHD_UpgradeResponseHandle *upgraded;
	struct arena arena;
	struct http_request request;
};

struct http {
	struct http_settings settings;
	struct loop *loop;
	struct MHD_Daemon *daemon;
	uint16_t port;
	bool run_due, listening, is_ending;
	size_t n_connections;
	size_t held_bytes;	   /* of bodies and long answers, for all peers */
	unsigned most_connections; /* beyond it none is accepted */
	int listen_fd;
	struct loop_io listener;	/* off while none can be accepted */
	struct loop_timer listen_timer; /* then */
	uint64_t warned_ms;		/* that connections have to wait; 0: never */
	struct loop_io io;		/* the daemon's epoll descriptor */
	struct loop_timer timer;	/* the daemon's own time-outs */
	struct loop_timer watch_timer;
	struct loop_hook turn_end;
	struct link held, watched, upgraded, lingering;
};

struct http_connection *http_connection_of(const struct http_request *);
/* False, and errno, when the address cannot be bound. */
bool http_listen(struct http *);
/* Once there is a daemon to give connections to. */
void http_begin_accepting(struct http *);
/* What the library calls: see MHD_start_daemon(). cls is the struct http. */
void http_on_connection(
    void *cls, struct MHD_Connection *, void **slot, enum MHD_ConnectionNotificationCode);
void *http_on_target(void *cls, const char *target, struct MHD_Connection *);
void http_on_completed(
    void *cls, struct MHD_Connection *, void **slot, enum MHD_RequestTerminationCode);
enum MHD_Result http_on_request(void *cls, struct MHD_Connection *, const char *url,
    const char *method, const char *version, const char *data, size_t *n, void **slot);
void http_add_metrics(void);
void http_add_held_metric(void);
/* So many are held for the request from now on, a body and then an answer; false, and nothing is
 * changed, when they are too many together with those of others. */
bool http_hold_bytes(struct http_request *, size_t n);
/* Looks at the connection at that time, or UINT64_MAX: never. */
void http_set_deadline(struct http_connection *, uint64_t at_ms);
void http_connection_due(struct loop_timer *);
/* From now on the peer must take the answer that was queued. */
void http_await_taking(struct http_connection *);
/*
 * An error as raw bytes, where the library cannot be given an answer because the request is not all
 * here. The connection must be ended behind it.
 */
void http_abort_with(struct http_connection *, enum error);
/* Ends the connection of a peer that takes nothing, and drops what the kernel has for it. */
void http_cut(struct http_connection *);
/* Answers a request that is being handled, or held, with an error and closes. */
void http_answer_error(struct http_request *, enum error, const char *what);
/* The same for one that nobody has been given. */
void http_refuse(struct http_request *, enum error, const char *what);
/* Of any kind, by the class of its status. */
void http_count_response(int status);
void http_add_response_metrics(void);
/* A value the library does not take, such as an empty one, is a mistake of ours. */
void http_set_header(struct MHD_Response *, const char *name, const char *value);
/* Gives the request this answer, and takes it: queued at once when the library is asking, else when
 * it asks again after the resume. */
void http_answer(
    struct http_request *, int status, const char *content_type, struct MHD_Response *);
/* By itself it grows to megabytes for a peer that does not read. */
void http_bound_send_buffer(int fd);
/* What the library asked for, when there is an answer. */
enum MHD_Result http_give_answer(struct http_request *);
void http_suspend(struct http_connection *, enum http_state);
void http_resume(struct http_connection *);
/* Ends the library's part in connections that have been handed over. */
void http_drop_upgraded(struct http *);
/* The request is over, however it went: tells whoever still waits, and empties it. */
void http_request_end(struct http_request *);
/* Tells the holder, once, that its request is gone. */
void http_tell_gone(struct http_request *);
/* The fields of the head from the library's buffer; false when their layout gives away NUL, folding
 * or bare LF. */
bool http_collect_fields(struct http_request *, const char *method, const char *version);

/*
 * Keeps a connection half open for a moment after the library has closed it, reading and dropping:
 * a close with unread input sends RST, and the peer may lose the answer that came before.
 */
void http_linger(struct http *, int fd);
void http_linger_all_end(struct http *);
