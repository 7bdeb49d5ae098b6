/* Binding the bus: to whom an endpoint belongs. */

#include "common/bus_socket.h"

#include "run_tests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

static char directory[] = "/tmp/test-bus-socket.XXXXXX", endpoint[64];
static const char *path;
static void *zmq, *ours;

static void
set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(endpoint, sizeof endpoint, "ipc://%s/bus", directory);
	path = endpoint + sizeof "ipc://" - 1;
	zmq = zmq_ctx_new();
	ours = bus_socket_new(zmq, ZMQ_ROUTER, NULL);
	ck_assert_ptr_nonnull(ours);
}

static void
tear_down(void)
{
	zmq_close(ours);
	zmq_ctx_term(zmq);
	unlink(path);
	ck_assert_int_eq(rmdir(directory), 0);
}

START_TEST(the_file_of_an_endpoint_is_for_us_alone)
{
	mode_t mask = umask(022);
	struct stat st;

	ck_assert(bus_socket_bind(ours, endpoint));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_int_eq(st.st_mode & 077, 0);
	ck_assert_int_eq(umask(mask), 022); /* for other files it is as before */
}
END_TEST

START_TEST(a_path_is_free_until_somebody_listens)
{
	ck_assert(bus_endpoint_is_free(endpoint));
	ck_assert(bus_socket_bind(ours, endpoint));
	ck_assert(!bus_endpoint_is_free(endpoint));
	ck_assert_int_eq(errno, EADDRINUSE);
}
END_TEST

START_TEST(a_file_that_a_dead_process_left_is_free)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(address.sun_path, path, strlen(path));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	close(fd);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert(bus_endpoint_is_free(endpoint));
	ck_assert(bus_socket_bind(ours, endpoint));
}
END_TEST

START_TEST(of_other_endpoints_the_system_says_so_itself)
{
	char name[64];
	size_t n = sizeof name;
	void *other;

	ck_assert(bus_socket_bind(ours, "tcp://127.0.0.1:*"));
	ck_assert_int_eq(zmq_getsockopt(ours, ZMQ_LAST_ENDPOINT, name, &n), 0);
	ck_assert(bus_endpoint_is_free(name));
	other = bus_socket_new(zmq, ZMQ_XPUB, NULL);
	ck_assert_ptr_null(bus_socket_listen(other, name));
	ck_assert_int_eq(errno, EADDRINUSE);
}
END_TEST

START_TEST(a_path_that_no_socket_can_have_is_refused_by_binding)
{
	char longest[256];

	snprintf(longest, sizeof longest, "ipc:///%0200d", 7);
	ck_assert(bus_endpoint_is_free(longest));
	ck_assert(!bus_socket_bind(ours, longest));
	ck_assert_int_eq(errno, ENAMETOOLONG);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("bus_socket");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, the_file_of_an_endpoint_is_for_us_alone);
	tcase_add_test(t, a_path_is_free_until_somebody_listens);
	tcase_add_test(t, a_file_that_a_dead_process_left_is_free);
	tcase_add_test(t, of_other_endpoints_the_system_says_so_itself);
	tcase_add_test(t, a_path_that_no_socket_can_have_is_refused_by_binding);
	return run_tests(t);
}
