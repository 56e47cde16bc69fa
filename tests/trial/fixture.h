/* Trials from a line of YAML: on dataset `given` with a random batch, or on a generated dataset. */
#ifndef TPRUN_TESTS_TRIAL_FIXTURE_H
#define TPRUN_TESTS_TRIAL_FIXTURE_H

#include "math/blas.h"
#include "spec/tree.h"
#include "trial/measures.h"
#include <check.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef TPRUN_DOUBLE
#define IS_DOUBLE 1
#else
#define IS_DOUBLE 0
#endif
#define BOUND(in_double, in_single) (IS_DOUBLE ? (in_double) : (in_single))

struct fixture {
    struct arena arena;
    struct config config;
    struct trial *trial;
};

static inline void must(int code, struct err *e)
{
    if (code < 0)
        err_print(e, stderr, false);
    ck_assert_int_ge(code, 0);
    err_clear(e);
}

/* Binds a configuration; several lines of flow YAML are laid one over the other, closed by NULL. */
static inline int config_lines(struct config *c, struct arena *a, struct err *e, const char *first, ...)
{
    struct node *tree = NULL;
    va_list lines;
    va_start(lines, first);
    for (const char *line = first; line; line = va_arg(lines, const char *)) {
        struct node *next = tree_parse("test", arena_strdup(a, line), strlen(line), a, e);
        if (next && tree)
            next = tree_overlay(tree, next, a, e);
        tree = next;
        if (!tree)
            break;
    }
    va_end(lines);
    return tree ? config_bind(tree, c, a, e) : ERR_SPEC;
}

/* A small trial: parts that a test does not care about. */
#define TRIAL_BASE                                                                                                     \
    "{seed: 2385, network: {init: {weights: xavier, biases: {name: uniform, bound: 0.3}}},"                            \
    " loss: cross_entropy, train: {optimizer: {name: sgd, stepsize: 0.05}, batch_size: 3, iterations: 20},"            \
    " algorithm: bp, log: {every: 5, metrics: [train_loss]}}"
#define GIVEN_FLAT                                                                                                     \
    "{dataset: {name: given, features: 3, outputs: 4},"                                                                \
    " network: {layers: [dense: {units: 5, activation: tanh}, dense: {units: 6, activation: tanh}, dense: {units: "    \
    "4}]}}"
#define GIVEN_RECURRENT                                                                                                \
    "{dataset: {name: given, length: 5, features: 3, outputs: 4}, network: {layers: [rnn: {units: 6}, dense: {units: " \
    "4}]}}"
#define ORDER                                                                                                          \
    "{dataset: {name: temporal_order, length: 12, eval_size: 37, test_size: 53}, network: {layers: [rnn: {units: 6}, " \
    "dense: {units: 4}]}}"
#define ADDING                                                                                                         \
    "{dataset: {name: adding, length: 10, eval_size: 37, test_size: 53}, loss: squared_error,"                         \
    " network: {layers: [rnn: {units: 6}, dense: {units: 1}]}}"
#define BLOBS                                                                                                          \
    "{dataset: {name: gaussian, features: 3, classes: 4, train_size: 20, eval_size: 37, test_size: 53},"               \
    " network: {layers: [dense: {units: 5, activation: tanh}, dense: {units: 6, activation: tanh}, dense: {units: "    \
    "4}]}}"

static inline void fixture_bind(struct fixture *f, const char *data, const char *own)
{
    struct err e = { 0 };
    *f = (struct fixture){ 0 };
    arena_init(&f->arena, 0);
    must(blas_start(&e), &e);
    must(config_lines(&f->config, &f->arena, &e, TRIAL_BASE, data, own, NULL), &e);
}

static inline void fill_normal(struct rng *r, double std, real *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (real)(std * rng_normal(r));
}

/* Random inputs, labels and noise, none of them 0 or 1. */
static inline void fixture_batch(struct fixture *f)
{
    struct trial *t = f->trial;
    struct rng r = rng_stream((uint64_t)f->config.seed, "test");
    struct batch *b = &t->pass.batch;
    fill_normal(&r, 0.8, b->x, t->data.length * b->rows * t->data.features);
    for (size_t i = 0; b->label && i < b->rows; i++)
        b->label[i] = rng_below(&r, (uint32_t)t->data.outputs);
    if (b->y.p)
        fill_normal(&r, 0.9, b->y.p, mat_n(b->y));
    for (size_t i = 0; i < t->credit.n_draws; i++)
        if (t->credit.draws[i].of_feedback)
            fill_normal(&r, 1, t->credit.draws[i].to.p, mat_n(t->credit.draws[i].to));
}

