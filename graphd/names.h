#pragma once
/*
 * One copy of each type name and property key of a graph, counted: nodes repeat a few names many
 * times, and without sharing these would be half of a graph's memory.
 */

#include "common/table.h"

struct names {
	struct table table;
};

void names_init(struct names *);
/* Frees all, whatever the counts. */
void names_fini(struct names *);
/* A shared text equal to the given one, counted once more. Never written to. */
char *names_take(struct names *, const char *text);
/* text: one that names_take() gave. Counted once less; goes with the last. */
void names_drop(struct names *, char *text);
