#include "common/json.h"
#include "common/metrics.h"
#include "graphd/dispatcher.h"

static struct metric ignored = { .name = "graphd_answers_ignored_total",
	.help = "Answers of clients that nobody waited for: late, twice, or to what they were not "
		"asked.",
	.type = "counter" };

static enum error
read_answer(struct call *c, struct span item, struct survey_answer *out)
{
	struct span client_id, error;

	*out = (struct survey_answer){ 0 };
	if (!json_find(item, "client_id", &client_id) || json_type(client_id) != JSON_STRING)
		return refuse(c->why, ERROR_invalid_request, "answers",
		    "Each answer must name its client_id.");
	out->client_id = json_text(c->arena, client_id);
	if (json_find(item, "arguments", &out->arguments)) {
		if (json_type(out->arguments) == JSON_ARRAY)
			return OK;
	} else if (json_find(item, "error", &error) && json_type(error) == JSON_STRING) {
		out->error = error_find(json_text(c->arena, error));
		if (out->error != OK && out->error != ERRORS)
			return OK;
	}
	return refuse(c->why, ERROR_invalid_request, "answers",
	    "Each answer must have a list of arguments, or the code of an error.");
}

enum error
cmd_answer(struct call *c, const struct answer_args *a)
{
	struct json_iter it;
	struct span key, item;
	struct survey_answer answer;
	int64_t counted = 0;

	metrics_add(&ignored);
	json_walk(&it, a->answers);
	while (json_next(&it, &key, &item)) {
		enum error err = read_answer(c, item, &answer);

		if (err)
			return err;
		if (surveys_answer(c->dispatcher->surveys, &c->session->id, &a->ask_id, &answer))
			counted++;
		else
			ignored.value++;
	}
	json_out_key(c->result, "counted");
	json_out_int(c->result, counted);
	return OK;
}
