#include "graphd/keys.h"

#include "common/limits.h"
#include "common/list.h"
#include "common/mem.h"
#include "common/table.h"
#include "graphd/old_keys.h"

#include <stdlib.h>
#include <xxhash.h>

struct entry {
	struct span key; /* actor, a zero byte, key: in the same allocation, the reply behind it */
	struct link age;
	struct remembered answer;
	uint64_t token;
};

/* A session whose first step is to be read. */
struct unread {
	struct uuid session;
	uint64_t created_us;
};

struct keys {
	struct sessions *sessions;
	struct table entries;
	struct link by_age;
	size_t bytes; /* of the entries' keys and answers */
	uint64_t last_token;
	/* First steps of the sessions there were at start, newest first; NULL when all are read. */
	struct unread *unread;
	size_t n_unread, n_read;
	bool is_reading;	   /* or has read them */
	struct json_out read_back; /* the last answer that was read for an old key */
};

struct keys *
keys_new(struct sessions *sessions)
{
	struct keys *k = xcalloc(1, sizeof(*k));

	k->sessions = sessions;
	table_init(&k->entries, offsetof(struct entry, key), 0);
	list_init(&k->by_age);
	return k;
}

static void
forget(struct keys *k, struct entry *e)
{
	table_remove(&k->entries, &e->key);
	list_remove(&e->age);
	k->bytes -= e->key.n + e->answer.reply.n;
	free(e);
}

static void
end_reading(struct keys *k)
{
	free(k->unread);
	k->unread = NULL;
	k->n_unread = k->n_read = 0;
}

void
keys_free(struct keys *k)
{
	if (!k)
		return;
	while (!list_is_empty(&k->by_age))
		forget(k, LIST_OF(k->by_age.next, struct entry, age));
	table_fini(&k->entries);
	end_reading(k);
	json_out_fini(&k->read_back);
	free(k);
}

uint64_t
keys_request_hash(const struct request *req)
{
	struct json_out text = { 0 };
	uint64_t hash;

	json_out_bytes(&text, span_of(command_rows[req->command].name));
	if (!uuid_is_nil(&req->session))
		json_out_bytes(
		    &text, (struct span){ (const char *)req->session.bytes, UUID_BYTES });
	json_out_bytes(&text, SPAN(":"));
	if (req->args.n > 0)
		json_out_minified(&text, req->args);
	/* It is kept in the journal, so it must not depend on the process as table_hash() does. */
	hash = XXH3_64bits(text.bytes, text.n);
	json_out_fini(&text);
	return hash;
}

bool
keys_apply(enum command command)
{
	enum command_kind kind = command_rows[command].kind;

	return kind == COMMAND_EDITS || kind == COMMAND_CHANGES || kind == COMMAND_MANAGES;
}

static struct span
scoped_key(struct span actor, struct span key, char out[LIMIT_ACTOR_BYTES + LIMIT_KEY_BYTES + 1])
{
	memcpy(out, actor.n ? actor.p : "", actor.n);
	out[actor.n] = '\0';
	memcpy(out + actor.n + 1, key.p, key.n);
	return (struct span){ out, actor.n + 1 + key.n };
}

/* before: the link that it goes in front of. There is none under that key. */
static struct entry *
insert(struct keys *k, struct span scoped, const struct remembered *answer, struct link *before)
{
	struct entry *e = xcalloc(1, sizeof(*e) + scoped.n + answer->reply.n);
	char *bytes = (char *)(e + 1);

	memcpy(bytes, scoped.p, scoped.n);
	if (answer->reply.n)
		memcpy(bytes + scoped.n, answer->reply.p, answer->reply.n);
	e->key = (struct span){ bytes, scoped.n };
	e->answer = *answer;
	e->answer.reply = (struct span){ bytes + scoped.n, answer->reply.n };
	e->token = ++k->last_token;
	table_add(&k->entries, e);
	list_append(before, &e->age);
	k->bytes += scoped.n + answer->reply.n;
	return e;
}

