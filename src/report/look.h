/* How large a figure is and its letters are, and where its legend stands. Lengths in pixels of 1/96 inch. */
#ifndef TPRUN_REPORT_LOOK_H
#define TPRUN_REPORT_LOOK_H

#include <stdbool.h>

/* LOOK_INSIDE: within the first panel of curves, where it covers least; elsewhere, and where it has no room, as
 * LOOK_AUTO. */
enum look_legend { LOOK_AUTO, LOOK_RIGHT, LOOK_BELOW, LOOK_INSIDE, LOOK_NONE };
struct look {
    double width,
        height;  /* of the whole figure; 0: what its kind takes by itself. A height of 0 goes with any width. */
    double font; /* numbers of axes; 0: 11 pixels, 8.25 points */
    enum look_legend legend;
};

enum { LOOK_MARGIN = 16 }; /* at the right and below */

/* Sizes of letters: numbers of axes; names; titles; remarks, the smallest. */
double look_font(const struct look *l);
double look_name(const struct look *l);
double look_title(const struct look *l);
double look_small(const struct look *l);

/* Whether a legend that is outside of the panels stands at the right, and not below. */
bool look_beside(const struct look *l);

#endif
