#include "gatewayd/homes.h"

#include "common/id.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

enum { HOMES = 1024 }; /* more than ever run; the oldest ones are forgotten together */
enum { PORT_DIGITS = 5 };

void
homes_init(struct homes *homes)
{
	table_init(&homes->by_id, offsetof(struct home, id), EIO_HOME_BYTES);
}

static void
clear(struct homes *homes)
{
	struct home *home;

	for (size_t i = 0; (home = table_next(&homes->by_id, &i));)
		free(table_remove(&homes->by_id, home->id));
}

void
homes_fini(struct homes *homes)
{
	clear(homes);
	table_fini(&homes->by_id);
}

static bool
parse_port(struct span text, uint16_t *port)
{
	uint64_t value = 0;
	bool is_number = text.n <= PORT_DIGITS && span_number(text, UINT16_MAX, &value);

	*port = htons((uint16_t)value);
	return is_number && value > 0;
}

bool
home_parse_address(struct span text, struct sockaddr_storage *at, socklen_t *size)
{
	struct sockaddr_in *four = (struct sockaddr_in *)at;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)at;
	const char *colon = text.n ? memrchr(text.p, ':', text.n) : NULL;
	size_t n = colon ? (size_t)(colon - text.p) : 0;
	char host[INET6_ADDRSTRLEN + 1];
	uint16_t port;

	if (n < 3 || n > sizeof(host) ||
	    !parse_port((struct span){ colon + 1, text.n - n - 1 }, &port))
		return false;
	memset(at, 0, sizeof(*at));
	if (text.p[0] == '[' && text.p[n - 1] == ']') {
		memcpy(host, text.p + 1, n - 2);
		host[n - 2] = '\0';
		at->ss_family = AF_INET6;
		six->sin6_port = port;
		*size = sizeof(*six);
		return inet_pton(AF_INET6, host, &six->sin6_addr) == 1;
	}
	if (n == sizeof(host))
		return false;
	memcpy(host, text.p, n);
	host[n] = '\0';
	at->ss_family = AF_INET;
	four->sin_port = port;
	*size = sizeof(*four);
	return inet_pton(AF_INET, host, &four->sin_addr) == 1;
}

static void
learn_one(struct homes *homes, struct span gateway, struct span address)
{
	struct home *home, fresh = { 0 };
	struct uuid id;

	if (!uuid_parse(gateway, &id) || !home_parse_address(address, &fresh.at, &fresh.at_size))
		return;
	memcpy(fresh.id, id.bytes, EIO_HOME_BYTES);
	home = table_find(&homes->by_id, fresh.id);
	if (!home) {
		if (homes->by_id.n >= HOMES)
			clear(homes);
		home = xmalloc(sizeof(*home));
		memcpy(home->id, fresh.id, EIO_HOME_BYTES);
		table_add(&homes->by_id, home);
	}
	*home = fresh;
}

bool
homes_learn(struct homes *homes, struct span body)
{
	static const struct json_bounds bounds = { 4, 4 * HOMES, LIMIT_ACTOR_BYTES, 64 };
	struct span list, key, one;
	struct json_iter iter;
	struct arena arena;

	body = json_trim(body);
	if (json_scan(body, &bounds, NULL) != JSON_OK || json_type(body) != JSON_OBJECT ||
	    !json_find(body, "gateways", &list))
		return false;
	arena_init(&arena);
	json_walk(&iter, list);
	while (json_next(&iter, &key, &one))
		learn_one(homes, json_find_text(&arena, one, "gateway"),
		    json_find_text(&arena, one, "address"));
	arena_fini(&arena);
	return true;
}

const struct home *
homes_find(const struct homes *homes, const uint8_t id[EIO_HOME_BYTES])
{
	return table_find(&homes->by_id, id);
}

void
homes_drop(struct homes *homes, const uint8_t id[EIO_HOME_BYTES])
{
	free(table_remove(&homes->by_id, id));
}
