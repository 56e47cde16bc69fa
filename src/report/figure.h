/* A figure of a study. Unless the options choose, its shape decides, and there is always something to draw:
 *   keys drawn at random              a ranked table, and the metric against each of them
 *   exactly two numeric keys          a heatmap
 *   more, two of which all variants   a map of winners over these two
 *   vary, and there are variants
 *   three keys or more                a heatmap for each value of the others
 *   else                              curves, in facets from 13 lines on; a ranked table where these would be too many
 */
#ifndef TPRUN_REPORT_FIGURE_H
#define TPRUN_REPORT_FIGURE_H

#include "report/curves.h"
#include "report/look.h"
#include "report/picture.h"
#include "report/subject.h"

enum figure_kind {
    FIGURE_USUAL,   /* see above; naming metrics or a cell asks for curves, axes for what they are axes of */
    FIGURE_CURVES,  /* against the step */
    FIGURE_BARS,    /* mean over steps, mean and deviation over seeds */
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
    const char *x, *y; /* x alone: what curves run along (curve_alongs), or a swept key, against which the last values
                        * are drawn; both: swept keys, the axes of a map of winners or a heatmap */
    bool has_layer, has_step;
    int64_t layer,
        step;       /* a layer metric without `layer` is drawn for each layer; FIGURE_LAYERS: default the last step */
    size_t rolling; /* curves: means over so many points of a trial, 0: none */
    double smooth;  /* curves: or exponential means, see curves.h; 0: none */
    enum curve_band band;
    bool log, log_x; /* the axis of values, or of colours; the one that runs across */
    struct look look;
};

/* Draws into an empty picture. */
int figure_picture(struct picture *out, struct query *q, const char *study, const struct figure_options *o,
                   struct err *e);
/* The same, appended as SVG. */
int figure_draw(struct text *svg, struct query *q, const char *study, const struct figure_options *o, struct err *e);

#endif
