#pragma once
/*
 * CURVE on the bus (ZeroMQ RFC 26), for gateways on other hosts: graphd has a certificate and a
 * directory of the public ones it lets in, a gateway has one of its own and graphd's public one.
 * Certificates are czmq's files: NAME is public, NAME_secret beside it is not. Without a ZAP
 * handler (RFC 27) CURVE would let any key in, so there is one here.
 */

#include "common/loop.h"

struct bus_security;

/* Both return NULL with a message for the operator. allow_directory is read again when it changes.
 */
struct bus_security *bus_security_server(struct loop *, void *zmq_context, const char *certificate,
    const char *allow_directory, char message[256]);
struct bus_security *bus_security_client(
    const char *certificate, const char *server_public, char message[256]);
/* Before bind or connect. NULL: nothing is done. It ends the process when it cannot do it, for the
 * socket would be open to everybody. */
void bus_security_apply(const struct bus_security *, void *socket);
/* Before the context ends. NULL is let by. */
void bus_security_free(struct bus_security *);
/* Writes a new pair: path and path_secret (mode 0600). False with a message. */
bool bus_security_new_certificate(const char *path, char message[256]);
