#include "graphd/audience.h"

#include "common/mem.h"
#include "proto/wire.h"

#include <stdlib.h>

struct heard_topic {
	struct span topic; /* in the same allocation */
};

struct heard_session {
	struct uuid id;
	size_t n_topics;
};

void
audience_init(struct audience *a, size_t topics_max, bool is_packed)
{
	*a = (struct audience){ .topics_max = topics_max, .is_packed = is_packed };
	table_init(&a->topics, offsetof(struct heard_topic, topic), 0);
	table_init(&a->sessions, offsetof(struct heard_session, id), UUID_BYTES);
}

static void
free_all(struct table *t)
{
	void *object;

	for (size_t i = 0; (object = table_next(t, &i));)
		free(object);
	table_fini(t);
}

void
audience_fini(struct audience *a)
{
	free_all(&a->topics);
	free_all(&a->sessions);
}

/* What is longer than any topic matches none, and what begins in another way none of a session. */
static bool
may_match(const struct audience *a, struct span topic)
{
	size_t n = a->is_packed ? 0 : sizeof WIRE_SESSION_TOPIC - 1;

	if (topic.n < n)
		n = topic.n;
	return topic.n <= WIRE_TOPIC_MAX && !span_is(topic, WIRE_HEARTBEAT_TOPIC) &&
	    (n == 0 || memcmp(topic.p, WIRE_SESSION_TOPIC, n) == 0);
}

static bool
names_session(const struct audience *a, struct span topic, struct uuid *session)
{
	struct span rest;

	return a->is_packed ? wire_feed_session(topic, session, &rest)
			    : wire_topic_session(topic, session);
}

static void
count_session(struct audience *a, const struct uuid *id, bool on)
{
	struct heard_session *s = table_find(&a->sessions, id);

	if (!s) {
		s = xcalloc(1, sizeof *s);
		s->id = *id;
		table_add(&a->sessions, s);
	}
	s->n_topics += on ? 1 : -1;
	if (s->n_topics == 0) {
		table_remove(&a->sessions, id);
		free(s);
	}
}

static void
count_topic(struct audience *a, struct span topic, bool on)
{
	struct uuid session;

	if (names_session(a, topic, &session))
		count_session(a, &session, on);
	else
		a->n_wide += on ? 1 : -1;
}

static void
add(struct audience *a, struct span topic)
{
	struct heard_topic *t;

	if (a->topics.n == a->topics_max) {
		a->is_over = true;
		return;
	}
	t = xmalloc(sizeof *t + topic.n);
	t->topic = (struct span){ (char *)(t + 1), topic.n };
	if (topic.n)
		memcpy(t + 1, topic.p, topic.n);
	table_add(&a->topics, t);
	count_topic(a, topic, true);
}

void
audience_note(struct audience *a, struct span topic, bool on)
{
	struct heard_topic *t = table_find(&a->topics, &topic);

	/* Once topics were left out, the end of one says nothing any more. */
	if (!may_match(a, topic) || a->is_over || (t != NULL) == on)
		return;
	if (on) {
		add(a, topic);
		return;
	}
	table_remove(&a->topics, &topic);
	free(t);
	count_topic(a, topic, false);
}

bool
audience_hears(const struct audience *a, const struct uuid *session)
{
	return a->is_over || a->n_wide > 0 || table_find(&a->sessions, session);
}
