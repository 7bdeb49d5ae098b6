/*
 * Stands in front of the C library's accept4(2) and accept(2) for the whole process. libzmq 4.3.4
 * ends the process when accept says EMFILE on an ipc listener, but takes ENFILE for what it is: too
 * many open files just now. The guard (server_guard.h) stops listening soon after; this closes the
 * gap until it does.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((visibility("default"))) int
accept4(int fd, __SOCKADDR_ARG address, socklen_t *restrict length, int flags)
{
	int got = (int)syscall(SYS_accept4, fd, address.__sockaddr__, length, flags);

	if (got < 0 && errno == EMFILE)
		errno = ENFILE;
	return got;
}

__attribute__((visibility("default"))) int
accept(int fd, __SOCKADDR_ARG address, socklen_t *restrict length)
{
	return accept4(fd, address, length, 0);
}
