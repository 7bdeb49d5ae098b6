#pragma once
/* For programs in which a hub reads what its members lack: what it asks of graphd, and answers. */

#include "hub_fixture.h"

/* A page of the journal: events from to last, of a session that is at newest and keeps what begins
 * with first. */
static inline void
answer_page(uint64_t from, uint64_t last, uint64_t newest, uint64_t first)
{
	static char body[HEARD_BYTES];
	size_t n = (size_t)snprintf(body, sizeof body, "{\"events\":[");

	for (uint64_t seq = from; seq <= last; seq++)
		n += (size_t)snprintf(body + n, sizeof body - n,
		    "%s{\"event\":\"graph:node-created\",\"seq\":%llu,\"data\":{}}",
		    seq > from ? "," : "", (unsigned long long)seq);
	snprintf(body + n, sizeof body - n, "],\"seq\":%llu,\"first_seq\":%llu,\"more\":false}",
	    (unsigned long long)newest, (unsigned long long)first);
	fake_answer(&fake, COMMAND_list_events, OK, body);
}

/* A page of events at these paths, from that seq on; NULL: none is told. */
static inline void
answer_page_at(uint64_t from, const char *const *paths, size_t n_paths, uint64_t newest)
{
	static char body[HEARD_BYTES];
	size_t n = (size_t)snprintf(body, sizeof body, "{\"events\":[");

	for (size_t i = 0; i < n_paths; i++) {
		n += (size_t)snprintf(body + n, sizeof body - n,
		    "%s{\"event\":\"graph:node-created\",\"seq\":%llu", i ? "," : "",
		    (unsigned long long)(from + i));
		for (const char *p = paths[i]; p && *p; p++) {
			char id[UUID_TEXT + 1];
			struct uuid node = node_of(*p);

			uuid_format(&node, id);
			n += (size_t)snprintf(body + n, sizeof body - n, "%s\"%s\"%s",
			    p == paths[i] ? ",\"path\":[" : ",", id, p[1] ? "" : "]");
		}
		n += (size_t)snprintf(body + n, sizeof body - n, ",\"data\":{}}");
	}
	snprintf(body + n, sizeof body - n, "],\"seq\":%llu,\"first_seq\":1,\"more\":false}",
	    (unsigned long long)newest);
	fake_answer(&fake, COMMAND_list_events, OK, body);
}

/* The answer to the open question for a graph: this text, in the current history. */
static inline void
answer_graph(const char *roots, uint64_t seq)
{
	char body[512], id[UUID_TEXT + 1];

	uuid_format(&log_id, id);
	snprintf(body, sizeof body, "{\"roots\":%s,\"seq\":%llu,\"log_id\":\"%s\"}", roots,
	    (unsigned long long)seq, id);
	fake_answer(&fake, COMMAND_get_tree, OK, body);
}

/* Whether the open question for a graph is for that node's part; 0: for all of it. */
static inline bool
asked_for_graph(char node)
{
	struct fake_ask *a = fake_open(&fake, COMMAND_get_tree);
	struct uuid id = node_of(node);
	char text[UUID_TEXT + 1];

	if (!a)
		return false;
	uuid_format(&id, text);
	return node ? strstr(a->args, text) && strstr(a->args, "\"allow_missing\":true")
		    : strcmp(a->args, "{}") == 0;
}

static inline bool
asked_for_paths(void)
{
	struct fake_ask *a = fake_open(&fake, COMMAND_list_events);

	ck_assert_ptr_nonnull(a);
	return strstr(a->args, "\"paths\":true") != NULL;
}

/* "since":N of the open question to the journal. */
static inline uint64_t
asked_since(void)
{
	struct fake_ask *a = fake_open(&fake, COMMAND_list_events);
	const char *at = a ? strstr(a->args, "\"since\":") : NULL;

	ck_assert_ptr_nonnull(at);
	return strtoull(at + 8, NULL, 10);
}
