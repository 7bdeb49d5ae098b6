#include "graphd/graph.h"

#include "common/limits.h"
#include "common/mem.h"
#include "graph_fixture.h"
#include "run_tests.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MANY = 100000 };

static void
assert_sound(const struct graph *g)
{
	const char *broken = graph_verify(g);

	ck_assert_msg(!broken, "%s", broken);
}

static struct graph *
graph_with_children(uint32_t n)
{
	struct graph *g = graph_new();

	ck_assert_int_eq(apply(g, add_edit(1, 0, 0, "top")), OK);
	for (uint32_t i = 0; i < n; i++)
		if (apply(g, add_edit(2 + i, 1, UINT32_MAX, "child")))
			ck_abort();
	return g;
}

START_TEST(a_new_graph_is_empty)
{
	struct graph *g = graph_new();
	char hash[33];

	graph_hash(g, hash);
	ck_assert_str_eq(hash, "00000000000000000000000000000000");
	ck_assert_uint_eq(graph_count(g), 0);
	ck_assert_ptr_null(graph_first_root(g));
	ck_assert_ptr_null(graph_walk(g, NULL, NULL));
	assert_sound(g);
	graph_free(g);
}
END_TEST

/* Each assertion of Check costs a system call; so one for all of them. */
static bool
is_like(const struct graph *g, const uint64_t *array, uint32_t n)
{
	const struct node *child = node_first_child(find_node(g, 1));

	for (uint32_t i = 0; i < n; i++, child = node_next(child))
		if (child != find_node(g, array[i]) || node_index(child) != i)
			return false;
	return !child && node_child_count(find_node(g, 1)) == n;
}

START_TEST(siblings_keep_the_order_of_an_array)
{
	enum { LENGTH = 300 };
	uint64_t array[LENGTH], next = 2;
	uint32_t n = 0;
	struct dice d = dice_of((uint64_t)_i + 1);
	struct graph *g = graph_with_children(0);

	for (int round = 0; round < 2000; round++) {
		uint32_t at = roll(&d, n + 1), to;
		if (n < LENGTH && roll(&d, 3)) {
			memmove(array + at + 1, array + at, (n - at) * sizeof(*array));
			array[at] = next;
			n++;
			ck_assert_int_eq(apply(g, add_edit(next++, 1, at, "x")), OK);
		} else if (at < n && roll(&d, 2)) {
			ck_assert_int_eq(apply(g, remove_edit(array[at])), OK);
			memmove(array + at, array + at + 1, (--n - at) * sizeof(*array));
		} else if (at < n) {
			uint64_t moved = array[at];
			to = roll(&d, n);
			ck_assert_int_eq(apply(g, move_edit(moved, 1, to)), OK);
			memmove(array + at, array + at + 1, (n - 1 - at) * sizeof(*array));
			memmove(array + to + 1, array + to, (n - 1 - to) * sizeof(*array));
			array[to] = moved;
		}
		ck_assert(is_like(g, array, n));
		if (round % 50 == 0)
			assert_sound(g);
	}
	assert_sound(g);
	graph_free(g);
}
END_TEST

START_TEST(an_added_edit_comes_back_with_its_exact_place)
{
	struct graph *g = graph_with_children(2);
	struct edit e = add_edit(10, 1, UINT32_MAX, "third");
	struct uuid second = id_of(3);

	ck_assert_int_eq(graph_apply(g, &e), OK);
	ck_assert_ptr_null(e.content);
	ck_assert_uint_eq(e.after.index, 2);
	ck_assert(uuid_equal(&e.after.previous, &second));
	ck_assert_uint_ne(e.content_hash, 0);
	ck_assert_uint_eq(e.content_hash, node_content_hash(find_node(g, 10)));
	graph_free(g);
}
END_TEST

START_TEST(previous_decides_a_place_before_index_does)
{
	struct graph *g = graph_with_children(3);
	struct edit e = add_edit(10, 1, 0, "behind the second");

	e.after.previous = id_of(3);
	ck_assert_int_eq(graph_apply(g, &e), OK);
	ck_assert_uint_eq(e.after.index, 2);
	/* One that stands elsewhere does not count. */
	e = add_edit(11, 1, 1, "second");
	e.after.previous = id_of(1);
	ck_assert_int_eq(graph_apply(g, &e), OK);
	ck_assert_uint_eq(e.after.index, 1);
	graph_free(g);
}
END_TEST

