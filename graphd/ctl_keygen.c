#include "common/bus_security.h"
#include "graphd/ctl.h"

#include <unistd.h>

int
ctl_keygen(const struct ctl_options *o)
{
	const char *path = o->operands[0];
	char message[256];

	if (access(path, F_OK) == 0)
		return ctl_say("%s is there already", path);
	return bus_security_new_certificate(path, message) ? CTL_OK : ctl_say("%s", message);
}
