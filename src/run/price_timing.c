/* Prices from some steps that are timed now, or were timed earlier on this machine. */
#include "run/price.h"

#include "run/calibration.h"
#include "run/private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a timing: the processor may be slower when all of it works, and faster when the rest of the machine is quiet. */
static const double timed_low = 0.8, timed_high = 1.4;

/* What else the timings depend on: the workers' bytes, told by their size and time. */
static int describe_build(const char *code, struct text *out, struct err *e)
{
    static const char *const precisions[] = { "single", "double" };
    text_puts(out, code);
    for (int i = 0; i < 2; i++) {
        char path[4096];
        struct stat st;
        TRY(worker_executable(precisions[i], path, e));
        if (stat(path, &st) == 0)
            text_add(out, " %lld %lld.%09ld", (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    }
    return 0;
}

/* A trial that would take most of the memory is not opened for a plan. */
static bool fits(const struct price_shape *s)
{
    const double pages = (double)sysconf(_SC_PHYS_PAGES), page = (double)sysconf(_SC_PAGESIZE);
    return s->memory_bytes < 0.25 * pages * page;
}

static int time_shape(const struct price_shape *s, struct plan *p, struct trial_timing *each, struct err *e)
{
    char executable[4096], line[256];
    struct plan_trial t;
    struct text json = { 0 };
    TRY(plan_trial(p, s->study, s->trial, &t, e));
    TRY(worker_executable(s->precision == PRECISION_DOUBLE ? "double" : "single", executable, e));
    config_json(&t.config, &json);
    const int code = worker_ask(executable, "--time", json.s, line, sizeof line, e);
    text_free(&json);
    TRY(code);
    return calibration_numbers(line, each) ? 0 : err_set(e, ERR_INTERNAL, "%s --time printed '%s'", executable, line);
}

static void set_price(struct price_shape *s, const struct trial_timing *each)
{
    s->source = PRICE_TIMED;
    s->each = *each;
    s->low = timed_low;
    s->high = timed_high;
}

/* Operations that are left of each shape. */
struct share {
    size_t shape, variant;
    double per_step, flops;
};

static int by_flops(const void *a, const void *b)
{
    const struct share *x = a, *y = b;
    return x->flops != y->flops ? (x->flops < y->flops) - (x->flops > y->flops)
                                : (x->shape > y->shape) - (x->shape < y->shape);
}

static int by_size(const void *a, const void *b)
{
    const struct share *x = a, *y = b;
    if (x->variant != y->variant)
        return (x->variant > y->variant) - (x->variant < y->variant);
    return x->per_step != y->per_step ? (x->per_step > y->per_step) - (x->per_step < y->per_step)
                                      : (x->shape > y->shape) - (x->shape < y->shape);
}

static double list_shares(const struct price_list *l, struct share *shares)
{
    double all = 0;
    for (size_t i = 0; i < l->n_shapes; i++) {
        const struct price_shape *s = &l->shapes[i];
        shares[i] = (struct share){ .shape = i, .variant = price_variant_of(l, s), .per_step = s->flops_per_step };
    }
    for (size_t i = 0; i < l->n_classes; i++) {
        const struct price_class *c = &l->classes[i];
        const struct price_shape *s = &l->shapes[c->shape];
        const double steps = fmax(1, c->work.steps + c->work.feedback * s->feedback_steps);
        shares[c->shape].flops += c->left * steps * s->flops_per_step;
        all += c->left * steps * s->flops_per_step;
    }
    return all;
}

/* Few shapes are timed by falling operations, until at most 5 % of all is left. */
static size_t choose_largest(const struct price_list *l, struct share *shares, double all, size_t *chosen)
{
    size_t n = 0;
    double left = all;
    qsort(shares, l->n_shapes, sizeof *shares, by_flops);
    for (size_t i = 0; i < l->n_shapes && (i == 0 || left > 0.05 * all); i++) {
        left -= shares[i].flops;
        chosen[n++] = shares[i].shape;
    }
    return n;
}

/* Of many, such that each part of the work has one that is near: the middles of as many equal parts, in the order of
 * variants and sizes. */
static size_t choose_spread(const struct price_list *l, struct share *shares, double all, size_t *chosen)
{
    size_t n = 0;
    double sum = 0;
    qsort(shares, l->n_shapes, sizeof *shares, by_size);
    for (size_t i = 0; i < l->n_shapes && n < PRICE_TIMED_MAX; i++) {
        const size_t before = (size_t)(sum / all * PRICE_TIMED_MAX + 0.5);
        sum += shares[i].flops;
        if ((size_t)(sum / all * PRICE_TIMED_MAX + 0.5) > before)
            chosen[n++] = shares[i].shape;
    }
    return n;
}

/* One shape that is among those to be timed. What cannot be timed is a warning: the rest of the plan is worth having.
 */
static int price_one(struct price_list *l, struct plan *p, struct calibration *c, struct price_shape *s, struct err *e)
{
    const struct trial_timing *known = calibration_find(c, s->shape);
    struct trial_timing each;
    struct err own = { 0 };
    const struct where nowhere = { 0 };
    if (known) {
        set_price(s, known);
        return 0;
    }
    if (!fits(s))
        return 0;
    const int code = time_shape(s, p, &each, &own);
    if (code == ERR_MEMORY)
        return err_move(e, &own);
    if (code == 0) {
        calibration_add(c, s->shape, &each);
        set_price(s, &each);
    } else {
        err_warn(&l->warnings, nowhere, "a trial could not be timed: %s", err_first(&own));
    }
    err_clear(&own);
    return 0;
}

static int price_some(struct price_list *l, struct plan *p, struct calibration *c, struct err *e)
{
    size_t chosen[PRICE_TIMED_MAX] = { 0 };
    struct share *shares = calloc(l->n_shapes + 1, sizeof *shares);
    if (!shares)
        return err_set(e, ERR_MEMORY, "out of memory");
    const double all = list_shares(l, shares);
    const size_t n = !(all > 0)                       ? 0
                     : l->n_shapes <= PRICE_TIMED_MAX ? choose_largest(l, shares, all, chosen)
                                                      : choose_spread(l, shares, all, chosen);
    free(shares);
    for (size_t i = 0; i < n; i++)
        if (l->shapes[chosen[i]].source == PRICE_UNKNOWN)
            TRY(price_one(l, p, c, &l->shapes[chosen[i]], e));
    return 0;
}

static int time_with(struct price_list *l, struct plan *p, struct calibration *c, const char *code, struct err *e)
{
    struct text build = { 0 };
    struct err own = { 0 };
    char processor[160];
    const struct where nowhere = { 0 };
    int result = describe_build(code, &build, e);
    if (result == 0) {
        calibration_init(c, status_processor(processor, sizeof processor), build.s, &l->arena);
        result = calibration_read(c, e);
    }
    if (result == 0)
        result = price_some(l, p, c, e);
    if (result == 0 && calibration_write(c, &own) < 0)
        err_warn(&l->warnings, nowhere, "the timings cannot be kept: %s", err_first(&own));
    err_clear(&own);
    text_free(&build);
    return result;
}

int price_by_timing(struct price_list *l, struct plan *p, const char *code, struct err *e)
{
    bool needed = false;
    for (size_t i = 0; i < l->n_shapes; i++)
        needed |= l->shapes[i].source == PRICE_UNKNOWN;
    if (!needed)
        return 0;
    struct calibration *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(e, ERR_MEMORY, "out of memory");
    const int result = time_with(l, p, c, code, e);
    free(c);
    return result;
}

int price_all(struct price_list *l, struct plan *p, const char *code, struct err *e)
{
    if (l->error.code)
        return err_move(e, &l->error);
    TRY(price_by_rows(l, e));
    TRY(price_by_timing(l, p, code, e));
    price_scale(l);
    return 0;
}
