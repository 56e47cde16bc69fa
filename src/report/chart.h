/* Curves against the step, or the layer: a panel for each quantity, a line for each variant and cell, bands over seeds,
 * a cross where a trial diverged. More than FACETS_LINES lines are parted into facets. */
#ifndef TPRUN_REPORT_CHART_H
#define TPRUN_REPORT_CHART_H

#include "report/curves.h"
#include "report/facets.h"
#include "report/look.h"
#include "report/picture.h"

enum { CHART_MAX_PANELS = 6 };

struct chart_panel {
    const struct quantity *what;
    const struct curve *curves; /* as many as the study has groups */
    bool log;                   /* a logarithmic axis, with means of logarithms */
};

struct chart_options {
    bool log_x;
    const struct curve_options *curves; /* as the curves were read with; told in the figure */
    const struct look *look;
};

/* Whether a logarithmic axis has something to show. */
bool chart_has_positive(const struct curve *curves, size_t n);
/* Panels are all against the step, or all against the layer. */
void chart_draw(struct picture *out, const struct subject *s, const struct facets *f, const struct chart_panel *panels,
                size_t n_panels, const struct chart_options *o, struct arena *a);

#endif
