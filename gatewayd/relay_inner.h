#pragma once
/* One request on its way to another gateway, for gatewayd/relay*.c only. */

#include "common/json_out.h"
#include "common/list.h"
#include "gatewayd/homes.h"
#include "gatewayd/relay.h"
#include "gatewayd/splice.h"

#define RELAY_GUARD "Graph-Relayed" /* the header of a request that was relayed already */

struct relay {
	struct relay_settings settings;
	struct homes homes;
	struct splices *splices;
	struct link calls; /* oldest first */
	size_t n_calls;
	struct loop_timer refresh;
	uint64_t refreshing; /* number of the question, or 0 */
};

struct relay_call {
	struct link link;
	struct relay *relay;
	struct http_request *request; /* NULL: answered, or its client is gone */
	uint8_t home[EIO_HOME_BYTES];
	uint64_t question; /* to graphd; 0: none */
	struct loop_io io;
	int fd; /* -1: not connected yet */
	struct loop_timer timer;
	bool is_connected, is_upgrade;
	struct json_out out; /* the request */
	size_t sent;
	char *in; /* owned: the answer */
	size_t in_n, in_capacity;
	size_t head_n; /* 0: its head is not complete */
	size_t whole_n;
	int status;
};

void relay_call_add_metrics(void);
/* Connects and sends the request. */
void relay_call_start(struct relay_call *, const struct home *);
/* The session is nowhere: answers so, and frees the call. */
void relay_call_fail(struct relay_call *);
/* Its client may still be owed an answer. */
void relay_call_free(struct relay_call *);
