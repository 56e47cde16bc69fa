/* How a comparison is printed. */
#ifndef TPRUN_REPORT_COMPARE_ROWS_H
#define TPRUN_REPORT_COMPARE_ROWS_H

#include "report/compare_cells.h"

/* What stands over a table, and in every row of the other formats. */
struct compare_heading {
    const char *a, *b;                      /* STUDY:VARIANT, or the variant of several studies */
    const char *at;                         /* "last", "best", "selected", the step, or what is spent until a target */
    bool several_studies, several, targets; /* several: layers or targets */
};
/* A row for each cell, or each pair. section: see sheet_print. */
int compare_print_cells(const struct compare_cells *cells, const struct compare_heading *h, enum query_format format,
                        FILE *out, const char *section, struct err *e);
int compare_print_pairs(const struct compare_cells *cells, const struct compare_heading *h, enum query_format format,
                        FILE *out, struct err *e);

#endif
