#include "tests/bench/load_room.h"

#include "common/json_out.h"
#include "common/log.h"
#include "common/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char no_stamp[] = "0000000000000000000";
/* What a body has in front of its stamp; a body without a stamp measures only its answer. */
static const char stamp_name[] = "{stamp}";

void
rooms_read(struct rooms *rooms, const char *path, size_t most)
{
	FILE *file = fopen(path, "r");
	char session[256], node[256];

	if (!file)
		log_fatal("load", "%s: %s", path, strerror(errno));
	*rooms = (struct rooms){ .rooms = xcalloc(most, sizeof *rooms->rooms) };
	while (rooms->n < most && fscanf(file, "%255s %255s", session, node) == 2)
		rooms->rooms[rooms->n++] =
		    (struct room){ .session = xstrdup(session), .node = xstrdup(node) };
	fclose(file);
	if (rooms->n < most)
		log_fatal("load", "%s has %zu rooms, not %zu", path, rooms->n, most);
}

void
rooms_fini(struct rooms *rooms)
{
	for (size_t i = 0; i < rooms->n; i++) {
		free(rooms->rooms[i].session);
		free(rooms->rooms[i].node);
		free((char *)(uintptr_t)rooms->rooms[i].request.p);
	}
	free(rooms->rooms);
}

/* The value for a {name} at the start of the text, and how long that name is. */
static bool
named_value(const struct room *room, const char *text, const char *since, struct span *value,
    size_t *n)
{
	const struct {
		struct span name, value;
	} names[] = {
		{ SPAN("{session}"), span_of(room->session) },
		{ SPAN("{node}"), span_of(room->node) },
		{ SPAN("{stamp}"), SPAN(no_stamp) },
		{ SPAN("{since}"), span_of(since) },
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strncmp(text, names[i].name.p, names[i].name.n) == 0) {
			*value = names[i].value;
			*n = names[i].name.n;
			return true;
		}
	}
	return false;
}

char *
room_text(const struct room *room, const char *pattern, uint64_t since)
{
	struct json_out out = { 0 };
	struct span value;
	char digits[24];
	size_t n;

	snprintf(digits, sizeof digits, "%llu", (unsigned long long)since);
	for (const char *p = pattern; *p; p += n) {
		/* A brace that begins no name is one of JSON's. */
		if (*p != '{' || !named_value(room, p, digits, &value, &n)) {
			value = (struct span){ p, 1 };
			n = 1;
		}
		json_out_bytes(&out, value);
	}
	json_out_bytes(&out, (struct span){ "", 1 });
	return json_out_take(&out, &n);
}

static void
make_request(struct room *room, const char *url, const char *header, const char *body)
{
	char *path = room_text(room, url, 0), *text = room_text(room, body, 0), *request;
	const char *stamp = strstr(body, stamp_name);
	int n = asprintf(&request,
	    "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
	    "%s%sContent-Length: %zu\r\n\r\n%s",
	    path, header ? header : "", header ? "\r\n" : "", strlen(text), text);
	const char *filled = stamp ? strstr(text, no_stamp) : NULL;

	if (n < 0)
		log_fatal("load", "no memory");
	room->request = (struct span){ request, (size_t)n };
	room->stamp_at = filled ? (size_t)n - strlen(filled) : SIZE_MAX;
	free(path);
	free(text);
}

void
rooms_make_requests(struct rooms *rooms, const char *url, const char *header, const char *body)
{
	for (size_t i = 0; i < rooms->n; i++)
		make_request(&rooms->rooms[i], url, header, body);
}

void
stamp_write(char *at, uint64_t ns)
{
	for (int i = STAMP_DIGITS; i-- > 0; ns /= 10)
		at[i] = (char)('0' + ns % 10);
}

bool
stamp_read(const char *at, uint64_t *ns)
{
	*ns = 0;
	for (int i = 0; i < STAMP_DIGITS; i++) {
		if (at[i] < '0' || at[i] > '9')
			return false;
		*ns = *ns * 10 + (uint64_t)(at[i] - '0');
	}
	return true;
}
