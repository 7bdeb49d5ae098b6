#include "common/log.h"
#include "graphd/dispatcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	NAME_BYTES = 128,
	SLICE_MS = 2, /* that others may have to wait */
};

/* A plain file name, so that nothing outside the directory can be meant. */
static bool
is_plain_name(struct span name)
{
	static const char allowed[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	if (name.n == 0 || name.n > NAME_BYTES || name.p[0] == '.')
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!memchr(allowed, name.p[i], sizeof allowed - 1))
			return false;
	return true;
}

static bool
flush(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
	bool good = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return good;
}

/* So that little is left to be flushed at the end, which somebody has to wait for. */
static void
begin_to_flush(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return;
	sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	close(fd);
}

/* Written under another name first: a file of the wanted name is always a whole one. */
static enum error
write_slice(struct call *c, const char *partial, bool *more)
{
	struct store *store = sessions_store(c->sessions);
	char message[256] = "";
	mode_t mask = umask(077);
	enum error err = store->ops->backup_slice(store, partial, SLICE_MS, more, message);

	umask(mask);
	if (!err) {
		begin_to_flush(partial);
		return OK;
	}
	log_warn("backup", "cannot write %s: %s", partial, message);
	return refuse(c->why, err, NULL,
	    err == ERROR_overloaded ? "Another backup is being written."
				    : "The backup could not be written.");
}

/* link() instead of rename(): it refuses when there is such a file by now. */
static enum error
publish(struct call *c, const char *directory, const char *partial, const char *path)
{
	bool good = flush(partial, O_RDONLY) && link(partial, path) == 0;
	int why = errno;

	unlink(partial);
	if (good && flush(directory, O_RDONLY | O_DIRECTORY))
		return OK;
	if (!good && why == EEXIST)
		return refuse(
		    c->why, ERROR_invalid_request, "name", "There is a file of that name already.");
	return refuse(c->why, ERROR_storage_failed, NULL, "The backup could not be made durable.");
}

static enum error
write_backup(
    struct call *c, const char *directory, const char *partial, const char *path, bool *more)
{
	struct stat st;
	enum error err;

	if (lstat(path, &st) == 0)
		return refuse(
		    c->why, ERROR_invalid_request, "name", "There is a file of that name already.");
	err = write_slice(c, partial, more);
	return err || *more ? err : publish(c, directory, partial, path);
}

static void
write_reply(struct call *c, struct span name, const char *path, bool more)
{
	struct stat st;

	json_out_key(c->result, "name");
	json_out_text(c->result, name);
	json_out_key(c->result, "more");
	json_out_bool(c->result, more);
	if (more || stat(path, &st) != 0)
		return;
	json_out_key(c->result, "size_bytes");
	json_out_int(c->result, st.st_size);
}

enum error
cmd_backup(struct call *c, const struct backup_args *a)
{
	const char *directory = c->dispatcher->backup_directory;
	char *path = NULL, *partial = NULL;
	bool more = false;
	enum error err;

	if (!directory || !sessions_store(c->sessions)->ops->backup_slice)
		return refuse(c->why, ERROR_invalid_request, NULL, "This server makes no backups.");
	if (!is_plain_name(a->name))
		return refuse(c->why, ERROR_invalid_request, "name",
		    "name must be 1 to %d of A-Z a-z 0-9 . _ - and not begin with a dot.",
		    NAME_BYTES);
	if (asprintf(&path, "%s/%.*s", directory, (int)a->name.n, a->name.p) < 0 ||
	    asprintf(&partial, "%s/.%.*s.partial", directory, (int)a->name.n, a->name.p) < 0)
		abort();
	err = write_backup(c, directory, partial, path, &more);
	if (!err)
		write_reply(c, a->name, path, more);
	free(path);
	free(partial);
	return err;
}
