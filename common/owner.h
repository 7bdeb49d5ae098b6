#pragma once
/* From a part to the object that embeds it: what a callback is given is a part. */

#include <stddef.h>

#define OWNER_OF(part, type, member) ((type *)(void *)((char *)(part)-offsetof(type, member)))
