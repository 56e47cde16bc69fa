/* More lines than one panel holds, told apart: a panel for each variant, cell or value of a swept key, and in each the
 * same few lines. */
#ifndef TPRUN_REPORT_FACETS_H
#define TPRUN_REPORT_FACETS_H

#include "report/legend.h"

enum { FACETS_LINES = 12, FACETS_MOST = 24 };

struct facets {
    size_t n, n_lines;  /* n = 1: a single panel, whose lines are the groups */
    const char **names; /* of panels; NULL for a single one */
    const char **lines; /* names of lines */
    size_t *facet_of;   /* of each group */
    size_t *line_of;
    struct legend_style *styles; /* of lines */
};

/* The fewest panels with at most FACETS_LINES lines; false where even FACETS_MOST would not do. */
bool facets_make(struct facets *f, const struct subject *s, struct arena *a);

#endif
