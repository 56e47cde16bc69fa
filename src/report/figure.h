/* A figure of a study. Unless the options choose: its heatmap if it sweeps exactly two numeric keys; its map of winners
 * if it sweeps more, and its variants share two of them; else its curves. */
#ifndef TPRUN_REPORT_FIGURE_H
#define TPRUN_REPORT_FIGURE_H

#include "report/picture.h"
#include "report/subject.h"

enum figure_kind {
    FIGURE_USUAL,   /* the study's shape decides; naming metrics or a cell asks for curves, axes for a map of winners */
    FIGURE_CURVES,  /* against the step */
    FIGURE_BARS,    /* mean and deviation over steps and seeds */
    FIGURE_LAYERS,  /* a metric of all layers at one step */
    FIGURE_HEATMAP, /* and nothing else will do */
    FIGURE_WINNERS
};

struct figure_options {
    enum figure_kind kind;
    const char *title;                            /* NULL: the study's */
    const char *const *metrics, *const *variants; /* n = 0: the accuracy and the loss; all variants */
    size_t n_metrics, n_variants;
    const char *cell;  /* only cells whose text contains it; NULL: all */
    const char *x, *y; /* axes of a map of winners, NULL: the keys that all variants vary */
    bool has_layer, has_step;
    int64_t layer,
        step;       /* a layer metric without `layer` is drawn for each layer; FIGURE_LAYERS: default the last step */
    size_t rolling; /* curves: means over so many points of a trial, 0: none */
    bool log;
};

/* Draws into an empty picture. */
int figure_picture(struct picture *out, struct query *q, const char *study, const struct figure_options *o,
                   struct err *e);
/* The same, appended as SVG. */
int figure_draw(struct text *svg, struct query *q, const char *study, const struct figure_options *o, struct err *e);

#endif
