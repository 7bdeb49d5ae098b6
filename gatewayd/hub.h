#pragma once
/*
 * Sessions and who listens to them on this gateway. Each event is taken in order of seq, encoded
 * once for each dialect that is present, and put on the outboxes of its clients; a gap is fetched
 * from graphd before anything newer goes out; a client that is behind is fed from the journal by
 * seq. All transports attach the same way, so none can miss or repeat an event.
 */

#include "common/list.h"
#include "common/loop.h"
#include "gatewayd/filter.h"
#include "gatewayd/shared_bytes.h"
#include "gatewayd/upstream.h"

struct hub;
struct room;
struct group;
struct behind;
struct member;

enum names { NAMES_COLON, NAMES_DASH };

/* What clients are asked. */
struct question {
	uint64_t number; /* names it on this gateway, and nowhere else */
	struct span event, data;
	uint64_t timeout_ms;
};

/* One event on its way to clients. */
struct delivery {
	struct uuid session;
	enum event event; /* EVENTS: a mark, which says only how far a filtered client has come */
	uint64_t seq, time_us;
	bool durable;
	const struct question *question; /* of EVENT_ask; else NULL */
	struct span body;		 /* the payload, JSON; of a mark {"session_id","seq"} */
	struct path path;		 /* where it happened; empty: nowhere in particular */
};

/* What a transport learns when its member is in. */
struct join_result {
	enum error error;	 /* OK, invalid_session, too_many_clients, backend_unavailable */
	uint64_t seq;		 /* everything behind it will come */
	uint64_t active_clients; /* of counted members: how many are in the session */
	struct uuid log_id;
};

/*
 * How one kind of client is fed. A dialect is one way to spell an event; members with the same
 * transport, dialect and filter share bytes.
 */
struct transport {
	const char *name;
	/* Encoded events may be joined into one buffer before they are delivered. */
	bool is_stream;
	/* A client of it has any number of members: see hub_clients(). */
	bool has_seats;
	/* May be absent. Whether this member takes joined buffers; else each event is delivered by
	 * itself. */
	bool (*takes_stream)(const struct member *);
	/* The joiner's own session:connected is delivered before joined() is called, not behind it.
	 */
	bool announces_first;
	/* Makes the bytes for one event; returns owned (one reference), or NULL when this dialect
	 * leaves the event out. */
	struct shared_bytes *(*encode)(unsigned dialect, const struct delivery *);
	/* Puts bytes on the way to this member; takes a reference of its own. Does not write and
	 * does not call back. */
	void (*deliver)(struct member *, struct shared_bytes *);
	/* Bytes still owed to it; above LIMIT_QUEUE_BYTES nothing more is put there. */
	size_t (*owed)(const struct member *);
	/* Called once after hub_join(), before the first event, and from within hub_change(). After
	 * an error the member is out. */
	void (*joined)(struct member *, const struct join_result *);
	/* The member is out and must go: "closed" (the session ended, which was the last event it
	 * was given), "gone" (it ended, and the member could not be given that), "slow", "drain".
	 * Like joined() with an error it may make other members of the same client leave. */
	void (*evict)(struct member *, const char *reason);
	/* What it keeps for all its clients: see hub_transport(). Both may be NULL. */
	void *(*start)(struct hub *);
	void (*stop)(void *common);
};

enum member_state {
	MEMBER_OUT,
	MEMBER_JOINING, /* graphd has not answered yet */
	MEMBER_WAITING, /* behind; the journal is being read for it */
	MEMBER_SLOW,	/* behind; it must drain first */
	MEMBER_LIVE,	/* its seq is the room's */
};

/*
 * A client's membership in one session; embedded in the transport's own client object, zeroed
 * before use. There are many, and nearly all of them are live: what the other states need besides
 * hangs from it, and goes when the member is live.
 */
struct member {
	struct group *group;
	struct behind *behind; /* NULL when it is live, or out */
	uint32_t place;	       /* in the group, when live */
	uint8_t state;	       /* enum member_state */
	bool counted : 1;      /* graphd has been told of it */
	bool may_return : 1;
	bool has_since : 1;
	bool wants_dash : 1; /* it hears node-updated, which graphd publishes on demand */
	bool lost : 1; /* WAITING, SLOW: its place is in another history, or is no longer kept */
	bool is_unlisted : 1; /* the room's roster does without it, since it is here */
	bool passed_over : 1; /* its filter left out what came last: it has not been told of its seq
			       */
	uint64_t number;      /* graphd's, in order of joining */
	uint64_t connection;  /* tells it from an older one of the same client */
	const char *client_id, *actor; /* the transport's; NULL when not counted */
};

