/* A legend within a panel. */
#include "report/chart_parts.h"

#include <math.h>

enum { EDGE = 8, PAD = 5, BETWEEN = 8 };

struct box {
    double x, y, width, height;
};

static bool holds(const struct box *b, double x, double y)
{
    return x > b->x && x < b->x + b->width && y > b->y && y < b->y + b->height;
}

/* How much of the lines from point to point lies in a box, in steps along them; of crosses more. */
static double covers(const struct box *b, const struct frame *f, const struct curve *c)
{
    double n = 0, last_x = NAN, last_y = NAN;
    for (size_t i = 0; i < c->n_points; i++) {
        const double x = scale_at(&f->across.scale, c->points[i].step);
        const double y = scale_place(&f->up.scale, c->points[i].mean);
        for (int k = 1; k <= BETWEEN && isfinite(last_x) && isfinite(x + y); k++)
            n += holds(b, last_x + (x - last_x) * k / BETWEEN, last_y + (y - last_y) * k / BETWEEN);
        n += holds(b, x, y);
        last_x = x;
        last_y = y;
    }
    for (size_t i = 0; i < c->n_ends; i++)
        n += 20 * holds(b, scale_at(&f->across.scale, c->ends[i].step), scale_place(&f->up.scale, c->ends[i].value));
    return n;
}

void chart_corner(struct picture *out, const struct frame *frame, const struct chart_panel *p, size_t n,
                  const struct legend *legend, const struct look *look)
{
    const double width = legend->width + 2 * PAD, height = legend->height + 2 * PAD;
    const double left = frame->x + EDGE, right = frame->x + frame->width - EDGE - width;
    const double top = frame->y + EDGE, bottom = frame->y + frame->height - EDGE - height;
    const struct box corners[] = { { right, top, width, height },
                                   { right, bottom, width, height },
                                   { left, bottom, width, height },
                                   { left, top, width, height } };
    size_t best = 0;
    double least = INFINITY;
    for (size_t i = 0; i < sizeof corners / sizeof *corners; i++) {
        double all = 0;
        for (size_t k = 0; k < n; k++)
            all += covers(&corners[i], frame, &p->curves[k]);
        if (all < least) {
            least = all;
            best = i;
        }
    }
    const struct box *b = &corners[best];
    picture_point(out, b->x, b->y);
    picture_point(out, b->x + width, b->y);
    picture_point(out, b->x + width, b->y + height);
    picture_point(out, b->x, b->y + height);
    picture_area(out, "#ffffff", 0.85); /* what it covers shows through */
    legend_draw(out, legend, b->x + PAD, b->y + PAD, look);
}
