#pragma once
/*
 * Surveys: questions put to clients of a session, and what has come in. One is over when everybody
 * who was asked has answered or left, or when its time is up. Nothing of it is stored, and nothing
 * outlives graphd. Time comes with each call; the asker is a pointer that is given back.
 */

#include "graphd/sessions.h"

struct surveys;

struct surveys *surveys_new(void);
/* Nobody is told. */
void surveys_free(struct surveys *);

/*
 * A survey is over. OK: body is the reply, {"answers":[…]}, whose memory the callee may take; else
 * it is empty. asker as surveys_set_asker() was given it.
 */
typedef void survey_over_fn(void *context, void *asker, enum error, struct json_out *body);
void surveys_on_over(struct surveys *, survey_over_fn *, void *context);

struct survey_wish {
	const struct session *session;
	struct span client_id; /* the one who is asked; {NULL,0}: all who are here */
	uint64_t until_ms;
};
/*
 * OK with *id nil: there is nobody to be asked. client_not_found; too_many_asks. *last is the
 * highest number among those who are here.
 */
enum error surveys_begin(
    struct surveys *, const struct survey_wish *, struct uuid *id, uint64_t *last);
/* Who is told when it is over; borrowed until then. */
void surveys_set_asker(struct surveys *, const struct uuid *session, const struct uuid *id, void *);

struct survey_answer {
	struct span client_id;
	struct span arguments; /* a JSON array; of an error: {NULL,0} */
	enum error error;      /* why it could not be passed on; or OK */
};
/* False: it counts for nothing, since this client was not asked that, or is not waited for. */
bool surveys_answer(struct surveys *, const struct uuid *session, const struct uuid *id,
    const struct survey_answer *);
/* The client is not in the session any more. */
void surveys_left(struct surveys *, const struct uuid *session, struct span client_id);

/* Ends those whose time is up. */
void surveys_tick(struct surveys *, uint64_t now_ms);
/* When that is due next; UINT64_MAX: never. */
uint64_t surveys_due_ms(const struct surveys *);
/* Ends all of them with this error. */
void surveys_fail(struct surveys *, enum error);
size_t surveys_count(const struct surveys *);