struct join {
	struct uuid session;
	/* Of counted members both end with a NUL, and are borrowed until the member is out. */
	struct span client_id, actor;
	bool counted; /* announce it to the session: WebSocket and Socket.IO clients; not SSE, long
			 poll */
	bool may_return; /* counted: when its connection breaks off it may come back as itself */
	bool has_since;
	uint64_t since;
	struct span log_id; /* the history the client knows; {NULL,0}: whichever */
	struct span
	    events; /* filter: comma list of names or prefixes ("graph:*"); {NULL,0}: everything */
	struct uuid subtree; /* filter: only what happens to this node and below it; nil: all */
	enum names names;    /* for the filter, and for dash-only events */
};

/* What a member wants to hear from now on. */
struct change {
	struct filter filter;
	enum names names;
	unsigned dialect;
	bool has_since;
	uint64_t since;
	struct uuid log_id; /* as hub_history() reads it */
	uint64_t active_clients;
};

struct hub *hub_new(struct loop *, struct upstream *);
/* Evicts everybody, then stops the transports. Before upstream_free(), after the loop's last turn.
 */
void hub_free(struct hub *);
/* From upstream_events. */
void hub_event(
    struct hub *, const struct uuid *session, const struct wire_header *, struct span body);
void hub_up(struct hub *, bool restarted);
void hub_forgotten(struct hub *);
void hub_deaf(struct hub *);
/* While it is not fed each room reads its events, once a second. */
void hub_fed(struct hub *, bool is_fed);

/* transport->joined() follows later, never from within. events has passed filter_parse(). */
void hub_join(
    struct hub *, struct member *, const struct transport *, unsigned dialect, const struct join *);
/* The history a client names; nil when it names none, and one that nobody has for what is no id. */
struct uuid hub_history(struct span log_id);
/* Whether the member would hear something else then. */
bool hub_is_change(const struct member *, const struct change *);
/*
 * For a member that is in: what it was to hear up to hub_seq() is on its way, transport->joined()
 * is called, and what comes after that is judged anew; with a since, from there on. Nobody else
 * learns of it.
 */
void hub_change(struct hub *, struct member *, const struct change *);
/* For a member that is in, from within joined() too: it will not come back as itself, and is given
 * its events in that dialect. Nothing of them is lost or doubled. */
void hub_end_returns(struct hub *, struct member *, unsigned dialect);
unsigned hub_dialect(const struct member *);
/* Leaves, announcing it when counted. Nothing happens when it is out. Not from within deliver() or
 * encode(). */
void hub_leave(struct hub *, struct member *);
/* Its connection broke off. The same, but if it may return it is away for a while first. */
void hub_lose(struct hub *, struct member *);
/* The member's owed bytes have become fewer: go on feeding it if it was slow. */
void hub_progress(struct hub *, struct member *);
/*
 * What the member answers to the question of that number: a JSON array of arguments, which is
 * checked here, or an error that kept it from being read. False: it was not asked that, has
 * answered it, or is too late.
 */
bool hub_answer(struct hub *, struct member *, uint64_t number, enum error, struct span arguments);
/* For answers that none of a client's members was asked for. */
void hub_count_stray_answer(void);
/* The last event delivered to it, or passed over by its filter; of a member that is not out. */
uint64_t hub_seq(const struct member *);
const struct uuid *hub_session(const struct member *);
/* A Join by hand must name it. */
uint64_t hub_connection(const struct member *);
size_t hub_members(const struct hub *);
/* Those of them that are a client each; clients that have seats are counted by their transport. */
size_t hub_clients(const struct hub *);
/* What start() of that transport returned; it is called the first time. stop() is called by
 * hub_free(). */
void *hub_transport(struct hub *, const struct transport *);
struct upstream *hub_upstream(struct hub *);
struct loop *hub_loop(struct hub *);
/* Evicts all members, spread over so many ms, then done(). New ones are evicted at once. */
void hub_drain(struct hub *, uint64_t over_ms, void (*done)(void *), void *context);
