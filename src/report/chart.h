/* Curves against the step, or the layer: a panel for each quantity, a line for each variant and cell, bands over seeds,
 * a cross where a trial diverged. */
#ifndef TPRUN_REPORT_CHART_H
#define TPRUN_REPORT_CHART_H

#include "report/curves.h"
#include "report/picture.h"

enum { CHART_MAX_LINES = 12, CHART_MAX_PANELS = 6 };

struct chart_panel {
    const struct quantity *what;
    const struct curve *curves; /* as many as the study has groups */
};

struct chart_options {
    bool log;       /* logarithmic y axes, except of metrics in percent */
    size_t rolling; /* as the curves were read with; told in the figure */
};

/* Panels are all against the step, or all against the layer. At most CHART_MAX_LINES groups (assert). */
void chart_draw(struct picture *out, const struct subject *s, const struct chart_panel *panels, size_t n_panels,
                const struct chart_options *o);

#endif
