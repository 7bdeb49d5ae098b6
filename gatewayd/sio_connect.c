/*
 * How a socket comes in: where it wants to be, from CONNECT's auth and the handshake's query, and
 * connection state recovery as stock clients know it, from pid and offset.
 */

#include "gatewayd/sio_seats.h"

#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "gatewayd/filter.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>

/* What the handshake's query says; kept for the client's CONNECTs. */
struct door {
	char *session_id, *names, *events, *subtree, *since, *recover, *actor, *log_id;
};

/* The session is not there: stock clients do not try again, which is right. */
void
place_refuse_connect(struct place *p, enum error err, const char *message)
{
	char data[64];

	snprintf(data, sizeof data, "{\"code\":\"%s\"}", error_rows[err].code);
	place_fini(p);
	sio_refuse(place_socket(p), message, span_of(data));
}

/*
 * A pid is a secret, a dot, and the history the socket was in (zeros: none yet), with a colon and
 * the seq it began at. The socket's id follows from the secret alone, so that any gateway can give
 * it back and nobody can guess one: base64url of SHA-256.
 */
static void
id_of_pid(const char *pid, char out[EIO_SID_TEXT + 1])
{
	struct sha256_ctx sha;
	uint8_t digest[EIO_SID_BYTES];
	struct eio_sid sid;

	sha256_init(&sha);
	sha256_update(&sha, EIO_SID_TEXT, (const uint8_t *)pid);
	sha256_digest(&sha, sizeof digest, digest);
	memcpy(sid.bytes, digest, sizeof sid.bytes);
	eio_sid_format(&sid, out);
}

static const char no_history[] = "00000000-0000-0000-0000-000000000000";

static void
new_pid(struct place *p)
{
	struct eio_sid secret;

	p->pid = xcalloc(1, SIO_PID_SPACE);
	random_bytes(secret.bytes, sizeof secret.bytes);
	eio_sid_format(&secret, p->pid);
	p->pid[EIO_SID_TEXT] = '.';
	memcpy(p->pid + EIO_SID_TEXT + 1, no_history, sizeof no_history);
}

/* The client takes the connection for recovered when the pid is the one it had: same secret, same
 * history. */
void
place_accept(struct place *p, const struct uuid *log_id, uint64_t seq)
{
	char history[UUID_TEXT + 1];

	if (!p->recovers) {
		sio_accept(place_socket(p), (struct span){ 0 });
		return;
	}
	if (log_id) {
		uuid_format(log_id, history);
		if (!p->is_back || strncmp(p->pid + EIO_SID_TEXT + 1, history, UUID_TEXT) != 0)
			snprintf(p->pid + EIO_SID_TEXT + 1, SIO_PID_SPACE - EIO_SID_TEXT - 1,
			    "%s:%llu", history, (unsigned long long)seq);
	}
	sio_accept(place_socket(p), span_of(p->pid));
}

/* {NULL,0} keeps *out. False for anything but colon and dash. */
static bool
names_read(struct span text, enum names *out)
{
	if (!text.p)
		return true;
	*out = span_is(text, "dash") ? NAMES_DASH : NAMES_COLON;
	return span_is(text, "dash") || span_is(text, "colon");
}

/* A seq as a number, or as the text that a query makes of it. */
static bool
since_read(struct span text, struct seat_wish *w)
{
	int64_t n;

	if (!text.p)
		return true;
	if (!json_integer(text, &n) || n < 0)
		return false;
	w->has_since = true;
	w->since = (uint64_t)n;
	return true;
}

/* {NULL,0} keeps what there is. The node need not exist: it may come, or come back. */
static bool
subtree_read(struct span text, struct seat_wish *w)
{
	return !text.p || uuid_parse(text, &w->subtree);
}

static struct span
member_text(struct arena *arena, struct span object, const char *name)
{
	struct span value;

	if (!json_find(object, name, &value) || json_type(value) != JSON_STRING)
		return (struct span){ 0 };
	return json_text(arena, value);
}

/* Whether what must be text is text, or null. Anything else would be passed over in silence. */
static bool
are_texts(struct span object)
{
	static const char *const names[] = { "session_id", "names", "events", "log_id", "actor" };
	struct span value;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (json_find(object, names[i], &value) && json_type(value) != JSON_STRING &&
		    json_type(value) != JSON_NULL)
			return false;
	return true;
}

