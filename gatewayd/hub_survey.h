#pragma once
/* A question that graphd puts to a session, as this gateway keeps it: for hub_survey.c, which puts
 * it to members, and hub_answers.c, which takes what they say. */

#include "gatewayd/hub_inner.h"

/* A member whose answer is awaited. */
struct asked {
	struct member *member; /* key */
	bool is_told;	       /* else it is still joining */
};

struct survey {
	struct link in_room, answering;
	struct room *room;
	struct uuid id;
	uint64_t number;
	uint64_t until_ms;
	struct table asked;
	struct delivery delivery; /* its body is owned, and kept for those who are still joining */
	size_t n_untold;
	struct json_out answers; /* elements of the array that goes to graphd next */
};

/* Nothing more is awaited of that member. */
void survey_forget(struct survey *, struct asked *);
/* It goes when nothing is left to wait for or to be sent. */
void survey_settle(struct survey *);
