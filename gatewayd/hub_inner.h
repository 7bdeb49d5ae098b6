#pragma once
/* What the parts of the hub share: rooms, groups, and the steps between a member's states. */

#include "common/table.h"
#include "gatewayd/hub.h"

enum { DIALECT_CACHE = 16 };

/* The groups that listen to one part of a room's graph, so that an event finds them by its path. */
struct subtree {
	struct uuid id; /* key */
	struct link groups;
};

/* Live members that get the same bytes. */
struct group {
	struct link in_room;
	struct link in_part; /* of the groups of its subtree, or of those that listen to all */
	struct room *room;
	struct subtree *subtree; /* NULL: it listens to all */
	const struct transport *transport;
	unsigned dialect;
	struct filter filter;
	struct member **members;
	uint32_t n, capacity;
	uint32_t users;	   /* members in any state that belong here */
	uint64_t told_seq; /* its members know that there are events up to this one */
	bool mark_pending; /* a mark that tells them so is still to be delivered */
	/* Encoded in this turn and not delivered yet; pending_since is the seq its members have
	 * without them. */
	uint64_t pending_since;
	uint64_t pending_us; /* when the first of them came */
	struct shared_bytes **pending;
	uint32_t n_pending, pending_capacity;
	struct link dirty;
};

/* What is kept of a member while it joins. */
struct joiner {
	uint64_t asked; /* number of the Join request under way, or 0 */
	bool answered;	/* graphd has let it in; its announcement has not come yet */
	uint64_t active_clients;
	struct shared_bytes *announcement; /* its own session:connected, encoded; or NULL */
	uint64_t resume_seq;		   /* where a member with a since begins */
	struct uuid log_id;		   /* the history the client knows; nil: whichever */
};

/* What is kept of a member while it is not live. */
struct behind {
	struct link link; /* in the room's list of its state */
	struct member *member;
	struct joiner *joiner; /* JOINING: owned; else NULL */
	uint64_t seq;	       /* last durable event delivered, or passed over by its filter */
	uint64_t since_ms;     /* JOINING: its last step; SLOW: last progress */
	uint32_t slow_owed;    /* SLOW: what it owed when it was last looked at */
};

static inline struct member *
member_at(const struct link *at)
{
	return LIST_OF(at, struct behind, link)->member;
}

/* An event that came before the ones it follows: kept until the gap is filled. */
struct held_event {
	struct link link;
	struct delivery delivery; /* path and body follow the struct */
};

/* An entry of a room's roster: a client that the room's listeners were told of. */
struct listed {
	struct span client_id; /* key; the texts are in the same allocation */
	struct span actor;     /* {NULL,0}: none; the client_id's bytes when it goes by that */
	bool is_ours;	       /* set by roster_mark_ours(): it is a client of this gateway */
	bool is_untold;	       /* found in graphd's list; listeners are still to be told */
	bool is_found;	       /* they were told so; its own announcement may still come */
	bool is_over;	       /* in room.gone: it is in graphd's list again */
	uint8_t n_missing;     /* so many lists in a row were without it */
};

struct room {
	struct uuid id; /* key */
	struct hub *hub;
	struct uuid log_id;
	uint64_t seq; /* live members have everything up to here */
	bool synced;  /* graphd has said seq and log_id: from here on a lost event is noticed */
	bool hears;   /* this graphd has answered the subscription: its events arrive */
	bool unknown; /* graphd knows no such session */
	bool ended;   /* its last event was delivered: evicts everybody at the end of the turn */
	bool reads_paths; /* the read under way asks for the events' paths as well */
	uint32_t dash_members;
	uint64_t reading;	/* number of the request under way for events or a graph; 0: none */
	struct uuid reads_part; /* the part of the graph asked for; nil: all of it */
	uint64_t known_seq;	/* the highest seq heard of: a gap lies between seq and this */
	uint64_t asked_ms;	/* when graphd was last asked for a sync */
	uint64_t looked_ms;	/* when the journal was last looked at, while nothing is heard */
	uint64_t empty_since_ms;
	struct link groups;		    /* all */
	struct link whole;		    /* those without a subtree */
	struct table subtrees;		    /* struct subtree */
	struct link joining, waiting, slow; /* struct behind */
	struct link starting;		    /* in hub.starting: joiners are to be looked at */
	struct link held;		    /* struct held_event, by seq */
	struct link surveys;		    /* struct survey: members of ours are being asked */
	size_t held_bytes;
	/* See docs/decisions/0018-reminding.md and 0022. "The list" is graphd's, of ListClients. */
	struct table roster; /* struct listed: clients elsewhere that the listeners were told of */
	struct table gone;   /* struct listed: clients of ours that were announced as gone */
	uint32_t n_unlisted; /* clients of ours; they are not in the roster */
	uint64_t n_clients;  /* how many graphd counted last; UINT64_MAX: not said yet */
	uint32_t n_untold;   /* entries of the roster that are still to be announced */
	bool is_whole;	     /* the roster has agreed with the list once */
	bool has_found;	     /* the roster may have entries with is_found */
	uint64_t unsure_ms;  /* when to compare the roster with the list; 0: no need to */
	uint64_t asked_clients; /* request under way for the list or the session; 0: none */
};

