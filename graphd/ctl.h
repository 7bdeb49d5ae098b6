#pragma once
/*
 * graphctl's parts. Each ctl_<command>.c has one or a few of its commands; a command gets the
 * options it is said to take in graphctl.c and returns the exit status: CTL_OK, CTL_FAILED (said on
 * standard error) or CTL_WRONG.
 */

#include "common/id.h"
#include "common/json_out.h"
#include "common/span.h"
#include "graphd/store.h"

#include <stdbool.h>
#include <stdint.h>

enum { CTL_OK = 0, CTL_FAILED = 1, CTL_WRONG = 2 };

struct ctl_options {
	const char *requests, *events; /* endpoints, or NULL */
	const char *template_id, *project_name, *format;
	const char *curve_certificate, *curve_server; /* both, or both NULL: a bus without CURVE */
	struct uuid session;			      /* nil: all */
	int64_t since, keep_steps, keep_hours;	      /* -1: not given */
	bool history, json;
	const char *operands[2];
};

int ctl_check(const struct ctl_options *);
int ctl_restore(const struct ctl_options *);
int ctl_compact(const struct ctl_options *);
int ctl_backup(const struct ctl_options *);
int ctl_export(const struct ctl_options *);
int ctl_import(const struct ctl_options *);
int ctl_metrics(const struct ctl_options *);
int ctl_tap(const struct ctl_options *);
int ctl_keygen(const struct ctl_options *);

/* "graphctl: …" on standard error; returns CTL_FAILED. */
int ctl_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ctl_file.c: a data file that no graphd has open. Its directory is locked as graphd does it. */
struct ctl_file {
	struct loop *loop;
	struct store *store;
	int directory; /* descriptor that holds the lock */
};
/* False: said why. The file must be there. */
bool ctl_file_open(struct ctl_file *, const char *path);
void ctl_file_close(struct ctl_file *);
/* A log lies beside the path: without it the database is not whole, and whatever comes to lie under
 * the path would be taken for what it belongs to. */
bool ctl_file_has_log(const char *path);
/* Commits the open batch and waits for it. */
enum error ctl_file_commit(struct ctl_file *);
/* The rows of all sessions, owned by the caller. */
struct store_session *ctl_file_sessions(struct ctl_file *, size_t *n);
/* The ordinal of the oldest step that was not folded; UINT64_MAX: none is left. */
enum error ctl_file_first_step(struct store *, const struct uuid *session, uint64_t *ordinal);

/* ctl_client.c: asks a running graphd. */
struct ctl_client;
/* Connects to that endpoint, which is borrowed, with the certificates of the options, if any. NULL:
 * said why. */
struct ctl_client *ctl_client_new(const struct ctl_options *, const char *endpoint);
void ctl_client_free(struct ctl_client *);
/* args: a JSON object. False, and said why, when there is no answer or a refusal; body is scanned
 * JSON. */
bool ctl_client_ask(struct ctl_client *, const char *command, const struct uuid *session,
    struct span args, struct json_out *body);
/* For more sockets of the same process. */
void *ctl_client_context(struct ctl_client *);
/* Connects a socket with the certificates of the options, if any. False: said why. */
bool ctl_connect(const struct ctl_options *, void *socket, const char *endpoint);
