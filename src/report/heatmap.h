/* A sweep over two numeric keys in the form of Roulet & Harchaoui 2022, Fig. 6a: the smaller the area under the train
 * loss, the brighter the cell; cells that diverged carry a cross. */
#ifndef TPRUN_REPORT_HEATMAP_H
#define TPRUN_REPORT_HEATMAP_H

#include "report/grid.h"
#include "report/picture.h"
#include "report/subject.h"

struct heatmap_cell {
    size_t variant; /* index into subject.variants */
    double x, y;
    double brightness; /* 1 / area, mean over the trials that are done; NaN if there is none, or no finite area */
    size_t n, n_asked, n_diverged; /* trials that gave an area, all of the cell, trials that diverged */
};

struct heatmap {
    struct grid grid; /* without keys if the study does not sweep exactly two numeric ones */
    size_t n;
    struct heatmap_cell *cells;
};

int heatmap_read(struct heatmap *h, const struct subject *s, struct query *q, struct arena *a, struct err *e);
/* A panel for each variant of the subject that has cells. */
int heatmap_draw(struct picture *out, const struct subject *s, struct heatmap *h, struct err *e);

#endif
