#include "optim/optim.h"

#include "../base/part_options.h"
#include "check_main.h"
#include "golden_rmsprop.h"

#include <float.h>
#include <math.h>

#define TOLERANCE (sizeof(real) == 4 ? 2e-6 : 1e-12)
enum { MAX_N = 64, MAX_SLOTS = 3 };

static const struct optim_def *find(const char *name)
{
    const struct part *part = registry_find(&optim_registry, name);
    ck_assert_ptr_nonnull(part);
    return (const struct optim_def *)(const void *)part;
}

/* Options from up to four pairs name, value; unset: stepsize 0.5. */
static void *opts_of(const struct optim_def *def, const char *const *pairs)
{
    void *opts = options_new(&def->part);
    options_set(&def->part, opts, "stepsize", "0.5");
    for (; *pairs; pairs += 2)
        options_set(&def->part, opts, pairs[0], pairs[1]);
    return opts;
}
#define PAIRS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NO_PAIRS ((const char *const[]){ NULL })

/* Numbers like 2.385, never 0 or 1. */
static real number(size_t i)
{
    return (real)(2.385 * sin(1.7 * (double)i + 0.3));
}

/* One weight, a list of directions; checks w after each step. */
static void follow(const char *name, const char *const *pairs, const double *g, const double *expected, int steps)
{
    const struct optim_def *def = find(name);
    void *opts = opts_of(def, pairs);
    real w = 2, slots[MAX_SLOTS] = { 0 };
    for (int i = 0; i < steps; i++) {
        const real direction = (real)g[i];
        def->step(opts, i + 1, 1, &w, &direction, NULL, slots);
        ck_assert_msg(fabs((double)w - expected[i]) <= TOLERANCE, "%s step %d: %.17g, not %.17g", name, i + 1,
                      (double)w, expected[i]);
    }
    free(opts);
}

/* By hand, stepsize 1/2, start 2. */
START_TEST(sgd_by_hand)
{
    const double g[] = { 1, 1, -2 };
    follow("sgd", NO_PAIRS, g, (double[]){ 1.5, 1, 2 }, 3);
    /* buf = 1, 1.5, -1.25 */
    follow("sgd", PAIRS("momentum", "0.5"), g, (double[]){ 1.5, 0.75, 1.375 }, 3);
    /* g + buf / 2 = 1.5, 1.75, -2.625 */
    follow("sgd", PAIRS("momentum", "0.5", "nesterov", "true"), g, (double[]){ 1.25, 0.375, 1.6875 }, 3);
    /* directions 1 + 2/2 = 2, 1 + 1/2 = 1.5, -2 + 0.25/2 = -1.875 */
    follow("sgd", PAIRS("weight_decay", "0.5"), g, (double[]){ 1, 0.25, 1.1875 }, 3);
    /* buf starts as its direction: 2, 1.5 + 1 = 2.5, -2 - 0.125 + 1.25 = -0.875 */
    follow("sgd", PAIRS("weight_decay", "0.5", "momentum", "0.5"), g, (double[]){ 1, -0.25, 0.1875 }, 3);
    /* buf = 2, 0.75 + 1; g' + buf / 2 = 3, 0.75 + 0.875 */
    follow("sgd", PAIRS("weight_decay", "0.5", "momentum", "0.5", "nesterov", "true"), (double[]){ 1, 0.5 },
           (double[]){ 0.5, -0.3125 }, 2);
    /* buf = 1, 1.9 */
    follow("momentum", NO_PAIRS, g, (double[]){ 1.5, 0.55 }, 2);
}
END_TEST

/* Lasagne's form, v <- momentum v - stepsize g, w <- w + momentum v - stepsize g, which Manchev 2020 uses, is the same
 * sequence. */
START_TEST(nesterov_is_lasagnes)
{
    double g[20], expected[20], w = 2, v = 0;
    for (size_t i = 0; i < 20; i++) {
        g[i] = (double)number(i);
        v = 0.9 * v - 0.01 * g[i];
        w += 0.9 * v - 0.01 * g[i];
        expected[i] = w;
    }
    follow("sgd", PAIRS("stepsize", "0.01", "momentum", "0.9", "nesterov", "true"), g, expected, 20);
}
END_TEST

