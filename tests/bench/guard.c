/* guard WORK: does one fixed piece of work; without an argument it prints the names of all. */

#include "tests/bench/guard.h"

#include <stdio.h>
#include <string.h>

static const struct guard_work works[] = {
	{ "update_property_100_nodes", guard_commands_begin, guard_commands_update,
	    guard_commands_end, 100 },
	{ "update_property_5000_nodes", guard_commands_begin, guard_commands_update,
	    guard_commands_end, 5000 },
	{ "edit_undo_redo_1000_nodes", guard_commands_begin, guard_commands_edit,
	    guard_commands_end, 1000 },
	{ "read_tree_1000_nodes", guard_commands_begin, guard_commands_read, guard_commands_end,
	    1000 },
	{ "reread_tree_1000_nodes", guard_commands_begin, guard_commands_reread, guard_commands_end,
	    1000 },
	{ "fan_out_socketio_100_clients", guard_fan_begin_socketio, guard_fan_run, guard_fan_end,
	    100 },
	{ "fan_out_websocket_100_clients", guard_fan_begin_websocket, guard_fan_run, guard_fan_end,
	    100 },
};

/* Collection is switched on and off by this function's name, so it must stay a function. */
static __attribute__((noinline)) void
guard_counted(void (*run)(void *), void *state)
{
	run(state);
	/* Keeps the call from becoming a jump, which would never come back to be switched off. */
	__asm__ volatile("");
}

int
main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
		void *state;

		if (argc < 2) {
			puts(works[i].name);
			continue;
		}
		if (strcmp(argv[1], works[i].name) != 0)
			continue;
		state = works[i].begin(works[i].n);
		guard_counted(works[i].run, state);
		works[i].end(state);
		return 0;
	}
	return argc < 2 ? 0 : 2;
}
