#pragma once
/* Base 64 with padding, RFC 4648 section 4: binary records inside portable files. */

#include "common/json_out.h"
#include "common/span.h"

#include <stdbool.h>

/* Appended as plain bytes, no quotes. */
void base64_encode(struct span bytes, struct json_out *out);
/* False when the text is not the canonical encoding of any bytes; out then holds some of them. */
bool base64_decode(struct span text, struct json_out *out);
