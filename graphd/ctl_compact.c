/* graphctl compact: folds what is older than asked for into one snapshot for each session, and
 * removes sessions that have ended: nobody can ask for anything of them. */
#include "common/clock.h"
#include "common/loop.h"
#include "common/mem.h"
#include "graphd/ctl.h"
#include "graphd/old_keys.h"
#include "graphd/stored_session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Which steps of a session may go. */
struct horizon {
	uint64_t before_us, ordinal;
};

static bool
note_older(void *context, const struct store_step *step)
{
	struct horizon *h = context;

	if (step->time_us >= h->before_us)
		return false;
	h->ordinal = step->ordinal;
	return true;
}

/* Not before 1970, when there were no steps. */
static uint64_t
hours_ago(uint64_t now_us, uint64_t hours)
{
	const uint64_t hour_us = 3600ULL * 1000000;

	return hours < now_us / hour_us ? now_us - hours * hour_us : 0;
}

/* The last step to be folded; 0: none. */
static enum error
find_horizon(struct store *store, const struct ctl_options *o, const struct store_session *row,
    uint64_t *ordinal)
{
	uint64_t keep = (uint64_t)o->keep_steps;
	struct horizon h = { 0 };
	enum error err = OK;

	if (o->keep_steps >= 0) {
		*ordinal = row->ordinal > keep ? row->ordinal - keep : 0;
		return OK;
	}
	h.before_us = hours_ago(clock_wall_us(), (uint64_t)o->keep_hours);
	err = store->ops->steps(store, &row->id, 0, note_older, &h);
	*ordinal = h.ordinal;
	return err;
}

/* The first step that a session made itself, which tells the key under which it was created. */
struct creation {
	uint64_t created_us, ordinal;
};

/* Steps from before the session are those it was imported with. */
static bool
note_creation(void *context, const struct store_step *stored)
{
	struct creation *c = context;
	struct step step;

	if (stored->time_us != c->created_us)
		return stored->time_us < c->created_us;
	if (!step_decode(stored->bytes, &step))
		return false;
	if (step.key && step.reply)
		c->ordinal = stored->ordinal;
	step_fini(&step);
	return false;
}

/* Its ordinal, if it is among those to be folded or was kept before; 0: it is not, or has no key.
 */
static uint64_t
find_creation(struct store *store, const struct store_session *row, uint64_t last_ordinal)
{
	struct creation c = { .created_us = row->created_us };

	/* What is damaged shows when the steps are replayed. */
	(void)store->ops->kept(store, &row->id, note_creation, &c);
	if (!c.ordinal)
		(void)store->ops->steps(store, &row->id, 0, note_creation, &c);
	return c.ordinal <= last_ordinal ? c.ordinal : 0;
}

struct replay {
	struct session *session;
	uint64_t last_ordinal;
	bool broken;
};

static bool
replay_step(void *context, const struct store_step *stored)
{
	struct replay *r = context;
	struct step step;

	if (stored->ordinal > r->last_ordinal)
		return false;
	r->broken = !step_decode(stored->bytes, &step) || !session_replay(r->session, &step);
	session_settled(r->session, UINT64_MAX);
	return !r->broken;
}

/* The session as it was behind that step. */
static enum error
replay_to(
    struct store *store, const struct store_session *row, uint64_t ordinal, struct session **out)
{
	struct replay r = { .last_ordinal = ordinal };
	enum error err = stored_session(store, row, ordinal, &r.session);

	if (!err)
		err = store->ops->steps(store, &row->id, r.session->ordinal, replay_step, &r);
	if (!err && (r.broken || r.session->ordinal != ordinal))
		err = ERROR_session_damaged;
	if (err) {
		session_free(r.session);
		return err;
	}
	*out = r.session;
	return OK;
}

