/* A panel's frame with its two axes. */
#ifndef TPRUN_REPORT_FRAME_H
#define TPRUN_REPORT_FRAME_H

#include "report/look.h"
#include "report/picture.h"
#include "report/scale.h"

/* Where an axis has words in place of numbers: value i is at scale value i. */
struct axis {
    struct scale scale;
    const char *name; /* NULL: none is written */
    size_t n_words;
    const char *const *words;
    bool whole; /* whole numbers alone are written */
};
struct frame {
    double x, y, width, height;
    struct axis across, up;
    bool numbers_below; /* false: those of another panel below do */
    bool numbers_left;
};

/* Pixels at the left of a frame that numbers and name of its axis take; an axis of this height. */
double frame_left(const struct axis *up, double height, const struct look *look);
/* The same below. */
double frame_below(const struct axis *across, const struct look *look);
/* Scales from their ranges, within the frame; lines and marks keep this distance from it. */
enum { FRAME_INSET = 9 };
void frame_fit(struct frame *f);
/* The ticks that are drawn on an axis of this length. */
struct ticks frame_ticks_up(const struct axis *a, double height, const struct look *look);
struct ticks frame_ticks_across(const struct axis *a, double width, const struct look *look);
/* The grid, the numbers, the names, the frame. */
void frame_draw(struct picture *p, const struct frame *f, const struct look *look);

#endif
