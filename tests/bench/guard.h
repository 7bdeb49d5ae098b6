#pragma once
/*
 * Fixed pieces of work whose instructions are counted, so that a change that makes one of them
 * dearer shows on any machine. Each is prepared, then run once inside guard_counted().
 */

#include <stddef.h>

struct guard_work {
	const char *name;
	/* Returns what run() and end() get. n: how big it is, in the unit of the row. */
	void *(*begin)(size_t n);
	void (*run)(void *);
	void (*end)(void *);
	size_t n;
};

/* Commands through dispatch, a memory store and the encoding of events; n: nodes in the graph. */
void *guard_commands_begin(size_t n_nodes);
void guard_commands_update(void *);
void guard_commands_edit(void *);
void guard_commands_read(void *);
void guard_commands_reread(void *);
void guard_commands_end(void *);

/* Events through a hub to clients that only count; n: clients. */
void *guard_fan_begin_socketio(size_t n_clients);
void *guard_fan_begin_websocket(size_t n_clients);
void guard_fan_run(void *);
void guard_fan_end(void *);
