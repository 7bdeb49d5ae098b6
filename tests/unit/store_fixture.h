#pragma once
/* A store with a loop and a directory of its own, and short ways to write to it and to read it
 * back. */

#include "common/loop.h"
#include "graphd/store.h"
#include "run_tests.h"

struct store_fixture {
	struct loop *loop;
	struct store *store;
	char directory[64], path[96], spec[128];
	/* Of the commits so far. */
	unsigned done;
	enum error last_error;
	bool last_fatal;
};

/* spec: "sqlite" for a database in a new directory, else as store_open() takes it. */
void fixture_open(struct store_fixture *, const char *spec);
void fixture_close(struct store_fixture *); /* the directory stays */
void fixture_reopen(struct store_fixture *);
void fixture_remove(struct store_fixture *);

struct uuid fixture_id(unsigned n);
/* A step whose bytes tell session and ordinal, with two events. */
void fixture_append(struct store_fixture *, unsigned session, uint64_t ordinal);
void fixture_put_session(struct store_fixture *, unsigned session);
/* Commits and runs the loop until it has settled. */
enum error fixture_commit(struct store_fixture *);
void fixture_start_commit(struct store_fixture *);
void fixture_await(struct store_fixture *, unsigned done);
/* Runs idle turns until the store has nothing left to write by itself. */
void fixture_idle(struct store_fixture *, unsigned turns);

/* Steps read back; the bytes of each are checked against fixture_append(). */
struct steps_read {
	unsigned session, n;
	uint64_t first, last; /* ordinals */
	unsigned stop_after;  /* 0: never */
};
enum error fixture_read(
    struct store_fixture *, unsigned session, uint64_t after_ordinal, struct steps_read *);
enum error fixture_read_by_seq(
    struct store_fixture *, unsigned session, uint64_t after_seq, struct steps_read *);

/* The laws of every store, as one test case; spec as in fixture_open(). */
TCase *store_laws(const char *spec);
