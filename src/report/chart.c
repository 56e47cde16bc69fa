#include "report/chart.h"

#include "report/heading.h"
#include "report/legend.h"
#include "report/picture.h"
#include "report/scale.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEFT = 66, TOP = HEADING_HEIGHT + 2, PLOT = 470, GAP = 26, BOTTOM = 46, INSET = 5, MAX_POINTS = 800 };

struct frame {
    double x, y, width, height;
    struct scale steps, values;
};

static double smallest_positive(const struct curve *c, double smallest)
{
    for (size_t i = 0; i < c->n_points; i++)
        if (c->points[i].mean > 0 && c->points[i].mean < smallest)
            smallest = c->points[i].mean;
    return smallest;
}

/* The range of what went well, widened for bands and for what diverged only as far as the rest stays readable. */
static void value_range(const struct chart_panel *p, size_t n, bool log, double *low, double *high)
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
    const double span = fmax(*high - *low, 0.5 * fabs(*high)), roof = *high + span;
    const double floor_ = *low >= 0 ? 0 : *low - span; /* a band may reach below zero where no value does */
    for (size_t i = 0; i < n; i++) {
        const struct curve *c = &p->curves[i];
        for (size_t j = 0; j < c->n_points; j++) {
            const struct curve_point *at = &c->points[j];
            const double reach[] = { at->low, at->mean, at->high };
            for (size_t k = 0; k < 3; k++)
                if (reach[k] >= floor_ && reach[k] <= roof) {
                    *low = fmin(*low, reach[k]);
                    *high = fmax(*high, reach[k]);
                }
        }
        for (size_t j = 0; j < c->n_ends; j++)
            if (c->ends[j].value >= floor_ && c->ends[j].value <= roof) {
                *low = fmin(*low, c->ends[j].value);
                *high = fmax(*high, c->ends[j].value);
            }
    }
    if (*low > 0 && *low < 0.1 * *high)
        *low = 0; /* so near that zero belongs to it */
    if (subject_percent(p->what->unit)) {
        *high = fmin(*high, 100);
    }
    if (log) {
        double smallest = INFINITY;
        for (size_t i = 0; i < n; i++)
            smallest = smallest_positive(&p->curves[i], smallest);
        *low = smallest;
    }
}

/* A logarithmic axis needs a positive value. */
static bool has_positive(const struct chart_panel *p, size_t n)
{
    double smallest = INFINITY;
    for (size_t i = 0; i < n; i++)
        smallest = smallest_positive(&p->curves[i], smallest);
    return smallest < INFINITY;
}

static double last_step(const struct chart_panel *panels, size_t n_panels, size_t n)
{
    double last = 0;
    for (size_t p = 0; p < n_panels; p++)
        for (size_t i = 0; i < n; i++) {
            const struct curve *c = &panels[p].curves[i];
            if (c->n_points)
                last = fmax(last, c->points[c->n_points - 1].step);
            for (size_t j = 0; j < c->n_ends; j++)
                last = fmax(last, c->ends[j].step);
        }
    return last;
}

static const char *axis_name(const struct quantity *what)
{
    return what->kind == QUANTITY_STEP ? "layer, or link of the chain" : "iteration";
}