START_TEST(what_cannot_be_is_refused_and_changes_nothing)
{
	struct graph *g = graph_with_children(2);
	char before[33], after[33];
	struct edit doubled = add_edit(20, 1, 0, "x");

	ck_assert_int_eq(apply(g, add_edit(5, 3, 0, "grandchild")), OK);
	content_add(doubled.content, "a", "1");
	content_add(doubled.content, "a", "2");
	graph_hash(g, before);
	ck_assert_int_eq(apply(g, add_edit(2, 1, 0, "again")), ERROR_node_exists);
	ck_assert_int_eq(apply(g, add_edit(9, 99, 0, "orphan")), ERROR_node_not_found);
	ck_assert_int_eq(apply(g, doubled), ERROR_invalid_graph);
	ck_assert_int_eq(apply(g, remove_edit(99)), ERROR_node_not_found);
	ck_assert_int_eq(apply(g, remove_edit(1)), ERROR_not_allowed_here);
	ck_assert_int_eq(apply(g, move_edit(99, 1, 0)), ERROR_node_not_found);
	ck_assert_int_eq(apply(g, move_edit(2, 99, 0)), ERROR_node_not_found);
	ck_assert_int_eq(apply(g, move_edit(1, 5, 0)), ERROR_would_cycle);
	ck_assert_int_eq(apply(g, move_edit(3, 3, 0)), ERROR_would_cycle);
	ck_assert_int_eq(apply(g, unset_edit(2, "none")), ERROR_property_not_found);
	ck_assert_int_eq(apply(g, set_edit(99, "a", "1")), ERROR_node_not_found);
	graph_hash(g, after);
	ck_assert_str_eq(before, after);
	assert_sound(g);
	graph_free(g);
}
END_TEST

START_TEST(properties_keep_their_order_and_their_old_values)
{
	struct graph *g = graph_with_children(1);
	struct edit e;

	ck_assert_int_eq(apply(g, set_edit(2, "a", "1")), OK);
	ck_assert_int_eq(apply(g, set_edit(2, "b", "2")), OK);
	ck_assert_int_eq(apply(g, set_edit(2, "c", "3")), OK);
	e = set_edit(2, "b", "20");
	ck_assert_int_eq(graph_apply(g, &e), OK);
	ck_assert_str_eq(e.value_before, "2");
	ck_assert_uint_eq(e.property_index, 1);
	edit_fini(&e);
	e = unset_edit(2, "b");
	ck_assert_int_eq(graph_apply(g, &e), OK);
	ck_assert_str_eq(e.value_before, "20");
	ck_assert_ptr_null(node_property(find_node(g, 2), "b"));
	assert_sound(g);
	edit_invert(&e);
	ck_assert_int_eq(graph_apply(g, &e), OK);
	edit_fini(&e);
	ck_assert_str_eq(node_content(find_node(g, 2))->properties[1].key, "b");
	ck_assert_str_eq(node_property(find_node(g, 2), "b"), "20");
	assert_sound(g);
	graph_free(g);
}
END_TEST

START_TEST(the_hash_tells_what_differs_and_in_what_order)
{
	char hashes[8][33];
	struct graph *g = graph_with_children(2);
	int n = 0;

	graph_hash(g, hashes[n++]);
	apply(g, move_edit(2, 1, 1));
	graph_hash(g, hashes[n++]);
	apply(g, move_edit(2, 3, 0));
	graph_hash(g, hashes[n++]);
	apply(g, set_edit(2, "a", "1"));
	graph_hash(g, hashes[n++]);
	apply(g, set_edit(2, "b", "1"));
	graph_hash(g, hashes[n++]);
	apply(g, unset_edit(2, "a"));
	apply(g, set_edit(2, "a", "1"));
	graph_hash(g, hashes[n++]);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(hashes[i], hashes[j]);
	graph_free(g);
}
END_TEST

/* Stored hashes are compared with new ones: this one must stay what it is for ever. */
START_TEST(the_hash_is_the_same_in_every_process)
{
	struct graph *g = graph_with_children(2);
	char hash[33];

	apply(g, set_edit(2, "status", "\"Planned\""));
	graph_hash(g, hash);
	ck_assert_str_eq(hash, "f2a17941b37b1bb61f494af347f0e905");
	graph_free(g);
}
END_TEST

