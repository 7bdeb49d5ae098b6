#pragma once
/* WebSocket frames as a client reads and writes them: RFC 6455 section 5.2. */

#include "common/span.h"

#include <stdint.h>

enum frame_opcode { FRAME_TEXT = 1, FRAME_CLOSE = 8, FRAME_PING = 9, FRAME_PONG = 10 };

enum { FRAME_HEAD_BYTES = 8, FRAME_PAYLOAD_BYTES = 65535 };

/* Bytes of the first frame, its payload and opcode; 0 when it is not there as a whole. */
size_t frame_read(struct span bytes, unsigned *opcode, struct span *payload);
/*
 * Writes a masked frame; returns its bytes. The mask is zero: it protects proxies, of which there
 * are none here, and leaves the payload as it is.
 */
size_t frame_write(
    char out[FRAME_HEAD_BYTES + FRAME_PAYLOAD_BYTES], unsigned opcode, struct span payload);