/* A trial on dataset `given` with a batch; step_train(t, false) runs on it. */
static inline void fixture_given(struct fixture *f, const char *data, const char *own)
{
    struct err e = { 0 };
    fixture_bind(f, data, own);
    f->trial = calloc(1, sizeof *f->trial);
    ck_assert_ptr_nonnull(f->trial);
    must(trial_setup(f->trial, &f->config, true, &e), &e);
    fixture_batch(f);
}

/* A trial on a dataset that has samples. */
static inline void fixture_open(struct fixture *f, const char *data, const char *own)
{
    struct err e = { 0 };
    fixture_bind(f, data, own);
    must(trial_open(&f->trial, &f->config, &e), &e);
}

static inline void fixture_close(struct fixture *f)
{
    trial_close(f->trial);
    arena_finish(&f->arena);
}

static inline void fixture_steps(struct fixture *f, int n)
{
    struct err e = { 0 };
    for (int i = 0; i < n; i++)
        must(trial_step(f->trial, &e), &e);
}

/* ---- a sink that writes every record as a line of text ---- */

#define KEY "0123456789abcdef" /* what the names of checkpoints begin with */

static inline int restore_from(struct trial *t, const char *folder, const char *name, const char *sha256, struct err *e)
{
    struct checkpoint_folder own;
    TRY(checkpoint_folder_open(&own, folder, true, e));
    const int code = trial_restore(t, &own, NULL, name, sha256, e);
    checkpoint_folder_close(&own);
    return code;
}

struct records {
    struct sink sink;
    struct text text; /* metrics and events */
    char checkpoint[CHECKPOINT_NAME_SIZE], sha256[65];
    int n_checkpoints;
};

static int record_metric(struct sink *s, const char *name, int64_t step, double value, struct err *e)
{
    (void)e;
    text_add(&((struct records *)s)->text, "%s %lld %.17g\n", name, (long long)step, value);
    return 0;
}
static int record_layer_metric(struct sink *s, const char *name, int64_t step, int64_t layer, double value,
                               struct err *e)
{
    (void)e;
    text_add(&((struct records *)s)->text, "%s.%lld %lld %.17g\n", name, (long long)layer, (long long)step, value);
    return 0;
}
static int record_cost(struct sink *s, const char *phase, int64_t wall_ns, int64_t cpu_ns, double flops, struct err *e)
{
    (void)s, (void)phase, (void)e;
    ck_assert(wall_ns >= 0 && cpu_ns >= 0 && flops >= 0);
    return 0;
}
static int record_event(struct sink *s, int64_t step, const char *kind, const char *text, struct err *e)
{
    (void)e;
    text_add(&((struct records *)s)->text, "%s %lld: %s\n", kind, (long long)step, text);
    return 0;
}
static int record_checkpoint(struct sink *s, int64_t step, const char *name, const char *sha256, struct spent spent,
                             struct err *e)
{
    (void)step, (void)spent, (void)e;
    struct records *r = (struct records *)s;
    snprintf(r->checkpoint, sizeof r->checkpoint, "%s", name);
    snprintf(r->sha256, sizeof r->sha256, "%s", sha256);
    r->n_checkpoints++;
    return 0;
}

static inline struct records records_new(void)
{
    return (
        struct records){ .sink = { record_metric, record_layer_metric, record_cost, record_event, record_checkpoint } };
}

/* Value of the last line "<name> <step> value"; fails the test if there is none. */
static inline double records_value(const struct records *r, const char *name, int64_t step)
{
    char line[128];
    const int n = snprintf(line, sizeof line, "%s %lld ", name, (long long)step);
    double value = 0;
    bool found = false;
    for (const char *at = r->text.s; at && *at; at = strchr(at, '\n') + 1)
        if (strncmp(at, line, (size_t)n) == 0) {
            value = strtod(at + n, NULL);
            found = true;
        }
    ck_assert_msg(found, "no record '%s'", line);
    return value;
}

/* A folder of its own for a test's files, removed by scratch_remove. */
static inline void scratch_make(char folder[64])
{
    snprintf(folder, 64, "/tmp/tprun-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}
static inline void scratch_remove(const char *folder)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

#endif
