#pragma once
/*
 * ZeroMQ sockets of the bus, at either end of it: what all of them are set to, and how those that
 * listen are bound.
 */

#include "common/bus_security.h"

#include <stdbool.h>

/* Notices within limits when its peer is gone or says nothing, and is secured. NULL with errno:
 * there is none to be had. */
void *bus_socket_new(void *zmq, int type, const struct bus_security *);
void bus_socket_set(void *socket, int option, int value);
/* The file of an ipc endpoint can be connected to by whoever may write to it: by us alone. False
 * with errno. */
bool bus_socket_bind(void *socket, const char *endpoint);
/* Bounds what one message may hold and how long the last ones may take, then binds. Takes the
 * socket; returns it, or NULL with errno. */
void *bus_socket_listen(void *socket, const char *endpoint);
/* libzmq takes the path of an ipc endpoint from whoever listens there and never hears of it, so
 * that is to be found out before. False with errno: somebody listens. Other endpoints count as
 * free. */
bool bus_endpoint_is_free(const char *endpoint);
