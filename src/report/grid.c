#include "report/grid.h"

#include "report/picture.h"
#include "report/scale.h"
#include "report/words.h"
#include <math.h>
#include <stdlib.h>

enum { BESIDE = 6 };

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

void grid_size(struct grid *g, double width, double height)
{
    g->cell_width = fmax(4, fmin(44, width / (double)g->nx));
    g->cell_height = fmax(4, fmin(40, height / (double)g->ny));
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
    char at_x[48], at_y[48];
    text_add(t, "%s %s, %s %s", g->x_key, scale_number(x, at_x), g->y_key, scale_number(y, at_y));
}

static double widest(const double *values, size_t n, const struct scale_form *form, double size)
{
    char buffer[48];
    double width = 0;
    for (size_t i = 0; i < n; i++)
        width = fmax(width, words_width(scale_write(form, values[i], buffer), size));
    return width;
}

double grid_room_left(const struct grid *g, const struct look *look)
{
    const struct scale_form form = scale_form_of(g->y, g->ny);
    return 4 + 1.5 * look_name(look) + widest(g->y, g->ny, &form, look_font(look)) + BESIDE;
}

double grid_room_below(const struct look *look)
{
    return 4 + 1.4 * look_font(look) + 1.6 * look_name(look);
}

static void values_below(struct picture *t, const struct grid *g, double left, double below, const struct look *look)
{
    char buffer[48];
    const double size = look_font(look);
    const struct scale_form form = scale_form_of(g->x, g->nx);
    const size_t every = (size_t)ceil((widest(g->x, g->nx, &form, size) + 0.5 * size) / g->cell_width);
    for (size_t i = 0; i < g->nx; i += every)
        picture_text(t, left + ((double)i + 0.5) * g->cell_width, below + 4 + size, size, PICTURE_MIDDLE, PICTURE_SOFT,
                     scale_write(&form, g->x[i], buffer));
}

static void values_left(struct picture *t, const struct grid *g, double left, double below, const struct look *look)
{
    char buffer[48];
    const double size = look_font(look);
    const struct scale_form form = scale_form_of(g->y, g->ny);
    const size_t every = (size_t)ceil(1.25 * size / g->cell_height);
    for (size_t i = 0; i < g->ny; i += every)
        picture_text(t, left - BESIDE, below - ((double)i + 0.5) * g->cell_height + 0.36 * size, size, PICTURE_END,
                     PICTURE_SOFT, scale_write(&form, g->y[i], buffer));
}

void grid_axes(struct picture *t, const struct grid *g, double left, double top, bool at_left, bool below,
               const struct look *look)
{
    struct arena a;
    arena_init(&a, 0);
    const double width = grid_width(g), height = grid_height(g), bottom = top + height, name = look_name(look);
    picture_rect(t, left, top, width, height, NULL, PICTURE_RULE);
    if (below) {
        values_below(t, g, left, bottom, look);
        picture_text(t, left + width / 2, bottom + 4 + 1.4 * look_font(look) + name, name, PICTURE_MIDDLE, PICTURE_INK,
                     words_cut(&a, g->x_shown, name, width + 10));
    }
    if (at_left) {
        values_left(t, g, left, bottom, look);
        picture_text_rotated(t, left - grid_room_left(g, look) + 4 + name, top + height / 2, name, PICTURE_INK,
                             words_cut(&a, g->y_shown, name, height + 10));
    }
    arena_finish(&a);
}
