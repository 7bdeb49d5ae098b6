#include "graphd/call.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct page {
	struct json_out *out;
	size_t left;
	char next[64]; /* cursor, when there is more */
	struct store_session last;
};

static bool
write_session(void *context, const struct store_session *row, size_t clients)
{
	struct page *p = context;
	char id[UUID_TEXT + 1];

	if (p->left == 0) {
		uuid_format(&p->last.id, id);
		snprintf(p->next, sizeof(p->next), "%s.%" PRIx64, id, p->last.created_us);
		return false;
	}
	p->left--;
	p->last = *row;
	json_out_open(p->out, '{');
	json_out_key(p->out, "session_id");
	json_out_uuid(p->out, &row->id);
	json_out_key(p->out, "created_at");
	json_out_time(p->out, row->created_us);
	json_out_key(p->out, "last_activity");
	json_out_time(p->out, row->active_us);
	json_out_key(p->out, "active_clients");
	json_out_uint(p->out, clients);
	json_out_key(p->out, "has_project");
	json_out_bool(p->out, row->has_project);
	json_out_close(p->out, '}');
	return true;
}

/* A cursor is the last session's id and, should that be gone, when it was created. */
static bool
read_cursor(struct call *c, struct span cursor, struct uuid *id, uint64_t *created_us)
{
	const char *text = arena_text(c->arena, cursor);
	char *end;

	if (cursor.n < UUID_TEXT + 2 || text[UUID_TEXT] != '.' ||
	    !uuid_parse((struct span){ text, UUID_TEXT }, id))
		return false;
	*created_us = strtoull(text + UUID_TEXT + 1, &end, 16);
	return *end == '\0';
}

enum error
cmd_list_sessions(struct call *c, const struct list_sessions_args *a)
{
	struct page page = { .out = c->result };
	struct uuid after;
	uint64_t after_us = 0;
	enum error err = call_count(c, "limit", a->limit, 1000, 10000, &page.left);

	if (!err && a->cursor.p && !read_cursor(c, a->cursor, &after, &after_us))
		err = refuse(c->why, ERROR_invalid_request, "cursor", "This is no cursor of ours.");
	if (err)
		return err;
	json_out_key(c->result, "sessions");
	json_out_open(c->result, '[');
	sessions_each_after(
	    c->sessions, a->cursor.p ? &after : NULL, after_us, write_session, &page);
	json_out_close(c->result, ']');
	json_out_key(c->result, "total");
	json_out_uint(c->result, sessions_count(c->sessions));
	json_out_key(c->result, "next_cursor");
	json_out_string(c->result, page.next[0] ? page.next : NULL);
	return OK;
}
