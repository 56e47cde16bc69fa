/* Products of units that do each sample by itself: some of the samples for each thread of a team. */
#ifndef TPRUN_NET_ROWS_H
#define TPRUN_NET_ROWS_H

#include "net/unit.h"

/* Rows of `at`, of `in` and of `out` that belong together; in and out may be {NULL}. */
typedef void row_product(const struct unit *u, struct at at, struct mat in, struct mat out);

/* The product on all rows of at, which are as many as in and out have. */
void rows_run(const struct unit *u, struct at at, struct mat in, struct mat out, row_product *product);

#endif
