#include "domain_fixture.h"

#include "common/json.h"
#include "common/limits.h"
#include "graphd/store_backends.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void
take_survey(void *domain, void *asker, enum error error, struct json_out *body)
{
	struct domain *d = domain;

	d->n_surveys++;
	d->asker = asker;
	d->error = error;
	free(d->body);
	d->body = body->n ? xspandup(json_out_span(body)) : xstrdup("");
}

static void
open_domain(struct domain *d)
{
	d->sessions = sessions_new(d->store, d->blueprints);
	d->dispatcher = dispatcher_new(d->sessions, LIMIT_GRACE_MS);
	dispatcher_on_more(d->dispatcher, take_outcome, d);
	surveys_on_over(dispatch_surveys(d->dispatcher), take_survey, d);
}

struct domain *
domain_new(void)
{
	struct domain *d = xcalloc(1, sizeof(*d));
	char message[256];

	d->loop = loop_new();
	d->store = store_open("memory", d->loop, message);
	ck_assert_ptr_nonnull(d->store);
	d->blueprints = blueprints_open(TEMPLATES_DIRECTORY);
	ck_assert_ptr_nonnull(d->blueprints);
	d->now_us = 1700000000000000;
	d->now_ms = 1000000;
	open_domain(d);
	return d;
}

static void
close_domain(struct domain *d)
{
	dispatcher_free(d->dispatcher);
	sessions_free(d->sessions);
}

void
domain_free(struct domain *d)
{
	close_domain(d);
	blueprints_free(d->blueprints);
	d->store->ops->close(d->store);
	loop_free(d->loop);
	forget_heard(d);
	free(d->heard);
	free(d->body);
	free(d);
}

void
domain_restart(struct domain *d)
{
	close_domain(d);
	open_domain(d);
}

void
domain_unload(struct domain *d)
{
	sessions_unload_idle(d->sessions, UINT64_MAX);
}

void
forget_heard(struct domain *d)
{
	for (size_t i = 0; i < d->n_heard; i++) {
		free(d->heard[i].body);
		free(d->heard[i].path);
	}
	d->n_heard = 0;
}

static bool
hear(void *context, const struct step_event *e)
{
	struct domain *d = context;
	struct heard *h;

	d->heard = xrealloc(d->heard, d->n_heard + 1, sizeof(*d->heard));
	h = &d->heard[d->n_heard++];
	*h = (struct heard){
		.event = e->event, .seq = e->seq, .body = xspandup(e->body), .n_path = e->path.n
	};
	if (e->path.n > 0)
		h->path = memcpy(xmalloc(e->path.n * sizeof(*h->path)), e->path.ids,
		    e->path.n * sizeof(*h->path));
	return true;
}

static void
hear_announcements(struct domain *d, const struct outcome *out, bool first)
{
	for (size_t i = 0; i < out->n_announcements; i++) {
		const struct announcement *a = &out->announcements[i];

		if (a->first == first)
			hear(d,
			    &(struct step_event){ .event = a->event,
				.seq = a->seq,
				.body = { out->texts.bytes + a->body_at, a->body_n } });
	}
}

struct done {
	bool called;
	enum error error;
};

static void
on_done(void *context, enum error error, bool fatal)
{
	struct done *done = context;

	(void)fatal;
	done->called = true;
	done->error = error;
}

static enum error
commit(struct domain *d)
{
	struct done done = { 0 };

	d->store->ops->commit(d->store, on_done, &done);
	while (!done.called)
		loop_turn(d->loop, 100);
	return done.error;
}

static void
append(struct domain *d, const struct step *step)
{
	struct json_out bytes = { 0 };

	step_encode(step, &bytes);
	d->store->ops->append(d->store,
	    &(struct store_step){ .session = step->session,
		.ordinal = step->ordinal,
		.first_seq = step->first_seq,
		.last_seq = step->last_seq,
		.time_us = step->time_us,
		.bytes = json_out_span(&bytes) });
	json_out_fini(&bytes);
}

/* What the server does when a commit fails or lands. */
static void
settle(struct domain *d, struct outcome *out, enum error err)
{
	struct session *s = out->session;

	if (err) {
		d->error = err;
		if (out->step) {
			session_revert(s, out->step);
			sessions_reverted(d->sessions, s);
		}
		dispatch_reverted(d->dispatcher);
		dispatch_uncommitted(d->dispatcher, out->key_token);
	} else if (out->step) {
		s->durable_seq = out->step->last_seq;
		session_settled(s, out->step->ordinal);
		step_events(out->step, 0, true, hear, d);
	}
	if (s && (err ? out->created : s->closed))
		sessions_drop(d->sessions, s);
}

void
take_outcome(void *domain, struct outcome *out)
{
	struct domain *d = domain;

	hear_announcements(d, out, true);
	if (out->step || out->stores || out->created) {
		if (out->step)
			append(d, out->step);
		settle(d, out, commit(d));
	}
	hear_announcements(d, out, false);
}

static void
finish_body(struct domain *d, struct outcome *out)
{
	while (out->tree_active && !tree_write(&out->tree, &out->body, LIMIT_SLICE_BYTES))
		;
	if (out->tail)
		json_out_bytes(&out->body, span_of(out->tail));
	free(d->body);
	d->body = xspandup(json_out_span(&out->body));
}

