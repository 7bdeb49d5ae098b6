/* The guard against running out of descriptors. Strangers connect from a process of their own, as
 * theirs would count too. */

#include "common/clock.h"
#include "graphd/server_guard.h"

#include "run_tests.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

enum { LIMIT = 128, WAIT_MS = 10000 };

static char directory[32], endpoint[64];
static struct sockaddr_un address;
static struct loop *loop;
static void *zmq, *socket_;
static struct guard guard;
static int orders[2];
static pid_t child;

static void
set_up(void)
{
	struct rlimit limit = { LIMIT, LIMIT };

	snprintf(directory, sizeof directory, "/tmp/guard-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	address.sun_family = AF_UNIX;
	snprintf(address.sun_path, sizeof address.sun_path, "%s/bus", directory);
	snprintf(endpoint, sizeof endpoint, "ipc://%s/bus", directory);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	loop = loop_new();
	zmq = zmq_ctx_new();
	socket_ = zmq_socket(zmq, ZMQ_XPUB);
	ck_assert_int_eq(zmq_bind(socket_, endpoint), 0);
	guard_init(&guard, loop, zmq);
	guard_watch(&guard, socket_, endpoint);
}

static void
tear_down(void)
{
	guard_fini(&guard);
	zmq_close(socket_);
	zmq_ctx_term(zmq);
	loop_free(loop);
	unlink(address.sun_path);
	rmdir(directory);
}

static int
used(void)
{
	DIR *open = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(open);
	while (readdir(open))
		n++;
	closedir(open);
	return n;
}

/* n strangers connect; then as many go as are ordered, until no more orders can come. */
static void
be_strangers(int n)
{
	int strangers[LIMIT], left = 0;
	unsigned char going;

	for (; left < n; left++) {
		strangers[left] = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(strangers[left], (struct sockaddr *)&address, sizeof address) != 0)
			_exit(EXIT_FAILURE);
	}
	while (read(orders[0], &going, 1) == 1)
		while (going-- > 0)
			close(strangers[--left]);
	_exit(EXIT_SUCCESS);
}

static void
connect_strangers(int n)
{
	ck_assert_int_eq(pipe(orders), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		close(orders[1]);
		be_strangers(n);
	}
	close(orders[0]);
}

static void
run_until(bool closed)
{
	uint64_t end_ms = clock_now_ms() + WAIT_MS;

	while (guard.closed != closed && clock_now_ms() < end_ms)
		loop_turn(loop, 10);
	ck_assert_int_eq(guard.closed, closed);
}

START_TEST(it_listens_again_by_itself_as_soon_as_enough_have_gone)
{
	unsigned char going;
	int status;

	connect_strangers(LIMIT / 4 * 3 - used());
	run_until(true);
	/* The last end that is told of may come before its descriptor is free. */
	going = (unsigned char)(used() - LIMIT / 2 + 1);
	ck_assert_int_eq(write(orders[1], &going, 1), 1);
	run_until(false);
	close(orders[1]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	connect_strangers(1); /* it can */
	close(orders[1]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("server_guard");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, it_listens_again_by_itself_as_soon_as_enough_have_gone);
	return run_tests(t);
}
