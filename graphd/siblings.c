#include "graphd/siblings.h"

/*
 * Weights are counts plus one. A side may weigh at most HEAVY times the other; a double rotation is
 * due when the inner grandchild weighs TWICE the outer one or more. This pair of factors is one of
 * those for which insertion and removal are proven to keep the balance (Hirai and Yamamoto 2011).
 */
enum { HEAVY = 3, TWICE = 2 };

static size_t
weight(const struct node *n)
{
	return n ? (size_t)n->count + 1 : 1;
}

static uint16_t
greater(uint16_t a, uint16_t b)
{
	return a > b ? a : b;
}

static uint16_t
tallest_of(const struct node *n)
{
	uint16_t tallest = n->height;

	if (n->left)
		tallest = greater(tallest, n->left->tallest);
	if (n->right)
		tallest = greater(tallest, n->right->tallest);
	return tallest;
}

static void
recount(struct node *n)
{
	n->count = (uint32_t)(weight(n->left) + weight(n->right) - 1);
	n->tallest = tallest_of(n);
}

/* Puts `now` where `old` hangs. */
static void
replace(struct node **top, struct node *old, struct node *now)
{
	struct node *up = old->up;

	if (!up)
		*top = now;
	else if (up->left == old)
		up->left = now;
	else
		up->right = now;
	if (now)
		now->up = up;
}

/* The right child rises above n. */
static struct node *
rotate_left(struct node **top, struct node *n)
{
	struct node *risen = n->right;

	replace(top, n, risen);
	n->right = risen->left;
	if (n->right)
		n->right->up = n;
	risen->left = n;
	n->up = risen;
	recount(n);
	recount(risen);
	return risen;
}

static struct node *
rotate_right(struct node **top, struct node *n)
{
	struct node *risen = n->left;

	replace(top, n, risen);
	n->left = risen->right;
	if (n->left)
		n->left->up = n;
	risen->right = n;
	n->up = risen;
	recount(n);
	recount(risen);
	return risen;
}

/* Gives the node that stands on top of the part afterwards. */
static struct node *
balance(struct node **top, struct node *n)
{
	if (weight(n->right) > HEAVY * weight(n->left)) {
		if (weight(n->right->left) >= TWICE * weight(n->right->right))
			rotate_right(top, n->right);
		return rotate_left(top, n);
	}
	if (weight(n->left) > HEAVY * weight(n->right)) {
		if (weight(n->left->right) >= TWICE * weight(n->left->left))
			rotate_left(top, n->left);
		return rotate_right(top, n);
	}
	return n;
}

static void
mend(struct node **top, struct node *n)
{
	for (; n; n = n->up) {
		recount(n);
		n = balance(top, n);
	}
}

void
siblings_insert(struct node **top, struct node *n, struct node *previous)
{
	struct node *at;

	n->left = n->right = n->up = NULL;
	if (!previous) {
		at = siblings_first(*top);
		if (at)
			at->left = n;
		else
			*top = n;
	} else if (!previous->right) {
		at = previous;
		at->right = n;
	} else {
		at = siblings_first(previous->right);
		at->left = n;
	}
	n->up = at;
	mend(top, n);
}

/* Gives the lowest node whose part has changed. */
static struct node *
unhook(struct node **top, struct node *n)
{
	struct node *heir, *lowest;

	if (!n->left || !n->right) {
		lowest = n->up;
		replace(top, n, n->left ? n->left : n->right);
		return lowest;
	}
	heir = siblings_first(n->right);
	lowest = heir->up == n ? heir : heir->up;
	replace(top, heir, heir->right);
	replace(top, n, heir);
	heir->left = n->left;
	heir->left->up = heir;
	heir->right = n->right;
	if (heir->right)
		heir->right->up = heir;
	return lowest;
}

void
siblings_remove(struct node **top, struct node *n)
{
	mend(top, unhook(top, n));
	n->up = n->left = n->right = NULL;
}

struct node *
siblings_at(struct node *top, uint32_t index)
{
	struct node *n = top;

	while (n) {
		uint32_t before = n->left ? n->left->count : 0;
		if (index == before)
			return n;
		if (index < before) {
			n = n->left;
		} else {
			index -= before + 1;
			n = n->right;
		}
	}
	return NULL;
}

uint32_t
siblings_index(const struct node *n)
{
	uint32_t index = n->left ? n->left->count : 0;

	for (; n->up; n = n->up)
		if (n == n->up->right)
			index += (uint32_t)weight(n->up->left);
	return index;
}

struct node *
siblings_first(struct node *top)
{
	while (top && top->left)
		top = top->left;
	return top;
}

struct node *
siblings_last(struct node *top)
{
	while (top && top->right)
		top = top->right;
	return top;
}

struct node *
siblings_next(const struct node *n)
{
	if (n->right)
		return siblings_first(n->right);
	while (n->up && n == n->up->right)
		n = n->up;
	return n->up;
}

struct node *
siblings_previous(const struct node *n)
{
	if (n->left)
		return siblings_last(n->left);
	while (n->up && n == n->up->left)
		n = n->up;
	return n->up;
}

void
siblings_refresh(struct node *n)
{
	for (; n; n = n->up) {
		uint16_t tallest = tallest_of(n);
		if (tallest == n->tallest)
			return;
		n->tallest = tallest;
	}
}

static bool
is_sound(const struct node *n, const struct node *parent)
{
	if (n->parent != parent || n->tallest != tallest_of(n))
		return false;
	if (n->left && n->left->up != n)
		return false;
	if (n->right && n->right->up != n)
		return false;
	if ((size_t)n->count + 1 != weight(n->left) + weight(n->right))
		return false;
	return weight(n->left) <= HEAVY * weight(n->right) &&
	    weight(n->right) <= HEAVY * weight(n->left);
}

bool
siblings_verify(const struct node *top, const struct node *parent)
{
	size_t seen = 0, expected = top ? top->count : 0;

	if (top && top->up)
		return false;
	for (const struct node *n = siblings_first((struct node *)top); n; n = siblings_next(n)) {
		if (!is_sound(n, parent) || ++seen > expected)
			return false;
	}
	return seen == expected;
}
