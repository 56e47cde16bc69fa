#include "report/heatmap.h"

#include <math.h>
#include <string.h>

static const char sql_cells[] =
    "SELECT variant, x_key, y_key, x, y, auc_finished, n, n_diverged, n_asked FROM heatmap WHERE study = ?1 "
    "ORDER BY variant, x, y";

#define TINY 1e-150 /* areas below, zero or negative have no inverse worth a colour */

struct reading {
    struct heatmap *h;
    const struct subject *s;
    struct arena *a;
    size_t capacity;
};

static double number(const char *s)
{
    double x;
    return s && text_to_double(s, strlen(s), &x) == 0 ? x : NAN;
}

static size_t variant_of(const struct subject *s, const char *name)
{
    for (size_t i = 0; i < s->n_variants; i++)
        if (!strcmp(s->variants[i], name))
            return i;
    return s->n_variants;
}

static int add_cell(void *self, int n, const char *const *values)
{
    struct reading *r = self;
    struct heatmap *h = r->h;
    if (n < 9 || !values[0] || !values[1] || !values[2])
        return 0;
    if (h->n == r->capacity) {
        r->capacity = 2 * h->n + 64;
        struct heatmap_cell *cells = arena_need(r->a, r->capacity, sizeof *cells);
        if (h->n)
            memcpy(cells, h->cells, h->n * sizeof *cells);
        h->cells = cells;
    }
    if (!h->grid.x_key) {
        h->grid.x_key = arena_strdup(r->a, values[1]);
        h->grid.y_key = arena_strdup(r->a, values[2]);
    }
    const double area = number(values[5]);
    const struct heatmap_cell cell = { .variant = variant_of(r->s, values[0]),
                                       .x = number(values[3]),
                                       .y = number(values[4]),
                                       .brightness = area >= TINY ? 1 / area : NAN,
                                       .n = (size_t)number(values[6]),
                                       .n_diverged = (size_t)number(values[7]),
                                       .n_asked = (size_t)number(values[8]) };
    if (cell.variant < r->s->n_variants && isfinite(cell.x) && isfinite(cell.y))
        h->cells[h->n++] = cell;
    return 0;
}

int heatmap_read(struct heatmap *h, const struct subject *s, struct query *q, struct arena *a, struct err *e)
{
    *h = (struct heatmap){ 0 };
    struct reading r = { .h = h, .s = s, .a = a };
    TRY(query_rows(q, sql_cells, &s->name, 1, add_cell, &r, e));
    struct grid *g = &h->grid;
    g->x = arena_need(a, h->n + 1, sizeof *g->x);
    g->y = arena_need(a, h->n + 1, sizeof *g->y);
    for (size_t i = 0; i < h->n; i++) {
        g->x[i] = h->cells[i].x;
        g->y[i] = h->cells[i].y;
    }
    g->nx = grid_distinct(g->x, h->n);
    g->ny = grid_distinct(g->y, h->n);
    return 0;
}
