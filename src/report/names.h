/* The texts of a column, in memory of an arena. */
#ifndef TPRUN_REPORT_NAMES_H
#define TPRUN_REPORT_NAMES_H

#include "base/arena.h"

struct names {
    struct arena *a;
    size_t n, capacity;
    const char **items;
};

/* A visitor of query_rows: adds a copy of the row's first value; rows without one are left out. self: struct names. */
int names_add(void *self, int n, const char *const *values);

#endif
