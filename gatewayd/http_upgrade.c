/* The way from a request to a WebSocket: RFC 6455 section 4.2.2. */

#include "gatewayd/http_inner.h"

#include "common/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nettle/base64.h>
#include <nettle/sha1.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* RFC 6455 section 4.2.2, step 5.4. */
static void
accept_key(struct span key, char out[BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE) + 1])
{
	static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t digest[SHA1_DIGEST_SIZE];
	struct sha1_ctx sha1;

	sha1_init(&sha1);
	sha1_update(&sha1, key.n, (const uint8_t *)key.p);
	sha1_update(&sha1, sizeof(magic) - 1, (const uint8_t *)magic);
	sha1_digest(&sha1, sizeof(digest), digest);
	base64_encode_raw(out, sizeof(digest), digest);
	out[BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE)] = '\0';
}

/*
 * The descriptor has been doubled, and the library's connection is ended at once, which frees its
 * pool. It shuts nothing down then (MHD_USE_TURBO), and has taken the socket out of its epoll set
 * before.
 */
static void
upgraded(void *cls, struct MHD_Connection *mhd, void *slot, const char *extra, size_t n,
    MHD_socket fd, struct MHD_UpgradeResponseHandle *handle)
{
	struct http_request *r = cls;
	struct http_connection *c = http_connection_of(r);
	void (*taken)(void *, int, struct span) = r->taken;
	int on = 1, mine = r->taken_fd;

	(void)mhd;
	(void)slot;
	(void)fd;
	r->taken = NULL;
	fcntl(mine, F_SETFL, fcntl(mine, F_GETFL) | O_NONBLOCK);
	setsockopt(mine, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	http_bound_send_buffer(mine);
	taken(r->taken_arg, mine, (struct span){ extra, n });
	/* The library has not yet finished with this call; it is told to close when it has. */
	c->upgraded = handle;
	list_append(&c->http->upgraded, &c->in_held);
	c->http->run_due = true;
	loop_again(c->http->loop);
}

void
http_drop_upgraded(struct http *h)
{
	struct link *at;

	while ((at = list_take(&h->upgraded)))
		MHD_upgrade_action(LIST_OF(at, struct http_connection, in_held)->upgraded,
		    MHD_UPGRADE_ACTION_CLOSE);
}

void
http_upgrade(struct http_request *r, const char *subprotocol,
    void (*taken)(void *arg, int fd, struct span extra), void *arg)
{
	char key[BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE) + 1];
	struct MHD_Response *response;

	r->taken = taken;
	r->taken_arg = arg;
	/* Before anything is promised: behind a 101 there is no other answer. */
	r->taken_fd = fcntl(http_connection_of(r)->fd, F_DUPFD_CLOEXEC, 0);
	if (r->taken_fd < 0) {
		log_debug("http", "no descriptor for a WebSocket: %s", strerror(errno));
		http_answer_error(r, ERROR_overloaded, NULL);
		return;
	}
	response = MHD_create_response_for_upgrade(upgraded, r);
	assert(response);
	accept_key(http_header(r, "sec-websocket-key"), key);
	http_set_header(response, "Upgrade", "websocket");
	http_set_header(response, "Sec-WebSocket-Accept", key);
	if (subprotocol)
		http_set_header(response, "Sec-WebSocket-Protocol", subprotocol);
	r->close_after = false;
	http_answer(r, 101, NULL, response);
}
