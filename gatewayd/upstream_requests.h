#pragma once
/*
 * Requests to graphd that have no answer yet: numbers, deadlines, and the bytes to send them again.
 * For gatewayd/upstream.c only; knows nothing of sockets and clocks.
 */

#include "common/json_out.h"
#include "common/limits.h"
#include "common/list.h"
#include "gatewayd/upstream.h"

struct upstream_request {
	uint64_t number;	 /* place in the slots in its low bits */
	struct link by_deadline; /* in order of deadline */
	struct link unsent;	 /* not in graphd's hands */
	uint64_t deadline_ms;
	upstream_reply_fn *fn;
	void *arg;
	enum command command;
	bool once;		  /* never sent again */
	bool was_sent;		  /* over this link or an earlier one */
	bool is_counted;	  /* among the changes of its session */
	struct uuid session;	  /* nil: none */
	uint8_t attempt;	  /* in the high bits of the number on the wire */
	struct json_out body;	  /* the parts of its answer that have come */
	struct span caller, args; /* behind the struct */
};

struct upstream_requests {
	struct upstream_request *slots[LIMIT_IN_FLIGHT];
	uint16_t free_slots[LIMIT_IN_FLIGHT];
	size_t n_free, n_once;
	uint64_t round; /* so that a number is not used again */
	struct link by_deadline, unsent;
	struct link once; /* by deadline as well: apart, since theirs are far away */
};

void upstream_requests_init(struct upstream_requests *);
/* Borrowed; in unsent. NULL when there are LIMIT_IN_FLIGHT, or LIMIT_ASKS_IN_FLIGHT to be sent
 * once.
 */
struct upstream_request *upstream_requests_add(struct upstream_requests *, struct span caller,
    struct span args, uint64_t deadline_ms, bool once);
/* What it is called on the wire. */
uint64_t upstream_request_name(const struct upstream_request *);
/* From its number or its name. NULL when it is answered, forgotten or was never made. */
struct upstream_request *upstream_requests_find(const struct upstream_requests *, uint64_t number);
void upstream_requests_remove(struct upstream_requests *, struct upstream_request *);
/* The one whose deadline is next; NULL: none. */
struct upstream_request *upstream_requests_first(const struct upstream_requests *);
/* A later deadline than before, for an answer that is arriving. */
void upstream_requests_delay(
    struct upstream_requests *, struct upstream_request *, uint64_t deadline_ms);
size_t upstream_requests_count(const struct upstream_requests *);
