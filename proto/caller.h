#pragma once
/*
 * Who asks, as it travels with each request. As JSON a ten-line script can write it; empty or {} is
 * a valid caller. Gateways send it packed, which takes a tenth of the instructions to read:
 *
 *	1 byte	1; no JSON begins so
 *	1	flags, CALLER_MINIMAL and CALLER_KEY_IS_COMMAND_ID
 *	4	deadline in milliseconds, little-endian; 0: unknown
 *	then actor, client, gateway, key and traceparent, each: its length in one byte, and as many
 *	bytes of UTF-8 (RFC 3629) without U+0000
 */

#include "common/json_out.h"
#include "common/mem.h"
#include "common/span.h"
#include "proto/proto.h"

#include <stdbool.h>
#include <stdint.h>

enum { CALLER_MINIMAL = 1, CALLER_KEY_IS_COMMAND_ID = 2 };

struct caller {
	struct span actor;  /* name shown in events and owning undo "mine" */
	struct span client; /* client_id of a live connection */
	struct span gateway;
	struct span key;	 /* command_id or Idempotency-Key; empty: none */
	struct span traceparent; /* W3C Trace Context, logged with the request */
	bool minimal;		 /* leave the graph out of the reply */
	bool key_is_command_id;	 /* key is a UUID that becomes the command's id */
	int64_t deadline_ms;	 /* how long the gateway waits; 0: unknown */
};
void caller_put(const struct caller *, struct json_out *);
/* Packed; one that is too long for it as JSON. */
void caller_pack(const struct caller *, struct json_out *);
bool caller_is_packed(struct span text);
/* text: packed, or scanned JSON, or empty. What it gives lives in the text or the arena. */
enum error caller_get(struct span text, struct arena *, struct caller *, struct refusal *);
