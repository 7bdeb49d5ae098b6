#include "common/log.h"
#include "graphd/dispatcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES = 128 };

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

/* Written under another name first: a file of the wanted name is always a whole one. */
static enum error
write_copy(struct call *c, const char *directory, const char *partial, const char *path)
{
	struct store *store = sessions_store(c->sessions);
	char message[256] = "";
	enum error err;

	mode_t mask = umask(077);

	unlink(partial);
	err = store->ops->backup(store, partial, message);
	umask(mask);
	if (err) {
		log_warn("backup", "cannot write %s: %s", partial, message);
		return refuse(c->why, err, NULL, "The backup could not be written.");
	}
	/* link() instead of rename(): it refuses when there is such a file by now. */
	if (flush(partial, O_RDONLY) && link(partial, path) == 0) {
		unlink(partial);
		return flush(directory, O_RDONLY | O_DIRECTORY)
		    ? OK
		    : refuse(c->why, ERROR_storage_failed, NULL,
			  "The backup could not be made durable.");
	}
	if (errno == EEXIST)
		return refuse(
		    c->why, ERROR_invalid_request, "name", "There is a file of that name already.");
	return refuse(c->why, ERROR_storage_failed, NULL, "The backup could not be made durable.");
}

enum error
cmd_backup(struct call *c, const struct backup_args *a)
{
	const char *directory = c->dispatcher->backup_directory;
	char *path = NULL, *partial = NULL;
	struct stat st;
	enum error err = OK;

	if (!directory || !sessions_store(c->sessions)->ops->backup)
		return refuse(c->why, ERROR_invalid_request, NULL, "This server makes no backups.");
	if (!is_plain_name(a->name))
		return refuse(c->why, ERROR_invalid_request, "name",
		    "name must be 1 to %d of A-Z a-z 0-9 . _ - and not begin with a dot.",
		    NAME_BYTES);
	if (asprintf(&path, "%s/%.*s", directory, (int)a->name.n, a->name.p) < 0 ||
	    asprintf(&partial, "%s/.%.*s.partial", directory, (int)a->name.n, a->name.p) < 0)
		abort();
	if (lstat(path, &st) == 0)
		err = refuse(
		    c->why, ERROR_invalid_request, "name", "There is a file of that name already.");
	if (!err) {
		err = write_copy(c, directory, partial, path);
		unlink(partial);
	}
	if (!err && stat(path, &st) == 0) {
		json_out_key(c->result, "name");
		json_out_text(c->result, a->name);
		json_out_key(c->result, "size_bytes");
		json_out_int(c->result, st.st_size);
	}
	free(path);
	free(partial);
	return err;
}
