#include "common/loop.h"
#include "common/mem.h"
#include "graphd/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DATABASE_HEAD_BYTES = 100 }; /* SQLite takes a shorter file for an empty one */

/* The same lock as graphd takes on its data directory: neither gets in the other's way. */
static int
lock_directory_of(const char *path)
{
	char *copy = xstrdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	free(copy);
	if (fd < 0) {
		ctl_say("%s: %s", path, strerror(errno));
	} else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		ctl_say("%s: in use: a graphd or another graphctl has it open", path);
		close(fd);
		fd = -1;
	}
	return fd;
}

/* A store makes a file that is not there, and begins anew in one that holds nothing: that would
 * hide a mistyped name, or a copy that was cut off. */
static bool
is_there(const char *path)
{
	struct stat st;

	if (access(path, R_OK | W_OK) != 0 || stat(path, &st) != 0)
		return ctl_say("%s: %s", path, strerror(errno)), false;
	if (st.st_size < DATABASE_HEAD_BYTES)
		return ctl_say("%s: no database: it is empty", path), false;
	return true;
}

bool
ctl_file_open(struct ctl_file *f, const char *path)
{
	char message[256], *spec;

	if (!is_there(path))
		return false;
	f->directory = lock_directory_of(path);
	if (f->directory < 0)
		return false;
	if (asprintf(&spec, "sqlite:%s", path) < 0)
		abort();
	f->loop = loop_new();
	f->store = store_open(spec, f->loop, message);
	free(spec);
	if (f->store)
		return true;
	ctl_say("%s: %s", path, message);
	loop_free(f->loop);
	close(f->directory);
	return false;
}

bool
ctl_file_has_log(const char *path)
{
	struct stat st;
	char *log;
	bool has;

	if (asprintf(&log, "%s-wal", path) < 0)
		abort();
	has = stat(log, &st) == 0 && st.st_size > 0;
	free(log);
	return has;
}

void
ctl_file_close(struct ctl_file *f)
{
	f->store->ops->close(f->store);
	loop_free(f->loop);
	close(f->directory);
}

struct committing {
	bool done;
	enum error error;
};

static void
on_committed(void *context, enum error error, bool fatal)
{
	struct committing *c = context;

	(void)fatal;
	c->done = true;
	c->error = error;
}

enum error
ctl_file_commit(struct ctl_file *f)
{
	struct committing c = { 0 };

	f->store->ops->commit(f->store, on_committed, &c);
	while (!c.done)
		loop_turn(f->loop, 1000);
	return c.error;
}

struct listing {
	struct store_session *rows;
	size_t n;
};

static bool
keep_row(void *context, const struct store_session *row)
{
	struct listing *l = context;

	/* Room for one more, doubled when the number is a power of two. */
	if ((l->n & (l->n - 1)) == 0)
		l->rows = xrealloc(l->rows, l->n ? l->n * 2 : 1, sizeof *l->rows);
	l->rows[l->n++] = *row;
	return true;
}

struct store_session *
ctl_file_sessions(struct ctl_file *f, size_t *n)
{
	struct listing l = { 0 };

	f->store->ops->sessions(f->store, keep_row, &l);
	*n = l.n;
	return l.rows;
}

static bool
note_ordinal(void *context, const struct store_step *step)
{
	*(uint64_t *)context = step->ordinal;
	return false;
}

enum error
ctl_file_first_step(struct store *store, const struct uuid *session, uint64_t *ordinal)
{
	*ordinal = UINT64_MAX;
	return store->ops->steps(store, session, 0, note_ordinal, ordinal);
}
