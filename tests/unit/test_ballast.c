#include "graphd/ballast.h"

#include "common/limits.h"
#include "run_tests.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64], path[96];

static void
set_up(void)
{
	strcpy(directory, "/tmp/test_ballast.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/ballast", directory);
}

static void
tear_down(void)
{
	unlink(path);
	rmdir(directory);
}

static struct stat
look(void)
{
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	return st;
}

START_TEST(it_takes_its_room_once)
{
	struct stat first, second;

	ballast_keep(directory);
	first = look();
	ck_assert_int_eq(first.st_size, LIMIT_BALLAST_BYTES);
	ck_assert_int_ge(first.st_blocks * 512, LIMIT_BALLAST_BYTES);
	ballast_keep(directory);
	second = look();
	ck_assert_uint_eq(first.st_ino, second.st_ino);
	ck_assert_int_eq(first.st_mtim.tv_nsec, second.st_mtim.tv_nsec);
}
END_TEST

START_TEST(an_empty_one_is_filled)
{
	close(open(path, O_CREAT | O_WRONLY, 0600));
	ballast_keep(directory);
	ck_assert_int_eq(look().st_size, LIMIT_BALLAST_BYTES);
}
END_TEST

START_TEST(what_else_has_its_name_is_left_alone)
{
	ck_assert_int_eq(symlink("/tmp/nowhere", path), 0);
	ballast_keep(directory);
	ck_assert(S_ISLNK(look().st_mode));
	ck_assert_int_ne(access("/tmp/nowhere", F_OK), 0);
}
END_TEST

START_TEST(no_directory_is_no_error)
{
	ballast_keep("/no/such/directory");
	ballast_keep("/proc/self");
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("ballast");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, it_takes_its_room_once);
	tcase_add_test(tc, an_empty_one_is_filled);
	tcase_add_test(tc, what_else_has_its_name_is_left_alone);
	tcase_add_test(tc, no_directory_is_no_error);
	return run_tests(tc);
}
