#include "common/id.h"

#include "common/log.h"

#include <endian.h>
#include <errno.h>
#include <nettle/sha1.h>
#include <sys/random.h>

enum { POOL_BYTES = 1024 };

static const struct uuid dns_namespace = { { 0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80,
    0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8 } };

void
random_bytes(void *out, size_t n)
{
	char *at = out;

	while (n > 0) {
		ssize_t got = getrandom(at, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			log_fatal("id", "the kernel gives no random bytes: %s", strerror(errno));
		at += got;
		n -= (size_t)got;
	}
}

static void
set_version(struct uuid *u, unsigned version)
{
	u->bytes[6] = (uint8_t)((u->bytes[6] & 0x0f) | version << 4);
	u->bytes[8] = (uint8_t)((u->bytes[8] & 0x3f) | 0x80);
}

void
uuid_random(struct uuid *out)
{
	/* A system call for each id would cost more than everything else about it. */
	static _Thread_local uint8_t pool[POOL_BYTES];
	static _Thread_local size_t left;

	if (left == 0) {
		random_bytes(pool, sizeof(pool));
		left = sizeof(pool);
	}
	left -= UUID_BYTES;
	memcpy(out->bytes, pool + left, UUID_BYTES);
	/* An id may serve as a secret: no copy of it stays here. */
	explicit_bzero(pool + left, UUID_BYTES);
	set_version(out, 4);
}

static void
hash_to_uuid(struct span prefix, struct span text, struct uuid *out)
{
	struct sha1_ctx sha1;

	sha1_init(&sha1);
	sha1_update(&sha1, prefix.n, (const uint8_t *)prefix.p);
	sha1_update(&sha1, text.n, (const uint8_t *)text.p);
	sha1_digest(&sha1, UUID_BYTES, out->bytes);
}

void
uuid_of_name(struct span name, struct uuid *out)
{
	hash_to_uuid((struct span){ (const char *)dns_namespace.bytes, UUID_BYTES }, name, out);
	set_version(out, 5);
}

void
uuid_of_sha1(struct span text, struct uuid *out)
{
	hash_to_uuid(SPAN(""), text, out);
}

/* One more than the value of a digit; 0 for all that is none. */
static const uint8_t hex_values[256] = {
	['0'] = 1,
	['1'] = 2,
	['2'] = 3,
	['3'] = 4,
	['4'] = 5,
	['5'] = 6,
	['6'] = 7,
	['7'] = 8,
	['8'] = 9,
	['9'] = 10,
	['a'] = 11,
	['b'] = 12,
	['c'] = 13,
	['d'] = 14,
	['e'] = 15,
	['f'] = 16,
	['A'] = 11,
	['B'] = 12,
	['C'] = 13,
	['D'] = 14,
	['E'] = 15,
	['F'] = 16,
};

/* Where the digits of each byte stand in the text. */
static const uint8_t places[UUID_BYTES] = { 0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32,
	34 };

bool
uuid_parse(struct span text, struct uuid *out)
{
	struct uuid u;
	const uint8_t *at = (const uint8_t *)text.p;
	bool bad = false;

	if (text.n != UUID_TEXT)
		return false;
	for (size_t i = 0; i < UUID_BYTES; i++) {
		unsigned high = hex_values[at[places[i]]], low = hex_values[at[places[i] + 1]];
		bad |= !high || !low;
		u.bytes[i] = (uint8_t)((high - 1) << 4 | (low - 1));
	}
	bad |= at[8] != '-' || at[13] != '-' || at[18] != '-' || at[23] != '-';
	if (bad || uuid_is_nil(&u))
		return false;
	*out = u;
	return true;
}

/* Eight digits of four bytes, in the order of the bytes: each half byte gets a byte of its own, and
 * those above 9 are moved on to the letters. */
static uint64_t
digits_of(const uint8_t *bytes)
{
	const uint64_t ones = 0x0101010101010101;
	uint32_t four;
	uint64_t x;

	memcpy(&four, bytes, sizeof(four));
	x = le32toh(four);
	x = (x | x << 16) & 0x0000ffff0000ffff;
	x = (x | x << 8) & 0x00ff00ff00ff00ff;
	x = (x >> 4 | x << 8) & ones * 0x0f;
	return htole64(x + ones * '0' + (((x + ones * 6) >> 4) & ones) * ('a' - '0' - 10));
}

void
uuid_format(const struct uuid *u, char out[UUID_TEXT + 1])
{
	uint64_t eight[UUID_BYTES / 4];

	for (size_t i = 0; i < UUID_BYTES / 4; i++)
		eight[i] = digits_of(u->bytes + 4 * i);
	memcpy(out, &eight[0], 8);
	memcpy(out + 9, &eight[1], 4);
	memcpy(out + 14, (char *)&eight[1] + 4, 4);
	memcpy(out + 19, &eight[2], 4);
	memcpy(out + 24, (char *)&eight[2] + 4, 4);
	memcpy(out + 28, &eight[3], 8);
	out[8] = out[13] = out[18] = out[23] = '-';
	out[UUID_TEXT] = '\0';
}
