#include "common/json.h"
#include "graphd/dispatcher.h"

#include <stdio.h>

/* The request's session, the one that is named, or a live one on the project. */
static enum error
find(struct call *c, const struct save_project_args *a, struct session **out)
{
	const struct uuid *project = &a->project_id;
	enum error err = OK;

	*out = c->session;
	if (!*out && uuid_is_nil(project) && uuid_is_nil(&a->session_id))
		return refuse(c->why, ERROR_invalid_request, "project_id",
		    "Missing project_id or session_id");
	if (!*out && !uuid_is_nil(&a->session_id))
		err = sessions_get(c->sessions, &a->session_id, out);
	else if (!*out)
		err = project_session(c->sessions, project, out);
	if (err)
		return refuse(c->why, err, uuid_is_nil(&a->session_id) ? NULL : "session_id", "%s",
		    error_rows[err].text);
	if (!*out || (!uuid_is_nil(project) && !uuid_equal(project, &(*out)->meta.project_id)))
		return refuse(c->why, ERROR_project_not_found, "project_id",
		    "No session is open on the project.");
	return OK;
}

/* Whether that revision, or with "*" any, is in the list. *good: the list holds nothing else. */
static bool
is_listed(struct call *c, struct span list, uint64_t revision, bool *good)
{
	struct json_iter it;
	struct span key, value;
	bool found = false;
	int64_t number;

	*good = true;
	json_walk(&it, list);
	while (json_next(&it, &key, &value)) {
		if (json_type(value) == JSON_STRING && span_is(json_text(c->arena, value), "*"))
			found |= revision > 0;
		else if (json_integer(value, &number))
			found |= number >= 0 && (uint64_t)number == revision;
		else
			*good = false;
	}
	return found;
}

static enum error
refuse_revision(struct call *c, const char *field, uint64_t revision)
{
	refuse(c->why, ERROR_precondition_failed, field, "The newest revision is %llu.",
	    (unsigned long long)revision);
	json_out_open(&c->why->details, '{');
	json_out_key(&c->why->details, "revision");
	json_out_uint(&c->why->details, revision);
	json_out_close(&c->why->details, '}');
	return ERROR_precondition_failed;
}

/* Of a refused list the header is named, for that is where lists come from. */
static enum error
check_revision(struct call *c, const struct save_project_args *a, uint64_t revision)
{
	bool good = true, listed = !a->if_match.p || is_listed(c, a->if_match, revision, &good);

	if (!good)
		return refuse(c->why, ERROR_invalid_request, "if_match",
		    "if_match must hold revisions or \"*\".");
	if (!listed)
		return refuse_revision(c, "If-Match", revision);
	if (a->if_revision != ARG_ABSENT && a->if_revision != (int64_t)revision)
		return refuse_revision(c, "if_revision", revision);
	return OK;
}

static enum error
save(struct call *c, struct session *s, uint64_t revision)
{
	struct edit edit = { .kind = EDIT_MARK, .mark = MARK_SAVED };
	char details[64];

	snprintf(details, sizeof(details), "{\"revision\":%llu}", (unsigned long long)revision);
	edit.value_after = xstrdup(details);
	project_put(c, s, revision);
	projects_note(c->dispatcher->projects, c->sessions, s, revision);
	call_begin(c, s, STEP_MARK);
	return session_edit(s, &edit);
}

static void
write_reply(struct call *c, const struct session *s, uint64_t revision)
{
	json_out_key(c->result, "success");
	json_out_bool(c->result, true);
	json_out_key(c->result, "session_id");
	json_out_uuid(c->result, &s->id);
	json_out_key(c->result, "is_dirty");
	json_out_bool(c->result, false);
	json_out_key(c->result, "project_id");
	json_out_uuid(c->result, &s->meta.project_id);
	json_out_key(c->result, "revision");
	json_out_uint(c->result, revision);
	json_out_key(c->result, "saved_at");
	json_out_time(c->result, c->request->now_us);
}

enum error
cmd_save_project(struct call *c, const struct save_project_args *a)
{
	struct session *s;
	uint64_t revision;
	enum error err = find(c, a, &s);

	if (!err)
		err = projects_revision(
		    c->dispatcher->projects, c->sessions, &s->meta.project_id, &revision);
	if (!err)
		err = check_revision(c, a, revision);
	if (!err)
		err = save(c, s, revision + 1);
	if (!err)
		write_reply(c, s, revision + 1);
	return err;
}
