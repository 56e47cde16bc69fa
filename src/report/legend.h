/* What each line is: colour, name, number of seeds, what diverged. */
#ifndef TPRUN_REPORT_LEGEND_H
#define TPRUN_REPORT_LEGEND_H

#include "report/picture.h"
#include "report/subject.h"

struct legend_style {
    const char *color, *dash; /* dash NULL: solid */
};

struct legend {
    double width, height;
};

/* The style of line i: colours of Okabe and Ito, "Color Universal Design" (2008), told apart with any colour vision and
 * on white; without the yellow, which is not. Further rounds are dashed. */
struct legend_style legend_style(size_t i);
/* seen[i]: group i has points. */
struct legend legend_make(const struct subject *s, const bool *seen);
void legend_draw(struct picture *out, const struct subject *s, const bool *seen, double x, double y);

#endif
