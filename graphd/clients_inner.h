#pragma once
/* The inside of who is here, for graphd/clients*.c only. */

#include "common/table.h"
#include "graphd/clients.h"

struct gateway {
	struct span id; /* in the same allocation, with a NUL behind it */
	char *address;	/* owned; NULL: not told */
	size_t users;	/* the table, while it lives, and the clients that name it */
	uint64_t heard_ms;
	bool greeted; /* it said Hello; else only its clients were heard of */
	bool leaving; /* it said so */
	bool silent;  /* while a tick sweeps */
};

/* Where a client is connected. */
struct berth {
	struct berth *next;	 /* of its member; the newest last */
	struct gateway *gateway; /* NULL: none was named */
	uint64_t connection;
};

/* A client whose connection broke off, or who has not been reported since a restart. */
struct absence {
	struct link link; /* in order of until_ms */
	struct member *member;
	uint64_t until_ms;
	bool is_reminded;
	bool is_told; /* is_reminded: others were told by this graphd that it had gone */
};

/* What a client shows of itself. */
struct showing {
	struct link link; /* least recently renewed first */
	struct member *member;
	uint64_t heard_ms; /* the last message */
	uint64_t told_ms;  /* when the others last heard one */
	struct link kept;  /* those with kept_data */
	char *kept_data;   /* newest message not told yet, or NULL */
};

/* A client and what the session need not know of it. There are many, and most are just here. */
struct member {
	struct client client;	 /* first: the session's list links it */
	struct berth *berths;	 /* none while it is away */
	struct berth own;	 /* one of them, if any: hardly anybody has more */
	struct gateway *gateway; /* where it joined last; NULL: none was named */
	struct absence *absence; /* NULL: it is here */
	struct showing *showing; /* NULL: nothing */
	struct span key;	 /* the two members below, without the NUL */
	struct session *session;
	char client_id[];
};

struct clients {
	struct sessions *sessions;
	uint64_t grace_ms;
	struct table members, gateways;
	struct link showing, kept; /* struct showing */
	struct link away;	   /* struct absence */
	uint64_t last_number;	   /* given to a client */
	uint64_t awake_ms;	   /* when last told so; 0: never */
	uint64_t began_ms;	   /* when a gateway could first be heard; 0: not yet */
	bool has_missed;	   /* who was reminded of has been announced gone */
	clients_gone_fn *gone;
	void *gone_context;
};

/* clients.c */
/* NULL: it is not here. */
struct member *clients_member(
    const struct clients *, const struct session *, struct span client_id);
void client_free(struct clients *, struct member *);
/* Takes one of its berths from it. */
void berth_free(struct member *, struct berth **);

/* clients_gateways.c */
/* The record of a gateway, borrowed, made if need be; NULL for one without a name. */
struct gateway *clients_gateway(struct clients *, struct span id, uint64_t now_ms);
/* Gateways can be heard. */
void clients_begin(struct clients *, uint64_t now_ms);
/* NULL gives NULL. */
struct gateway *gateway_ref(struct gateway *);
/* NULL is ignored. */
void gateway_unref(struct gateway *);

/* clients_tick.c */
/* It shows nothing any more. */
void showing_free(struct showing *);
