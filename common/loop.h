#pragma once
/*
 * The process's one loop: epoll(7), timers, signals through signalfd(2), ZeroMQ sockets and work to
 * do at the end of each turn. Nothing in it blocks. Objects embed the structs below; the loop never
 * allocates for them. A callback may remove any source, its own included, at any time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

struct loop *loop_new(void);
void loop_free(struct loop *);
/* Runs turns until loop_stop(). Each turn: wait, sources, timers that are due, turn-end work. */
void loop_run(struct loop *);
/* One turn, waiting at most timeout_ms (-1: as long as the timers allow); for tests. */
void loop_turn(struct loop *, int timeout_ms);
void loop_stop(struct loop *);
/* Microseconds of clock_now_us() at which the turn's wait ended: what has passed since then is what
 * the turn has cost so far. */
uint64_t loop_turn_us(const struct loop *);
/* The next wait returns at once: some source knows it has more to do than this turn's budget. */
void loop_again(struct loop *);

/* A descriptor. events as in epoll_ctl(2), level-triggered unless EPOLLET is given. */
struct loop_io {
	void (*ready)(struct loop_io *, uint32_t events);
	int fd;
	uint32_t events;
};
void loop_add(struct loop *, struct loop_io *, int fd, uint32_t events);
void loop_change(struct loop *, struct loop_io *, uint32_t events);
/* Does not close the descriptor. Safe inside any callback of the same turn. Idempotent. */
void loop_remove(struct loop *, struct loop_io *);

/* A timer; absolute, monotonic milliseconds; zeroed memory is an idle timer. */
struct loop_timer {
	void (*due)(struct loop_timer *);
	uint64_t at_ms;
	size_t slot; /* place in the heap plus one; 0 = idle */
};
/* Arms or moves it. Fires once, not before at_ms. */
void loop_set_timer(struct loop *, struct loop_timer *, uint64_t at_ms);
void loop_cancel_timer(struct loop *, struct loop_timer *);

/* The next wait is at most so long, and its turn has an end like any other. */
void loop_return_in(struct loop *, uint64_t us);

/* Called once at the end of every turn, in the order added; those added as first before all others,
 * and the one that is added as last behind them, whatever is added later. */
struct loop_hook {
	void (*run)(struct loop_hook *);
	struct loop_hook *next;
};
void loop_at_turn_end(struct loop *, struct loop_hook *);
void loop_first_at_turn_end(struct loop *, struct loop_hook *);
void loop_last_at_turn_end(struct loop *, struct loop_hook *);

/* Blocks the signal in the calling thread and hands it to fn in a turn. Call before any thread
 * starts. */
void loop_signal(struct loop *, int signal, void (*fn)(void *arg, int signal), void *arg);

/*
 * A ZeroMQ socket (void * as zmq_socket() returns it). ready() is called while the socket is
 * readable, at most once per turn; it reads up to its own budget and returns true when it stopped
 * with more to read. ZMQ_FD is edge-triggered: the loop re-reads ZMQ_EVENTS after every turn, so
 * that a wake-up swallowed by a zmq_send() is not lost. Each time costs two system calls, hence
 * `tells`: whoever sends or sets an option outside ready() says so, and without that the
 * descriptor alone is waited for.
 */
struct loop_zmq {
	bool (*ready)(struct loop_zmq *);
	void *socket;
	struct loop_io io;
	struct loop_zmq *next;
	struct loop *loop;
	bool tells;    /* set before loop_add_zmq(); then `used` counts */
	bool used;     /* in this turn, other than by ready() reading until nothing was left */
	bool readable; /* the loop's own */
};
void loop_add_zmq(struct loop *, struct loop_zmq *, void *socket);
void loop_remove_zmq(struct loop *, struct loop_zmq *);