START_TEST(a_chain_may_be_as_deep_as_the_limit_and_no_deeper)
{
	struct graph *g = graph_new();

	for (uint64_t i = 1; i <= LIMIT_DEPTH + 1; i++)
		ck_assert_int_eq(apply(g, add_edit(i, i - 1, 0, "link")), OK);
	ck_assert_uint_eq(node_depth(find_node(g, LIMIT_DEPTH + 1)), LIMIT_DEPTH);
	ck_assert_int_eq(apply(g, add_edit(1000, LIMIT_DEPTH + 1, 0, "x")), ERROR_limit_depth);
	/* A branch counts with its height, one that only changes its place among siblings does not.
	 */
	ck_assert_int_eq(apply(g, add_edit(1000, 0, 0, "root")), OK);
	ck_assert_int_eq(apply(g, add_edit(1001, 1000, 0, "leaf")), OK);
	ck_assert_int_eq(apply(g, move_edit(1000, LIMIT_DEPTH, 0)), ERROR_limit_depth);
	ck_assert_int_eq(apply(g, move_edit(1000, LIMIT_DEPTH - 1, 0)), OK);
	ck_assert_int_eq(apply(g, move_edit(1, 0, 0)), OK);
	assert_sound(g);
	ck_assert_int_eq(apply(g, remove_edit(1001)), OK);
	ck_assert_int_eq(apply(g, move_edit(1000, LIMIT_DEPTH, 0)), OK);
	assert_sound(g);
	graph_free(g);
}
END_TEST

START_TEST(a_graph_has_no_more_nodes_than_the_limit)
{
	struct graph *g = graph_new();

	for (uint64_t i = 1; i <= LIMIT_NODES; i++)
		if (apply(g, add_edit(i, i / 1000, UINT32_MAX, "n")))
			ck_abort();
	ck_assert_int_eq(apply(g, add_edit(LIMIT_NODES + 1, 0, 0, "x")), ERROR_limit_nodes);
	ck_assert_uint_eq(graph_count(g), LIMIT_NODES);
	ck_assert_int_eq(apply(g, remove_edit(LIMIT_NODES)), OK);
	ck_assert_int_eq(apply(g, add_edit(LIMIT_NODES + 1, 0, 0, "x")), OK);
	graph_free(g);
}
END_TEST

START_TEST(a_node_has_no_more_properties_than_the_limit)
{
	struct graph *g = graph_with_children(1);
	char key[16];

	for (int i = 0; i < LIMIT_PROPERTIES; i++) {
		snprintf(key, sizeof(key), "p%d", i);
		ck_assert_int_eq(apply(g, set_edit(2, key, "0")), OK);
	}
	ck_assert_int_eq(apply(g, set_edit(2, "one more", "0")), ERROR_limit_properties);
	ck_assert_int_eq(apply(g, set_edit(2, "p0", "1")), OK);
	assert_sound(g);
	graph_free(g);
}
END_TEST

START_TEST(a_property_twice_is_found_among_few_and_among_many)
{
	static const int numbers[] = { 2, 16, 17, LIMIT_PROPERTIES };
	char key[16];

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		struct graph *g = graph_new();
		struct edit twice = add_edit(1, 0, 0, "twice"), once = add_edit(2, 0, 0, "once");

		for (int j = 1; j < numbers[i]; j++) {
			snprintf(key, sizeof(key), "p%d", j);
			content_add(twice.content, key, "0");
			content_add(once.content, key, "0");
		}
		content_add(twice.content, "p1", "1");
		content_add(once.content, "other", "1");
		ck_assert_int_eq(apply(g, twice), ERROR_invalid_graph);
		ck_assert_int_eq(apply(g, once), OK);
		/* They keep the order in which they came. */
		ck_assert_str_eq(node_content(find_node(g, 2))->properties[0].key, "p1");
		assert_sound(g);
		graph_free(g);
	}
}
END_TEST

START_TEST(walks_meet_every_node_once)
{
	struct graph *g = graph_new();
	struct dice d = dice_of(7);
	size_t down = 0, up = 0;

	ck_assert_int_eq(apply(g, add_edit(1, 0, 0, "top")), OK);
	for (uint64_t i = 2; i <= 500; i++)
		ck_assert_int_eq(apply(g, add_edit(i, 1 + roll(&d, (uint32_t)i - 1), 0, "x")), OK);
	for (const struct node *n = graph_walk(g, NULL, NULL); n; n = graph_walk(g, n, NULL))
		down++;
	ck_assert_uint_eq(down, 500);
	for (const struct node *n = graph_deepest_first(find_node(g, 1)), *next; n; n = next) {
		struct edit e = { .kind = EDIT_REMOVE, .node = *node_id(n) };
		next = graph_walk_up(n, find_node(g, 1));
		ck_assert_int_eq(apply(g, e), OK);
		up++;
	}
	ck_assert_uint_eq(up, 500);
	ck_assert_uint_eq(graph_count(g), 0);
	assert_sound(g);
	graph_free(g);
}
END_TEST

