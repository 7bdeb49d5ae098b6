#include "common/service.h"

#include "common/clock.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { WATCHDOG_US = 40000, PATIENCE_MS = 5000 };

static char path[64];
static int manager;

static void
listen_at(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	size_t n = strlen(name);

	memcpy(at.sun_path, name, n);
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&at,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
	    0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static void
set_up(void)
{
	snprintf(path, sizeof(path), "/tmp/test_service.%d", (int)getpid());
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	listen_at(path);
}

static void
tear_down(void)
{
	close(manager);
	unlink(path);
}

static bool
is_told(const char *word)
{
	char heard[64] = "";

	return recv(manager, heard, sizeof(heard) - 1, 0) > 0 && strcmp(heard, word) == 0;
}

struct listener {
	struct loop_io io;
	struct loop *loop;
	int words;
};

/* Ends the loop with the third word. */
static void
on_word(struct loop_io *io, uint32_t events)
{
	struct listener *l = (struct listener *)io;

	(void)events;
	ck_assert(is_told("WATCHDOG=1"));
	if (++l->words == 3)
		loop_stop(l->loop);
}

START_TEST(the_manager_is_told_when_it_is_ready_and_when_it_ends)
{
	struct loop *loop = loop_new();
	struct service s;

	service_ready(&s, loop);
	ck_assert(is_told("READY=1"));
	service_stopping();
	ck_assert(is_told("STOPPING=1"));
	loop_free(loop);
}
END_TEST

START_TEST(a_name_that_is_no_path_is_one_too)
{
	char name[sizeof(path) + 1];

	close(manager);
	snprintf(name, sizeof(name), "@%s", path);
	listen_at(name);
	service_stopping();
	ck_assert(is_told("STOPPING=1"));
}
END_TEST

/* most_files: how many descriptors there may be while it turns. */
static void
hear_the_watchdog(rlim_t most_files)
{
	struct loop *loop = loop_new();
	struct rlimit usual, now;
	struct listener l = { .io.ready = on_word, .loop = loop };
	uint64_t before = clock_now_ms();
	struct service s;

	setenv("WATCHDOG_USEC", "40000", 1);
	service_ready(&s, loop);
	ck_assert(is_told("READY=1"));
	loop_add(loop, &l.io, manager, EPOLLIN);
	getrlimit(RLIMIT_NOFILE, &usual);
	now = (struct rlimit){ most_files, usual.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
	loop_run(loop);
	setrlimit(RLIMIT_NOFILE, &usual);
	ck_assert_uint_ge(clock_now_ms() - before, 3 * WATCHDOG_US / 2000);
	ck_assert_uint_lt(clock_now_ms() - before, PATIENCE_MS);
	loop_remove(loop, &l.io);
	loop_free(loop);
}

START_TEST(while_the_loop_turns_the_watchdog_is_told)
{
	hear_the_watchdog(64);
}
END_TEST

START_TEST(the_watchdog_is_told_when_all_descriptors_are_used_up_too)
{
	hear_the_watchdog(3);
}
END_TEST

START_TEST(another_process_s_watchdog_and_nobody_are_told_nothing)
{
	struct loop *loop = loop_new();
	struct service s;

	setenv("WATCHDOG_USEC", "40000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	service_ready(&s, loop);
	ck_assert(is_told("READY=1"));
	ck_assert_uint_eq(s.every_ms, 0);
	setenv("NOTIFY_SOCKET", "relative", 1);
	service_stopping();
	unsetenv("NOTIFY_SOCKET");
	service_stopping();
	ck_assert(!is_told("STOPPING=1"));
	loop_free(loop);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("service");

	tcase_set_timeout(t, 20);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, the_manager_is_told_when_it_is_ready_and_when_it_ends);
	tcase_add_test(t, a_name_that_is_no_path_is_one_too);
	tcase_add_test(t, while_the_loop_turns_the_watchdog_is_told);
	tcase_add_test(t, the_watchdog_is_told_when_all_descriptors_are_used_up_too);
	tcase_add_test(t, another_process_s_watchdog_and_nobody_are_told_nothing);
	return run_tests(t);
}
