/* The swept keys of a study and what each of its groups has of them. Cells that a file's `tune` trains again with fresh
 * seeds are left out: they repeat one of the sweep. */
#ifndef TPRUN_REPORT_CELLS_H
#define TPRUN_REPORT_CELLS_H

#include "report/subject.h"

enum { CELLS_MAX_KEYS = 32 };
struct cells_key {
    const char *name;
    bool numeric;       /* all values are numbers; else they are words, and a number is the place of one */
    bool drawn;         /* at random */
    bool log;           /* drawn so, or spread over a factor of 50 and more, all above 0 */
    size_t n_values;    /* different ones */
    double *values;     /* rising; of words 0, 1, ... */
    const char **words; /* NULL if numeric */
};

struct cells {
    size_t n_keys;
    struct cells_key keys[CELLS_MAX_KEYS]; /* by name */
    double *number;                        /* [n_groups][n_keys], NaN where a group has no such key */
};

int cells_read(struct cells *c, const struct subject *s, struct query *q, struct arena *a, struct err *e);
double cells_at(const struct cells *c, size_t group, size_t key);
/* A key by its end: "units" for "network.layers.0.rnn.units". ERR_USAGE names those that there are. */
int cells_find(const struct cells *c, const struct subject *s, const char *end, size_t *key, struct err *e);
/* The group's cell without these keys (n of them): "stepsize=0.1, units=8". */
const char *cells_rest(const struct cells *c, const struct subject *s, struct arena *a, size_t group,
                       const size_t *without, size_t n);

#endif