START_TEST(a_walk_within_a_branch_stays_there)
{
	struct graph *g = graph_with_children(3);
	size_t n = 0;

	ck_assert_int_eq(apply(g, add_edit(10, 3, 0, "x")), OK);
	for (const struct node *at = graph_walk(g, NULL, find_node(g, 3)); at;
	     at = graph_walk(g, at, find_node(g, 3)), n++)
		ck_assert(node_is_below(at, find_node(g, 3)));
	ck_assert_uint_eq(n, 2);
	ck_assert(!node_is_below(find_node(g, 2), find_node(g, 3)));
	graph_free(g);
}
END_TEST

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Median cost of moving a child of many about, adding one and removing it again. */
static uint64_t
median_ns(struct graph *g, uint32_t children)
{
	enum { ROUNDS = 2001 };
	uint64_t *times = xmalloc(ROUNDS * sizeof(*times)), median;
	struct dice d = dice_of(3);

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t start = now_ns();
		apply(g, move_edit(2 + roll(&d, children), 1, roll(&d, children)));
		apply(g, add_edit(5000000, 1, roll(&d, children), "new"));
		apply(g, remove_edit(5000000));
		times[i] = now_ns() - start;
	}
	qsort(times, ROUNDS, sizeof(*times), by_value);
	median = times[ROUNDS / 2];
	free(times);
	return median;
}

START_TEST(edits_among_100000_children_cost_little_more_than_among_100)
{
	struct graph *few = graph_with_children(100), *many = graph_with_children(MANY);
	uint64_t few_ns = median_ns(few, 100), many_ns = median_ns(many, MANY);

	printf("median of move, add and remove: %lu ns among 100, %lu ns among %d\n",
	    (unsigned long)few_ns, (unsigned long)many_ns, MANY);
	/* A list would cost 1,000 times as much; caches and the deeper tree account for some. */
	ck_assert_uint_lt(many_ns, 15 * few_ns);
	assert_sound(many);
	graph_free(few);
	graph_free(many);
}
END_TEST

START_TEST(a_node_with_three_short_properties_takes_400_bytes_at_most)
{
	struct graph *g = graph_new();
	size_t before = mallinfo2().uordblks, each;
	struct dice d = dice_of(11);

	for (uint64_t i = 1; i <= MANY; i++) {
		struct edit e = add_edit(
		    i, i == 1 ? 0 : 1 + roll(&d, (uint32_t)i - 1), UINT32_MAX, "A short name");
		content_add(e.content, "status", "\"In Progress\"");
		content_add(e.content, "priority", "\"high\"");
		content_add(e.content, "hours", "12.5");
		if (apply(g, e))
			ck_abort();
	}
	each = (mallinfo2().uordblks - before) / graph_count(g);
	printf("heap for each of %zu nodes: %zu bytes\n", graph_count(g), each);
	ck_assert_uint_le(each, 400);
	graph_free(g);
	ck_assert_uint_le(mallinfo2().uordblks, before + 65536);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("graph");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_new_graph_is_empty);
	tcase_add_loop_test(tests, siblings_keep_the_order_of_an_array, 0, 8);
	tcase_add_test(tests, an_added_edit_comes_back_with_its_exact_place);
	tcase_add_test(tests, previous_decides_a_place_before_index_does);
	tcase_add_test(tests, what_cannot_be_is_refused_and_changes_nothing);
	tcase_add_test(tests, properties_keep_their_order_and_their_old_values);
	tcase_add_test(tests, the_hash_tells_what_differs_and_in_what_order);
	tcase_add_test(tests, the_hash_is_the_same_in_every_process);
	tcase_add_test(tests, a_chain_may_be_as_deep_as_the_limit_and_no_deeper);
	tcase_add_test(tests, a_graph_has_no_more_nodes_than_the_limit);
	tcase_add_test(tests, a_node_has_no_more_properties_than_the_limit);
	tcase_add_test(tests, a_property_twice_is_found_among_few_and_among_many);
	tcase_add_test(tests, walks_meet_every_node_once);
	tcase_add_test(tests, a_walk_within_a_branch_stays_there);
	tcase_add_test(tests, edits_among_100000_children_cost_little_more_than_among_100);
	tcase_add_test(tests, a_node_with_three_short_properties_takes_400_bytes_at_most);
	return run_tests(tests);
}