static bool
has_room(const struct keys *k, size_t n_bytes)
{
	return k->entries.n < LIMIT_KEYS && k->bytes + n_bytes <= LIMIT_KEYS_BYTES;
}

static uint64_t
add(struct keys *k, struct span actor, struct span key, const struct remembered *answer)
{
	char text[LIMIT_ACTOR_BYTES + LIMIT_KEY_BYTES + 1];
	struct span scoped = scoped_key(actor, key, text);
	struct entry *e = table_find(&k->entries, &scoped);

	if (e)
		forget(k, e);
	while (k->entries.n > 0 && !has_room(k, scoped.n + answer->reply.n))
		forget(k, LIST_OF(k->by_age.next, struct entry, age));
	return insert(k, scoped, answer, &k->by_age)->token;
}

/* Where nobody was named the step shows the client, but client ids do not outlive a connection. */
static struct span
step_actor(const struct step *step)
{
	bool is_client =
	    step->actor && step->client_id && strcmp(step->actor, step->client_id) == 0;

	return is_client ? (struct span){ NULL, 0 } : span_of(step->actor);
}

/* While the first step of a session is read. */
struct key_reading {
	struct keys *keys;
	uint64_t created_us; /* of the session */
	bool is_found, is_full;
};

/* Newer sessions were read before. Older ones would be forgotten first. */
static void
keep_oldest(struct key_reading *r, const struct step *step)
{
	char text[LIMIT_ACTOR_BYTES + LIMIT_KEY_BYTES + 1];
	struct span actor = step_actor(step), key = span_of(step->key), scoped;
	struct remembered answer = { .request_hash = step->request_hash,
		.reply = span_of(step->reply) };

	if (!key.p || !step->reply || key.n > LIMIT_KEY_BYTES || actor.n > LIMIT_ACTOR_BYTES)
		return;
	scoped = scoped_key(actor, key, text);
	if (table_find(&r->keys->entries, &scoped))
		return;
	r->is_full = r->keys->entries.n > 0 && !has_room(r->keys, scoped.n + answer.reply.n);
	if (!r->is_full)
		insert(r->keys, scoped, &answer, r->keys->by_age.next);
}

/* Steps from before the session are those it was imported with; where the first one was folded into
 * a snapshot, it was kept, and those that are left came after it. */
static bool
keep_first_step(void *context, const struct store_step *stored)
{
	struct key_reading *r = context;
	struct step step;

	if (stored->time_us != r->created_us)
		return stored->time_us < r->created_us;
	r->is_found = true;
	if (!step_decode(stored->bytes, &step))
		return false;
	keep_oldest(r, &step);
	step_fini(&step);
	return false;
}

static bool
note_unread(void *context, const struct store_session *row, size_t clients)
{
	struct keys *k = context;

	(void)clients;
	k->unread[k->n_unread++] = (struct unread){ row->id, row->created_us };
	return k->n_unread < LIMIT_KEYS;
}

/* Put off until a key is asked for that is not known, so that starting costs nothing. */
static void
begin_reading(struct keys *k)
{
	k->is_reading = true;
	k->unread = xcalloc(LIMIT_KEYS, sizeof(*k->unread));
	sessions_each_newest(k->sessions, note_unread, k);
}

/* Some of them, since others wait. */
static void
read_on(struct keys *k)
{
	struct store *store = sessions_store(k->sessions);
	struct key_reading r = { .keys = k };

	for (int i = 0; i < KEYS_READ_AT_ONCE && k->n_read < k->n_unread && !r.is_full; i++) {
		const struct unread *u = &k->unread[k->n_read++];

		r.created_us = u->created_us;
		r.is_found = false;
		/* A damaged one says nothing here; whoever uses it will hear of it. */
		if (store->ops->kept)
			(void)store->ops->kept(store, &u->session, keep_first_step, &r);
		if (!r.is_found)
			(void)store->ops->steps(store, &u->session, 0, keep_first_step, &r);
	}
	if (r.is_full || k->n_read == k->n_unread)
		end_reading(k);
}

