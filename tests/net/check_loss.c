/* Losses: value and gradient belong together, and large logits do no harm. */
#include "../check_main.h"
#include "fixture.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROWS = 4, OUTPUTS = 5 };

struct problem {
    const struct loss_def *def;
    const void *opts;
    struct mat out, gradient;
    struct batch batch;
    int64_t label[ROWS];
};

static struct problem open_problem(struct arena *a, const char *yaml)
{
    static const struct option option = { .name = "loss", .type = OPT_PART, .registry = &loss_registry };
    struct err e = { 0 };
    struct chosen choice = { 0 };
    must(bind_value(net_parse(yaml, a), &option, &choice, "loss", a, &e), &e);
    struct rng r = rng_stream(17, "test");
    struct problem p = { .def = (const struct loss_def *)choice.part, .opts = choice.opts };
    p.out = mat_new(a, ROWS, OUTPUTS);
    p.gradient = mat_new(a, ROWS, OUTPUTS);
    p.batch = (struct batch){ .rows = ROWS, .y = mat_new(a, ROWS, OUTPUTS) };
    net_normal(&r, 1.3, p.out);
    net_normal(&r, 0.9, p.batch.y);
    return p;
}

static double value(struct problem *p, bool gradient)
{
    static const int64_t label[ROWS] = { 2, 4, 0, 2 };
    memcpy(p->label, label, sizeof label);
    p->batch.label = p->label;
    return p->def->value(p->opts, p->out, &p->batch, gradient ? p->gradient : (struct mat){ 0 });
}

/* Every loss, and the other choice of each option. */
static const char *const extra[] = { "{name: squared_error, outputs: mean}", NULL };

static void gradient_by_differences(const char *yaml)
{
    struct arena a;
    arena_init(&a, 0);
    struct problem p = open_problem(&a, yaml);
    const double eps = BOUND(1e-5, 1e-2), at = value(&p, true);
    ck_assert_double_eq(at, value(&p, false));
    struct mat fd = mat_new(&a, ROWS, OUTPUTS);
    for (size_t i = 0; i < mat_n(p.out); i++) {
        const real kept = p.out.p[i];
        p.out.p[i] = (real)(kept + eps);
        const double up = value(&p, false);
        p.out.p[i] = (real)(kept - eps);
        fd.p[i] = (real)((up - value(&p, false)) / (2 * eps));
        p.out.p[i] = kept;
    }
    const double error = mat_relative_error(p.gradient, fd);
    ck_assert_msg(error < BOUND(1e-8, 1e-3), "%s: error of the gradient %g", yaml, error);
    arena_finish(&a);
}

START_TEST(gradient_is_the_derivative)
{
    for (size_t i = 0; i < loss_registry.n_parts; i++)
        gradient_by_differences(loss_registry.parts[i]->name);
    for (size_t i = 0; extra[i]; i++)
        gradient_by_differences(extra[i]);
}
END_TEST

START_TEST(cross_entropy_of_large_logits)
{
    struct arena a;
    arena_init(&a, 0);
    struct problem p = open_problem(&a, "cross_entropy");
    for (size_t i = 0; i < mat_n(p.out); i++)
        p.out.p[i] = (real)(i % 2 ? -1e4 : 1e4 + 0.5 * (double)(i % 3));
    const double at = value(&p, true);
    ck_assert(isfinite(at) && at > 0);
    ck_assert(mat_all_finite(p.gradient));
    for (size_t i = 0; i < ROWS; i++) { /* softmax less one-hot sums to 0 */
        double sum = 0, log_sum = 0, top = -INFINITY;
        for (size_t j = 0; j < OUTPUTS; j++) {
            sum += (double)p.gradient.p[i * OUTPUTS + j];
            top = fmax(top, (double)p.out.p[i * OUTPUTS + j]);
        }
        ck_assert_double_eq_tol(sum, 0, BOUND(1e-15, 1e-7));
        for (size_t j = 0; j < OUTPUTS; j++)
            log_sum += exp((double)p.out.p[i * OUTPUTS + j] - top);
        ck_assert(log_sum >= 1);
    }
    arena_finish(&a);
}
END_TEST

/* -log softmax of equal logits is log C, whatever their size: computed as top + log C - top at 1e4. */
START_TEST(cross_entropy_of_equal_logits)
{
    struct arena a;
    arena_init(&a, 0);
    struct problem p = open_problem(&a, "cross_entropy");
    for (size_t i = 0; i < mat_n(p.out); i++)
        p.out.p[i] = (real)12345.5;
    ck_assert_double_eq_tol(value(&p, false), log(OUTPUTS), 1e-11);
    arena_finish(&a);
}
END_TEST

START_TEST(nan_is_not_hidden)
{
    for (size_t i = 0; i < loss_registry.n_parts; i++)
        for (size_t j = 0; j < OUTPUTS; j++) {
            struct arena a;
            arena_init(&a, 0);
            struct problem p = open_problem(&a, loss_registry.parts[i]->name);
            p.out.p[OUTPUTS + j] = NAN;
            ck_assert_msg(isnan(value(&p, true)), "%s: NaN at output %zu gives a number", loss_registry.parts[i]->name,
                          j);
            ck_assert(!mat_all_finite(p.gradient));
            arena_finish(&a);
        }
}
END_TEST

/* A label that is no column is the program's own mistake, met before anything is read or written there. Of every loss
 * of classes, in a process of its own. */
START_TEST(labels_are_columns)
{
    for (size_t i = 0; i < loss_registry.n_parts; i++)
        for (int below = 0; below < 2; below++) {
            struct arena a;
            arena_init(&a, 0);
            struct problem p = open_problem(&a, loss_registry.parts[i]->name);
            int status = 0;
            p.label[ROWS - 1] = below ? -1 : OUTPUTS;
            p.batch.label = p.label;
            const pid_t child = p.def->classes ? fork() : -1;
            if (child == 0) {
                close(STDERR_FILENO);
                p.def->value(p.opts, p.out, &p.batch, p.gradient);
                _exit(0);
            }
            ck_assert(!p.def->classes || waitpid(child, &status, 0) == child);
            ck_assert_msg(!p.def->classes || (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT), "%s: label %d",
                          p.def->part.name, below ? -1 : OUTPUTS);
            arena_finish(&a);
        }
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, gradient_is_the_derivative);
    tcase_add_test(t, cross_entropy_of_large_logits);
    tcase_add_test(t, cross_entropy_of_equal_logits);
    tcase_add_test(t, nan_is_not_hidden);
    tcase_add_test(t, labels_are_columns);
}

CHECK_MAIN("loss", add_tests)
