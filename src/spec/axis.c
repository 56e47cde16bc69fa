#include "spec/axis.h"
#include "base/rng.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHORT_DIGITS = 6 };

static const char *const grid_forms[] = { "range", "linspace", "geomspace", "logspace" };
static const char grid_help[] = "a list of values, or {range: [from, to, step]}, {linspace|geomspace: [from, to, n]}, "
                                "{logspace: [exponent, exponent, n]}";

bool axis_is_values(const struct node *n)
{
    return n->kind == NODE_LIST || tree_is_value_list(n);
}

/* Reads the n numbers of {form: [a, b, ...]}. */
int axis_read_numbers(const struct node *list, double *numbers, size_t n, const char *path, struct err *e)
{
    char found[100];
    if (list->n != n)
        return err_at(e, list->where, "%s: expected %zu numbers, found %zu", path, n, list->n);
    for (size_t i = 0; i < n; i++)
        if (!node_is_number(list->items[i], &numbers[i]) || !isfinite(numbers[i]))
            return err_at(e, list->items[i]->where, "%s: expected a finite number, found %s", path,
                          node_found(list->items[i], found));
    return 0;
}

static int check_count(const struct node *n, double count, const char *path, struct err *e)
{
    if (count >= 1 && count <= AXIS_MAX_COUNT && count == floor(count))
        return 0;
    return err_at(e, n->where, "%s: expected a count of values, an integer >= 1", path);
}

static int bind_range(struct axis *x, const struct node *list, const char *path, struct err *e)
{
    double v[3];
    TRY(axis_read_numbers(list, v, 3, path, e));
    x->kind = AXIS_LINEAR;
    x->from = v[0];
    x->step = v[2];
    /* `to` belongs to the range if a whole number of steps reaches it but for rounding. */
    const double steps = v[2] != 0 ? floor((v[1] - v[0]) / v[2] + 1e-9) : -1;
    if (!(steps >= 0))
        return err_at(e, list->where, "%s: a step of %s does not lead from %s to %s", path, list->items[2]->text,
                      list->items[0]->text, list->items[1]->text);
    if (!(steps < AXIS_MAX_COUNT))
        return err_at(e, list->where, "%s: more values than can be counted", path);
    x->n = (uint64_t)steps + 1;
    x->to = v[0] + steps * v[2];
    return 0;
}

static int bind_space(struct axis *x, const char *form, const struct node *list, const char *path, struct err *e)
{
    double v[3];
    TRY(axis_read_numbers(list, v, 3, path, e));
    TRY(check_count(list->items[2], v[2], path, e));
    x->n = (uint64_t)v[2];
    x->from = v[0];
    x->to = v[1];
    x->kind = AXIS_GEOMETRIC;
    if (strcmp(form, "linspace") == 0) {
        x->kind = AXIS_LINEAR;
        x->step = x->n > 1 ? (v[1] - v[0]) / (v[2] - 1) : 0;
    } else if (strcmp(form, "logspace") == 0) {
        x->from = pow(10, v[0]);
        x->to = pow(10, v[1]);
    }
    if (x->n > 1 && v[0] == v[1])
        return err_at(e, list->where, "%s: both ends are %s, which would be the same value %s times", path,
                      list->items[0]->text, list->items[2]->text);
    for (size_t i = 0; strcmp(form, "logspace") == 0 && i < 2; i++)
        if (!isnormal(pow(10, v[i])))
            return err_at(e, list->items[i]->where, "%s: 10^%s is no number of double precision", path,
                          list->items[i]->text);
    if (!isfinite(x->step)) /* the ends are finite */
        return err_at(e, list->where, "%s: the distance between %s and %s is not finite", path, list->items[0]->text,
                      list->items[1]->text);
    if (x->kind == AXIS_GEOMETRIC && !(x->from != 0 && x->to != 0 && (x->from > 0) == (x->to > 0)))
        return err_at(e, list->where, "%s: the ends must have the same sign and not be 0", path);
    return 0;
}

