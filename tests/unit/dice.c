#include "dice.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

unsigned
random_seed(int turn)
{
	const char *given = getenv("SEED");
	unsigned seed = 1;

	if (given)
		seed = (unsigned)strtoul(given, NULL, 0);
	else if (getrandom(&seed, sizeof(seed), 0) < 0)
		perror("getrandom");
	seed += (unsigned)turn;
	printf("SEED=%u\n", seed);
	fflush(stdout);
	return seed;
}

struct dice
dice_of(uint64_t seed)
{
	return (struct dice){ seed * 0x9e3779b97f4a7c15u + 1 };
}

uint32_t
roll(struct dice *d, uint32_t below)
{
	d->state ^= d->state << 13;
	d->state ^= d->state >> 7;
	d->state ^= d->state << 17;
	return (uint32_t)((d->state >> 32) % below);
}
