#include "graphd/base64.h"

#include <stdint.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_encode(struct span bytes, struct json_out *out)
{
	for (size_t i = 0; i < bytes.n; i += 3) {
		size_t n = bytes.n - i < 3 ? bytes.n - i : 3;
		uint32_t bits = 0;
		char four[4] = { '=', '=', '=', '=' };

		for (size_t j = 0; j < n; j++)
			bits |= (uint32_t)(uint8_t)bytes.p[i + j] << (16 - 8 * j);
		for (size_t j = 0; j <= n; j++)
			four[j] = digits[bits >> (18 - 6 * j) & 63];
		json_out_bytes(out, (struct span){ four, 4 });
	}
}

static int
digit_value(char c)
{
	const char *at = c ? memchr(digits, c, 64) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Four digits, the last n_pad of which are padding. */
static bool
decode_four(const char *four, size_t n_pad, struct json_out *out)
{
	uint32_t bits = 0;
	char bytes[3];

	for (size_t i = 0; i < 4; i++) {
		int value = i >= 4 - n_pad ? 0 : digit_value(four[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
	}
	/* Bits that no byte takes must be zero, so that only one text stands for the bytes. */
	if (n_pad > 0 && (bits & (n_pad == 1 ? 0xffU : 0xffffU)) != 0)
		return false;
	for (size_t i = 0; i < 3; i++)
		bytes[i] = (char)(bits >> (16 - 8 * i) & 0xff);
	json_out_bytes(out, (struct span){ bytes, 3 - n_pad });
	return true;
}

bool
base64_decode(struct span text, struct json_out *out)
{
	if (text.n % 4 != 0)
		return false;
	for (size_t i = 0; i < text.n; i += 4) {
		bool last = i + 4 == text.n;
		size_t n_pad = !last || text.p[i + 3] != '=' ? 0 : text.p[i + 2] == '=' ? 2 : 1;

		if (!decode_four(text.p + i, n_pad, out))
			return false;
	}
	return true;
}
