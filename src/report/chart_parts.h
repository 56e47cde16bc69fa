/* Inside of charts: what chart.c, which places panels, and chart_lines.c, which draws into one, share. */
#ifndef TPRUN_REPORT_CHART_PARTS_H
#define TPRUN_REPORT_CHART_PARTS_H

#include "report/chart.h"
#include "report/frame.h"
#include "report/legend.h"

/* same_as[i]: a group before i whose points are all the same in every panel, under whose line its own would lie
 * hidden; or i. */
void chart_find_same(size_t *same_as, const struct facets *f, const struct chart_panel *panels, size_t n_panels,
                     size_t n);
/* The range of what went well, widened for bands and for what diverged only as far as the rest stays readable. */
void chart_range(const struct chart_panel *p, size_t n, double *low, double *high);
/* Bands, lines and crosses of the groups of one facet. */
void chart_lines(struct picture *out, const struct frame *frame, const struct subject *s, const struct facets *f,
                 size_t facet, const struct chart_panel *p, const size_t *same_as);
/* The legend within a panel, in the corner where it covers the fewest points of its lines. */
void chart_corner(struct picture *out, const struct frame *frame, const struct chart_panel *p, size_t n,
                  const struct legend *legend, const struct look *look);
bool chart_lacks_seeds(const struct curve *c, size_t point);

#endif
