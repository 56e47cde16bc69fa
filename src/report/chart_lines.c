#include "report/chart_parts.h"

#include <math.h>

enum { MAX_POINTS = 800 };

static double smallest_positive(const struct curve *c, double smallest)
{
    for (size_t i = 0; i < c->n_points; i++)
        if (c->points[i].mean > 0 && c->points[i].mean < smallest)
            smallest = c->points[i].mean;
    return smallest;
}

bool chart_has_positive(const struct curve *curves, size_t n)
{
    double smallest = INFINITY;
    for (size_t i = 0; i < n; i++)
        smallest = smallest_positive(&curves[i], smallest);
    return smallest < INFINITY;
}

static void reach(double value, double floor, double roof, double *low, double *high)
{
    if (value >= floor && value <= roof) {
        *low = fmin(*low, value);
        *high = fmax(*high, value);
    }
}

void chart_range(const struct chart_panel *p, size_t n, double *low, double *high)
{
    bool any = false;
    *low = 0;
    *high = 1;
    for (size_t i = 0; i < n; i++)
        if (p->curves[i].has_range) {
            *low = any ? fmin(*low, p->curves[i].low) : p->curves[i].low;
            *high = any ? fmax(*high, p->curves[i].high) : p->curves[i].high;
            any = true;
        }
    const double span = fmax(*high - *low, 0.5 * fabs(*high)), roof = p->log ? 30 * *high : *high + span;
    const double floor_ = *low >= 0 ? 0 : *low - span; /* a band may reach below zero where no value does */
    for (size_t i = 0; i < n; i++) {
        const struct curve *c = &p->curves[i];
        for (size_t j = 0; j < c->n_points; j++) {
            reach(c->points[j].low, floor_, roof, low, high);
            reach(c->points[j].mean, floor_, roof, low, high);
            reach(c->points[j].high, floor_, roof, low, high);
        }
        for (size_t j = 0; j < c->n_ends; j++)
            reach(c->ends[j].value, floor_, roof, low, high);
    }
    if (*low > 0 && *low < 0.1 * *high)
        *low = 0; /* so near that zero belongs to it */
    if (subject_percent(p->what->unit))
        *high = fmin(*high, 100);
    if (p->log) {
        *low = INFINITY;
        for (size_t i = 0; i < n; i++)
            *low = smallest_positive(&p->curves[i], *low);
    }
}

bool chart_lacks_seeds(const struct curve *c, size_t point)
{
    return c->points[point].n < c->group->n_trials;
}

static bool equal(const struct curve *a, const struct curve *b)
{
    if (a->n_points != b->n_points || a->n_points == 0)
        return false;
    for (size_t i = 0; i < a->n_points; i++)
        if (a->points[i].step != b->points[i].step || a->points[i].mean != b->points[i].mean)
            return false;
    return true;
}

void chart_find_same(size_t *same_as, const struct facets *f, const struct chart_panel *panels, size_t n_panels,
                     size_t n)
{
    for (size_t i = 0; i < n; i++) {
        same_as[i] = i;
        for (size_t k = 0; k < i && same_as[i] == i; k++) {
            bool same = f->facet_of[k] == f->facet_of[i];
            for (size_t p = 0; p < n_panels && same; p++)
                same = equal(&panels[p].curves[k], &panels[p].curves[i]);
            if (same)
                same_as[i] = k;
        }
    }
}

/* The end of the segment that begins at `from`: the points that are means over the same number of trials. */
static size_t segment_end(const struct curve *c, size_t from)
{
    size_t to = from + 1;
    while (to < c->n_points && c->points[to].n == c->points[from].n)
        to++;
    return to;
}

/* Of very many points every k-th is drawn, and the last. */
static size_t after(size_t i, size_t to, size_t stride)
{
    return i + 1 < to && i + stride >= to ? to - 1 : i + stride;
}

static bool drawable(const struct frame *f, double step, double value)
{
    return isfinite(value) && (!f->up.scale.log || value > 0) && (!f->across.scale.log || step > 0);
}

/* Pixels; where a logarithm has no place for the value, the lower border. */
static double place(const struct frame *f, double value)
{
    return f->up.scale.log && !(value > 0) ? f->y + f->height - 1 : scale_place(&f->up.scale, value);
}

/* Down to the frame, and no further. */
static double held(const struct frame *f, double value)
{
    return fmin(fmax(place(f, value), f->y + 1), f->y + f->height - 1);
}

/* One side of a band, point by point: where it crosses the upper or lower border it bends there. */
struct side {
    struct picture *out;
    const struct frame *frame;
    bool has_last;
    struct picture_point last; /* as it is, also outside of the frame */
};

static void lead(struct side *s, double x, double value)
{
    const struct frame *f = s->frame;
    const double y = place(f, value), top = f->y + 1, bottom = f->y + f->height - 1;
    const bool down = y > s->last.y;
    const double borders[] = { down ? top : bottom, down ? bottom : top };
    for (int i = 0; i < 2 && s->has_last; i++) {
        const double part = (borders[i] - s->last.y) / (y - s->last.y);
        if (part > 0 && part < 1)
            picture_point(s->out, s->last.x + part * (x - s->last.x), borders[i]);
    }
    picture_point(s->out, x, held(f, value));
    s->last = (struct picture_point){ x, y };
    s->has_last = true;
}

static bool has_band(const struct frame *f, const struct curve_point *p)
{
    return !isnan(p->low) && !isnan(p->high) && (!f->across.scale.log || p->step > 0);
}