static enum error
compact_session(struct store *store, const struct ctl_options *o, const struct store_session *row)
{
	struct json_out bytes = { 0 };
	struct session *s = NULL;
	uint64_t ordinal, first;
	enum error err = find_horizon(store, o, row, &ordinal);

	if (!err)
		err = ctl_file_first_step(store, &row->id, &first);
	/* An earlier run may have kept less. */
	if (err || ordinal < first)
		return err;
	err = replay_to(store, row, ordinal, &s);
	if (err)
		return err;
	/* Their answers go with the steps; those of the steps that stay are found by replaying
	 * them. */
	old_keys_free(s->old_keys);
	s->old_keys = NULL;
	session_snapshot(s, &bytes);
	err = store->ops->cut(store, &row->id, ordinal, s->seq, json_out_span(&bytes),
	    find_creation(store, row, ordinal));
	session_free(s);
	json_out_fini(&bytes);
	return err;
}

/* A damaged session is left as it is, for whoever wants to save what can be saved. */
static size_t
compact_all(struct ctl_file *f, const struct ctl_options *o)
{
	enum error err = f->store->ops->drop_ended(f->store);
	size_t n, failed = 0;
	struct store_session *rows = ctl_file_sessions(f, &n);
	char id[UUID_TEXT + 1];

	if (err) {
		failed++;
		ctl_say("sessions that have ended are left as they are: %s", error_rows[err].text);
	}
	for (size_t i = 0; i < n; i++) {
		/* One that was left as it is. */
		err = rows[i].closed ? OK : compact_session(f->store, o, &rows[i]);
		if (!err)
			continue;
		failed++;
		uuid_format(&rows[i].id, id);
		ctl_say("session %s is left as it is: %s", id, error_rows[err].text);
	}
	free(rows);
	return failed;
}

/* The copy belongs to whom the file belonged, and is read by nobody else meanwhile. */
static enum error
make_copy(struct ctl_file *f, const char *path, const char *copy, char message[256])
{
	mode_t mask = umask(077);
	enum error err = f->store->ops->backup(f->store, copy, message);
	struct stat st;

	umask(mask);
	if (err)
		return err;
	if (stat(path, &st) == 0 && chown(copy, st.st_uid, st.st_gid) == 0 &&
	    chmod(copy, st.st_mode & 07777) == 0)
		return OK;
	snprintf(message, 256, "%s", strerror(errno));
	return ERROR_storage_failed;
}

/*
 * A copy holds no free pages; it takes the file's place at once or not at all. The directory stays
 * locked until then. A log that could not be brought home stays with its own file: beside the copy
 * it would be read into it.
 */
static int
give_room_back(struct ctl_file *f, const char *path)
{
	char *copy, message[256] = "";
	enum error err;
	int status = CTL_OK;
	bool closed;

	if (asprintf(&copy, "%s.compacted", path) < 0)
		abort();
	unlink(copy);
	err = make_copy(f, path, copy, message);
	closed = f->store->ops->close(f->store);
	f->store = NULL;
	if (err)
		status = ctl_say("%s: %s", copy, message);
	else if (!closed || ctl_file_has_log(path))
		status =
		    ctl_say("%s: its log cannot be brought home: the file stays as it is", path);
	else if (rename(copy, path) != 0 || fsync(f->directory) != 0)
		status = ctl_say("%s: %s", path, strerror(errno));
	unlink(copy);
	free(copy);
	return status;
}

int
ctl_compact(const struct ctl_options *o)
{
	struct ctl_file f;
	size_t failed;
	int status;

	if ((o->keep_steps < 0) == (o->keep_hours < 0)) {
		ctl_say("compact needs either --keep-steps or --keep-hours");
		return CTL_WRONG;
	}
	if (!ctl_file_open(&f, o->operands[0]))
		return CTL_FAILED;
	failed = compact_all(&f, o);
	status = give_room_back(&f, o->operands[0]);
	loop_free(f.loop);
	close(f.directory);
	return failed ? CTL_FAILED : status;
}
