#include "server_fixture.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/loop.h"
#include "common/mem.h"
#include "proto/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 }; /* of a busy machine */

void
server_fixture_open(struct server_fixture *f, const char *store_spec)
{
	server_fixture_open_with_ttl(f, store_spec, 0);
}

void
server_fixture_open_with_ttl(
    struct server_fixture *f, const char *store_spec, uint64_t session_ttl_us)
{
	struct server_options options = { .snd_hwm = 10000,
		.grace_ms = LIMIT_GRACE_MS,
		.session_ttl_us = session_ttl_us,
		.cleanup_every_ms = 1000 };
	char message[256] = "";

	memset(f, 0, sizeof *f);
	strcpy(f->directory, "/tmp/test_server.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(f->directory));
	snprintf(f->requests, sizeof f->requests, "ipc://%s/requests", f->directory);
	snprintf(f->events, sizeof f->events, "ipc://%s/events", f->directory);
	snprintf(f->feed, sizeof f->feed, "ipc://%s/feed", f->directory);
	options.requests = f->requests;
	options.feed = f->feed;
	options.events = f->events;
	f->loop = loop_new();
	f->store = store_open(store_spec, f->loop, message);
	ck_assert_msg(f->store != NULL, "%s", message);
	f->blueprints = blueprints_open(TEMPLATES_DIRECTORY);
	ck_assert_ptr_nonnull(f->blueprints);
	f->sessions = sessions_new(f->store, f->blueprints);
	f->server = server_new(f->loop, f->sessions, &options, message);
	ck_assert_msg(f->server != NULL, "%s", message);
	f->zmq = zmq_ctx_new();
	f->asker.socket = client_new(f, ZMQ_DEALER, f->requests);
}

void
server_fixture_close(struct server_fixture *f)
{
	zmq_close(f->asker.socket);
	server_stop(f->server);
	f->store->ops->close(f->store);
	server_free(f->server);
	sessions_free(f->sessions);
	blueprints_free(f->blueprints);
	loop_free(f->loop);
	zmq_ctx_term(f->zmq);
	unlink(f->requests + strlen("ipc://"));
	unlink(f->events + strlen("ipc://"));
	unlink(f->feed + strlen("ipc://"));
	rmdir(f->directory);
}

void *
client_new(struct server_fixture *f, int type, const char *endpoint)
{
	void *socket = zmq_socket(f->zmq, type);
	int linger = 0, unbounded = 0;

	zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
	zmq_setsockopt(socket, ZMQ_SNDHWM, &unbounded, sizeof unbounded);
	zmq_setsockopt(socket, ZMQ_RCVHWM, &unbounded, sizeof unbounded);
	ck_assert_int_eq(zmq_connect(socket, endpoint), 0);
	return socket;
}

/* A DEALER must write the empty frame that a REQ writes by itself. */
unsigned
client_send(struct client_socket *c, const char *command, const char *session, const char *caller,
    const char *args)
{
	size_t n = strlen(args), at = 0;
	char id[16];

	snprintf(id, sizeof id, "%u", ++c->asked);
	frames_send(c->socket, SPAN(""), true);
	frames_send(c->socket, SPAN(WIRE_PROTOCOL), true);
	frames_send(c->socket, span_of(id), true);
	frames_send(c->socket, span_of(command), true);
	frames_send(c->socket, span_of(session), true);
	frames_send(c->socket, span_of(caller), true);
	for (; n - at > LIMIT_PART_BYTES; at += LIMIT_PART_BYTES)
		frames_send(c->socket, (struct span){ args + at, LIMIT_PART_BYTES }, true);
	frames_send(c->socket, (struct span){ args + at, n - at }, false);
	return c->asked;
}

void
send_create(struct client_socket *c, const char *session, const char *name)
{
	char args[200];

	snprintf(args, sizeof args, "{\"blueprint_type_id\":\"phase\",\"name\":\"%s\"}", name);
	client_send(c, "CreateNode", session, MINIMAL, args);
}

bool
fixture_recv(struct server_fixture *f, void *socket, struct frames *frames, int limit_ms)
{
	uint64_t until_ms = clock_now_ms() + (uint64_t)limit_ms;

	while (!frames_recv(frames, socket)) {
		if (clock_now_ms() >= until_ms)
			return false;
		loop_turn(f->loop, 1);
	}
	return true;
}

struct answer
client_await(struct server_fixture *f, struct client_socket *c)
{
	struct answer a = { 0 };
	struct json_out body = { 0 };
	struct frames frames;
	bool more;
	size_t n;

	do {
		ck_assert_msg(fixture_recv(f, c->socket, &frames, PATIENCE_MS), "no answer came");
		ck_assert_uint_ge(frames.n, 5);
		ck_assert(
		    frames_at(&frames, 0).n == 0 && span_is(frames_at(&frames, 1), WIRE_PROTOCOL));
		a.id = (unsigned)atoi(frames_at(&frames, 2).p);
		snprintf(a.status, sizeof a.status, "%.*s", (int)frames_at(&frames, 3).n,
		    frames_at(&frames, 3).p);
		for (size_t i = 4; i < frames.n; i++)
			json_out_bytes(&body, frames_at(&frames, i));
		more = strcmp(a.status, WIRE_STATUS_PART) == 0;
		a.parts++;
		frames_fini(&frames);
	} while (more);
	json_out_bytes(&body, (struct span){ "", 1 });
	a.body = json_out_take(&body, &n);
	return a;
}

struct answer
client_ask(struct server_fixture *f, const char *command, const char *session, const char *caller,
    const char *args)
{
	unsigned id = client_send(&f->asker, command, session, caller, args);
	struct answer a = client_await(f, &f->asker);

	ck_assert_uint_eq(a.id, id);
	return a;
}

void
client_expect(struct server_fixture *f, const char *status, const char *command,
    const char *session, const char *caller, const char *args)
{
	struct answer a = client_ask(f, command, session, caller, args);

	ck_assert_msg(strcmp(a.status, status) == 0, "%s: %s, %.200s", command, a.status, a.body);
	answer_fini(&a);
}

void
answer_fini(struct answer *a)
{
	free(a->body);
	a->body = NULL;
}

void
answer_text(const struct answer *a, const char *name, char out[64])
{
	char member[72];
	const char *at;

	snprintf(member, sizeof member, "\"%s\":\"", name);
	at = strstr(a->body, member);
	ck_assert_msg(at != NULL, "no %s in %.200s", name, a->body);
	at += strlen(member);
	snprintf(out, 64, "%.*s", (int)strcspn(at, "\""), at);
}

void
make_project(struct server_fixture *f, char session[64], char root[64])
{
	struct answer a = client_ask(
	    f, "CreateProject", "", "", "{\"template_id\":\"restomod\",\"project_name\":\"P\"}");

	ck_assert_msg(strcmp(a.status, "OK") == 0, "%s", a.body);
	answer_text(&a, "session_id", session);
	answer_text(&a, "id", root);
	answer_fini(&a);
}

char *
big_graph(void)
{
	enum { NODES = 20000 };
	char *args = malloc((size_t)NODES * 128), *at = args;

	at += sprintf(at, "{\"graph\":{\"roots\":[");
	for (int i = 0; i < NODES; i++)
		at += sprintf(at,
		    "%s{\"id\":\"00000000-0000-4000-8000-%012d\",\"type\":\"task\",\"name\":\"n\"}",
		    i ? "," : "", i + 1);
	sprintf(at, "]}}");
	return args;
}

static struct tapped
tap_any(struct server_fixture *f, void *tap, int limit_ms)
{
	struct tapped t = { 0 };
	struct wire_header header;
	struct frames frames;
	const char *slash;

	if (!fixture_recv(f, tap, &frames, limit_ms))
		return t;
	ck_assert_uint_eq(frames.n, 3);
	ck_assert(wire_header_get(frames_at(&frames, 1), &header));
	slash = memchr(frames_at(&frames, 0).p, '/', frames_at(&frames, 0).n);
	ck_assert_ptr_nonnull(slash);
	snprintf(t.name, sizeof t.name, "%.*s",
	    (int)(frames_at(&frames, 0).n - (size_t)(slash + 1 - frames_at(&frames, 0).p)),
	    slash + 1);
	snprintf(
	    t.body, sizeof t.body, "%.*s", (int)frames_at(&frames, 2).n, frames_at(&frames, 2).p);
	t.seq = header.seq;
	t.flags = header.flags;
	frames_fini(&frames);
	return t;
}

struct tapped
tap_next(struct server_fixture *f, void *tap, int limit_ms)
{
	struct tapped t;

	do
		t = tap_any(f, tap, limit_ms);
	while (strcmp(t.name, "sync") == 0);
	return t;
}

void *
tap_new(struct server_fixture *f, const char *session)
{
	void *tap = client_new(f, ZMQ_SUB, f->events);
	char topic[96];
	int n = snprintf(topic, sizeof topic, "session_%s/", session);
	struct tapped t;

	zmq_setsockopt(tap, ZMQ_SUBSCRIBE, topic, (size_t)n);
	t = tap_any(f, tap, PATIENCE_MS);
	ck_assert_str_eq(t.name, "sync");
	return tap;
}
