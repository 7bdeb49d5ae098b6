#include "graphd/dispatch.h"

#include "common/limits.h"
#include "graphd/dispatcher.h"
#include "graphd/effort.h"
#include "graphd/lifecycle.h"
#include "graphd/making.h"

#include <assert.h>
#include <stdlib.h>

/* One function per row that gives the handler its arguments under their own type. */
#define COMMAND(ident, name, kind, doc) \
	static enum error run_##ident(struct call *c, const void *args) \
	{ \
		return cmd_##ident(c, args); \
	}
#define REQ(type, name, doc)
#define OPT(type, name, doc)
#define RET(type, name, doc)
#define END(ident)
#include "proto/commands.def"

typedef enum error handler_fn(struct call *, const void *args);

static handler_fn *const handlers[COMMANDS] = {
#define COMMAND(ident, name, kind, doc) [COMMAND_##ident] = run_##ident,
#define REQ(type, name, doc)
#define OPT(type, name, doc)
#define RET(type, name, doc)
#define END(ident)
#include "proto/commands.def"
};

/* Commands that concern no session, or that find theirs by other means. */
static const bool names_no_session[COMMANDS] = {
	[COMMAND_get_node] = true,
	[COMMAND_search_nodes] = true,
	[COMMAND_create_session] = true,
	[COMMAND_list_sessions] = true,
	[COMMAND_cleanup_sessions] = true,
	[COMMAND_create_project] = true,
	[COMMAND_list_projects] = true,
	[COMMAND_get_project] = true,
	[COMMAND_delete_project] = true,
	[COMMAND_open_project] = true,
	[COMMAND_export_project] = true,
	[COMMAND_import_project] = true,
	[COMMAND_list_templates] = true,
	[COMMAND_get_template] = true,
	[COMMAND_backup] = true,
	[COMMAND_hello] = true,
	[COMMAND_list_gateways] = true,
	[COMMAND_get_metrics] = true,
};

/* Asking how a session is does not count as using it. */
static const bool only_asks[COMMANDS] = {
	[COMMAND_get_session] = true,
	[COMMAND_get_dirty] = true,
	[COMMAND_list_clients] = true,
};

/* These do not wait for who reads the session, in whichever thread: they leave it as it is. */
static const bool leaves_alone[COMMANDS] = {
	[COMMAND_ask] = true,
	[COMMAND_answer] = true,
};

/* These read what is on disk, whatever is in memory. */
static const bool reads_store[COMMANDS] = {
	[COMMAND_list_events] = true,
	[COMMAND_get_node] = true,
	[COMMAND_search_nodes] = true,
	[COMMAND_list_projects] = true,
	[COMMAND_delete_project] = true,
	[COMMAND_save_project] = true,
	[COMMAND_open_project] = true,
	[COMMAND_export_project] = true,
};

static void
forget_clients(void *context, struct session *s)
{
	clients_forget_session(context, s);
}

static void
end_question(void *context, const struct session *s, struct span client_id)
{
	surveys_left(context, &s->id, client_id);
}

struct dispatcher *
dispatcher_new(struct sessions *sessions, uint64_t grace_ms)
{
	struct dispatcher *d = xcalloc(1, sizeof(*d));

	d->sessions = sessions;
	d->clients = clients_new(sessions, grace_ms);
	d->keys = keys_new(sessions);
	d->projects = projects_new();
	d->surveys = surveys_new();
	d->long_steps = long_steps_new(LIMIT_LONG_STEPS_BYTES);
	uuid_random(&d->boot_id);
	arena_init(&d->arena);
	sessions_on_drop(sessions, forget_clients, d->clients);
	clients_on_gone(d->clients, end_question, d->surveys);
	return d;
}

void
dispatcher_free(struct dispatcher *d)
{
	if (!d)
		return;
	sessions_on_drop(d->sessions, NULL, NULL);
	clients_on_gone(d->clients, NULL, NULL);
	clients_free(d->clients);
	keys_free(d->keys);
	projects_free(d->projects);
	surveys_free(d->surveys);
	long_steps_free(d->long_steps);
	arena_fini(&d->arena);
	json_out_fini(&d->result);
	json_out_fini(&d->warnings);
	free(d);
}

