#pragma once
/*
 * What a process keeps in memory of its start. Relocating and initialising some forty shared
 * libraries touches megabytes of their code and tables, once; the kernel would take these pages
 * back only when it is short of memory, and until then they count as ours.
 */

#include "common/loop.h"

#include <stddef.h>

/*
 * Gives back the pages of mapped files that were never written, which is all program text and most
 * constants. Nothing is lost: what is used again is mapped again from the page cache. Returns the
 * bytes of address space given back, 0 when /proc is not there.
 */
size_t resident_drop_files(void);

/*
 * loop_run(), with the pages given back at once, and again whenever the process comes to rest, that
 * is when it uses less than one per cent of a core for RESIDENT_LOOK_MS, for the first time or
 * after it has used more. So what a burst runs through does not stay, and who is busy is left
 * alone. give_back does the same for what the allocator keeps of memory that was freed.
 */
enum { RESIDENT_LOOK_MS = 1500 };
void resident_run(struct loop *, void (*give_back)(void));
