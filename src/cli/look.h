/* Numbers of a dataset as text: how many, between which ends, of which classes, and the first of them. */
#ifndef TPRUN_CLI_LOOK_H
#define TPRUN_CLI_LOOK_H

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "store/query.h"

/* One split, or one file. */
struct look_part {
    const char *name;
    size_t n, per_row;          /* samples, and numbers of each */
    size_t classes;             /* 0: labels are no classes, or there are none */
    const char *const *names;   /* [classes] what the data calls them, or NULL */
    const char *const *columns; /* names of the numbers, or NULL */
    /* Sample i, i < n: per_row numbers, and its first label where classes > 0 (else NULL). */
    int (*read)(void *self, size_t i, double *x, int64_t *label);
    void *self;
};
struct look {
    const char *title, *what;
    size_t n_parts;
    const struct look_part *parts;
};

/* FORMAT_TABLE or FORMAT_JSON. Every sample is read once. */
int look_print(const struct look *look, enum query_format format, struct arena *a, struct text *out, struct err *e);

#endif
