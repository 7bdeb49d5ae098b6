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

/* Writes what stands for the {name} at the start of the text; returns that name's bytes or 0. */
static size_t
write_named(struct json_out *out, const struct room *room, const char *text,
    const struct room_values *values)
{
	char since[24];
	const struct {
		struct span name;
		const char *value;
	} names[] = {
		{ SPAN("{session}"), room->session },
		{ SPAN("{node}"), room->node },
		{ SPAN("{stamp}"), no_stamp },
		{ SPAN("{since}"), since },
		{ SPAN("{events}"), values->events ? values->events : "" },
	};

	snprintf(since, sizeof since, "%llu", (unsigned long long)values->since);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strncmp(text, names[i].name.p, names[i].name.n) == 0) {
			json_out_bytes(out, span_of(names[i].value));
			return names[i].name.n;
		}
	}
	return 0;
}

char *
room_text(const struct room *room, const char *pattern, const struct room_values *values)
{
	struct json_out out = { 0 };
	size_t n;

	for (const char *p = pattern; *p; p += n) {
		/* A brace that begins no name is one of JSON's. */
		n = *p == '{' ? write_named(&out, room, p, values) : 0;
		if (n == 0) {
			json_out_bytes(&out, (struct span){ p, 1 });
			n = 1;
		}
	}
	json_out_bytes(&out, (struct span){ "", 1 });
	return json_out_take(&out, &n);
}

static void
make_request(struct room *room, const char *url, const char *header, const char *body)
{
	const struct room_values none = { 0 };
	char *path = room_text(room, url, &none), *text = room_text(room, body, &none), *request;
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
