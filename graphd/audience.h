#pragma once
/*
 * Which sessions somebody hears on the event bus: what nobody hears need not be encoded. It errs on
 * the side of hearing: a topic that may match more than one session counts for all of them.
 */

#include "common/id.h"
#include "common/table.h"

struct audience {
	struct table topics;   /* struct heard_topic: all that are subscribed and may match */
	struct table sessions; /* struct heard_session: those that the topics name */
	size_t n_wide;	       /* topics that name no session */
	bool is_packed;	       /* they are those of the feed */
	size_t topics_max;
	bool is_over; /* there were more topics: all sessions count as heard from then on */
};

/* is_packed: it listens to the feed (proto/wire.h), whose topics are spelt otherwise. */
void audience_init(struct audience *, size_t topics_max, bool is_packed);
void audience_fini(struct audience *);
/*
 * A topic is subscribed, perhaps not for the first time; or it is not subscribed by anybody any
 * more. The topic is a prefix of what it matches (zmq_setsockopt(3), ZMQ_SUBSCRIBE).
 */
void audience_note(struct audience *, struct span topic, bool on);
bool audience_hears(const struct audience *, const struct uuid *session);
