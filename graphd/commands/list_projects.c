#include "graphd/call.h"

static const char hex[] = "0123456789abcdef";

struct page {
	struct json_out *out;
	struct uuid after; /* of the last one that was told before */
	char *after_name;  /* in the arena; NULL: from the first */
	struct json_out next;
	size_t left, total;
	bool more;
};

/* A cursor is the last project's id and its name, which say where it stood should it be gone. */
static void
write_cursor(struct json_out *out, const struct store_project *project)
{
	char text[UUID_TEXT + 1];

	uuid_format(&project->id, text);
	json_out_bytes(out, (struct span){ text, UUID_TEXT });
	for (const char *at = project->name; *at; at++) {
		text[0] = hex[(unsigned char)*at >> 4];
		text[1] = hex[*at & 15];
		json_out_bytes(out, (struct span){ text, 2 });
	}
}

static int
digit_value(char c)
{
	const char *at = memchr(hex, c, 16);

	return at ? (int)(at - hex) : -1;
}

static bool
read_cursor(struct call *c, struct span cursor, struct page *p)
{
	struct span name = { cursor.p + UUID_TEXT, cursor.n - UUID_TEXT };

	if (cursor.n < UUID_TEXT || name.n % 2 != 0 ||
	    !uuid_parse((struct span){ cursor.p, UUID_TEXT }, &p->after))
		return false;
	p->after_name = arena_take(c->arena, name.n / 2 + 1);
	for (size_t i = 0; i < name.n; i += 2) {
		int high = digit_value(name.p[i]), low = digit_value(name.p[i + 1]);

		if (high < 0 || low < 0)
			return false;
		p->after_name[i / 2] = (char)(high << 4 | low);
	}
	p->after_name[name.n / 2] = '\0';
	return true;
}

/* Stores give them by name, and by id where that is the same. */
static bool
is_told(const struct page *p, const struct store_project *project)
{
	int order = p->after_name ? strcmp(project->name, p->after_name) : 1;

	return order < 0 || (order == 0 && memcmp(&project->id, &p->after, UUID_BYTES) <= 0);
}

static bool
write_project(void *context, const struct store_project *project)
{
	struct page *p = context;

	p->total++;
	if (is_told(p, project))
		return true;
	if (p->left == 0) {
		p->more = true;
		return true;
	}
	if (--p->left == 0)
		write_cursor(&p->next, project);
	json_out_open(p->out, '{');
	json_out_key(p->out, "project_id");
	json_out_uuid(p->out, &project->id);
	json_out_key(p->out, "name");
	json_out_string(p->out, project->name);
	json_out_key(p->out, "template_id");
	json_out_string(p->out, project->template_id);
	json_out_key(p->out, "revision");
	json_out_uint(p->out, project->revision);
	json_out_key(p->out, "saved_at");
	json_out_time(p->out, project->saved_us);
	json_out_close(p->out, '}');
	return true;
}

enum error
cmd_list_projects(struct call *c, const struct list_projects_args *a)
{
	struct store *store = sessions_store(c->sessions);
	struct page page = { .out = c->result };
	enum error err = call_count(c, "limit", a->limit, 1000, 10000, &page.left);

	if (!err && a->cursor.p && !read_cursor(c, a->cursor, &page))
		err = refuse(c->why, ERROR_invalid_request, "cursor", "This is no cursor of ours.");
	if (err)
		return err;
	json_out_key(c->result, "projects");
	json_out_open(c->result, '[');
	err = store->ops->projects(store, write_project, &page);
	json_out_close(c->result, ']');
	json_out_key(c->result, "total");
	json_out_uint(c->result, page.total);
	json_out_key(c->result, "next_cursor");
	json_out_text(c->result, page.more ? json_out_span(&page.next) : (struct span){ NULL, 0 });
	json_out_fini(&page.next);
	return err;
}
