/* An opened dataset and a batch, for tests. */
#ifndef TPRUN_TESTS_DATA_FIXTURE_H
#define TPRUN_TESTS_DATA_FIXTURE_H

#include "data/dataset.h"

#include "../base/part_options.h"

#include <math.h>

struct fixture {
    const struct dataset_def *def;
    void *opts, *state;
    struct data_shape shape;
    struct arena arena;
};

static inline void fixture_close(struct fixture *f)
{
    free(f->opts);
    arena_finish(&f->arena);
}

/* Data set `name` with options from pairs: option, value, ..., NULL. false: its shape or open refuses them. */
static inline bool fixture_try(struct fixture *f, const char *name, const char *const *pairs, uint64_t seed,
                               struct err *e)
{
    *f = (struct fixture){ .def = (const struct dataset_def *)(const void *)registry_find(&dataset_registry, name) };
    ck_assert_ptr_nonnull(f->def);
    arena_init(&f->arena, 0);
    f->opts = options_new(&f->def->part);
    for (; *pairs; pairs += 2)
        options_set(&f->def->part, f->opts, pairs[0], pairs[1]);
    f->state = arena_alloc(&f->arena, 1, f->def->part.state_size);
    if (f->def->shape(f->opts, &f->shape, e) == 0 && f->def->open(f->opts, seed, f->state, &f->arena, e) == 0)
        return true;
    fixture_close(f);
    return false;
}

static inline struct fixture fixture_open(const char *name, const char *const *pairs, uint64_t seed)
{
    struct fixture f;
    struct err e = { 0 };
    ck_assert_msg(fixture_try(&f, name, pairs, seed, &e), "%s: %s", name, err_first(&e));
    return f;
}

/* Samples first .. first + rows - 1; the numbers stood at NaN before, labels at -1. Labels without classes and y with
 * classes are absent. */
static inline struct batch fixture_fill(struct fixture *f, enum split split, uint64_t first, size_t rows)
{
    const struct data_shape *s = &f->shape;
    const size_t n = s->length * rows * s->features;
    struct batch b = { .rows = rows, .x = arena_alloc(&f->arena, n, sizeof(real)) };
    for (size_t i = 0; i < n; i++)
        b.x[i] = (real)NAN;
    if (s->classes)
        b.label = arena_alloc(&f->arena, rows * (s->per_step ? s->length : 1), sizeof *b.label);
    else
        b.y = mat_of(arena_alloc(&f->arena, rows * s->outputs, sizeof(real)), rows, s->outputs);
    for (size_t i = 0; b.label && i < rows * (s->per_step ? s->length : 1); i++)
        b.label[i] = -1;
    for (size_t i = 0; b.y.p && i < mat_n(b.y); i++)
        b.y.p[i] = (real)NAN;
    f->def->fill(f->opts, f->state, split, first, &b);
    return b;
}

static inline const real *fixture_x(const struct fixture *f, const struct batch *b, size_t t, size_t row)
{
    return b->x + (t * b->rows + row) * f->shape.features;
}

/* Row i of a and row j of b hold the same sample, bit for bit. */
static inline bool fixture_same(const struct fixture *f, const struct batch *a, size_t i, const struct batch *b,
                                size_t j)
{
    for (size_t t = 0; t < f->shape.length; t++)
        if (memcmp(fixture_x(f, a, t, i), fixture_x(f, b, t, j), f->shape.features * sizeof(real)) != 0)
            return false;
    for (size_t t = 0; f->shape.per_step && t < f->shape.length; t++)
        if (a->label[t * a->rows + i] != b->label[t * b->rows + j])
            return false;
    if (f->shape.classes)
        return a->label[i] == b->label[j];
    return memcmp(a->y.p + i * a->y.cols, b->y.p + j * b->y.cols, a->y.cols * sizeof(real)) == 0;
}

/* The symbol of a one-hot vector; anything else fails. (An assertion costs a system call, so there is one per vector.)
 */
static inline size_t fixture_symbol(const real *x, size_t n)
{
    size_t symbol = n, others = 0;
    for (size_t i = 0; i < n; i++) {
        others += x[i] != 0 && x[i] != 1;
        others += x[i] == 1 && symbol < n;
        symbol = x[i] == 1 ? i : symbol;
    }
    if (symbol == n || others > 0)
        ck_abort_msg("not a one-hot vector");
    return symbol;
}

/* Counts are those of a uniform draw: chi-square below mean + 5 standard deviations, and no count is 0. */
static inline void fixture_uniform(const int *count, size_t n)
{
    double total = 0, chi2 = 0;
    for (size_t i = 0; i < n; i++)
        total += count[i];
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_gt(count[i], 0);
        chi2 += (count[i] - total / (double)n) * (count[i] - total / (double)n) / (total / (double)n);
    }
    const double excess = chi2 - (double)(n - 1);
    ck_assert_msg(excess <= 0 || excess * excess < 25 * 2 * (double)(n - 1), "chi-square %g of %zu counts", chi2, n);
}

#endif