START_TEST(rmsprop_by_hand)
{
    /* v = .25 * 4 = 1, then .75 + .25 = 1 */
    follow("rmsprop", PAIRS("decay", "0.75", "epsilon", "0"), (double[]){ 2, 1 }, (double[]){ 1, 0.5 }, 2);
    follow("rmsprop", PAIRS("decay", "0.75", "epsilon", "1"), (double[]){ 2, 1 }, (double[]){ 1.5, 1.25 }, 2);
    follow("rmsprop", PAIRS("decay", "0.75", "epsilon", "3", "epsilon_inside", "true"), (double[]){ 2, 1 },
           (double[]){ 1.5, 1.25 }, 2);
    /* buf = 2, then 1 + 1 */
    follow("rmsprop", PAIRS("decay", "0.75", "epsilon", "0", "momentum", "0.5"), (double[]){ 2, 1 }, (double[]){ 1, 0 },
           2);
    /* decay 1/2, g = 2: v = 2, m = 1, variance 1; g = -1: v = 1.5, m = 0, variance 1.5 */
    follow("rmsprop", PAIRS("decay", "0.5", "epsilon", "0", "centered", "true"), (double[]){ 2, -1 },
           (double[]){ 1, 1 + 0.5 / sqrt(1.5) }, 2);
}
END_TEST

/* The scripts of Lee 2015: weights after each step, and the state in its slots v, m, buf = -inc / stepsize. */
START_TEST(rmsprop_as_in_lees_scripts)
{
    const struct golden_rmsprop *golden = &golden_rmsprop[_i];
    const struct optim_def *def = find("rmsprop");
    void *opts = opts_of(def, PAIRS("stepsize", golden->stepsize, "decay", "0.95", "momentum", "0.9", "centered",
                                    "true", "epsilon", "0.001", "epsilon_inside", "true"));
    const double relative = sizeof(real) == 4 ? 1e-5 : 1e-12;
    const int n = golden->n;
    double stepsize;
    ck_assert_int_eq(text_to_double(golden->stepsize, strlen(golden->stepsize), &stepsize), 0);
    real w[12], g[12], slots[36] = { 0 };
    for (int i = 0; i < n; i++)
        w[i] = (real)golden->start[i];
    for (int t = 0; t < golden->steps; t++) {
        for (int i = 0; i < n; i++)
            g[i] = (real)golden->gradient[t][i];
        def->step(opts, t + 1, (size_t)n, w, g, NULL, slots);
        for (int i = 0; i < n; i++)
            ck_assert_double_eq_tol((double)w[i], golden->weight[t][i], relative);
    }
    for (int i = 0; i < n; i++) {
        ck_assert_double_eq_tol((double)slots[i], golden->mean_square[i], relative * fabs(golden->mean_square[i]));
        ck_assert_double_eq_tol((double)slots[n + i], golden->mean[i], 10 * relative * fabs(golden->gradient[0][i]));
        ck_assert_double_eq_tol(-stepsize * (double)slots[2 * n + i], golden->increment[i],
                                10 * relative * (fabs(golden->increment[i]) + fabs(golden->increment[0])));
    }
    free(opts);
}
END_TEST

/* Equal directions make the variance 0 up to rounding, on either side: no NaN comes of it. */
START_TEST(rmsprop_variance_is_never_negative)
{
    const struct optim_def *def = find("rmsprop");
    void *opts = opts_of(def, PAIRS("centered", "true", "epsilon", "1e-8", "decay", "0.9"));
    real w[MAX_N], g[MAX_N], slots[3 * MAX_N] = { 0 };
    bool met_negative = false;
    for (size_t i = 0; i < MAX_N; i++) {
        w[i] = 0;
        g[i] = number(i) * 1000;
    }
    for (int t = 1; t <= 500; t++) {
        def->step(opts, t, MAX_N, w, g, NULL, slots);
        for (size_t i = 0; i < MAX_N; i++) {
            ck_assert(isfinite(w[i]));
            met_negative |= slots[i] - slots[MAX_N + i] * slots[MAX_N + i] < 0;
        }
    }
    ck_assert(met_negative); /* or this test shows nothing */
    free(opts);
}
END_TEST

