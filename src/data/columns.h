/* The names of columns, which a text file may have: no two are alike, and files that belong together have the same ones
 * in the same order, since numbers are matched by their places. */
#ifndef TPRUN_DATA_COLUMNS_H
#define TPRUN_DATA_COLUMNS_H

#include "base/arena.h"
#include "data/array.h"

/* ERR_FORMAT with both columns if a name is there twice; line: of the header, in the file `path`. Columns without a
 * name, "", may be many. */
int columns_check(const char *const *names, size_t n, const char *path, size_t line, struct arena *a, struct err *e);
/* ERR_FORMAT with the first column of x whose name is another than that of `first`, of as many columns. Of a file
 * without names nothing is known. */
int columns_match(const struct array *x, const struct array *first, struct err *e);

#endif
