#include "graphd/call.h"

enum error
cmd_redo(struct call *c, const struct redo_args *a)
{
	return call_take_back(c, a->scope, STEP_REDO);
}
