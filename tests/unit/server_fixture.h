#pragma once
/* A server on a store of choice, in this process, and clients of its sockets. Waiting means
 * turning the loop. */

#include "common/frames.h"
#include "graphd/server.h"
#include "graphd/sessions.h"
#include "run_tests.h"

enum { QUIET_MS = 100 }; /* this long nothing comes */

/* A caller who wants no more in the reply than there must be. */
#define MINIMAL "{\"minimal\":true}"

struct client_socket {
	void *socket;
	unsigned asked;
};

struct server_fixture {
	char directory[64], requests[96], events[96], feed[96];
	struct loop *loop;
	struct store *store;
	struct blueprints *blueprints;
	struct sessions *sessions;
	struct server *server;
	void *zmq;		    /* of the clients */
	struct client_socket asker; /* a DEALER */
};

void server_fixture_open(struct server_fixture *, const char *store_spec);
/* The same; sessions that nobody used for so long end, and are looked for every second. */
void server_fixture_open_with_ttl(
    struct server_fixture *, const char *store_spec, uint64_t session_ttl_us);
void server_fixture_close(struct server_fixture *);

void *client_new(struct server_fixture *, int type, const char *endpoint);
/* Sends a request and does not wait. Returns its id. caller and args: JSON or "". */
unsigned client_send(struct client_socket *, const char *command, const char *session,
    const char *caller, const char *args);
/* A root of that name. */
void send_create(struct client_socket *, const char *session, const char *name);
/* Turns the loop until a message is there. False: none came in limit_ms. */
bool fixture_recv(struct server_fixture *, void *socket, struct frames *, int limit_ms);

struct answer {
	unsigned id;
	char status[64];
	char *body; /* owned, NUL-terminated; all parts joined */
	unsigned parts;
};
struct answer client_await(struct server_fixture *, struct client_socket *);
/* Both. */
struct answer client_ask(struct server_fixture *, const char *command, const char *session,
    const char *caller, const char *args);
/* The same, when only the status matters. */
void client_expect(struct server_fixture *, const char *status, const char *command,
    const char *session, const char *caller, const char *args);
void answer_fini(struct answer *);
/* The text of a member anywhere in the body: "name":"text". */
void answer_text(const struct answer *, const char *name, char out[64]);

/* A project with its root; ids as text. */
void make_project(struct server_fixture *, char session[64], char root[64]);

/* The arguments of LoadGraph for 20,000 nodes, which make a reply of about 5 MB. The caller frees.
 */
char *big_graph(void);

/* A SUB socket that hears all of a session; the sync that answers the subscription has been taken.
 */
void *tap_new(struct server_fixture *, const char *session);
/* The next event's name, heartbeats and beacons left out; "" when none comes. *seq and *flags of
 * its header. */
struct tapped {
	char name[64];
	uint64_t seq;
	unsigned flags;
	char body[1024];
};
struct tapped tap_next(struct server_fixture *, void *tap, int limit_ms);
