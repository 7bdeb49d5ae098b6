#include "common/service.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/owner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int
open_socket(void)
{
	return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* A manager that does not take it is not worth waiting for: the next word may get through. */
static void
tell(int fd, const char *word)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t n = path ? strlen(path) : 0;
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);

	if (n < 2 || n >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = '\0'; /* of Linux's abstract names */
	if (sendto(fd, word, strlen(word), MSG_NOSIGNAL, (struct sockaddr *)&to, size) < 0)
		log_warn(
		    "service", "the service manager was not told %s: %s", word, strerror(errno));
}

/* Half of what it waits for a word; 0: it does not wait for one of this process. */
static uint64_t
ask_watchdog(void)
{
	const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!us || (pid && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	return strtoull(us, NULL, 10) / 2000;
}

static void
watchdog_due(struct loop_timer *t)
{
	struct service *s = OWNER_OF(t, struct service, timer);

	tell(s->fd, "WATCHDOG=1");
	loop_set_timer(s->loop, t, clock_now_ms() + s->every_ms);
}

void
service_ready(struct service *s, struct loop *loop)
{
	*s = (struct service){ .loop = loop, .every_ms = ask_watchdog(), .fd = open_socket() };
	s->timer.due = watchdog_due;
	tell(s->fd, "READY=1");
	if (s->every_ms)
		loop_set_timer(loop, &s->timer, clock_now_ms() + s->every_ms);
}

void
service_stopping(void)
{
	int fd = open_socket();

	tell(fd, "STOPPING=1");
	if (fd >= 0)
		close(fd);
}