enum { HUB_TRANSPORTS = 8 };

struct hub {
	struct loop *loop;
	struct upstream *upstream;
	struct table rooms;
	struct {
		const struct transport *transport;
		void *common;
	} transports[HUB_TRANSPORTS];
	size_t n_transports;
	size_t n_members, n_seats; /* seats: members of transports that have them */
	struct link dirty_groups;
	struct link starting;	/* rooms */
	struct link answering;	/* surveys with answers for graphd */
	struct link reports;	/* reports to graphd that are still to be sent */
	struct link reported;	/* reports that graphd has not answered yet */
	bool reports_rest;	/* no report is sent until the next tick: graphd is overloaded */
	uint64_t survey_number; /* of the last one; 0: none yet */
	size_t n_joining;
	size_t n_joined; /* since memory was last given back */
	uint64_t last_connection;
	struct loop_hook flush;
	struct loop_timer tick;
	uint64_t next_tick_ms; /* the timer may be due earlier, for joiners alone */
	bool is_unfed;	       /* no events are heard: they are read */
	bool draining;
	uint64_t drain_end_ms;
	struct loop_timer drain_timer;
	void (*drained)(void *);
	void *drain_context;
};

/* Of a member that is not out. */
static inline struct room *
member_room(const struct member *m)
{
	return m->group->room;
}

/* The bytes of one event in the dialects that were asked for so far. */
struct encodings {
	const struct delivery *delivery;
	unsigned n;
	struct {
		const struct transport *transport;
		unsigned dialect;
		struct shared_bytes *bytes;
	} made[DIALECT_CACHE];
};

/* hub.c: metrics. A member that came counts 1, one that goes -1. Stalled: sent away because it
 * reads nothing. */
void hub_count(const struct member *, int change);
void hub_count_stalled(void);

/* hub_order.c: events in order of seq. */
/* Returns owned, or NULL when the dialect leaves the event out. */
struct shared_bytes *encodings_get(struct encodings *, const struct transport *, unsigned dialect);
void encodings_fini(struct encodings *);
/* An event for everybody who is live, in whatever order it is given. */
void room_spread(struct room *, const struct delivery *);
/* The same in order of seq: delivers, holds back until the gap before it is filled, or skips a
 * repeat. */
void room_durable(struct room *, const struct delivery *);
/* Delivers what was held back, as far as it follows without a gap. */
void room_drain_held(struct room *);
void room_drop_held(struct room *);
/* Whether a seq is missing that is known to exist. */
bool room_has_gap(const struct room *);

/* hub_group.c */
struct group *group_get(
    struct room *, const struct transport *, unsigned dialect, const struct filter *);
/* Counts one user less; the group goes with the last. */
void group_release(struct group *);
void group_add(struct group *, struct member *);
void group_remove(struct group *, struct member *);
/* The groups of those who listen to this part of the graph only; NULL: there are none. */
struct link *groups_below(const struct room *, const struct uuid *subtree);
/* Queues encoded bytes (borrowed) for the group's members; before: the room's seq without this
 * event. */
void group_queue(struct group *, struct shared_bytes *, uint64_t before);
/* Everything encoded for the group so far goes to its members. */
void group_flush(struct group *);
/* Delivers a mark to the groups whose filters have left something out. */
void room_mark(struct room *);

/* hub_fetch.c: reading what members lack: the journal for those that are behind, and for gaps of
 * the room; a graph for those that are lost. */
void room_fetch(struct room *);
void room_stop_reading(struct room *);
/* Waiting members that have everything up to `newest`, which graphd said is the last event, become
 * live. */
void room_settle(struct room *, uint64_t newest);

/* hub_resync.c: members that are lost are given nothing until they have begun anew, with a
 * session:resync that holds the part of the graph they listen to. */
/* Asks for the graph that the first lost member in `waiting` needs. False: nobody is lost. */
bool room_ask_graph(struct room *);
/* The history is another one from here on, or is no longer kept: everybody is lost. room_fetch()
 * goes on from there. */
void room_restart(struct room *, const struct uuid *log_id, uint64_t seq);