static bool
is_json(const char *text)
{
	const struct json_bounds bounds = { 2 * LIMIT_DEPTH, 10000000, 1 << 28, 1 << 16 };

	return json_scan(span_of(text), &bounds, NULL) == JSON_OK;
}

/* What a thread does for the server. */
static void
run_errand(struct domain *d, struct request *request, struct outcome *out)
{
	static const atomic_bool never;
	struct errand *errand = out->errand;

	out->errand = NULL;
	errand->run(errand, &never);
	request->errand = errand;
	outcome_clear(out);
	dispatch(d->dispatcher, request, out);
	errand->free(errand);
}

const char *
ask_exactly(struct domain *d, enum command command, const struct uuid *session, struct span args)
{
	struct request request = { .command = command,
		.caller = d->caller,
		.args = args,
		.now_us = d->now_us,
		.now_ms = d->now_ms };
	struct outcome out;

	if (session)
		request.session = *session;
	d->now_us += 1000;
	d->now_ms += 1;
	forget_heard(d);
	outcome_init(&out);
	dispatch(d->dispatcher, &request, &out);
	while (out.unfinished) {
		take_outcome(d, &out);
		request.began_us = d->now_us;
		request.done = out.done;
		outcome_clear(&out);
		dispatch(d->dispatcher, &request, &out);
	}
	if (out.errand)
		run_errand(d, &request, &out);
	d->survey = out.survey;
	d->error = out.error;
	d->created = out.created;
	d->key_token = out.key_token;
	finish_body(d, &out);
	ck_assert_msg(is_json(d->body), "%s answered %s", command_rows[command].name, d->body);
	take_outcome(d, &out);
	outcome_fini(&out);
	return d->body;
}

const char *
ask_in_vain(struct domain *d, enum command command, const struct uuid *session, struct span args)
{
	store_memory_fail_commit(d->store, ERROR_storage_failed, false);
	ask_exactly(d, command, session, args);
	ck_assert_int_eq(d->error, ERROR_storage_failed);
	return d->body;
}

const char *
ask(struct domain *d, enum command command, const struct uuid *session, const char *args, ...)
{
	char text[65536];
	va_list ap;
	int n;

	va_start(ap, args);
	n = vsnprintf(text, sizeof(text), args, ap);
	va_end(ap);
	ck_assert(n >= 0 && (size_t)n < sizeof(text));
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	return ask_exactly(d, command, session, (struct span){ text, (size_t)n });
}

static struct span
element(struct span array, size_t i)
{
	struct json_iter it;
	struct span key, value;

	json_walk(&it, array);
	while (json_next(&it, &key, &value))
		if (i-- == 0)
			return value;
	return (struct span){ NULL, 0 };
}

struct span
at(const char *body, const char *path)
{
	struct span value = json_trim(span_of(body));
	char name[64];

	while (value.p && *path) {
		size_t n = strcspn(path, ".");

		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		if (json_type(value) == JSON_ARRAY)
			value = element(value, strtoul(name, NULL, 10));
		else if (json_type(value) != JSON_OBJECT || !json_find(value, name, &value))
			value = (struct span){ NULL, 0 };
		path += path[n] ? n + 1 : n;
	}
	return value;
}

bool
at_is(const char *body, const char *path, const char *json)
{
	return span_is(at(body, path), json);
}

struct uuid
id_at(const char *body, const char *path)
{
	struct span text = at(body, path);
	struct uuid id = { 0 };

	ck_assert_msg(
	    text.n == UUID_TEXT + 2 && uuid_parse((struct span){ text.p + 1, UUID_TEXT }, &id),
	    "no id at %s of %s", path, body);
	return id;
}

int64_t
int_at(const char *body, const char *path)
{
	int64_t n = 0;

	ck_assert_msg(at(body, path).p && json_integer(at(body, path), &n), "no number at %s of %s",
	    path, body);
	return n;
}

const char *
heard_names(struct domain *d)
{
	static char text[4096];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < d->n_heard && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? "," : "",
		    event_rows[d->heard[i].event].colon);
	return text;
}

struct uuid
start(struct domain *d, const char *template_id)
{
	const char *body = ask(d, COMMAND_create_project, NULL,
	    "{'template_id':'%s','project_name':'Car'}", template_id);

	ck_assert_msg(d->error == OK, "%s", body);
	return id_at(body, "session_id");
}

struct uuid
root_of(struct domain *d, const struct uuid *session)
{
	return *node_id(graph_first_root(session_of(d, session)->graph));
}

struct uuid
make(struct domain *d, const struct uuid *session, const char *type, const struct uuid *parent)
{
	const char *body =
	    ask(d, COMMAND_create_node, session, "{'blueprint_type_id':'%s','parent_id':%s%s%s}",
		type, parent ? "'" : "", parent ? text_of(parent) : "null", parent ? "'" : "");

	ck_assert_msg(d->error == OK, "%s", body);
	return id_at(body, "node_id");
}

const char *
text_of(const struct uuid *id)
{
	static char texts[4][UUID_TEXT + 1];
	static unsigned next;
	char *text = texts[next++ % 4];

	uuid_format(id, text);
	return text;
}

struct session *
session_of(struct domain *d, const struct uuid *id)
{
	struct session *s;

	ck_assert_int_eq(sessions_get(d->sessions, id, &s), OK);
	return s;
}

const char *
hash_of(struct domain *d, const struct uuid *session)
{
	static char hash[33];

	graph_hash(session_of(d, session)->graph, hash);
	return hash;
}