static int compare_texts(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

/* The values at i, as one text. */
static void put_values(const struct axis *const *axes, size_t n_axes, uint64_t i, struct text *t)
{
    text_clear(t);
    for (size_t j = 0; j < n_axes; j++) {
        text_puts(t, j ? ", " : "");
        tree_json(axes[j]->list->items[i], t);
    }
}

/* Points at the last place where the values stand. */
static int report_twice(const struct axis *const *axes, size_t n_axes, const char *values, const char *path,
                        struct err *e)
{
    struct text t = { 0 };
    size_t i = (size_t)axes[0]->n;
    do
        put_values(axes, n_axes, --i, &t);
    while (i > 0 && strcmp(t.s, values) != 0);
    text_free(&t);
    return err_at(e, axes[0]->list->items[i]->where, "%s: the value%s %s %s listed twice", path, n_axes > 1 ? "s" : "",
                  values, n_axes > 1 ? "are" : "is");
}

int axis_check_distinct(const struct axis *axes, size_t n_axes, const char *path, struct arena *a, struct err *e)
{
    const struct axis **all = arena_need(a, n_axes, sizeof *all);
    for (size_t j = 0; j < n_axes; j++) {
        if (axes[j].kind != AXIS_LIST)
            return 0;
        all[j] = &axes[j];
    }
    const size_t n = (size_t)axes->n;
    char **texts = arena_need(a, n, sizeof *texts);
    struct text t = { 0 };
    for (size_t i = 0; i < n; i++) {
        put_values(all, n_axes, i, &t);
        texts[i] = arena_strdup(a, t.s);
    }
    text_free(&t);
    qsort(texts, n, sizeof *texts, compare_texts);
    for (size_t i = 1; i < n; i++)
        if (strcmp(texts[i - 1], texts[i]) == 0)
            return report_twice(all, n_axes, texts[i], path, e);
    return 0;
}

bool axis_is_numeric(const struct axis *x)
{
    double number;
    bool truth;
    if (x->kind != AXIS_LIST && x->kind != AXIS_CHOICE)
        return true;
    for (size_t i = 0; i < x->list->n; i++)
        if (!node_is_number(x->list->items[i], &number) && !node_is_bool(x->list->items[i], &truth))
            return false;
    return true;
}

bool axis_repeats(const struct axis *const *axes, size_t n_axes, uint64_t i)
{
    bool found = false;
    struct text now = { 0 }, earlier = { 0 };
    for (size_t j = 0; j < n_axes; j++)
        if (axes[j]->kind != AXIS_LIST)
            return false;
    put_values(axes, n_axes, i, &now);
    for (uint64_t k = 0; k < i && !found; k++) {
        put_values(axes, n_axes, k, &earlier);
        found = strcmp(now.s, earlier.s) == 0;
    }
    text_free(&now);
    text_free(&earlier);
    return found;
}

bool axis_stand_in(struct axis *x, const struct node *n, bool random, struct arena *a)
{
    if (n->kind == NODE_MAP && n->n && strcmp(n->keys[0]->text, "logspace") == 0)
        return false; /* exponents are no values */
    if (n->kind == NODE_MAP)
        n = n->n ? n->items[0] : n;
    if (n->kind == NODE_LIST)
        n = n->n ? n->items[0] : n;
    if (n->kind != NODE_SCALAR || node_is_null(n))
        return false;
    struct node *list = node_collection(a, n->where, NODE_LIST);
    node_append(list, NULL, (struct node *)n, a);
    x->kind = random ? AXIS_CHOICE : AXIS_LIST;
    x->list = list;
    x->n = 1;
    return true;
}

int axis_bind(struct axis *x, const struct node *n, bool random, const char *path, struct err *e)
{
    x->where = n->where;
    char found[100];
    size_t n_random;
    const char *random_help, *const *random_forms = axis_random_forms(&n_random, &random_help);
    if (n->kind == NODE_LIST && !random) {
        x->kind = AXIS_LIST;
        x->list = n;
        x->n = n->n;
        if (n->n == 0)
            return err_at(e, n->where, "%s: an empty list leaves no trial", path);
        return 0;
    }
    const char *form = n->kind == NODE_MAP && n->n == 1 ? n->keys[0]->text : "";
    for (size_t i = 0; !random && i < sizeof grid_forms / sizeof *grid_forms; i++)
        if (strcmp(form, grid_forms[i]) == 0)
            return i == 0 ? bind_range(x, n->items[0], path, e) : bind_space(x, form, n->items[0], path, e);
    for (size_t i = 0; random && i < n_random; i++)
        if (strcmp(form, random_forms[i]) == 0)
            return axis_bind_random(x, form, n->items[0], path, e);
    /* {geomspce: [1, 10, 3]} is a slip, {stepsize: [1, 10]} one key further */
    const char *near = err_nearest(form, random ? random_forms : grid_forms, random ? n_random : 4);
    if (near)
        return err_at(e, n->keys[0]->where, "%s: unknown kind of values '%s'; did you mean '%s'?", path, form, near);
    return err_at(e, n->where, "%s: expected %s, found %s", path, random ? random_help : grid_help,
                  node_found(n, found));
}

double axis_short_decimal(double v)
{
    char s[40];
    const int n = snprintf(s, sizeof s, "%.*e", SHORT_DIGITS - 1, v);
    assert(n > 0 && (size_t)n < sizeof s);
    (void)n;
    return strtod(s, NULL);
}

double axis_snap(double v, double scale)
{
    if (fabs(v) < 1e-12 * scale)
        return 0;
    const double shorter = axis_short_decimal(v);
    return fabs(v - shorter) <= 1e-12 * fabs(v) ? shorter : v;
}

static double spaced_value(const struct axis *x, uint64_t i)
{
    if (i == 0)
        return x->from;
    if (x->kind == AXIS_LINEAR)
        return i + 1 == x->n ? axis_snap(x->to, fabs(x->from))
                             : axis_snap(x->from + (double)i * x->step, fmax(fabs(x->from), fabs(x->to)));
    if (i + 1 == x->n)
        return x->to;
    const double a = log(fabs(x->from)), b = log(fabs(x->to));
    const double v = exp(a + (b - a) * (double)i / (double)(x->n - 1));
    return axis_snap(x->from < 0 ? -v : v, 0);
}

struct node *axis_value(const struct axis *x, uint64_t i, uint64_t seed, struct arena *a)
{
    assert(i < x->n);
    if (x->kind == AXIS_LIST)
        return x->list->items[i];
    double value = 0;
    if (x->kind == AXIS_LINEAR || x->kind == AXIS_GEOMETRIC) {
        value = spaced_value(x, i);
    } else {
        struct rng r = rng_stream(seed, arena_printf(a, "sweep.%s", x->key));
        rng_seek(&r, i);
        if (x->kind == AXIS_CHOICE)
            return x->list->items[rng_below(&r, (uint32_t)x->list->n)];
        value = axis_draw(x, &r);
    }
    struct text t = { 0 };
    text_json_number(&t, value);
    struct node *n = node_scalar(a, x->where, t.s, false);
    text_free(&t);
    return n;
}