void
dispatcher_on_more(struct dispatcher *d, void (*fn)(void *, struct outcome *), void *context)
{
	d->more = fn;
	d->more_context = context;
}

struct surveys *
dispatch_surveys(struct dispatcher *d)
{
	return d->surveys;
}

void
dispatcher_backup_to(struct dispatcher *d, const char *directory)
{
	d->backup_directory = directory;
}

void
dispatch_uncommitted(struct dispatcher *d, uint64_t key_token)
{
	if (key_token)
		keys_forget(d->keys, key_token);
}

void
dispatch_reverted(struct dispatcher *d)
{
	projects_forget(d->projects);
}

static enum error
check_caller(struct call *c)
{
	const struct caller *caller = &c->request->caller;

	if (caller->actor.n > LIMIT_ACTOR_BYTES)
		return refuse(
		    c->why, ERROR_invalid_request, "actor", "The actor's name is too long.");
	if (caller->client.n > LIMIT_ACTOR_BYTES)
		return refuse(
		    c->why, ERROR_invalid_request, "client_id", "The client_id is too long.");
	if (caller->key.n > LIMIT_KEY_BYTES)
		return refuse(
		    c->why, ERROR_invalid_request, "key", "The idempotency key is too long.");
	if (!caller->key_is_command_id) {
		uuid_random(&c->command_id);
		return OK;
	}
	if (!uuid_parse(caller->key, &c->command_id))
		return refuse(
		    c->why, ERROR_invalid_request, "command_id", "command_id must be a UUID.");
	return OK;
}

static bool
must_wait(struct call *c)
{
	struct store *store = sessions_store(c->sessions);

	c->outcome->awaits_store = store->ops->is_busy && store->ops->is_busy(store);
	return c->outcome->awaits_store;
}

static enum error
find_session(struct call *c)
{
	const struct request *req = c->request;
	enum error err;

	if (uuid_is_nil(&req->session) && req->command == COMMAND_save_project)
		return OK;
	if (names_no_session[req->command])
		return OK;
	if (uuid_is_nil(&req->session))
		return refuse(c->why, ERROR_invalid_request, "session_id", "Missing session_id");
	err = sessions_peek(c->sessions, &req->session, &c->session);
	if (!err && !c->session && !must_wait(c))
		err = sessions_get(c->sessions, &req->session, &c->session);
	if (err || !c->session)
		return err;
	if (c->session->is_lent) {
		c->outcome->behind = c->session->id;
		return OK;
	}
	c->outcome->session = c->session;
	/* What was read is another thing than the session, which may just be read by somebody else.
	 */
	if (leaves_alone[req->command] || req->errand)
		return OK;
	c->session->idle_since_ms = req->now_ms;
	if (only_asks[req->command])
		sessions_touch(c->sessions, c->session);
	else
		sessions_use(c->sessions, c->session, req->now_us, req->now_ms);
	return OK;
}

/* A graph that is loaded may bring its project with it; undoing that takes the project away, and
 * doing it again gives it back. */
static bool
may_bring_project(const struct session *s, enum command command)
{
	bool takes_back = command == COMMAND_undo || command == COMMAND_redo;

	return command == COMMAND_load_graph ||
	    (takes_back && s->history.n_undo + s->history.n_redo > 0);
}

static enum error
check_project(struct call *c)
{
	enum command command = c->request->command;

	if (!c->session || !uuid_is_nil(&c->session->meta.project_id) ||
	    may_bring_project(c->session, command))
		return OK;
	if (lifecycle_has(command) || command == COMMAND_get_tree ||
	    command == COMMAND_save_project)
		return refuse(
		    c->why, ERROR_invalid_state, NULL, "%s", error_rows[ERROR_invalid_state].text);
	return OK;
}

