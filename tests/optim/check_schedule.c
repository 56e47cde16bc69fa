/* Schedules of stepsizes, by hand. */
#include "optim/schedule.h"

#include "../base/part_options.h"
#include "check_main.h"

#include <math.h>

#define PAIRS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NO_PAIRS ((const char *const[]){ NULL })

static struct chosen schedule(const char *name, const char *const *pairs)
{
    const struct part *part = registry_find(&schedule_registry, name);
    ck_assert_ptr_nonnull(part);
    struct chosen c = { part, options_new(part) };
    for (; *pairs; pairs += 2)
        options_set(part, c.opts, pairs[0], pairs[1]);
    return c;
}

/* The stepsizes of epochs 0, 1, 2, ..., and of steps with per: step. */
static void follow(double stepsize, const char *name, const char *const *pairs, const double *expected, int64_t n)
{
    struct chosen c = schedule(name, pairs);
    for (int64_t t = 0; t < n; t++)
        ck_assert_msg(fabs(schedule_stepsize(c, stepsize, 1000 + t, t) - expected[t]) < 1e-15, "%s at %d: %.17g", name,
                      (int)t, schedule_stepsize(c, stepsize, 1000 + t, t));
    options_set(c.part, c.opts, "per", "step");
    for (int64_t t = 0; t < n; t++)
        ck_assert_double_lt(fabs(schedule_stepsize(c, stepsize, t, 1000 + t) - expected[t]), 1e-15);
    free(c.opts);
}

START_TEST(descriptions)
{
    registry_check(&schedule_registry);
}
END_TEST

START_TEST(by_hand)
{
    follow(0.5, "constant", NO_PAIRS, (double[]){ 0.5, 0.5, 0.5 }, 3);
    follow(0.5, "step", PAIRS("every", "2", "factor", "0.5"), (double[]){ 0.5, 0.5, 0.25, 0.25, 0.125 }, 5);
    follow(0.5, "step", PAIRS("every", "1"), (double[]){ 0.5, 0.05, 0.005 }, 3);
    follow(0.5, "linear", PAIRS("over", "4", "minimum", "0.1"), (double[]){ 0.5, 0.4, 0.3, 0.2, 0.1, 0.1, 0.1 }, 7);
    follow(0.5, "linear", PAIRS("over", "1"), (double[]){ 0.5, 0, 0 }, 3);
    /* 0.1 + 0.4 (1 + cos(pi t / 3)) / 2, whose cosines are 1, 1/2, -1/2, -1 and back */
    follow(0.5, "cosine", PAIRS("over", "3", "minimum", "0.1"), (double[]){ 0.5, 0.4, 0.2, 0.1, 0.2, 0.4, 0.5, 0.4 },
           8);
    follow(0.5, "cosine", PAIRS("over", "2"), (double[]){ 0.5, 0.25, 0, 0.25, 0.5 }, 5);
}
END_TEST

/* It rises in equal parts to the stepsize, where the schedule's own time begins. */
START_TEST(warm_up)
{
    follow(0.5, "constant", PAIRS("warm_up", "4"), (double[]){ 0.1, 0.2, 0.3, 0.4, 0.5, 0.5 }, 6);
    follow(0.5, "step", PAIRS("warm_up", "1", "every", "2", "factor", "0.5"),
           (double[]){ 0.25, 0.5, 0.5, 0.25, 0.25, 0.125 }, 6);
    follow(0.5, "linear", PAIRS("warm_up", "1", "over", "2"), (double[]){ 0.25, 0.5, 0.25, 0, 0 }, 5);
    follow(0.5, "cosine", PAIRS("warm_up", "1", "over", "3", "minimum", "0.1"),
           (double[]){ 0.25, 0.5, 0.4, 0.2, 0.1, 0.2 }, 6);
}
END_TEST

/* Ernoult 2022, code: T_max 85 epochs, eta_min 1e-5, 90 epochs: it rises again by a hair. */
START_TEST(the_published_cosine)
{
    struct chosen c = schedule("cosine", PAIRS("over", "85", "minimum", "1e-5"));
    const double pi = 3.14159265358979323846;
    for (int64_t e = 0; e < 90; e++)
        ck_assert_double_lt(
            fabs(schedule_stepsize(c, 0.05, 0, e) - (1e-5 + (0.05 - 1e-5) * (1 + cos(pi * (double)e / 85)) / 2)),
            1e-15);
    ck_assert(schedule_stepsize(c, 0.05, 0, 0) == 0.05);
    ck_assert(schedule_stepsize(c, 0.05, 0, 85) == 1e-5);
    ck_assert(schedule_stepsize(c, 0.05, 0, 89) > 1e-5 && schedule_stepsize(c, 0.05, 0, 89) < 3e-4);
    ck_assert(schedule_minimum(c) == 1e-5);
    free(c.opts);
}
END_TEST

/* Times and periods at their bounds. */
START_TEST(long_times)
{
    struct chosen c = schedule("cosine", PAIRS("over", "1000000000000", "warm_up", "1000000000000"));
    ck_assert(schedule_stepsize(c, 1, 0, INT64_MAX) >= 0);
    ck_assert_double_lt(fabs(schedule_stepsize(c, 1, 0, INT64_C(1500000000000)) - 0.5), 1e-15);
    free(c.opts);
    c = schedule("step", PAIRS("every", "1", "factor", "0"));
    ck_assert(schedule_stepsize(c, 1, 0, 0) == 1);
    ck_assert(schedule_stepsize(c, 1, 0, INT64_MAX) == 0);
    free(c.opts);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, descriptions);
    tcase_add_test(tcase, by_hand);
    tcase_add_test(tcase, warm_up);
    tcase_add_test(tcase, the_published_cosine);
    tcase_add_test(tcase, long_times);
}

CHECK_MAIN("schedule", add_tests)