/* Of points that all have one. */
static void piece(struct picture *t, const struct frame *f, const struct curve *c, size_t from, size_t to,
                  size_t stride, const char *color)
{
    if (to - from < 2)
        return;
    struct side high = { .out = t, .frame = f }, low = high;
    for (size_t i = from; i < to; i = after(i, to, stride))
        lead(&high, scale_at(&f->across.scale, c->points[i].step), c->points[i].high);
    for (size_t k = from; k < to; k = after(k, to, stride)) {
        const size_t i = to - 1 - (k - from); /* backwards */
        lead(&low, scale_at(&f->across.scale, c->points[i].step), c->points[i].low);
    }
    picture_area(t, color, chart_lacks_seeds(c, from) ? 0.07 : 0.18);
}

/* Where a point has none, as its deviation is not known, the band is interrupted. */
static void band(struct picture *t, const struct frame *f, const struct curve *c, size_t from, size_t to, size_t stride,
                 const char *color)
{
    for (size_t end; from < to; from = end + 1) {
        for (end = from; end < to && has_band(f, &c->points[end]);)
            end++;
        piece(t, f, c, from, end, stride, color);
    }
}

/* A line that is cut off at the upper and lower border of its frame. */
struct pen {
    struct picture *out;
    double top, bottom; /* pixels */
    bool has_last;
    struct picture_point last;
    size_t n; /* points of the piece that is drawn */
    const char *color, *dash;
    double width, opacity;
};

static void lift(struct pen *p)
{
    if (p->n)
        picture_path(p->out, p->color, p->width, p->dash, p->opacity);
    p->n = 0;
}

static void put(struct pen *p, double x, double y)
{
    picture_point(p->out, x, y);
    p->n++;
}

static bool inside(const struct pen *p, double y)
{
    return y >= p->top - 1e-6 && y <= p->bottom + 1e-6;
}

static struct picture_point crossing(struct picture_point a, struct picture_point b, double y)
{
    return (struct picture_point){ a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x), y };
}

static void move(struct pen *p, struct picture_point to)
{
    const struct picture_point from = p->last;
    const bool was_in = p->has_last && inside(p, from.y), is_in = inside(p, to.y);
    if (p->has_last && was_in != is_in) {
        const double outer = was_in ? to.y : from.y;
        const struct picture_point at = crossing(from, to, outer < p->top ? p->top : p->bottom);
        put(p, at.x, at.y);
    }
    if (is_in)
        put(p, to.x, to.y);
    else
        lift(p);
    p->last = to;
    p->has_last = true;
}

static void line(struct picture *t, const struct frame *f, const struct curve *c, size_t from, size_t to, size_t stride,
                 const struct legend_style *style)
{
    const bool pale = chart_lacks_seeds(c, from);
    struct pen pen = { .out = t,
                       .top = f->y + 2,
                       .bottom = f->y + f->height - 2,
                       .color = style->color,
                       .dash = style->dash,
                       .width = pale ? 0.9 : 1.8,
                       .opacity = pale ? 0.5 : 1 };
    for (size_t i = from; i < to; i = after(i, to, stride)) {
        const struct curve_point *at = &c->points[i];
        if (drawable(f, at->step, at->mean))
            move(&pen,
                 (struct picture_point){ scale_at(&f->across.scale, at->step), scale_place(&f->up.scale, at->mean) });
    }
    if (pen.n == 1) /* a line of one point is a dot */
        put(&pen, pen.last.x, pen.last.y);
    lift(&pen);
}

static void curve(struct picture *t, const struct frame *f, const struct curve *c, const struct legend_style *style,
                  bool bands)
{
    const size_t stride = 1 + c->n_points / MAX_POINTS;
    for (size_t from = 0, to; from < c->n_points; from = to) {
        to = segment_end(c, from);
        if (bands)
            band(t, f, c, from, to, stride, style->color);
        else
            line(t, f, c, from, to, stride, style);
    }
}

/* The data of the points that are drawn. */
static void mark(struct picture *out, const struct frame *f, const struct curve *c, const struct legend_style *style,
                 const struct chart_panel *p)
{
    struct text title = { 0 };
    quantity_title(p->what, &title);
    const char *const columns[PICTURE_VALUES] = { f->across.name, title.s, "from", "to", "seeds" };
    picture_begin_series(out, c->group->shown, style->color, columns, PICTURE_VALUES);
    for (size_t i = 0; i < c->n_points; i = after(i, c->n_points, 1 + c->n_points / MAX_POINTS)) {
        const struct curve_point *at = &c->points[i];
        const double values[PICTURE_VALUES] = { at->step, at->mean, at->low, at->high, (double)at->n };
        if (drawable(f, at->step, at->mean))
            picture_mark(out, scale_at(&f->across.scale, at->step), held(f, at->mean), values);
    }
    text_free(&title);
}

void chart_lines(struct picture *out, const struct frame *frame, const struct subject *s, const struct facets *f,
                 size_t facet, const struct chart_panel *p, const size_t *same_as)
{
    for (size_t i = 0; i < s->n_groups; i++)
        if (f->facet_of[i] == facet && same_as[i] == i)
            curve(out, frame, &p->curves[i], &f->styles[f->line_of[i]], true);
    for (size_t i = 0; i < s->n_groups; i++) {
        if (f->facet_of[i] != facet)
            continue;
        struct legend_style style = f->styles[f->line_of[i]];
        if (same_as[i] != i)
            style.dash = "6 8"; /* what it would hide shows in the gaps */
        picture_group(out, s->groups[i].shown);
        curve(out, frame, &p->curves[i], &style, false);
        for (size_t j = 0; j < p->curves[i].n_ends; j++) {
            const struct curve_end *end = &p->curves[i].ends[j];
            if (drawable(frame, end->step, end->value))
                picture_cross(out, scale_at(&frame->across.scale, end->step), scale_at(&frame->up.scale, end->value),
                              4.5, style.color, 2.2);
        }
        picture_group_end(out);
        mark(out, frame, &p->curves[i], &style, p);
    }
}
