/* An aligned table: its cells are kept until the widths of its columns are known. */
#ifndef TPRUN_STORE_TABLE_H
#define TPRUN_STORE_TABLE_H

#include "base/text.h"
#include <stdbool.h>
#include <stdio.h>

/* Zero-initialise with n_columns; table_free. */
struct table {
    size_t n_columns, n_cells, capacity;
    struct table_cell *cells; /* by row */
    struct text texts;        /* one after the other, 0-terminated */
};
struct table_cell {
    size_t at; /* in texts */
    bool number;
    bool swept; /* of the sweep: shortened when the table is printed */
};

/* The next cell of s[0..n), made fit for a terminal; numbers are right-aligned. The first row is the heading. Returns
 * false if the table would need more than TABLE_MAX bytes. */
bool table_add(struct table *t, const char *s, size_t n, bool number);
/* The next cell, which names a cell of the sweep: it is printed in its short form, unless another of the column has the
 * same one. */
bool table_add_swept(struct table *t, const char *s);
/* On a terminal (out is stdout) no line is wider than it: text is folded within its column, and where that is not
 * enough each row is a block of lines, one for each column. */
void table_print(struct table *t, FILE *out);
/* "train.optimizer.stepsize=0.1, train.batch_size=16" as "stepsize=0.1, batch_size=16": of each key the names at its
 * end that tell it from the others, and of numbers six digits. */
void table_short_cell(struct text *out, const char *cell);
/* Whether a cell is what somebody means by `given`: all of it, or its short form; or, has, a part of either. */
bool table_cell_is(const char *cell, const char *given);
bool table_cell_has(const char *cell, const char *given);
void table_free(struct table *t);

enum { TABLE_MAX = 256 << 20 };

#endif
