#include "common/bus_socket.h"

#include "common/limits.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

void *
bus_socket_new(void *zmq, int type, const struct bus_security *security)
{
	void *socket = zmq_socket(zmq, type);

	if (!socket)
		return NULL;
	bus_socket_set(socket, ZMQ_HANDSHAKE_IVL, LIMIT_BUS_HANDSHAKE_MS);
	bus_socket_set(socket, ZMQ_HEARTBEAT_IVL, LIMIT_BUS_HEARTBEAT_MS);
	bus_socket_set(socket, ZMQ_HEARTBEAT_TIMEOUT, LIMIT_BUS_SILENCE_MS);
	bus_security_apply(security, socket);
	return socket;
}

void
bus_socket_set(void *socket, int option, int value)
{
	int rc = zmq_setsockopt(socket, option, &value, sizeof value);

	assert(rc == 0);
}

bool
bus_socket_bind(void *socket, const char *endpoint)
{
	mode_t mask = umask(077);
	bool is_bound = zmq_bind(socket, endpoint) == 0;

	umask(mask);
	return is_bound;
}

void *
bus_socket_listen(void *socket, const char *endpoint)
{
	int64_t longest = LIMIT_FRAME_BYTES;
	int why;

	bus_socket_set(socket, ZMQ_LINGER, LIMIT_BUS_LINGER_MS);
	zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &longest, sizeof longest);
	if (bus_socket_bind(socket, endpoint))
		return socket;
	why = errno;
	zmq_close(socket);
	errno = why;
	return NULL;
}

bool
bus_endpoint_is_free(const char *endpoint)
{
	static const char ipc[] = "ipc://";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = endpoint + sizeof ipc - 1;
	bool is_taken;
	int fd;

	if (strncmp(endpoint, ipc, sizeof ipc - 1) != 0 || strlen(path) >= sizeof address.sun_path)
		return true;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	is_taken = fd >= 0 &&
	    (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN);
	if (fd >= 0)
		close(fd);
	if (is_taken)
		errno = EADDRINUSE;
	return !is_taken;
}