static enum key_state
find_here(struct keys *k, const struct request *req, struct remembered *out)
{
	char text[LIMIT_ACTOR_BYTES + LIMIT_KEY_BYTES + 1];
	struct span scoped = scoped_key(req->caller.actor, req->caller.key, text);
	struct entry *e = table_find(&k->entries, &scoped);

	if (!e && !k->is_reading)
		begin_reading(k);
	if (!e && k->unread) {
		read_on(k);
		e = table_find(&k->entries, &scoped);
	}
	if (e)
		*out = e->answer;
	return e ? KEY_USED : k->unread ? KEY_UNREAD : KEY_NEW;
}

/* While the step is read that may have had an old key. */
struct answer_reading {
	struct span key;
	uint64_t ordinal;
	struct json_out *reply;
	struct remembered *out;
	bool is_found;
};

static bool
take_answer(void *context, const struct store_step *stored)
{
	struct answer_reading *r = context;
	struct step step;

	/* Another one where the step was folded. */
	if (stored->ordinal != r->ordinal || !step_decode(stored->bytes, &step))
		return false;
	r->is_found = step.key && step.reply && span_equal(span_of(step.key), r->key);
	if (r->is_found) {
		json_out_clear(r->reply);
		json_out_bytes(r->reply, span_of(step.reply));
		*r->out = (struct remembered){ .request_hash = step.request_hash,
			.reply = json_out_span(r->reply) };
	}
	step_fini(&step);
	return false;
}

/* Of steps that look alike the newest is read first; nearly always there is one, and it is it. */
static enum key_state
find_old(struct keys *k, const struct session *s, struct span key, struct remembered *out)
{
	struct store *store = sessions_store(k->sessions);
	struct answer_reading r = { .key = key, .reply = &k->read_back, .out = out };
	const struct key_entry *e;

	r.ordinal = old_keys_find(s->old_keys, key, UINT64_MAX);
	e = r.ordinal ? session_key_displaced(s, key) : NULL;
	if (e) {
		*out = (struct remembered){
			.request_hash = e->request_hash, .error = e->error, .reply = e->reply
		};
		return KEY_USED;
	}
	for (; r.ordinal; r.ordinal = old_keys_find(s->old_keys, key, r.ordinal)) {
		if (store->ops->is_busy && store->ops->is_busy(store))
			return KEY_AWAITS_STORE;
		out->error = store->ops->steps(store, &s->id, r.ordinal - 1, take_answer, &r);
		if (r.is_found)
			return KEY_USED;
		if (out->error)
			return KEY_UNREADABLE;
	}
	return KEY_NEW;
}

enum key_state
keys_find(struct keys *k, const struct request *req, struct session *s, struct remembered *out)
{
	const struct key_entry *e = s ? session_key_find(s, req->caller.key) : NULL;
	enum key_state state = KEY_NEW;

	if (e) {
		*out = (struct remembered){
			.request_hash = e->request_hash, .error = e->error, .reply = e->reply
		};
		return KEY_USED;
	}
	if (s && s->old_keys)
		state = find_old(k, s, req->caller.key, out);
	if (state == KEY_NEW && (command_rows[req->command].kind == COMMAND_MANAGES || !s))
		state = find_here(k, req, out);
	return state;
}

uint64_t
keys_add(struct keys *k, const struct request *req, const struct remembered *answer)
{
	return add(k, req->caller.actor, req->caller.key, answer);
}

void
keys_forget(struct keys *k, uint64_t token)
{
	/* It was added lately, so it stands near the end. */
	for (struct link *l = k->by_age.prev; l != &k->by_age; l = l->prev) {
		struct entry *e = LIST_OF(l, struct entry, age);

		if (e->token > token)
			continue;
		if (e->token == token)
			forget(k, e);
		return;
	}
}
