#include "graphd/ballast.h"

#include "common/limits.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char name[] = "ballast";

/* A file with something in it is ours from before, or not ours at all. An empty one was about to be
 * filled. */
static bool
is_there(int directory)
{
	struct stat st;

	return fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (!S_ISREG(st.st_mode) || st.st_size > 0);
}

static bool
has_room(int directory)
{
	struct statvfs fs;

	return fstatvfs(directory, &fs) == 0 &&
	    (uint64_t)fs.f_bavail * fs.f_frsize >= LIMIT_BALLAST_ROOM_BYTES;
}

/* 0 or the errno. Not posix_fallocate(), which writes where it cannot allocate. */
static int
make(int directory)
{
	int fd = openat(directory, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int cause;

	if (fd < 0)
		return errno;
	cause = fallocate(fd, 0, 0, LIMIT_BALLAST_BYTES) == 0 ? 0 : errno;
	close(fd);
	if (cause)
		unlinkat(directory, name, 0);
	return cause;
}

void
ballast_keep(const char *path)
{
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), cause;

	if (directory < 0 || is_there(directory)) {
		/* Nothing to be done. */
	} else if (!has_room(directory)) {
		log_info("ballast", "less than %d MiB are free in %s: none is kept",
		    LIMIT_BALLAST_ROOM_BYTES >> 20, path);
	} else if ((cause = make(directory)) != 0) {
		log_info("ballast", "none can be kept in %s: %s", path, strerror(cause));
	} else {
		log_info("ballast", "%s/%s takes %d MiB: remove it when the disk is full", path,
		    name, LIMIT_BALLAST_BYTES >> 20);
	}
	if (directory >= 0)
		close(directory);
}
