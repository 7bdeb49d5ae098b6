#pragma once
/* The allocator that graphd is linked with. */

/*
 * What was freed goes back to the kernel now, all pages of it that hold nothing else. By itself the
 * allocator does that over ten seconds, and only while somebody allocates: of a burst followed by
 * silence it would keep everything.
 */
void allocator_give_back(void);