START_TEST(adam_by_hand)
{
    /* beta 1/2, 3/4. g = 2: m = 1, v = 1, corrected 2 and 4. g = -1: m = 0, v = 1. g = 4: m = 2, v = 4.75 */
    const char *const pairs[] = { "beta1", "0.5", "beta2", "0.75", "epsilon", "0", NULL };
    const double third = 1.5 - 0.5 * (2 / 0.875) / sqrt(4.75 / 0.578125);
    follow("adam", pairs, (double[]){ 2, -1, 4 }, (double[]){ 1.5, 1.5, third }, 3);
    /* epsilon is added to the corrected root: 2 / (2 + 2) */
    follow("adam", PAIRS("beta1", "0.5", "beta2", "0.75", "epsilon", "2"), (double[]){ 2 }, (double[]){ 1.75 }, 1);
    /* w = 2, decay 1/2: g' = -3 + 1 = -2 */
    follow("adam", PAIRS("epsilon", "2", "weight_decay", "0.5"), (double[]){ -3 }, (double[]){ 2.25 }, 1);
}
END_TEST

/* Kingma & Ba, Alg. 1, over a longer run with the usual values. */
START_TEST(adam_as_published)
{
    double g[50], expected[50], w = 2, m = 0, v = 0;
    for (int t = 1; t <= 50; t++) {
        g[t - 1] = (double)number((size_t)t);
        m = 0.9 * m + 0.1 * g[t - 1];
        v = 0.999 * v + 0.001 * g[t - 1] * g[t - 1];
        w -= 0.01 * (m / (1 - pow(0.9, t))) / (sqrt(v / (1 - pow(0.999, t))) + 1e-8);
        expected[t - 1] = w;
    }
    follow("adam", PAIRS("stepsize", "0.01"), g, expected, 50);
}
END_TEST

/* PyTorch's order of operations, as Meulemans 2020 uses it: the decay enters both means, and epsilon is added after the
 * correction of v. */
START_TEST(adam_with_weight_decay)
{
    double g[50], expected[50], w = 2, m = 0, v = 0;
    for (int t = 1; t <= 50; t++) {
        g[t - 1] = (double)number((size_t)t);
        const double decayed = g[t - 1] + 0.3 * w;
        m = 0.9 * m + 0.1 * decayed;
        v = 0.9 * v + 0.1 * decayed * decayed;
        w -= 0.01 / (1 - pow(0.9, t)) * m / (sqrt(v) / sqrt(1 - pow(0.9, t)) + 0.05);
        expected[t - 1] = w;
    }
    follow("adam", PAIRS("stepsize", "0.01", "beta2", "0.9", "epsilon", "0.05", "weight_decay", "0.3"), g, expected,
           50);
}
END_TEST

START_TEST(adagrad_by_hand)
{
    follow("adagrad", PAIRS("epsilon", "0"), (double[]){ 3, 4 }, (double[]){ 1.5, 1.1 }, 2); /* s = 9, 25 */
    follow("adagrad", PAIRS("epsilon", "1"), (double[]){ 3, 4 }, (double[]){ 1.625, 1.625 - 1 / 3.0 }, 2);
}
END_TEST

START_TEST(sgd_without_momentum_leaves_its_slot_alone)
{
    const struct optim_def *def = find("sgd");
    void *opts = opts_of(def, NO_PAIRS);
    real w = 2, g = 1, factor = 4;
    def->step(opts, 1, 1, &w, &g, NULL, NULL);
    def->step(opts, 2, 1, &w, &g, &factor, NULL);
    ck_assert(w == (real)-0.5);
    free(opts);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, sgd_by_hand);
    tcase_add_test(tcase, nesterov_is_lasagnes);
    tcase_add_test(tcase, rmsprop_by_hand);
    tcase_add_loop_test(tcase, rmsprop_as_in_lees_scripts, 0, 2);
    tcase_add_test(tcase, rmsprop_variance_is_never_negative);
    tcase_add_test(tcase, adam_by_hand);
    tcase_add_test(tcase, adam_as_published);
    tcase_add_test(tcase, adam_with_weight_decay);
    tcase_add_test(tcase, adagrad_by_hand);
    tcase_add_test(tcase, sgd_without_momentum_leaves_its_slot_alone);
}

CHECK_MAIN("optim", add_tests)
