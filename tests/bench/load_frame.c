#include "tests/bench/load_frame.h"

#include <assert.h>

size_t
frame_read(struct span bytes, unsigned *opcode, struct span *payload)
{
	const unsigned char *p = (const unsigned char *)bytes.p;
	uint64_t n;
	size_t head = 2;

	if (bytes.n < 2)
		return 0;
	n = p[1] & 127u;
	if (n >= 126) {
		size_t more = n == 126 ? 2 : 8;

		head += more;
		if (bytes.n < head)
			return 0;
		n = 0;
		for (size_t i = 0; i < more; i++)
			n = n << 8 | p[2 + i];
	}
	if (bytes.n - head < n)
		return 0;
	*opcode = p[0] & 15u;
	*payload = (struct span){ bytes.p + head, (size_t)n };
	return head + (size_t)n;
}

size_t
frame_write(char out[FRAME_HEAD_BYTES + FRAME_PAYLOAD_BYTES], unsigned opcode, struct span payload)
{
	size_t head = 2;

	assert(payload.n <= FRAME_PAYLOAD_BYTES);
	out[0] = (char)(0x80u | opcode);
	out[1] = (char)(0x80u | (payload.n < 126 ? payload.n : 126));
	if (payload.n >= 126) {
		out[2] = (char)(payload.n >> 8);
		out[3] = (char)(payload.n & 255);
		head = 4;
	}
	memset(out + head, 0, 4);
	memcpy(out + head + 4, payload.p, payload.n);
	return head + 4 + payload.n;
}