bool
wish_read(struct arena *arena, struct span object, struct seat_wish *w, const char **fault)
{
	struct span value, text = member_text(arena, object, "names");
	filter_set ignored;

	*fault = NULL;
	w->has_names = text.p;
	if (!names_read(text, &w->names))
		*fault = "names must be colon or dash.";
	if ((text = member_text(arena, object, "events")).p)
		w->events = text;
	if ((text = member_text(arena, object, "log_id")).p)
		w->log_id = text;
	if (!filter_parse(w->events, &ignored))
		*fault = "events names no event.";
	if (json_find(object, "since", &value) && json_type(value) != JSON_NULL) {
		value = json_type(value) == JSON_STRING ? json_text(arena, value) : value;
		if (!since_read(value, w))
			*fault = "since must be a seq.";
	}
	if (json_find(object, "subtree", &value) && json_type(value) != JSON_NULL &&
	    (json_type(value) != JSON_STRING || !subtree_read(json_text(arena, value), w)))
		*fault = "subtree must be the id of a node.";
	if (!are_texts(object))
		*fault = "session_id, names, events, log_id and actor must be text.";
	return !*fault;
}

static char *
query_copy(struct span query, const char *name)
{
	char text[LIMIT_REQUEST_LINE_BYTES]; /* no parameter is longer, so none is passed over */
	size_t n;

	if (!eio_query_find(query, name, text, sizeof text, &n))
		return NULL;
	return xspandup((struct span){ text, n });
}

void
sio_seats_open(void *context, struct sio_client *client, const struct eio_request *request)
{
	static const struct door nothing;
	struct door *d = xcalloc(1, sizeof *d);

	(void)context;
	d->session_id = query_copy(request->query, "session_id");
	d->names = query_copy(request->query, "names");
	d->events = query_copy(request->query, "events");
	d->subtree = query_copy(request->query, "subtree");
	d->since = query_copy(request->query, "since");
	d->recover = query_copy(request->query, "recover");
	d->actor = query_copy(request->query, "actor");
	d->log_id = query_copy(request->query, "log_id");
	/* Most clients say it all in auth, and are many. */
	if (memcmp(d, &nothing, sizeof nothing) == 0) {
		free(d);
		d = NULL;
	}
	sio_client_set_data(client, d);
}

void
sio_seats_close(void *context, struct sio_client *client, enum sio_reason reason)
{
	struct door *d = sio_client_data(client);

	(void)context;
	(void)reason;
	if (!d)
		return;
	free(d->session_id);
	free(d->names);
	free(d->events);
	free(d->subtree);
	free(d->since);
	free(d->recover);
	free(d->actor);
	free(d->log_id);
	free(d);
	sio_client_set_data(client, NULL);
}

static bool
is_true(struct span value)
{
	return span_is(value, "true") || span_is(value, "1") || span_is(value, "\"true\"");
}

/* Behind which seq of which session to go on; who has heard nothing yet, behind the one it began
 * at. False: not known. */
static bool
read_place(struct span pid, struct span offset, struct seat_wish *w)
{
	struct uuid session = w->session;
	struct span seq = { pid.p + SIO_PID_TEXT + 1, pid.n - SIO_PID_TEXT - 1 };

	if (offset.n == 0) {
		if (uuid_is_nil(&session) || pid.n < SIO_PID_TEXT + 2)
			return false;
	} else {
		if (offset.n <= UUID_TEXT + 1 || offset.p[UUID_TEXT] != ':' ||
		    !uuid_parse((struct span){ offset.p, UUID_TEXT }, &session))
			return false;
		if (!uuid_is_nil(&w->session) && !uuid_equal(&w->session, &session))
			return false;
		seq = (struct span){ offset.p + UUID_TEXT + 1, offset.n - UUID_TEXT - 1 };
	}
	w->session = session;
	return since_read(seq, w);
}

static bool
is_pid(struct span pid)
{
	return pid.n >= SIO_PID_TEXT && pid.n < SIO_PID_SPACE && pid.p[EIO_SID_TEXT] == '.' &&
	    (pid.n == SIO_PID_TEXT || pid.p[SIO_PID_TEXT] == ':');
}

/*
 * pid and offset of a former connection: the offset says where to go on, the pid who it was and in
 * which history. One without a history came by join_session, and such clients use dash names. A pid
 * is given back only with what belongs to it: the client takes that for "nothing was missed".
 */
