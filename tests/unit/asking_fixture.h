#pragma once
/* For programs in which members of a hub are asked something. */

#include "hub_fixture.h"

#include "common/limits.h"

#define ASK_ID "99999999-8888-4777-8666-555555555555"
#define ASK_ID_2 "99999999-8888-4777-8666-444444444444"

/* A counted client of that number, all the way in. */
static inline void
bring_in(struct fake_client *c, const char *client_id, unsigned number)
{
	char reply[128];

	snprintf(reply, sizeof reply,
	    "{\"active_clients\":1,\"seq\":0,\"announced\":true,\"number\":%u}", number);
	join_counted(c, client_id, &fake_transport);
	sync_at(0);
	connected(client_id, 0);
	fake_answer(&fake, COMMAND_join, OK, reply);
	turn();
	ck_assert_uint_eq(c->n_joined, 1);
	forget_heard(c);
}

static inline void
all_in(void)
{
	bring_in(&ann, "A", 1);
	bring_in(&bob, "B", 2);
	bring_in(&cem, "C", 3);
	forget_heard(&ann);
	forget_heard(&bob);
}

static inline void
put_as(const char *id, const char *client, unsigned timeout_ms, unsigned last)
{
	char body[512], named[64] = "";

	if (client)
		snprintf(named, sizeof named, "\"client_id\":\"%s\",", client);
	snprintf(body, sizeof body,
	    "{%s\"ask_id\":\"%s\",\"event\":\"really\",\"data\":[1],\"timeout_ms\":%u,\"last\":%u}",
	    named, id, timeout_ms, last);
	say(EVENT_ask, 0, 0, body);
}

/* Everybody who has come so far. */
static inline void
put(void)
{
	put_as(ASK_ID, NULL, 5000, 100);
}

static inline bool
says(struct fake_client *c, const char *arguments)
{
	return hub_answer(hub, &c->member, asked_number, OK, span_of(arguments));
}

/* The arguments of the oldest Answer that was not looked at yet; "" when there is none. */
static inline const char *
sent(void)
{
	static char args[8 * LIMIT_ANSWER_BYTES];
	struct fake_ask *a = fake_open(&fake, COMMAND_answer);

	if (!a)
		return "";
	snprintf(args, sizeof args, "%s", a->args);
	fake_answer(&fake, COMMAND_answer, OK, "{\"counted\":1}");
	return args;
}
