#pragma once
/*
 * graphd's server: requests come in on a ROUTER socket, run against memory in the order in which
 * they came, and are answered when what they changed is on disk. One commit is under way at a time;
 * requests that come meanwhile gather in the next one.
 */

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct sessions;

struct server_options {
	const char *requests, *events; /* endpoints to bind */
	const char *feed;	       /* the events once more, packed for gateways; NULL: not */
	const char *backup_directory;  /* where backups may be written; borrowed; NULL: nowhere */
	int snd_hwm;		       /* messages queued for one subscriber of the bus */
	uint64_t session_ttl_us;       /* sessions unused for so long end; 0: never */
	uint64_t cleanup_every_ms;
	uint64_t idle_unload_ms; /* sessions unused for so long leave memory */
	uint64_t grace_ms;	 /* clients whose connections broke off may be away so long */
	/* A bus between hosts: graphd's certificate, and the directory of those it lets in. NULL:
	 * none. */
	const char *curve_certificate, *curve_allow;
	uint64_t snapshot_steps; /* after so many steps; 0: by weight */
};

struct server;

/* Binds. Borrows loop and sessions. NULL with a message for the operator. */
struct server *server_new(
    struct loop *, struct sessions *, const struct server_options *, char message[256]);
/* Takes no more requests, answers those that came, and stops the loop when all is settled. */
void server_drain(struct server *);
/* The store has lost its footing: nothing was acknowledged since, the process must end with an
 * error. */
bool server_has_failed(const struct server *);
/* Behind the loop, and before the store is closed: what threads read of it is over then. */
void server_stop(struct server *);
void server_free(struct server *);
/* libzmq's version as text, in out; returns out. */
const char *server_bus_version(char out[16]);
