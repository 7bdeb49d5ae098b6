/* Who may talk to graphd over the network: those whose certificates lie in the directory, and
 * nobody else. */

#include "common/bus_security.h"
#include "common/clock.h"
#include "common/frames.h"

#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

static char directory[] = "/tmp/test-bus-security.XXXXXX";
static char message[256];

static const char *
path(const char *name)
{
	static char texts[4][128];
	static int next;

	next = (next + 1) % 4;
	snprintf(texts[next], sizeof texts[next], "%s/%s", directory, name);
	return texts[next];
}

static void
make_certificates(void)
{
	char command[512];

	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(mkdir(path("allowed"), 0700), 0);
	ck_assert(bus_security_new_certificate(path("server"), message));
	ck_assert(bus_security_new_certificate(path("friend"), message));
	ck_assert(bus_security_new_certificate(path("stranger"), message));
	snprintf(command, sizeof command, "cp %s %s", path("friend"), path("allowed/friend"));
	ck_assert_int_eq(system(command), 0);
}

static void
remove_certificates(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
}

struct echo {
	struct loop_zmq z;
};

static bool
on_request(struct loop_zmq *z)
{
	struct frames f;

	if (!frames_recv(&f, z->socket))
		return false;
	frames_send(z->socket, frames_at(&f, 0), false);
	frames_fini(&f);
	return true;
}

/* Whether a client with this certificate gets an answer. */
static bool
is_served(const char *certificate)
{
	struct loop *loop = loop_new();
	void *context = zmq_ctx_new(), *server = zmq_socket(context, ZMQ_REP),
	     *client = zmq_socket(context, ZMQ_REQ);
	struct bus_security *s =
	    bus_security_server(loop, context, path("server"), path("allowed"), message);
	struct bus_security *c = bus_security_client(certificate, path("server"), message);
	struct echo echo = { .z.ready = on_request };
	struct frames f;
	char endpoint[128];
	size_t n = sizeof endpoint;
	int zero = 0;
	uint64_t until_ms = clock_now_ms() + 1000;
	bool served = false;

	ck_assert_ptr_nonnull(s);
	ck_assert_ptr_nonnull(c);
	zmq_setsockopt(client, ZMQ_LINGER, &zero, sizeof zero);
	bus_security_apply(s, server);
	bus_security_apply(c, client);
	ck_assert_int_eq(zmq_bind(server, "tcp://127.0.0.1:*"), 0);
	ck_assert_int_eq(zmq_getsockopt(server, ZMQ_LAST_ENDPOINT, endpoint, &n), 0);
	loop_add_zmq(loop, &echo.z, server);
	ck_assert_int_eq(zmq_connect(client, endpoint), 0);
	ck_assert(frames_send(client, SPAN("hello"), false));
	while (!served && clock_now_ms() < until_ms) {
		loop_turn(loop, 10);
		served = frames_recv(&f, client);
	}
	if (served) {
		ck_assert(span_is(frames_at(&f, 0), "hello"));
		frames_fini(&f);
	}
	loop_remove_zmq(loop, &echo.z);
	zmq_close(server);
	zmq_close(client);
	bus_security_free(s);
	bus_security_free(c);
	zmq_ctx_term(context);
	loop_free(loop);
	return served;
}

START_TEST(one_whose_certificate_is_there_is_served)
{
	ck_assert(is_served(path("friend")));
}
END_TEST

START_TEST(one_whose_certificate_is_not_there_is_not)
{
	ck_assert(!is_served(path("stranger")));
}
END_TEST

START_TEST(secrets_are_for_their_owner_alone)
{
	struct stat st;

	ck_assert_int_eq(stat(path("server_secret"), &st), 0);
	ck_assert_int_eq(st.st_mode & 077, 0);
}
END_TEST

START_TEST(what_is_missing_is_named)
{
	struct loop *loop = loop_new();
	void *context = zmq_ctx_new();
	char only_public[128];

	ck_assert_ptr_null(
	    bus_security_server(loop, context, path("nobody"), path("allowed"), message));
	ck_assert_ptr_nonnull(strstr(message, "nobody"));
	ck_assert_ptr_null(
	    bus_security_server(loop, context, path("server"), path("nowhere"), message));
	ck_assert_ptr_nonnull(strstr(message, "nowhere"));
	ck_assert_ptr_null(bus_security_client(path("friend"), path("nobody"), message));
	ck_assert_ptr_nonnull(strstr(message, "nobody"));
	snprintf(only_public, sizeof only_public, "%s", path("allowed/friend"));
	ck_assert_ptr_null(bus_security_client(only_public, path("server"), message));
	ck_assert_ptr_nonnull(strstr(message, "secret"));
	ck_assert(!bus_security_new_certificate("/nonexistent/x", message));
	zmq_ctx_term(context);
	loop_free(loop);
}
END_TEST

/* czmq would write its secret under another name, at one length over the public file. */
START_TEST(a_path_that_is_too_long_is_refused)
{
	char long_path[300], lots[200];
	size_t n = strlen(directory) + 2;

	memset(lots, 'd', sizeof lots);
	snprintf(long_path, sizeof long_path, "%s/%.*s", directory, 200, lots);
	ck_assert_int_eq(mkdir(long_path, 0700), 0);
	for (size_t length = 247; length <= 256; length++) {
		snprintf(long_path, sizeof long_path, "%s/%.*s/%.*s", directory, 200, lots,
		    (int)(length - n - 200), lots);
		ck_assert_uint_eq(strlen(long_path), length);
		ck_assert_int_eq(bus_security_new_certificate(long_path, message), length <= 248);
		if (length <= 248)
			continue;
		ck_assert_ptr_nonnull(strstr(message, "too long"));
		ck_assert_int_ne(access(long_path, F_OK), 0);
		ck_assert_ptr_null(bus_security_client(long_path, path("server"), message));
		ck_assert_ptr_nonnull(strstr(message, "too long"));
	}
}
END_TEST

START_TEST(a_socket_that_cannot_be_secured_ends_the_process)
{
	struct bus_security *s = bus_security_client(path("friend"), path("server"), message);

	ck_assert_ptr_nonnull(s);
	bus_security_apply(s, NULL);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("bus_security");

	tcase_add_unchecked_fixture(tc, make_certificates, remove_certificates);
	tcase_add_test(tc, one_whose_certificate_is_there_is_served);
	tcase_add_test(tc, one_whose_certificate_is_not_there_is_not);
	tcase_add_test(tc, secrets_are_for_their_owner_alone);
	tcase_add_test(tc, what_is_missing_is_named);
	tcase_add_test(tc, a_path_that_is_too_long_is_refused);
	tcase_add_exit_test(tc, a_socket_that_cannot_be_secured_ends_the_process, 1);
	return run_tests(tc);
}
