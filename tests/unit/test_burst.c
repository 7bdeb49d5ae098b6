/* Many sends in one system call: the same results with a ring, without one, and where a ring may
 * be made and not used. */

#include "gatewayd/burst.h"

#include "run_tests.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How the tests get by: _i of each. */
enum { WITH_RING, WITHOUT, MAKING_REFUSED, USE_REFUSED, WAYS };

static struct burst *burst;
static size_t n_pairs;
static int ours[BURST_SENDS], theirs[BURST_SENDS];
static char texts[BURST_SENDS][16];
static struct burst_send sends[BURST_SENDS];

/* As a container's filter does: this system call is not permitted. */
static void
forbid(unsigned call)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof rules / sizeof *rules, rules };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* Sends i goes to ours[i] and says its number. */
static void
start(int way, size_t n)
{
	if (way == MAKING_REFUSED)
		forbid(SYS_io_uring_setup);
	if (way == USE_REFUSED)
		forbid(SYS_io_uring_enter);
	burst = burst_new(way == WITHOUT ? BURST_ONE_BY_ONE : BURST_BEST);
	for (; n_pairs < n; n_pairs++) {
		int ends[2];

		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
		ours[n_pairs] = ends[0];
		theirs[n_pairs] = ends[1];
		snprintf(texts[n_pairs], sizeof texts[n_pairs], "to %zu", n_pairs);
		sends[n_pairs] = (struct burst_send){
			.fd = ends[0], .result = 12345, .bytes = span_of(texts[n_pairs])
		};
	}
}

static void
finish(void)
{
	for (size_t i = 0; i < n_pairs; i++) {
		close(ours[i]);
		close(theirs[i]);
	}
	burst_free(burst);
}

static void
check_arrived(size_t i)
{
	char got[64];
	ssize_t n = recv(theirs[i], got, sizeof got, MSG_DONTWAIT);

	ck_assert_int_eq(sends[i].result, (int)sends[i].bytes.n);
	ck_assert_int_eq(n, (ssize_t)sends[i].bytes.n);
	ck_assert_mem_eq(got, sends[i].bytes.p, (size_t)n);
}

/* Leaves no room in the socket's buffer. */
static void
fill(int fd)
{
	static const char bytes[4096];

	while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		continue;
	ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(as_many_as_there_are_places_get_what_is_theirs)
{
	start(_i, BURST_SENDS);
	burst_send(burst, sends, BURST_SENDS);
	for (size_t i = 0; i < BURST_SENDS; i++)
		check_arrived(i);
}
END_TEST

START_TEST(the_places_are_free_again_for_the_next)
{
	start(_i, 7);
	for (size_t round = 0; round < 3 * (size_t)BURST_SENDS; round++) {
		burst_send(burst, sends, 1 + round % 7);
		for (size_t i = 0; i <= round % 7; i++)
			check_arrived(i);
	}
}
END_TEST

START_TEST(a_full_socket_is_not_waited_for)
{
	start(_i, 3);
	fill(ours[1]);
	burst_send(burst, sends, 3);
	ck_assert_int_eq(sends[1].result, -EAGAIN);
	check_arrived(0);
	check_arrived(2);
}
END_TEST

START_TEST(of_more_than_fits_the_kernel_takes_a_part)
{
	static char much[8 << 20];

	start(_i, 3);
	sends[1].bytes = (struct span){ much, sizeof much };
	burst_send(burst, sends, 3);
	ck_assert_int_gt(sends[1].result, 0);
	ck_assert_int_lt(sends[1].result, (int)sizeof much);
	check_arrived(2);
}
END_TEST

START_TEST(a_peer_that_is_gone_is_an_error_and_no_signal)
{
	start(_i, 3);
	close(theirs[0]);
	burst_send(burst, sends, 3);
	ck_assert_int_eq(sends[0].result, -EPIPE);
	check_arrived(1);
	check_arrived(2);
}
END_TEST

START_TEST(what_is_no_socket_harms_no_other)
{
	start(_i, 3);
	/* So that the ring, if there is one, does not get the number that becomes free. */
	burst_send(burst, sends + 1, 2);
	check_arrived(1);
	check_arrived(2);
	close(ours[0]);
	burst_send(burst, sends, 3);
	ck_assert_int_eq(sends[0].result, -EBADF);
	check_arrived(1);
	check_arrived(2);
}
END_TEST

START_TEST(nothing_to_send_is_nothing_done)
{
	start(_i, 0);
	burst_send(burst, sends, 0);
	ck_assert(!burst_has_ring(burst));
}
END_TEST

START_TEST(one_that_is_alone_needs_no_ring)
{
	start(WITH_RING, 2);
	burst_send(burst, sends, 1);
	check_arrived(0);
	ck_assert(!burst_has_ring(burst));
}
END_TEST

START_TEST(a_ring_is_taken_where_the_kernel_gives_one)
{
	/* Which it does, unless it says so to a call that cannot succeed otherwise either. */
	bool has_rings = syscall(SYS_io_uring_setup, 1, NULL) < 0 && errno == EFAULT;

	start(_i, 2);
	burst_send(burst, sends, 2);
	ck_assert_int_eq(burst_has_ring(burst), _i == WITH_RING && has_rings);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("burst");

	tcase_add_checked_fixture(t, NULL, finish);
	tcase_add_loop_test(t, as_many_as_there_are_places_get_what_is_theirs, 0, WAYS);
	tcase_add_loop_test(t, the_places_are_free_again_for_the_next, 0, WAYS);
	tcase_add_loop_test(t, a_full_socket_is_not_waited_for, 0, WAYS);
	tcase_add_loop_test(t, of_more_than_fits_the_kernel_takes_a_part, 0, WAYS);
	tcase_add_loop_test(t, a_peer_that_is_gone_is_an_error_and_no_signal, 0, WAYS);
	tcase_add_loop_test(t, what_is_no_socket_harms_no_other, 0, WAYS);
	tcase_add_loop_test(t, nothing_to_send_is_nothing_done, 0, WAYS);
	tcase_add_test(t, one_that_is_alone_needs_no_ring);
	tcase_add_loop_test(t, a_ring_is_taken_where_the_kernel_gives_one, 0, WAYS);
	return run_tests(t);
}