static void axes(struct picture *t, const struct frame *f, const struct quantity *what, bool lowest)
{
    char buffer[32];
    const bool few = what->kind == QUANTITY_STEP && f->steps.high < 6; /* layers have whole numbers */
    const struct ticks y = scale_ticks(&f->values, 5), x = scale_ticks(&f->steps, few ? (size_t)f->steps.high : 6);
    for (size_t i = 0; i < y.n; i++) {
        const double at = scale_at(&f->values, y.value[i]);
        picture_line(t, f->x, at, f->x + f->width, at, PICTURE_FAINT, 1, NULL);
        picture_text(t, f->x - 7, at + 4, 11, PICTURE_END, PICTURE_SOFT, scale_label(&y, i, buffer));
    }
    for (size_t i = 0; i < x.n; i++) {
        const double at = scale_at(&f->steps, x.value[i]);
        picture_line(t, at, f->y + f->height, at, f->y + f->height + 4, PICTURE_RULE, 1, NULL);
        if (lowest)
            picture_text(t, at, f->y + f->height + 17, 11, PICTURE_MIDDLE, PICTURE_SOFT, scale_label(&x, i, buffer));
    }
    picture_rect(t, f->x, f->y, f->width, f->height, NULL, PICTURE_RULE);
    struct text name = { 0 };
    quantity_title(what, &name);
    picture_text_rotated(t, 16, f->y + f->height / 2, 12, PICTURE_INK, name.s);
    text_free(&name);
    if (lowest)
        picture_text(t, f->x + f->width / 2, f->y + f->height + 36, 12, PICTURE_MIDDLE, PICTURE_INK, axis_name(what));
}

