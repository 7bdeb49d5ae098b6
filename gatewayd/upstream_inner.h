#pragma once
/* The inside of the way to graphd, for gatewayd/upstream*.c only. */

#include "common/loop.h"
#include "common/table.h"
#include "gatewayd/upstream.h"
#include "gatewayd/upstream_requests.h"

/* Our own question, Hello, bears this number; the others begin above it. */
enum { UPSTREAM_HELLO_NUMBER = 0 };

struct subscription {
	struct uuid session; /* the table's key */
	unsigned n, n_dash;
	unsigned changes; /* requests under way that change it */
};

struct upstream {
	struct loop *loop;
	struct upstream_events events;
	bool is_feed;	     /* sub reads the feed */
	int64_t deadline_ms; /* of questions that say nothing else */
	void *zmq;
	struct loop_zmq dealer, sub, monitor, sub_monitor;
	struct upstream_requests requests;
	struct table subscriptions;
	struct loop_timer tick, deadline, retry, reopening;
	uint64_t heard_ms;  /* 0: never, or not since the link broke */
	uint64_t fed_ms;    /* when the link that events come over was last heard */
	uint64_t ticked_ms; /* when the tick was last due; 0: never */
	struct uuid boot_id;
	const struct bus_security *security; /* borrowed */
	char *requests_at;		     /* owned; graphd's endpoint for them */
	unsigned n_opened;		     /* sockets, so far */
	bool is_spent;			     /* the one for requests: its link broke */
	bool has_warned;		     /* that there cannot be another, since there was one */
	char *gateway_id;		     /* owned */
	char *address; /* owned; where other gateways reach this one; NULL: nowhere */
	struct json_out caller, head; /* of the request being made, or sent */
	struct json_out row;	      /* the one being sent */
	struct loop_hook turn_end, turn_last;
	unsigned n_gathered; /* requests, since something was sent */
	bool gathers;	     /* until the turn is over */
	bool takes_rows;     /* graphd does */
	bool is_up, is_linked, is_other_version;
	bool is_other_endpoint; /* events come packed, or not, and the other was expected */
	bool is_told; /* up() was called for this boot id, and no Hello has been answered since */
	bool has_broken; /* the link, since a Hello was last answered */
	bool was_still;	 /* this process, since then, for so long that it may be given up */
	bool was_fed;	 /* the link that events come over has stood before */
	bool is_starved; /* but nothing has been heard over it for too long */
};

/* Sends what waits, in the order it came, if graphd is there and as far as the socket takes it. */
void upstream_flush(struct upstream *);
/* Past all that waits; graphd need not be known to be there. */
void upstream_send_hello(struct upstream *, struct span args);
void upstream_hello(struct upstream *, bool leaving);
void upstream_set_deadline(struct upstream *);
/* Forgets the request. */
void upstream_remove(struct upstream *, struct upstream_request *);
/* Gives the last answer and forgets the request. */
void upstream_finish(
    struct upstream *, struct upstream_request *, enum error status, struct span body);
/* A new link to graphd stands, or the old one broke. */
void upstream_linked(struct upstream *);
void upstream_lost(struct upstream *, const char *why);
/* body: {"boot_id","contract"} of an answer to Hello; of a heartbeat besides "packed". */
void upstream_heard(struct upstream *, struct span body);
/* The link that events come over was heard. */
void upstream_fed(struct upstream *);
/* What has no answer is to be sent once more. */
void upstream_resend_all(struct upstream *);
/* Answers what must not be sent again with backend_unavailable. */
void upstream_end_once(struct upstream *);
/* The answer to Hello also says whether graphd knows us. */
void upstream_greeted(struct upstream *, struct span body);
/* Answers everything with backend_unavailable and stops the timers. */
void upstream_end_all(struct upstream *);
/* Timers and handlers; before the sockets are opened. */
void upstream_prepare(struct upstream *);
void upstream_prepare_events(struct upstream *);
void upstream_prepare_greeting(struct upstream *);
bool upstream_dealer_ready(struct loop_zmq *);
void upstream_prepare_links(struct upstream *);
/* False, and why in the log, when there can be none now. */
bool upstream_open_requests(struct upstream *);
bool upstream_open_events(struct upstream *, const char *endpoint);
/* Those that are open. */
void upstream_close_sockets(struct upstream *);
/* At the end of a turn: a new socket for requests, if the link of the last one broke. */
void upstream_reopen(struct upstream *);
void upstream_count_in_flight(struct upstream *);
