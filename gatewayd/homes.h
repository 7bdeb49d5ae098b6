#pragma once
/*
 * Where the other gateways are, by the bytes that begin the Engine.IO session ids they give out.
 * All that is known comes from graphd's register; nothing a client sends becomes an address.
 */

#include "common/span.h"
#include "common/table.h"
#include "gatewayd/eio_request.h"

#include <sys/socket.h>

struct home {
	uint8_t id[EIO_HOME_BYTES]; /* the table's key */
	struct sockaddr_storage at;
	socklen_t at_size;
};

struct homes {
	struct table by_id;
};

void homes_init(struct homes *);
void homes_fini(struct homes *);
/*
 * Takes the answer to ListGateways. What was known stays: graphd begins with an empty register, and
 * the gateways in it have not gone. False when it is no such answer.
 */
bool homes_learn(struct homes *, struct span body);
/* Borrowed until the next call that is not a find; NULL: unknown. */
const struct home *homes_find(const struct homes *, const uint8_t id[EIO_HOME_BYTES]);
/* It does not answer there. */
void homes_drop(struct homes *, const uint8_t id[EIO_HOME_BYTES]);

/* ADDR:PORT, an IPv6 address in brackets; no names. False: it is not. */
bool home_parse_address(struct span text, struct sockaddr_storage *, socklen_t *size);
