/*
 * The answers of clients that were asked: taken and checked one by one, sent to graphd together, a
 * turn at a time.
 */

#include "common/clock.h"
#include "common/json.h"
#include "common/limits.h"
#include "gatewayd/hub_survey.h"

static void
ignore_reply(void *arg, enum error status, struct span body)
{
	(void)arg;
	(void)status;
	(void)body;
}

/* False: it cannot go just now and stays. */
static bool
send_answers(struct survey *s)
{
	struct json_out args = { 0 };
	struct upstream_question q = { .command = COMMAND_answer, .session = s->room->id };
	uint64_t number;

	json_out_open(&args, '{');
	json_out_key(&args, "ask_id");
	json_out_uuid(&args, &s->id);
	json_out_key(&args, "answers");
	json_out_open(&args, '[');
	json_out_bytes(&args, json_out_span(&s->answers));
	json_out_close(&args, ']');
	json_out_close(&args, '}');
	q.args = json_out_span(&args);
	number = upstream_ask(s->room->hub->upstream, &q, ignore_reply, NULL);
	json_out_fini(&args);
	if (!number)
		return false;
	json_out_clear(&s->answers);
	list_remove(&s->answering);
	return true;
}

void
hub_send_answers(struct hub *hub)
{
	for (struct link *at = hub->answering.next, *next; at != &hub->answering; at = next) {
		struct survey *s = LIST_OF(at, struct survey, answering);

		next = at->next;
		if (!send_answers(s))
			return;
		survey_settle(s);
	}
}

/* What graphd would refuse is found out here, or it would refuse the others' answers with it. */
static enum error
check_arguments(const struct survey *s, struct span arguments)
{
	static const struct json_bounds bounds = { .depth = LIMIT_JSON_DEPTH + 1,
		.values = LIMIT_JSON_VALUES,
		.text_bytes = LIMIT_JSON_TEXT_BYTES,
		.key_bytes = LIMIT_JSON_KEY_BYTES };

	if (arguments.n > LIMIT_ANSWER_BYTES || s->answers.n + arguments.n > LIMIT_ANSWERS_BYTES)
		return ERROR_limit_value;
	return json_scan(arguments, &bounds, NULL) ? ERROR_invalid_request : OK;
}

static void
write_answer(struct survey *s, const struct member *m, enum error error, struct span arguments)
{
	struct json_out *out = &s->answers;

	json_out_open(out, '{');
	json_out_key(out, "client_id");
	json_out_string(out, m->client_id);
	if (error) {
		json_out_key(out, "error");
		json_out_string(out, error_rows[error].code);
	} else {
		json_out_key(out, "arguments");
		json_out_minified(out, arguments);
	}
	json_out_close(out, '}');
}

static struct asked *
find_asked(struct member *m, uint64_t number, struct survey **s)
{
	struct asked *a;

	if (m->state == MEMBER_OUT)
		return NULL;
	LIST_EACH(at, &member_room(m)->surveys)
	{
		*s = LIST_OF(at, struct survey, in_room);
		if ((*s)->number != number || clock_now_ms() >= (*s)->until_ms)
			continue;
		a = table_find(&(*s)->asked, &m);
		return a && a->is_told ? a : NULL;
	}
	return NULL;
}

bool
hub_answer(
    struct hub *hub, struct member *m, uint64_t number, enum error error, struct span arguments)
{
	struct survey *s;
	struct asked *a = find_asked(m, number, &s);

	if (!a)
		return false;
	write_answer(s, m, error ? error : check_arguments(s, arguments), arguments);
	survey_forget(s, a);
	if (!link_is_in_list(&s->answering))
		list_append(&hub->answering, &s->answering);
	if (s->answers.n < LIMIT_ANSWERS_MESSAGE_BYTES)
		loop_again(hub->loop);
	else if (send_answers(s))
		survey_settle(s);
	return true;
}
