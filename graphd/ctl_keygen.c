/* graphctl keygen: a new certificate for the bus. */
#include "common/bus_security.h"
#include "graphd/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A key that is overwritten is lost, and with it whoever relies on it. */
static bool
is_free(const char *path)
{
	if (access(path, F_OK) != 0)
		return true;
	ctl_say("%s is there already", path);
	return false;
}

int
ctl_keygen(const struct ctl_options *o)
{
	const char *path = o->operands[0];
	char *secret, message[256];
	bool good;

	if (asprintf(&secret, "%s_secret", path) < 0)
		abort();
	good = is_free(path) && is_free(secret);
	free(secret);
	if (!good)
		return CTL_FAILED;
	if (!bus_security_new_certificate(path, message))
		return ctl_say("%s", message);
	/* The other end may be another user's. */
	if (chmod(path, 0644) != 0)
		return ctl_say("%s: %s", path, strerror(errno));
	return CTL_OK;
}
