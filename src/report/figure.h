/* The figure of a study: its heatmap if it sweeps exactly two numeric keys; its map of winners if it sweeps more, and its
 * variants share two of them; else its curves. */
#ifndef TPRUN_REPORT_FIGURE_H
#define TPRUN_REPORT_FIGURE_H

#include "base/text.h"
#include "report/subject.h"

struct figure_options {
    const char *const *metrics, *const *variants; /* n = 0: the accuracy and the loss; all variants */
    size_t n_metrics, n_variants;
    const char *cell; /* only cells whose text contains it; NULL: all */
    const char *x, *y;     /* axes of a map of winners, NULL: the keys that all variants vary */
    bool heatmap, winners; /* nothing else will do */
    bool log;
};

/* Appends an SVG. Naming metrics or a cell asks for curves. */
int figure_draw(struct text *out, struct query *q, const char *study, const struct figure_options *o, struct err *e);

#endif