static void
read_recovery(
    struct arena *arena, struct span auth, struct place *p, struct seat_wish *w, bool names_given)
{
	struct span pid = member_text(arena, auth, "pid");
	struct seat_wish found = *w;

	if (!is_pid(pid) || !read_place(pid, member_text(arena, auth, "offset"), &found))
		return;
	found.is_unasked = uuid_is_nil(&w->session);
	*w = found;
	p->pid = xcalloc(1, SIO_PID_SPACE);
	memcpy(p->pid, pid.p, pid.n);
	p->is_back = true;
	w->keeps_pid = strncmp(p->pid + EIO_SID_TEXT + 1, no_history, UUID_TEXT) == 0;
	if (w->keeps_pid && !names_given)
		w->names = NAMES_DASH;
	if (!w->keeps_pid)
		w->log_id = (struct span){ p->pid + EIO_SID_TEXT + 1, UUID_TEXT };
}

static void
name_socket(struct place *p)
{
	char id[EIO_SID_TEXT + 1];

	if (p->recovers && !p->pid)
		new_pid(p);
	if (p->recovers) {
		id_of_pid(p->pid, id);
		sio_set_id(place_socket(p), span_of(id));
	}
}

void
place_begin_anew(struct place *p)
{
	free(p->pid);
	p->pid = NULL;
	p->is_back = false;
	name_socket(p);
	place_accept(p, NULL, 0);
}

void
place_in_several(struct place *p)
{
	size_t n = 0;

	for (const struct seat *s = p->seats; s; s = s->next)
		n += s->member.state != MEMBER_JOINING;
	if (n < 2 || !p->recovers)
		return;
	p->is_in_several = true;
	for (struct seat *s = p->seats; s; s = s->next) {
		unsigned dialect = place_dialect(p, seat_names(s));

		if (s->member.state != MEMBER_JOINING && s->member.may_return)
			hub_end_returns(place_hub(p), &s->member, dialect);
	}
}

const char *
place_offset(const struct place *p, const char *offset)
{
	if (!p->recovers)
		return NULL;
	return p->is_in_several ? SIO_NOWHERE : offset;
}

/* Where the socket wants to be: auth first, then the handshake's query. */
static void
connect_with(struct sio_socket *socket, struct span auth, struct arena *arena)
{
	static const struct door nothing;
	const struct door *query = sio_client_data(sio_client_of(socket));
	const struct door *d = query ? query : &nothing;
	struct seat_wish w = {
		.names = NAMES_COLON, .events = span_of(d->events), .log_id = span_of(d->log_id)
	};
	struct span actor = member_text(arena, auth, "actor"),
		    session_id = member_text(arena, auth, "session_id"), value;
	struct place *p = sio_user(socket);
	const char *fault = NULL;

	actor = actor.n ? actor : span_of(d->actor);
	p->actor = actor.n ? xspandup(actor) : NULL;
	p->recovers = sio_seats_recover_all(place_app(p)) || is_true(span_of(d->recover)) ||
	    (json_find(auth, "recover", &value) && is_true(value));
	session_id = session_id.p ? session_id : span_of(d->session_id);
	if (!names_read(span_of(d->names), &w.names) || !since_read(span_of(d->since), &w) ||
	    !subtree_read(span_of(d->subtree), &w))
		fault = "names, since or subtree is malformed.";
	if (actor.n > LIMIT_ACTOR_BYTES || !utf8_is_printable(actor))
		fault = "actor is too long, or holds a character that is not allowed.";
	if (fault || !wish_read(arena, auth, &w, &fault)) {
		place_refuse_connect(p, ERROR_invalid_request, fault);
		return;
	}
	if (session_id.n && !uuid_parse(session_id, &w.session)) {
		place_refuse_connect(
		    p, ERROR_invalid_session, error_rows[ERROR_invalid_session].text);
		return;
	}
	if (p->recovers)
		read_recovery(arena, auth, p, &w, d->names || json_find(auth, "names", &value));
	name_socket(p);
	if (uuid_is_nil(&w.session))
		place_accept(p, NULL, 0);
	else
		seat_take(p, &w);
}

void
sio_seats_connect(void *context, struct sio_socket *socket, struct span auth)
{
	struct arena arena;

	(void)context;
	arena_init(&arena);
	connect_with(socket, auth, &arena);
	arena_fini(&arena);
}
