#include "common/bus_security.h"

#include "common/frames.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/owner.h"

#include <czmq.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define ZAP_VERSION "1.0"

enum {
	KEY_BYTES = 32,
	KEY_TEXT = 41,
	ZAP_FRAMES = 7,
	PATH_BYTES =
	    255, /* czmq cuts a longer one: the secret would go where nobody looks for it */
};

struct bus_security {
	zcert_t *own;
	zcert_t *server;       /* of a client */
	zcertstore_t *allowed; /* of a server */
	struct loop *loop;
	struct loop_zmq zap;
};

/* Frames of a ZAP request, RFC 27: version, id, domain, address, identity, mechanism, key. */
static bool
is_allowed(const struct bus_security *s, const struct frames *f)
{
	char key[KEY_TEXT];

	if (f->n != ZAP_FRAMES || !span_is(frames_at(f, 5), "CURVE") ||
	    frames_at(f, 6).n != KEY_BYTES)
		return false;
	zmq_z85_encode(key, (const uint8_t *)frames_at(f, 6).p, KEY_BYTES);
	return zcertstore_lookup(s->allowed, key) != NULL;
}

static void
answer(struct bus_security *s, const struct frames *f)
{
	bool allowed = is_allowed(s, f);

	if (!allowed)
		log_warn("bus", "a stranger was refused");
	frames_send(s->zap.socket, SPAN(ZAP_VERSION), true);
	frames_send(s->zap.socket, frames_at(f, 1), true);
	frames_send(s->zap.socket, allowed ? SPAN("200") : SPAN("400"), true);
	frames_send(s->zap.socket, allowed ? SPAN("OK") : SPAN("not allowed"), true);
	frames_send(s->zap.socket, SPAN(""), true);
	frames_send(s->zap.socket, SPAN(""), false);
}

static bool
on_zap(struct loop_zmq *z)
{
	struct bus_security *s = OWNER_OF(z, struct bus_security, zap);
	struct frames f;

	if (!frames_recv(&f, z->socket))
		return false;
	answer(s, &f);
	frames_fini(&f);
	return true;
}

static bool
is_too_long(const char *path, char message[256])
{
	if (strlen(path) + sizeof("_secret") - 1 <= PATH_BYTES)
		return false;
	snprintf(message, 256, "%.180s…: the path is too long", path);
	return true;
}

/* czmq reads the secret from the one beside it, or from the file itself. */
static bool
is_for_others(const char *path, char message[256])
{
	char secret[PATH_BYTES + 1];
	struct stat found;

	snprintf(secret, sizeof(secret), "%s_secret", path);
	if (stat(secret, &found) != 0 && stat(path, &found) != 0)
		return false;
	snprintf(message, 256, "%.180s: the secret is open to others: chmod 600", path);
	return found.st_mode & S_IRWXO;
}

static zcert_t *
load(const char *path, bool with_secret, char message[256])
{
	static const uint8_t none[KEY_BYTES];
	zcert_t *cert;

	if (is_too_long(path, message))
		return NULL;
	cert = zcert_load(path);
	if (cert && with_secret && memcmp(zcert_secret_key(cert), none, KEY_BYTES) == 0)
		zcert_destroy(&cert);
	if (!cert)
		snprintf(
		    message, 256, "%.180s is no %scertificate", path, with_secret ? "secret " : "");
	else if (with_secret && is_for_others(path, message))
		zcert_destroy(&cert);
	return cert;
}

static bool
open_zap(struct bus_security *s, void *context, char message[256])
{
	void *socket = zmq_socket(context, ZMQ_REP);

	if (!socket || zmq_bind(socket, ZAP_ENDPOINT) != 0) {
		snprintf(message, 256, "no authentication handler: %s", zmq_strerror(errno));
		if (socket)
			zmq_close(socket);
		return false;
	}
	s->zap.ready = on_zap;
	loop_add_zmq(s->loop, &s->zap, socket);
	return true;
}

struct bus_security *
bus_security_server(struct loop *loop, void *context, const char *certificate,
    const char *allow_directory, char message[256])
{
	struct bus_security *s = xcalloc(1, sizeof(*s));

	s->loop = loop;
	s->own = load(certificate, true, message);
	if (s->own && access(allow_directory, R_OK | X_OK) != 0)
		snprintf(message, 256, "%.180s: %s", allow_directory, strerror(errno));
	else if (s->own)
		s->allowed = zcertstore_new(allow_directory);
	if (s->allowed && open_zap(s, context, message))
		return s;
	bus_security_free(s);
	return NULL;
}

struct bus_security *
bus_security_client(const char *certificate, const char *server_public, char message[256])
{
	struct bus_security *s = xcalloc(1, sizeof(*s));

	s->own = load(certificate, true, message);
	s->server = s->own ? load(server_public, false, message) : NULL;
	if (s->server)
		return s;
	bus_security_free(s);
	return NULL;
}

/* Without one of them the bus would be open to everybody, as with a libzmq that has no CURVE. */
static void
set(void *socket, int option, const void *value, size_t n_bytes)
{
	if (zmq_setsockopt(socket, option, value, n_bytes) != 0)
		log_fatal("bus", "a socket cannot be secured: %s", zmq_strerror(errno));
}

void
bus_security_apply(const struct bus_security *s, void *socket)
{
	int on = 1;

	if (!s)
		return;
	set(socket, ZMQ_CURVE_SECRETKEY, zcert_secret_key(s->own), KEY_BYTES);
	set(socket, ZMQ_CURVE_PUBLICKEY, zcert_public_key(s->own), KEY_BYTES);
	if (s->server) {
		set(socket, ZMQ_CURVE_SERVERKEY, zcert_public_key(s->server), KEY_BYTES);
		return;
	}
	set(socket, ZMQ_CURVE_SERVER, &on, sizeof(on));
	set(socket, ZMQ_ZAP_DOMAIN, "graphd", 6);
}

void
bus_security_free(struct bus_security *s)
{
	void *socket;

	if (!s)
		return;
	socket = s->zap.socket;
	if (socket) {
		loop_remove_zmq(s->loop, &s->zap);
		zmq_close(socket);
	}
	zcert_destroy(&s->own);
	zcert_destroy(&s->server);
	zcertstore_destroy(&s->allowed);
	free(s);
}

bool
bus_security_new_certificate(const char *path, char message[256])
{
	zcert_t *cert;
	mode_t mask;
	int rc;

	if (is_too_long(path, message))
		return false;
	cert = zcert_new();
	mask = umask(077);
	rc = cert ? zcert_save(cert, path) : -1;
	umask(mask);
	zcert_destroy(&cert);
	if (rc != 0)
		snprintf(message, 256, "cannot write %.180s: %s", path, strerror(errno));
	return rc == 0;
}
