#include "graphd/call.h"

enum error
cmd_undo(struct call *c, const struct undo_args *a)
{
	return call_take_back(c, a->scope, STEP_UNDO);
}
