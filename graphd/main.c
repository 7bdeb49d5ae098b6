/* graphd: owns the truth. Options, lock, store, server, loop, and the way back. */
#include "common/loop.h"
#include "common/mem.h"
#include "common/resident.h"
#include "common/service.h"
#include "graphd/allocator.h"
#include "graphd/ballast.h"
#include "graphd/blueprint.h"
#include "graphd/options.h"
#include "graphd/sessions.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	DESCRIPTORS_WANTED = 65536,
};

static void
on_signal(void *server, int signal)
{
	static bool asked;

	/* Who asks twice does not want to wait. */
	if (asked)
		_exit(128 + signal);
	asked = true;
	log_info("graphd", "ending on signal %d", signal);
	service_stopping();
	server_drain(server);
}

/* Of a terminal that was closed, or of somebody who changed the options. */
static void
on_hangup(void *arg, int signal)
{
	(void)arg;
	log_info("graphd", "signal %d: nothing is read anew: restart it", signal);
}

/*
 * Taken before any socket is bound: libzmq would take a bound path over without a word. The kernel
 * lets go of the lock when the process ends, however it ends.
 */
static bool
lock_data(const char *data)
{
	int fd;

	if (mkdir(data, 0700) != 0 && errno != EEXIST) {
		log_line(LOG_FATAL, "graphd", "cannot make the data directory %s: %s", data,
		    strerror(errno));
		return false;
	}
	fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		log_line(LOG_FATAL, "graphd", "cannot open the data directory %s: %s", data,
		    strerror(errno));
		return false;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	log_line(LOG_FATAL, "graphd",
	    errno == EWOULDBLOCK ? "another graphd uses the data directory %s"
				 : "cannot lock the data directory %s",
	    data);
	close(fd);
	return false;
}

/* libzmq ends the process when an ipc listener runs out of descriptors, so there had better be
 * plenty. */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_cur >= DESCRIPTORS_WANTED)
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Beside the database, whose disk it is about. */
static void
keep_ballast(const char *spec)
{
	char *path;

	if (strncmp(spec, "sqlite:", 7) != 0)
		return;
	path = xstrdup(spec + 7);
	ballast_keep(dirname(path));
	free(path);
}

/* Better known now than when a backup is wanted; it may still be mounted until then. */
static void
look_at_backups(const char *directory)
{
	if (directory && access(directory, W_OK | X_OK) != 0)
		log_warn("backup", "nothing can be written to %s: %s", directory, strerror(errno));
}

/* Runs until a signal or a failure; false: a failure. Closes the store, which may still have
 * something to report to the server. */
static bool
serve(struct loop *loop, struct sessions *sessions, const struct options *o)
{
	struct store *store = sessions_store(sessions);
	char message[256];
	struct service service;
	struct server *server = server_new(loop, sessions, &o->server, message);
	bool good;

	if (!server) {
		log_line(LOG_FATAL, "graphd", "%s", message);
		store->ops->close(store);
		return false;
	}
	loop_signal(loop, SIGTERM, on_signal, server);
	loop_signal(loop, SIGINT, on_signal, server);
	loop_signal(loop, SIGHUP, on_hangup, NULL);
	log_info("graphd", "ready: requests on %s, events on %s, %zu sessions", o->server.requests,
	    o->server.events, sessions_count(sessions));
	service_ready(&service, loop);
	resident_run(loop, allocator_give_back);
	server_stop(server);
	good = store->ops->close(store) && !server_has_failed(server);
	server_free(server);
	return good;
}

static bool
run(const struct options *o, const char *spec)
{
	struct loop *loop = loop_new();
	struct blueprints *blueprints = blueprints_open(o->templates);
	struct store *store = NULL;
	char message[256];
	bool good = false;

	if (!blueprints)
		log_line(LOG_FATAL, "graphd", "cannot open the templates in %s: %s", o->templates,
		    strerror(errno));
	else if (!(store = store_open(spec, loop, message)))
		log_line(LOG_FATAL, "store", "%s", message);
	if (store) {
		struct sessions *sessions = sessions_new(store, blueprints);

		keep_ballast(spec);
		look_at_backups(o->server.backup_directory);
		good = serve(loop, sessions, o);
		sessions_free(sessions);
	}
	blueprints_free(blueprints);
	loop_free(loop);
	return good;
}

int
main(int argc, char **argv)
{
	sigset_t ours;
	struct options o;
	char *spec = NULL;
	bool good;

	mem_keep_pages();
	switch (options_read(&o, argc, argv)) {
	case OPTIONS_ANSWERED:
		return 0;
	case OPTIONS_WRONG:
		return 2;
	case OPTIONS_RUN:
		break;
	}
	log_init("graphd", o.log_level, o.log_json);
	signal(SIGPIPE, SIG_IGN);
	/* Blocked before any thread starts, so that all of them inherit it and the loop alone hears
	 * of them. */
	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGHUP);
	sigprocmask(SIG_BLOCK, &ours, NULL);
	raise_descriptor_limit();
	if (!lock_data(o.data))
		return 1;
	if (!o.store && asprintf(&spec, "sqlite:%s/graph.db", o.data) < 0)
		return 1;
	good = run(&o, o.store ? o.store : spec);
	free(spec);
	return good ? 0 : 1;
}