static enum error
run(struct call *c)
{
	const struct request *req = c->request;
	const struct command_row *row = &command_rows[req->command];
	struct span object = req->args.n > 0 ? req->args : SPAN("{}");
	void *args = arena_take(c->arena, row->args_size_bytes);
	enum error err;

	memset(args, 0, row->args_size_bytes);
	err = args_decode(req->command, object, NULL, c->arena, args, c->why);
	if (err)
		return err;
	if (row->kind == COMMAND_EDITS) {
		lifecycle_executing(c);
		call_begin(c, c->session, STEP_DO);
	}
	return handlers[req->command](c, args);
}

/* Takes back whatever the handler had begun. */
static void
give_up(struct call *c)
{
	struct outcome *out = c->outcome;
	struct session *s = out->session;

	if (s && s->open)
		session_abort(s);
	else if (s && out->step)
		session_revert(s, out->step);
	step_free(out->step);
	out->step = NULL;
	if (s)
		s->warnings = NULL;
	if (out->created) {
		if (c->is_aside)
			session_free(s);
		else
			sessions_drop(c->sessions, s);
		out->session = NULL;
		out->created = false;
	} else if (s) {
		sessions_bind(c->sessions, s);
	}
}

static bool
is_keyed(const struct call *c)
{
	return keys_apply(c->request->command) && c->request->caller.key.n > 0;
}

void
dispatch_perform(struct call *c)
{
	enum error err;

	if (is_keyed(c))
		c->request_hash = keys_request_hash(c->request);
	err = check_project(c);
	if (!err)
		err = run(c);
	if (err) {
		give_up(c);
		lifecycle_refuse(c, err);
	} else {
		lifecycle_finish(c);
	}
}

static void
dispatch_found(struct call *c)
{
	c->subject = lifecycle_subject(c);
	if (!uuid_is_nil(&c->outcome->behind))
		return;
	if (is_keyed(c) && lifecycle_repeat(c))
		return;
	if (effort_is_great(c)) {
		making_begin(c);
		return;
	}
	dispatch_perform(c);
	lifecycle_put_row(c);
}

/* A repeated EndSession: the session is gone, and the answer is remembered. */
static bool
answer_ended(struct call *c)
{
	if (command_rows[c->request->command].kind != COMMAND_MANAGES ||
	    c->request->caller.key.n == 0)
		return false;
	return lifecycle_repeat(c);
}

void
dispatch(struct dispatcher *d, const struct request *req, struct outcome *out)
{
	struct refusal why = { 0 };
	struct call c = {
		.sessions = d->sessions,
		.dispatcher = d,
		.request = req,
		.outcome = out,
		.arena = &d->arena,
		.why = &why,
		.result = &d->result,
		.warnings = &d->warnings,
	};
	enum error err;

	if (req->errand && req->errand->changes) {
		making_end(req->errand, out);
		return;
	}
	json_out_clear(&d->result);
	json_out_clear(&d->warnings);
	json_out_open(&d->result, '{');
	err = req->command < COMMANDS ? check_caller(&c) : ERROR_unknown_command;
	if (!err && !(reads_store[req->command] && !req->errand && must_wait(&c)))
		err = find_session(&c);
	if (!err && !out->awaits_store && uuid_is_nil(&out->behind))
		dispatch_found(&c);
	else if (err && (err != ERROR_invalid_session || !answer_ended(&c))) {
		out->error = err;
		reply_error(&out->body, err, &why);
	}
	free(c.tail);
	refusal_fini(&why);
	arena_reset(&d->arena);
}

enum error
dispatch_nested(
    struct call *c, enum command command, struct span data, const struct arg_resolver *resolver)
{
	const struct command_row *row = &command_rows[command];
	void *args = arena_take(c->arena, row->args_size_bytes);
	enum error err;

	assert(row->kind == COMMAND_EDITS);
	memset(args, 0, row->args_size_bytes);
	err = args_decode(command, data, resolver, c->arena, args, c->why);
	return err ? err : handlers[command](c, args);
}
