#include "common/table.h"

#include "common/id.h"
#include "dice.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>

enum { OBJECTS = 3000 };

struct object {
	int padding; /* so that the key does not lie at the start */
	uint32_t id;
	struct span name;
	char text[16];
	bool present, seen;
};

static struct object objects[OBJECTS];

static void
make_objects(void)
{
	for (uint32_t i = 0; i < OBJECTS; i++) {
		struct object *o = &objects[i];
		*o = (struct object){ .id = i * 2654435761u };
		o->name = (struct span){ o->text, (size_t)snprintf(o->text, 16, "name %u", i) };
	}
}

static void
add(struct table *t, size_t i)
{
	table_add(t, &objects[i]);
	objects[i].present = true;
}

static const void *
key_of(const struct table *t, size_t i)
{
	return t->key_bytes ? (const void *)&objects[i].id : &objects[i].name;
}

static void
check_all(const struct table *t)
{
	size_t n = 0;

	for (size_t i = 0; i < OBJECTS; i++) {
		n += objects[i].present;
		ck_assert_ptr_eq(
		    table_find(t, key_of(t, i)), objects[i].present ? &objects[i] : NULL);
	}
	ck_assert_uint_eq(t->n, n);
}

/* Once for keys of fixed size, once for spans. */
static void
init_kind(struct table *t, int kind)
{
	make_objects();
	if (kind == 0)
		table_init(t, offsetof(struct object, id), sizeof(uint32_t));
	else
		table_init(t, offsetof(struct object, name), 0);
}

START_TEST(an_empty_table_finds_and_removes_nothing)
{
	struct table t;
	size_t i = 0;

	init_kind(&t, _i);
	ck_assert_ptr_null(table_find(&t, key_of(&t, 1)));
	ck_assert_ptr_null(table_remove(&t, key_of(&t, 1)));
	ck_assert_ptr_null(table_next(&t, &i));
	add(&t, 1);
	ck_assert_ptr_eq(table_remove(&t, key_of(&t, 1)), &objects[1]);
	ck_assert_ptr_null(table_find(&t, key_of(&t, 1)));
	table_fini(&t);
}
END_TEST

START_TEST(random_adds_and_removes_agree_with_a_plain_array)
{
	struct table t;

	srandom(random_seed(_i));
	init_kind(&t, _i);
	for (int step = 0; step < 60000; step++) {
		size_t i = (size_t)random() % (step < 30000 ? OBJECTS : 40);
		if (!objects[i].present) {
			add(&t, i);
		} else {
			ck_assert_ptr_eq(table_remove(&t, key_of(&t, i)), &objects[i]);
			objects[i].present = false;
			ck_assert_ptr_null(table_remove(&t, key_of(&t, i)));
		}
		if (step % 5000 == 0)
			check_all(&t);
	}
	check_all(&t);
	table_fini(&t);
}
END_TEST

/* Removes every object whose number fits the mask; each must still be met exactly once. */
static void
walk_and_remove(struct table *t, size_t n, size_t every)
{
	size_t met = 0;
	struct object *o;

	for (size_t i = 0; (o = table_next(t, &i));) {
		ck_assert(!o->seen);
		o->seen = true;
		met++;
		if ((size_t)(o - objects) % every == 0) {
			ck_assert_ptr_eq(table_remove(t, key_of(t, (size_t)(o - objects))), o);
			o->present = false;
		}
	}
	ck_assert_uint_eq(met, n);
	check_all(t);
}

START_TEST(a_walk_meets_each_object_once_even_when_it_removes_them)
{
	struct table t;

	for (size_t every = 1; every < 5; every++)
		for (size_t n = 1; n <= 200; n += 3) {
			init_kind(&t, _i);
			for (size_t i = 0; i < n; i++)
				add(&t, i);
			walk_and_remove(&t, n, every);
			table_fini(&t);
		}
}
END_TEST

START_TEST(slots_take_at_most_sixteen_bytes_an_object_on_average)
{
	struct table t;
	double sum = 0;

	init_kind(&t, _i);
	for (size_t i = 0; i < 1536; i++) {
		add(&t, i);
		if (t.n > 768) /* one whole period of growth */
			sum += (double)(t.capacity * sizeof(void *)) / (double)t.n;
		ck_assert(t.n <= t.capacity / 4 * 3);
	}
	ck_assert_double_le(sum / 768, 16);
	table_fini(&t);
	ck_assert_uint_eq(t.capacity, 0);
}
END_TEST

START_TEST(hashes_depend_on_all_bytes)
{
	char a[] = "0123456789abcdef";
	uint64_t before = table_hash(a, 16);

	ck_assert_uint_eq(table_hash(a, 16), before);
	for (size_t i = 0; i < 16; i++) {
		a[i] ^= 1;
		ck_assert_uint_ne(table_hash(a, 16), before);
		a[i] ^= 1;
	}
	ck_assert_uint_ne(table_hash(a, 15), before);
}
END_TEST

/* Run in two processes of their own; the parent compares what they write. */
START_TEST(hashes_differ_from_process_to_process)
{
	char command[4096], first[64] = "", second[64] = "";
	FILE *p;

	snprintf(command, sizeof(command), "%s --hash", getenv("TEST_TABLE_SELF"));
	p = popen(command, "r");
	ck_assert_ptr_nonnull(fgets(first, sizeof(first), p));
	pclose(p);
	p = popen(command, "r");
	ck_assert_ptr_nonnull(fgets(second, sizeof(second), p));
	pclose(p);
	ck_assert_str_ne(first, second);
}
END_TEST

int
main(int argc, char **argv)
{
	TCase *c;

	if (argc > 1) {
		printf("%016llx\n", (unsigned long long)table_hash("x", 1));
		return EXIT_SUCCESS;
	}
	setenv("TEST_TABLE_SELF", argv[0], 1);
	c = tcase_create("table");
	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, an_empty_table_finds_and_removes_nothing, 0, 2);
	tcase_add_loop_test(c, random_adds_and_removes_agree_with_a_plain_array, 0, 2);
	tcase_add_loop_test(c, a_walk_meets_each_object_once_even_when_it_removes_them, 0, 2);
	tcase_add_loop_test(c, slots_take_at_most_sixteen_bytes_an_object_on_average, 0, 2);
	tcase_add_test(c, hashes_depend_on_all_bytes);
	tcase_add_test(c, hashes_differ_from_process_to_process);
	return run_tests(c);
}
