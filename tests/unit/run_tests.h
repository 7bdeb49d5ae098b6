#pragma once
/* How every test program ends: main() makes its test case and gives it away. */

#include <check.h>

/* Runs the tests as Check's environment variables say, and gives the exit status. Takes the test
 * case. */
int run_tests(TCase *);
/* The same for a program of several test cases. Takes the suite. */
int run_suite(Suite *);
