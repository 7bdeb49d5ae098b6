#pragma once
/*
 * Who is in which session, as the gateways report it, and which gateways are alive. A client is
 * here while a connection of it is, on whatever gateway; one whose connection broke off, and who
 * can come back as itself, is away for a time before it counts as gone. A gateway that says it is
 * leaving, or is not heard for LIMIT_LEASE_MS, takes its connections with it.
 */

#include "graphd/sessions.h"

struct clients;

/* grace_ms: how long a client may be away; 0: not at all. */
struct clients *clients_new(struct sessions *, uint64_t grace_ms);
void clients_free(struct clients *);

/* A gateway said Hello. True: it had done so before, and its connections are known. */
bool clients_hear(struct clients *, struct span gateway, uint64_t now_ms);
/*
 * To be called once a second. Longer ago than that nobody could be heard, for this process stood
 * still, or the machine did: that time counts against no gateway and nobody who is away.
 */
void clients_awake(struct clients *, uint64_t now_ms);
/* Where other gateways reach it. It has been heard. */
void clients_gateway_at(struct clients *, struct span gateway, struct span address);
/* Each one that told an address and is not leaving; the spans live during the call. */
void clients_gateways(const struct clients *,
    void (*fn)(void *context, struct span gateway, struct span address), void *context);
/* It counts as silent from now on. */
void clients_gateway_leaves(struct clients *, struct span gateway);

/* A client's connection: where it is, and which one of that gateway's. */
struct client_facts {
	struct span client_id, actor, gateway;
	uint64_t connection;
	uint64_t now_us, now_ms;
	/*
	 * It was reported before, and is again because graphd had forgotten it. A new connection
	 * takes the place of all others; of one that is reported again nobody knows whether it is
	 * the newest, so it stands beside them.
	 */
	bool again;
	/* Others are believed to know that it is here: only who was announced gone is news. */
	bool quiet;
};
/* *is_news: others are to be told, for it was not here yet, nor away. too_many_clients. */
enum error clients_join(
    struct clients *, struct session *, const struct client_facts *, bool *is_news);
/*
 * Others were told that the client is here, by the graphd before this one. If it is not, it is away
 * from now on, for long enough to be reported by its gateway too; nobody hears of that.
 * *was_missing: so it was. Of the facts only who it is and the time count. too_many_clients.
 */
enum error clients_remind(
    struct clients *, struct session *, const struct client_facts *, bool *was_missing);
/* NULL: it is not here. */
const struct client *clients_find(
    const struct clients *, const struct session *, struct span client_id);
/* Of all sessions; who is away counts. */
size_t clients_count(const struct clients *);

/* What these give lives as long as the client. */
const char *clients_id_of(const struct client *);
/* Where it joined last; NULL: no gateway was named. */
const char *clients_gateway_of(const struct client *);
/* Its connection broke off; it may come back. */
bool clients_is_away(const struct client *);

struct client_leave {
	struct span client_id, gateway;
	uint64_t connection;
	bool everywhere; /* no connection is named: it leaves, wherever it is */
	bool may_return; /* the connection broke off; the client may be away for a while */
	uint64_t now_ms;
};
enum leave {
	LEAVE_UNKNOWN, /* no such client, or its connection is another by now */
	LEAVE_STAYS,   /* it is away, or has another connection */
	LEAVE_GONE,
};
enum leave clients_leave(struct clients *, struct session *, const struct client_leave *);

/* What comes of a presence message: told to the others now, or kept because its client sends too
 * many. */
enum presence { PRESENCE_UNKNOWN_CLIENT, PRESENCE_TELL, PRESENCE_LATER };
enum presence clients_presence(
    struct clients *, struct session *, struct span client_id, struct span data, uint64_t now_ms);

/*
 * What time brings: clients of silent gateways and those who were away for too long (gone),
 * presence that was kept back (data), and presence nobody renewed (data {NULL,0}). A client that is
 * gone is freed after the call.
 */
struct client_change {
	struct session *session;
	const struct client *client;
	struct span data;
	bool gone; /* and no longer counted */
};
typedef void clients_change_fn(void *context, const struct client_change *);
void clients_tick(struct clients *, uint64_t now_ms, clients_change_fn *, void *context);
/* Told of each client that is not here any more, for whichever reason; client_id lives during the
 * call. */
typedef void clients_gone_fn(void *context, const struct session *, struct span client_id);
void clients_on_gone(struct clients *, clients_gone_fn *, void *context);
/* When to tick next; UINT64_MAX: never. Cheap: ask after each turn. */
uint64_t clients_due_ms(const struct clients *);
/* A session ends or leaves memory. */
void clients_forget_session(struct clients *, struct session *);
