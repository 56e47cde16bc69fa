/* The plane of two swept numeric keys, in which a heatmap or a winner map has its cells: places, sizes, axes. */
#ifndef TPRUN_REPORT_GRID_H
#define TPRUN_REPORT_GRID_H

#include "base/text.h"
#include "report/look.h"
#include "report/picture.h"

struct grid {
    const char *x_key, *y_key;     /* NULL: none */
    const char *x_shown, *y_shown; /* what the axes are called */
    size_t nx, ny;
    double *x, *y;                  /* nx and ny values, rising */
    double cell_width, cell_height; /* pixels */
};

enum { GRID_MAX_SIDE = 64 };

/* Sorts the values and drops repeated ones; returns how many are left. */
size_t grid_distinct(double *values, size_t n);
/* Cells that fill about so many pixels each way. */
void grid_size(struct grid *g, double width, double height);
double grid_width(const struct grid *g);
double grid_height(const struct grid *g);
/* The left and upper edge of the cell of (x, y), where the grid's own corner is at (left, top). y rises upwards. */
double grid_left(const struct grid *g, double x, double left);
double grid_top(const struct grid *g, double y, double top);
/* "stepsize 0.1, units 50", with the keys in full. */
void grid_tell(struct text *t, const struct grid *g, double x, double y);
/* Pixels that the values and the name take at the left and below. */
double grid_room_left(const struct grid *g, const struct look *look);
double grid_room_below(const struct look *look);
/* The frame, the values beside it, the names of the keys; those at the left only on demand. */
void grid_axes(struct picture *t, const struct grid *g, double left, double top, bool at_left, bool below,
               const struct look *look);

#endif
