/* What trials came to, against what was swept: the last value of a metric as a point for each cell, with a bar over the
 * seeds, against one key; or a ranked table of the cells above a panel for each key. */
#ifndef TPRUN_REPORT_SPOTS_H
#define TPRUN_REPORT_SPOTS_H

#include "report/cells.h"
#include "report/finals.h"
#include "report/look.h"
#include "report/picture.h"

struct spots_options {
    const struct curve_options *curves; /* band, and geometric on a logarithmic axis */
    bool log_x;                         /* also where the key was not swept so */
    const struct look *look;
    const char *note; /* what is to be said of a ranking, or "" */
};

/* Points of one variant and the same other keys are joined; where that gives more lines than a figure holds, or no two
 * points a line, they stand alone in the colour of their variant. */
void spots_draw(struct picture *out, const struct subject *s, const struct cells *c, const struct finals *f, size_t key,
                const struct spots_options *o, struct arena *a);
/* The best cells as a table, and a panel for each key (up to 12). */
void ranked_draw(struct picture *out, const struct subject *s, const struct cells *c, const struct finals *f,
                 const struct spots_options *o, struct arena *a);

#endif
