#pragma once
/* Random choices that can be had again: the same sequence everywhere for a seed. */

#include <stdint.h>

/* The seed of a random test: SEED of the environment, or a new one. It is printed. turn: of a loop
 * test, each of which has a seed of its own; else 0. */
unsigned random_seed(int turn);

struct dice {
	uint64_t state;
};
struct dice dice_of(uint64_t seed);
/* 0 to below - 1. */
uint32_t roll(struct dice *, uint32_t below);
