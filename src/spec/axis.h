/* Inside of the room: the values of one swept key, counted and made one at a time. */
#ifndef TPRUN_SPEC_AXIS_H
#define TPRUN_SPEC_AXIS_H

#include "spec/tree.h"
#include <stdint.h>

enum axis_kind {
    AXIS_LIST,       /* [a, b, c] */
    AXIS_LINEAR,     /* range, linspace: from + i * step */
    AXIS_GEOMETRIC,  /* geomspace, logspace: equal ratios */
    AXIS_UNIFORM,    /* random; step > 0: of its multiples */
    AXIS_LOGUNIFORM, /* random; likewise */
    AXIS_CHOICE      /* random: an entry of a list */
};

struct axis {
    const char *key;                /* dotted path */
    struct where key_where;         /* where the file names it: its last name */
    const struct where *name_where; /* of each name of the key */
    struct where where;             /* of its values */
    enum axis_kind kind;
    uint64_t n;              /* number of values; of a random axis: of samples, set by the sweep */
    const struct node *list; /* AXIS_LIST, AXIS_CHOICE */
    double from, to, step;
    bool overridden; /* a grid axis whose key is drawn at random as well */
};

/* True for what axis_bind reads: a list or {form: [...]}. */
bool axis_is_values(const struct node *n);
/* Reads a grid's or zip's values, or with random = true a distribution. key, key_where and path for messages are in *x
 * already. */
int axis_bind(struct axis *x, const struct node *n, bool random, const char *path, struct err *e);
/* After axis_bind has failed: makes it an axis of one value out of what stands there, so that the rest of the file can
 * be checked. False if nothing there is a value. */
bool axis_stand_in(struct axis *x, const struct node *n, bool random, struct arena *a);
/* Checks that no two cells of axes that move together are the same; lists only, since spaced values differ. */
int axis_check_distinct(const struct axis *axes, size_t n_axes, const char *path, struct arena *a, struct err *e);
/* True if every value is a number, or true or false as 1 or 0: it has a place along the axis of a figure. */
bool axis_is_numeric(const struct axis *x);
/* True if the axes take the same values at i as at an earlier place. */
bool axis_repeats(const struct axis *const *axes, size_t n_axes, uint64_t i);
/* Value i < n. seed: of the random axes. Numbers that are a short decimal but for rounding are that decimal, so that a
 * trial's identity does not hang on the last bit of pow(). */
struct node *axis_value(const struct axis *x, uint64_t i, uint64_t seed, struct arena *a);

/* ---- axis_random.c ---- */

#define AXIS_MAX_COUNT 9007199254740992.0 /* 2^53: beyond, i is no exact double */
struct rng;
/* Names of the distributions, and what a message says that they look like. */
const char *const *axis_random_forms(size_t *n, const char **help);
int axis_bind_random(struct axis *x, const char *form, const struct node *list, const char *path, struct err *e);
double axis_draw(const struct axis *x, struct rng *r);

/* Of axis.c: reads the n numbers of {form: [a, b, ...]}; the double nearest to v of six decimal digits; and that where
 * v is it but for rounding (0.30000000000000004 is 0.3), or 0 where v is nothing beside scale. */
int axis_read_numbers(const struct node *list, double *numbers, size_t n, const char *path, struct err *e);
double axis_short_decimal(double v);
double axis_snap(double v, double scale);

#endif
