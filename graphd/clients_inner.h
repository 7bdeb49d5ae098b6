#pragma once
/* The inside of who is here, for graphd/clients*.c only. */

#include "common/table.h"
#include "graphd/clients.h"

struct gateway {
	struct span id; /* in the same allocation */
	char *address;	/* owned; NULL: not told */
	uint64_t heard_ms;
	bool greeted; /* it said Hello; else only its clients were heard of */
	bool leaving; /* it said so */
	bool silent;  /* while a tick sweeps */
};

/* Where a client is connected. */
struct berth {
	struct link link;	 /* of its member; the newest last */
	struct gateway *gateway; /* NULL: none was named */
	uint64_t connection;
};

/* A client and what the session need not know of it. */
struct member {
	struct client client; /* first: the session's list links it */
	struct span key;      /* session id, then client id, NUL-terminated: behind the struct */
	struct session *session;
	struct link berths; /* none while it is away */
	struct link away;   /* the longest first */
	uint64_t away_ms;
	struct link by_presence; /* those that show something, least recently renewed first */
	uint64_t presence_ms;	 /* of the last message */
	uint64_t told_ms;	 /* when the others last heard one */
	struct link kept;	 /* those with kept_data */
	char *kept_data;	 /* newest message not told yet, or NULL */
};

struct clients {
	struct sessions *sessions;
	uint64_t grace_ms;
	struct table members, gateways;
	struct link by_presence, kept, away;
	uint64_t last_number; /* given to a client */
	clients_gone_fn *gone;
	void *gone_context;
};

/* clients.c */
/* NULL: it is not here. */
struct member *clients_member(
    const struct clients *, const struct session *, struct span client_id);
void client_free(struct clients *, struct member *);
void berth_free(struct berth *);

/* clients_gateways.c */
/* The record of a gateway, made if need be; NULL for one without a name. */
struct gateway *clients_gateway(struct clients *, struct span id, uint64_t now_ms);
void gateway_free(struct gateway *);
