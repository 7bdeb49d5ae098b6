#include "common/id.h"

#include "common/log.h"

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

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool
dash_follows(size_t byte)
{
	return byte == 3 || byte == 5 || byte == 7 || byte == 9;
}

bool
uuid_parse(struct span text, struct uuid *out)
{
	struct uuid u;
	const char *at = text.p;

	if (text.n != UUID_TEXT)
		return false;
	for (size_t i = 0; i < UUID_BYTES; i++) {
		int high = hex_value(at[0]), low = hex_value(at[1]);
		if (high < 0 || low < 0)
			return false;
		u.bytes[i] = (uint8_t)(high << 4 | low);
		at += 2;
		if (dash_follows(i) && *at++ != '-')
			return false;
	}
	if (uuid_is_nil(&u))
		return false;
	*out = u;
	return true;
}

void
uuid_format(const struct uuid *u, char out[UUID_TEXT + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < UUID_BYTES; i++) {
		*out++ = digits[u->bytes[i] >> 4];
		*out++ = digits[u->bytes[i] & 15];
		if (dash_follows(i))
			*out++ = '-';
	}
	*out = '\0';
}
