#include "graphd/store_sqlite.h"

#include "common/log.h"
#include "common/mem.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
look(const char *path, struct file_place *place)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return false;
	place->path = path;
	place->device = st.st_dev;
	place->inode = st.st_ino;
	return true;
}

void
sqlite_note_places(struct sqlite_store *s)
{
	const char *path = sqlite3_db_filename(s->db, "main");

	s->n_places = 0;
	s->n_places += look(path, &s->places[s->n_places]);
	s->n_places += look(sqlite3_filename_wal(path), &s->places[s->n_places]);
}

/* What cannot be looked at just now may well be there. */
static bool
is_in_place(const struct file_place *place)
{
	struct stat st;

	if (stat(place->path, &st) != 0)
		return errno != ENOENT && errno != ENOTDIR;
	return st.st_dev == place->device && st.st_ino == place->inode;
}

bool
sqlite_is_in_place(const struct sqlite_store *s)
{
	for (size_t i = 0; i < s->n_places; i++) {
		if (is_in_place(&s->places[i]))
			continue;
		log_warn("store", "%s was moved, removed or replaced", s->places[i].path);
		return false;
	}
	return true;
}

/* The log is made beside the database. */
static bool
may_make_files_beside(const char *path, char message[256])
{
	char *copy = xstrdup(path);
	const char *directory = dirname(copy);
	bool may = access(directory, R_OK | W_OK | X_OK) == 0;

	if (!may)
		snprintf(message, 256, "cannot make files in the directory %.*s: %s",
		    MESSAGE_PATH_BYTES, directory, strerror(errno));
	free(copy);
	return may;
}

/* SQLite would make a new database and throw the log away, with all that was acknowledged last. */
static bool
is_log_alone(const char *path)
{
	struct stat st;
	char *log;
	bool is_alone;

	if (access(path, F_OK) == 0)
		return false;
	if (asprintf(&log, "%s-wal", path) < 0)
		abort();
	is_alone = stat(log, &st) == 0 && st.st_size > 0;
	free(log);
	return is_alone;
}

bool
sqlite_may_use(const char *path, char message[256])
{
	/* It may be missing: then it is made. */
	if (access(path, F_OK) == 0 ? access(path, R_OK | W_OK) != 0 : errno != ENOENT) {
		snprintf(message, 256, "cannot use the database %.*s: %s", MESSAGE_PATH_BYTES, path,
		    strerror(errno));
		return false;
	}
	if (is_log_alone(path)) {
		snprintf(message, 256, "the database %.*s is missing, but its log is there",
		    MESSAGE_PATH_BYTES, path);
		return false;
	}
	return may_make_files_beside(path, message);
}
