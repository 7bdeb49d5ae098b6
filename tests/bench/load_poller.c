#include "tests/bench/load_poller.h"

#include "common/log.h"
#include "common/mem.h"
#include "tests/bench/load_answer.h"
#include "tests/bench/load_net.h"

#include <stdio.h>
#include <stdlib.h>

/* What the answer under way is to. */
enum step {
	STEP_PLAIN,   /* an idle connection's one request */
	STEP_OPEN,    /* Engine.IO's handshake */
	STEP_CONNECT, /* the post of the hello */
	STEP_CONFIRM, /* the poll that brings the namespace's answer */
	STEP_HELD,
	STEP_PONG,
};

enum { SID_BYTES = 64 };

struct poller {
	struct net_connection *connection; /* borrowed */
	char *hello;			   /* owned */
	enum step step;
	struct answer answer;
	char sid[SID_BYTES];
};

static const char path[] = "/socket.io/?EIO=4&transport=polling";

static void
ask(struct poller *p, enum step step, const char *target, const char *body)
{
	char *request;
	int n = asprintf(&request,
	    "%s %s%s%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    body ? "POST" : "GET", target, *p->sid ? "&sid=" : "", p->sid, body ? strlen(body) : 0,
	    body ? body : "");

	if (n < 0)
		log_fatal("load", "no memory");
	p->step = step;
	p->answer = (struct answer){ 0 };
	net_send(p->connection, (struct span){ request, (size_t)n });
	free(request);
}

struct poller *
poller_new(struct net_connection *connection, char *hello)
{
	struct poller *p = xcalloc(1, sizeof *p);

	p->connection = connection;
	p->hello = hello;
	if (hello)
		ask(p, STEP_OPEN, path, NULL);
	else
		ask(p, STEP_PLAIN, "/healthz", NULL);
	return p;
}

void
poller_free(struct poller *p)
{
	if (!p)
		return;
	free(p->hello);
	free(p);
}

const char *
poller_last_answer(const struct poller *p)
{
	return p->answer.start;
}

/* Keeps the sid of Engine.IO's open packet; false: there is none. */
static bool
take_sid(struct poller *p)
{
	static const char name[] = "\"sid\":\"";
	const char *at = strstr(p->answer.start, name), *end;

	if (!at)
		return false;
	at += sizeof name - 1;
	end = strchr(at, '"');
	if (!end || end - at >= SID_BYTES)
		return false;
	memcpy(p->sid, at, (size_t)(end - at));
	return true;
}

static enum poller_outcome
take_answer(struct poller *p)
{
	const char *text = p->answer.start;
	bool is_confirmed;

	if (p->answer.status != 200)
		return POLLER_FAILED;
	switch (p->step) {
	case STEP_PLAIN:
		return POLLER_IS_IN;
	case STEP_OPEN:
		if (!take_sid(p))
			return POLLER_FAILED;
		ask(p, STEP_CONNECT, path, p->hello);
		return POLLER_WAITS;
	case STEP_CONNECT:
		ask(p, STEP_CONFIRM, path, NULL);
		return POLLER_WAITS;
	case STEP_CONFIRM:
		is_confirmed = strncmp(text, "40/graph,", 9) == 0;
		if (is_confirmed)
			ask(p, STEP_HELD, path, NULL);
		return is_confirmed ? POLLER_IS_IN : POLLER_FAILED;
	case STEP_HELD:
		/* A ping is a packet of its own kind, alone or in front of others. */
		if (text[0] == '2' && (text[1] == '\0' || text[1] == '\x1e'))
			ask(p, STEP_PONG, path, "3");
		else
			ask(p, STEP_HELD, path, NULL);
		return POLLER_WAITS;
	case STEP_PONG:
		ask(p, STEP_HELD, path, NULL);
		return POLLER_WAITS;
	}
	return POLLER_FAILED;
}

enum poller_outcome
poller_read(struct poller *p, struct span bytes, size_t *done)
{
	*done = answer_read(&p->answer, bytes);
	if (p->answer.state == ANSWER_BROKEN ||
	    (p->answer.state == ANSWER_DONE && p->answer.closes))
		return POLLER_FAILED;
	return p->answer.state == ANSWER_DONE ? take_answer(p) : POLLER_WAITS;
}
