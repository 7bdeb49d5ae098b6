#pragma once
/* Engine.IO packets as bytes: polling bodies, base64, session ids, the open packet. */

#include "common/json_out.h"
#include "gatewayd/eio.h"

enum { EIO_SEPARATOR = 0x1e };

/* The packets of a polling body. */
struct eio_payload {
	const char *at, *end;
	bool is_done;
};

void eio_payload_walk(struct eio_payload *, struct span body);
/* False behind the last one. An empty body holds one empty packet, as does a separator's end. */
bool eio_payload_next(struct eio_payload *, struct span *packet);

/* Bytes that one packet of a polling answer takes, without the separator. */
size_t eio_packet_size(const struct shared_bytes *);
/* Text as it is; binary as b and base64. */
void eio_packet_write(const struct shared_bytes *, struct json_out *body);
/* Returns owned: the decoded bytes. NULL when the text is not base64 with padding. */
char *eio_unbase64(struct span text, size_t *n);

/* False when it cannot be a session id of ours. Exactly one text per id passes. */
bool eio_sid_parse(struct span text, struct eio_sid *);
/* 0{"sid":…}; upgrades: whether the client may move on to a WebSocket. */
void eio_open_packet(
    const struct eio_settings *, const struct eio_sid *, bool upgrades, struct json_out *);
