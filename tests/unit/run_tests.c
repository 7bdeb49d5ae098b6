#include "run_tests.h"

#include <errno.h>
#include <stdlib.h>

int
run_tests(TCase *tests)
{
	Suite *suite = suite_create(program_invocation_short_name);

	suite_add_tcase(suite, tests);
	return run_suite(suite);
}

int
run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
