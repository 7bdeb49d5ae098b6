#pragma once
/*
 * Who is in which session, as the gateways report it, and which gateways are alive. A gateway that
 * says it is leaving, or is not heard for LIMIT_BUS_SILENCE_MS, takes its clients with it.
 */

#include "graphd/sessions.h"

struct clients;

struct clients *clients_new(struct sessions *);
void clients_free(struct clients *);

/* A gateway was heard. */
void clients_hear(struct clients *, struct span gateway, uint64_t now_ms);
/* Where other gateways reach it. It has been heard. */
void clients_gateway_at(struct clients *, struct span gateway, struct span address);
/* Each one that told an address and is not leaving; the spans live during the call. */
void clients_gateways(const struct clients *,
    void (*fn)(void *context, struct span gateway, struct span address), void *context);
/* It counts as silent from now on. */
void clients_gateway_leaves(struct clients *, struct span gateway);

struct client_facts {
	struct span client_id, actor, gateway;
	uint64_t now_us, now_ms;
};
/* *is_new: it was not here yet. too_many_clients. */
enum error clients_join(
    struct clients *, struct session *, const struct client_facts *, bool *is_new);
/* NULL: it is not here. */
const struct client *clients_find(
    const struct clients *, const struct session *, struct span client_id);
/* False: it was not here. */
bool clients_leave(struct clients *, struct session *, struct span client_id);

/* What comes of a presence message: told to the others now, or kept because its client sends too
 * many. */
enum presence { PRESENCE_UNKNOWN_CLIENT, PRESENCE_TELL, PRESENCE_LATER };
enum presence clients_presence(
    struct clients *, struct session *, struct span client_id, struct span data, uint64_t now_ms);

/*
 * What time brings: clients of silent gateways (gone), presence that was kept back (data), and
 * presence nobody renewed (data {NULL,0}). A client that is gone is freed after the call.
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
/* A session ends or leaves memory. */
void clients_forget_session(struct clients *, struct session *);
