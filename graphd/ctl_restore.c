/* graphctl restore: a copy of a backup in which every session has a new history, so that clients
 * who have heard more than the backup holds are told to begin anew. */
#include "common/mem.h"
#include "graphd/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
copy_bytes(int from, int to)
{
	struct stat st;
	off_t at = 0;

	if (fstat(from, &st) != 0)
		return false;
	while (at < st.st_size) {
		ssize_t n = sendfile(to, from, &at, (size_t)(st.st_size - at));

		if (n < 0 && errno != EINTR)
			return false;
		if (n == 0) {
			errno = EIO;
			return false;
		}
	}
	return fsync(to) == 0;
}

/* False: said why, and there is no new file. */
static bool
copy_file(const char *from_path, const char *to_path)
{
	int from = open(from_path, O_RDONLY | O_CLOEXEC);
	int to = from < 0 ? -1 : open(to_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool good = to >= 0 && copy_bytes(from, to);

	if (!good)
		ctl_say("%s: %s", from < 0 ? from_path : to_path, strerror(errno));
	if (to >= 0)
		close(to);
	if (from >= 0)
		close(from);
	if (!good && to >= 0)
		unlink(to_path);
	return good;
}

static enum error
renew(struct ctl_file *f, size_t *n)
{
	struct store_session *rows = ctl_file_sessions(f, n);

	for (size_t i = 0; i < *n; i++) {
		uuid_random(&rows[i].log_id);
		rows[i].epoch++;
		f->store->ops->put_session(f->store, &rows[i]);
	}
	free(rows);
	return ctl_file_commit(f);
}

int
ctl_restore(const struct ctl_options *o)
{
	const char *from = o->operands[0], *to = o->operands[1];
	struct ctl_file f;
	enum error err;
	size_t n;

	if (ctl_file_has_log(from))
		return ctl_say("%s: not a backup but a database with a log beside it", from);
	if (ctl_file_has_log(to))
		return ctl_say("%s-wal: the log of another database would be taken for that of "
			       "the new one: move it away first",
		    to);
	if (!copy_file(from, to))
		return CTL_FAILED;
	if (!ctl_file_open(&f, to)) {
		unlink(to);
		return CTL_FAILED;
	}
	err = renew(&f, &n);
	/* Or the file might not be under its name after a loss of power. */
	if (!err && fsync(f.directory) != 0)
		err = ERROR_storage_failed;
	ctl_file_close(&f);
	if (err) {
		unlink(to);
		return ctl_say("%s: %s", to, error_rows[err].text);
	}
	printf("%zu sessions restored\n", n);
	return CTL_OK;
}
