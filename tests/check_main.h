/* The main function of a Check suite: CHECK_MAIN("mat", add_tests) where add_tests adds tests to a test case.
 *
 * The limit on a test's time only ends what hangs: no test may depend on how quick or how busy a machine is, and the
 * 4 s of Check itself are too few for many. */
#ifndef TPRUN_TESTS_CHECK_MAIN_H
#define TPRUN_TESTS_CHECK_MAIN_H

#include <check.h>
#include <stdlib.h>

enum { HANG_GUARD_SECONDS = 1800 };
/* What a program that is tested may be started again for: a test suite of its own defines it before. */
#ifndef CHECK_BEFORE
#define CHECK_BEFORE(argc, argv)
#endif

#define CHECK_MAIN(name, add_tests)                                                                                    \
    int main(int argc, char **argv)                                                                                    \
    {                                                                                                                  \
        (void)argc, (void)argv;                                                                                        \
        CHECK_BEFORE(argc, argv);                                                                                      \
        Suite *suite = suite_create(name);                                                                             \
        TCase *tcase = tcase_create(name);                                                                             \
        tcase_set_timeout(tcase, HANG_GUARD_SECONDS);                                                                  \
        add_tests(tcase);                                                                                              \
        suite_add_tcase(suite, tcase);                                                                                 \
        SRunner *runner = srunner_create(suite);                                                                       \
        srunner_run_all(runner, CK_ENV);                                                                               \
        const int failed = srunner_ntests_failed(runner);                                                              \
        srunner_free(runner);                                                                                          \
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;                                                                   \
    }

#endif
