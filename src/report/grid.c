#include "report/grid.h"

#include "report/picture.h"
#include "report/scale.h"
#include "report/subject.h"
#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

size_t grid_distinct(double *values, size_t n)
{
    size_t kept = 0;
    qsort(values, n, sizeof *values, by_value);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || values[i] != values[kept - 1])
            values[kept++] = values[i];
    return kept;
}

void grid_size(struct grid *g, double most)
{
    g->cell_width = fmax(8, fmin(44, most / (double)g->nx));
    g->cell_height = fmax(8, fmin(40, most / (double)g->ny));
}

double grid_width(const struct grid *g)
{
    return g->cell_width * (double)g->nx;
}

double grid_height(const struct grid *g)
{
    return g->cell_height * (double)g->ny;
}

static size_t place(const double *values, size_t n, double x)
{
    size_t i = 0;
    while (i + 1 < n && values[i] < x)
        i++;
    return i;
}

double grid_left(const struct grid *g, double x, double left)
{
    return left + (double)place(g->x, g->nx, x) * g->cell_width;
}

double grid_top(const struct grid *g, double y, double top)
{
    return top + (double)(g->ny - 1 - place(g->y, g->ny, y)) * g->cell_height;
}

void grid_tell(struct text *t, const struct grid *g, double x, double y)
{
    char at_x[32], at_y[32];
    text_add(t, "%s %s, %s %s", g->x_key, scale_number(x, at_x), g->y_key, scale_number(y, at_y));
}

void grid_axes(struct picture *t, const struct grid *g, double left, double top)
{
    char buffer[32];
    const size_t every_x = 1 + (size_t)(30 / g->cell_width), every_y = 1 + (size_t)(13 / g->cell_height);
    const double width = grid_width(g), height = grid_height(g), below = top + height;
    picture_rect(t, left, top, width, height, NULL, PICTURE_RULE);
    for (size_t i = 0; i < g->nx; i += every_x)
        picture_text(t, left + ((double)i + 0.5) * g->cell_width, below + 16, 11, PICTURE_MIDDLE, PICTURE_SOFT,
                     scale_number(g->x[i], buffer));
    for (size_t i = 0; i < g->ny; i += every_y)
        picture_text(t, left - 6, below - ((double)i + 0.5) * g->cell_height + 4, 11, PICTURE_END, PICTURE_SOFT,
                     scale_number(g->y[i], buffer));
    picture_text(t, left + width / 2, below + 34, 12, PICTURE_MIDDLE, PICTURE_INK, subject_short_key(g->x_key));
    picture_text_rotated(t, left - 46, top + height / 2, 12, PICTURE_INK, subject_short_key(g->y_key));
}