/* Whether seeds are missing in a point. */
static bool lacks_seeds(const struct curve *c, size_t point)
{
    return c->points[point].n < c->group->n_trials;
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

static bool drawable(const struct frame *f, double value)
{
    return isfinite(value) && (!f->values.log || value > 0);
}

static void band(struct picture *t, const struct frame *f, const struct curve *c, size_t from, size_t to, size_t stride,
                 const char *color)
{
    if (!isfinite(c->points[from].low) || to - from < 2)
        return;
    for (size_t i = from; i < to; i = after(i, to, stride))
        picture_point(t, scale_at(&f->steps, c->points[i].step), scale_at(&f->values, c->points[i].high));
    for (size_t k = from; k < to; k = after(k, to, stride)) {
        const size_t i = to - 1 - (k - from); /* backwards */
        picture_point(t, scale_at(&f->steps, c->points[i].step), scale_at(&f->values, c->points[i].low));
    }
    picture_area(t, color, lacks_seeds(c, from) ? 0.07 : 0.18);
}

static void line(struct picture *t, const struct frame *f, const struct curve *c, size_t from, size_t to, size_t stride,
                 const struct legend_style *style)
{
    size_t n = 0;
    for (size_t i = from; i < to; i = after(i, to, stride)) {
        if (!drawable(f, c->points[i].mean))
            continue;
        const double x = scale_at(&f->steps, c->points[i].step), y = scale_at(&f->values, c->points[i].mean);
        picture_point(t, x, y);
        if (n++ == 0 && to - from == 1) /* a line of one point is a dot */
            picture_point(t, x, y);
    }
    const bool pale = lacks_seeds(c, from);
    picture_path(t, style->color, pale ? 0.9 : 1.8, style->dash, pale ? 0.5 : 1);
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

static void panel(struct picture *t, const struct frame *f, const struct subject *s, const struct chart_panel *p,
                  bool lowest)
{
    axes(t, f, p->what, lowest);
    for (size_t i = 0; i < s->n_groups; i++) {
        const struct legend_style style = legend_style(i);
        curve(t, f, &p->curves[i], &style, true);
    }
    for (size_t i = 0; i < s->n_groups; i++) {
        const struct legend_style style = legend_style(i);
        picture_group(t, s->groups[i].label);
        curve(t, f, &p->curves[i], &style, false);
        for (size_t j = 0; j < p->curves[i].n_ends; j++) {
            const struct curve_end *end = &p->curves[i].ends[j];
            if (drawable(f, end->value))
                picture_cross(t, scale_at(&f->steps, end->step), scale_at(&f->values, end->value), 4.5, style.color,
                              2.2);
        }
        picture_group_end(t);
    }
}

/* How many trials the means are over: of the group with the fewest that has any, and of the one with the most. */
static void count_seeds(const struct chart_panel *panels, size_t n_panels, size_t n, size_t *fewest, size_t *most)
{
    *fewest = *most = 0;
    for (size_t p = 0; p < n_panels; p++)
        for (size_t i = 0; i < n; i++) {
            size_t seeds = 0;
            for (size_t j = 0; j < panels[p].curves[i].n_points; j++)
                seeds = panels[p].curves[i].points[j].n > seeds ? panels[p].curves[i].points[j].n : seeds;
            *fewest = seeds && (*fewest == 0 || seeds < *fewest) ? seeds : *fewest;
            *most = seeds > *most ? seeds : *most;
        }
}

static bool any_lacks_seeds(const struct chart_panel *panels, size_t n_panels, size_t n)
{
    for (size_t p = 0; p < n_panels; p++)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < panels[p].curves[i].n_points; j++)
                if (lacks_seeds(&panels[p].curves[i], j))
                    return true;
    return false;
}

/* What a line and its band are. */
static void put_remark(struct text *t, const struct chart_panel *panels, size_t n_panels, size_t n, size_t rolling)
{
    size_t fewest, most;
    count_seeds(panels, n_panels, n, &fewest, &most);
    if (rolling > 1)
        text_add(t, "mean over the last %zu points; ", rolling);
    if (most > 1)
        text_puts(t, most == 2 ? "mean over seeds; band: the range of two"
                               : "mean over seeds; band: mean ± sd, or the range of two");
    else
        text_puts(t, rolling > 1 ? "one seed; band: mean ± sd of these points" : "one seed");
    if (rolling > 1 && most > 1 && fewest < 2)
        text_puts(t, "; of one seed: mean ± sd of its last points");
    if (any_lacks_seeds(panels, n_panels, n))
        text_puts(t, "; thin and pale: seeds are missing");
}

void chart_draw(struct picture *out, const struct subject *s, const struct chart_panel *panels, size_t n_panels,
                const struct chart_options *o)
{
    assert(s->n_groups <= CHART_MAX_LINES && n_panels >= 1 && n_panels <= CHART_MAX_PANELS);
    const double each = n_panels == 1 ? 300 : 220, legend_x = LEFT + PLOT + 22;
    const double plots = (double)n_panels * each + (double)(n_panels - 1) * GAP;
    bool seen[CHART_MAX_LINES] = { false };
    for (size_t p = 0; p < n_panels; p++)
        for (size_t i = 0; i < s->n_groups; i++)
            seen[i] = seen[i] || panels[p].curves[i].n_points > 0;
    const struct legend legend = legend_make(s, seen);
    struct text about = { 0 }, remark = { 0 };
    put_remark(&remark, panels, n_panels, s->n_groups, o->rolling);
    const double width = fmax(legend_x + legend.width, LEFT + heading_width(s, remark.s)) + 16;
    const double height = TOP + fmax(plots, legend.height) + BOTTOM;
    text_add(&about, "Study %s: ", s->name);
    for (size_t p = 0; p < n_panels; p++) {
        text_puts(&about, p ? ", " : "");
        quantity_title(panels[p].what, &about);
    }
    text_add(&about, " against the %s, one line for each variant.", axis_name(panels[0].what));
    picture_open(out, width, height, heading_title(s), about.s);
    text_free(&about);
    heading_draw(out, s, remark.s, LEFT);
    text_free(&remark);
    const double last = last_step(panels, n_panels, s->n_groups);
    for (size_t p = 0; p < n_panels; p++) {
        struct frame f = { .x = LEFT, .y = TOP + (double)p * (each + GAP), .width = PLOT, .height = each };
        const bool on_log = o->log && !subject_percent(panels[p].what->unit) && has_positive(&panels[p], s->n_groups);
        double low, high;
        value_range(&panels[p], s->n_groups, on_log, &low, &high);
        f.steps = scale_make(false, 0, last > 0 ? last : 1, f.x + INSET, f.x + f.width - INSET);
        f.values = scale_make(on_log, low, high, f.y + f.height - INSET, f.y + INSET);
        panel(out, &f, s, &panels[p], p + 1 == n_panels);
    }
    legend_draw(out, s, seen, legend_x, TOP);
    picture_close(out);
}
