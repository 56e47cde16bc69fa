/* A sweep over two numeric keys in the form of Roulet & Harchaoui 2022, Fig. 6a: the smaller the area under the train
 * loss, the brighter the cell; cells that diverged carry a cross. Areas compare where all trials ended at the same
 * step. Or the last value of a metric, the better the brighter, or the larger where neither end is better. More swept
 * keys give a panel for each of their values.
 */
#ifndef TPRUN_REPORT_HEATMAP_H
#define TPRUN_REPORT_HEATMAP_H

#include "report/cells.h"
#include "report/finals.h"
#include "report/grid.h"

enum { HEATMAP_MAX_PANELS = 24 };

struct heatmap_cell {
    size_t panel; /* index into names */
    double x, y;
    double value; /* 1 / area, or the metric: mean over the trials that are done; NaN if there is none */
    size_t n, n_asked, n_diverged; /* trials in the value, of the cell, that diverged */
    size_t n_waiting, n_shorter;   /* that have not ended, that have fewer steps than others of the cell (shorter.h) */
};

struct heatmap {
    struct grid grid; /* without keys if there are no two numeric ones */
    size_t n, n_panels;
    struct heatmap_cell *cells;
    const char **names;              /* of panels; "" for a single one */
    const char *metric;              /* NULL: 1 / area under train_loss */
    const char *what;                /* beside the colours */
    const char *without;             /* variants with cells that lack a key of the axes; "": none */
    const char *note;                /* as of heatmap_options */
    double shortest, longest;        /* steps where the trials with a value ended */
    bool known_goal, smallest;       /* whether one end is better, and it is the smallest */
    bool log;                        /* colours by the logarithm */
    const struct heatmap_cell *best; /* NULL without a value, and where neither end is better */
};

struct heatmap_options {
    const char *x, *y;  /* keys by their ends; NULL: those with the most values, the first by name to the right */
    const char *metric; /* NULL: 1 / area under train_loss */
    const char *note;   /* what is to be said of the choice of the best, or "" */
    bool log;
};

/* ERR_USAGE where a named key or the metric is none. */
int heatmap_read(struct heatmap *h, const struct subject *s, const struct cells *c, const struct heatmap_options *o,
                 struct query *q, struct arena *a, struct err *e);
/* Whether its areas end at different steps, so that they do not compare the cells. */
bool heatmap_uneven(const struct heatmap *h);
/* Whether heatmap_draw can draw it. */
bool heatmap_fits(const struct heatmap *h);
int heatmap_draw(struct picture *out, const struct subject *s, struct heatmap *h, const struct look *look,
                 struct arena *a, struct err *e);

#endif