/* hub_member.c */
/* Begins its joining; it has a group already. Takes the joiner. */
void member_begin(struct member *, struct joiner *);
void member_set_state(struct member *, enum member_state);
/* Node-updated comes on demand: subscribes and unsubscribes. */
void member_want_dash(struct member *, bool wants);
/* Live when it has all there is; else waiting, and what it lacks is read. */
void member_settle(struct member *);
/* Delivers one event that is next for it, counts it, and stops feeding when it owes too much. bytes
 * NULL: its filter leaves the event out. */
void member_feed(struct member *, const struct delivery *, struct shared_bytes *);
/* It is out, and nobody is told. */
void member_clear(struct member *);
void member_evict(struct member *, const char *reason);

/* hub_join.c */
/* Whether graphd knows a counted member, or is about to. */
bool member_is_reported(const struct member *);
/* The join fails: tells the member, and graphd too if that has let it in or still may. */
void joiner_refuse(struct member *, enum error);
/* Cancels its Join if that was not sent yet. Returns whether graphd may know of the member. */
bool joiner_withdraw(struct member *);
/* Its joining is over, one way or another. */
void joiner_drop(struct member *);
void room_start_joiners(struct room *);
void room_fail_joiners(struct room *, enum error);
void room_expire_joiners(struct room *, uint64_t now_ms);
/* session:connected, which a joiner may be waiting for as its own announcement. Returns whether it
 * is a joiner's. */
bool room_show_joiners(struct room *, const struct delivery *);

/* hub_report.c */
/* Sends Join; fn gets the member. Returns the request's number, or 0. */
uint64_t member_join(struct member *, upstream_reply_fn *fn);
/* is_away: its connection broke off, and it may return. */
void member_report_left(const struct member *, bool is_away);
/* Queues a report after those before it; it is sent until graphd answers it. m: the member it is
 * about, or NULL. */
void room_report(struct room *, const struct member *, enum command, struct span args);
/* Sends the queued reports, as far as graphd takes them. */
void hub_send_reports(struct hub *);
void hub_drop_reports(struct hub *);
/* After graphd forgot them: all counted members are reported again. quiet: others were not told
 * that they had gone. */
void room_rejoin(struct room *, bool quiet);

/* hub_roster.c */
void roster_init(struct room *);
void roster_fini(struct room *);
/* Whether the listeners were told of this session:connected before it came. */
bool roster_has_told(struct room *, const struct delivery *);
/* session:connected or session:disconnected of anybody but a joiner of ours. */
void roster_hear(struct room *, const struct delivery *);
/* graphd has let the member in and counts so many clients. */
void roster_enter(struct room *, struct member *, uint64_t n_clients);
/* The member goes. It is put on the roster, since for the others it is here until graphd announces
 * that it has left. */
void roster_leave(struct room *, struct member *);
/* Reads the list if graphd counts a different number of clients than we, or if announcements may
 * have been missed; tells the listeners of clients that it finds there. */
void roster_tick(struct room *);

enum { ROSTER_SETTLE_MS = 1000 }; /* how long events may take to be heard again after answers */

/* hub_remind.c */
/* Sets is_ours in each entry of the roster. */
void roster_mark_ours(struct room *);
/* Reminds graphd of everybody on the roster: after its restart, behind room_rejoin(), and when its
 * events are heard again. */
void roster_remind(struct room *);

/* hub_survey.c */
/* Puts the question of an event ask to the members it concerns. */
void room_ask(struct room *, const struct delivery *);
/* Ends the questions whose time is up; all of them if now_ms is UINT64_MAX. */
void room_expire_surveys(struct room *, uint64_t now_ms);
/* The member is in: what was asked while it was joining is put to it now. */
void member_ask_entered(struct member *);
/* The member goes: its answers are waited for no longer. */
void member_forget_asked(struct member *);

/* hub_answers.c: sends graphd the answers that came in this turn. */
void hub_send_answers(struct hub *);

/* hub_room.c */
struct room *hub_room(struct hub *, const struct uuid *id);
/* At the end of this turn the room's joiners are looked at. */
void hub_want_start(struct room *);
/* graphd knows no such session, or no longer: everybody goes. */
void room_end(struct room *);
/* One member, in whatever state; NULL when nobody is in. */
struct member *room_anybody(const struct room *);
void room_evict_all(struct room *, const char *reason);
void room_free(struct room *);
void room_tick(struct room *, uint64_t now_ms);
/* Reads what has happened since it was last looked, while no events are heard. */
void room_look(struct room *, uint64_t now_ms);
/* Subscribes anew if it is time, so that graphd answers it. */
void room_ask_sync(struct room *, uint64_t now_ms);
/* All who are counted and whom graphd has let in, though they may still wait to hear of it. */
void room_each_counted(
    const struct room *, void (*fn)(void *context, struct member *), void *context);
