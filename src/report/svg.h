/* SVG by hand: shapes as text, numbers with at most one decimal, so that equal data give equal bytes.
 *
 * No ids, no style sheet, no script: a file may be put into a page beside others. The background is painted, so that
 * it reads on a dark page too. Pixels count from the upper left. */
#ifndef TPRUN_REPORT_SVG_H
#define TPRUN_REPORT_SVG_H

#include "base/text.h"

#define SVG_INK "#222222"   /* titles */
#define SVG_SOFT "#555555"  /* numbers of axes, remarks */
#define SVG_RULE "#9a9a9a"  /* frames */
#define SVG_FAINT "#e6e6e6" /* grids */

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

/* A figure of width x height; title and description are for those who cannot see it. */
void svg_open(struct text *t, double width, double height, const char *title, const char *description);
void svg_close(struct text *t);
struct svg_size {
    double width, height;
};
/* Puts a whole figure, as svg_open and svg_close made it, into another one with its upper left at (x, y). */
struct svg_size svg_put(struct text *t, const struct text *figure, double x, double y);
/* Opens a group with a title, which browsers show when the pointer rests on it. */
void svg_group(struct text *t, const char *title);
/* Opens a group that is drawn pale: what lacks seeds. */
void svg_group_pale(struct text *t);
void svg_group_end(struct text *t);
/* y is the base line. rotated: read from below to above, around (x, y). */
void svg_text(struct text *t, double x, double y, double size, enum svg_anchor anchor, const char *color,
              const char *s);
void svg_text_rotated(struct text *t, double x, double y, double size, const char *color, const char *s);
void svg_line(struct text *t, double x0, double y0, double x1, double y1, const char *color, double width,
              const char *dash);
/* fill or stroke may be NULL for none. */
void svg_rect(struct text *t, double x, double y, double width, double height, const char *fill, const char *stroke);
/* A diagonal cross of half width r around (x, y). */
void svg_cross(struct text *t, double x, double y, double r, const char *color, double width);
void svg_point(struct text *t, double x, double y); /* " x,y" of a list of points */
/* What s will take at this size: an upper estimate for common sans-serif fonts. */
double svg_text_width(const char *s, double size);

#endif
