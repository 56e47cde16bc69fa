#include "report/chart_parts.h"

#include "report/heading.h"
#include "report/words.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { PLOT = 470, GAP = 14, BESIDE = 22, LEGEND_MOST = 300, SMALLEST = 50 };

struct layout {
    const struct subject *s;
    const struct facets *f;
    const struct chart_panel *panels;
    size_t n_panels;
    const struct chart_options *o;
    size_t *same_as;
    struct legend legend;
    struct heading heading;
    bool beside, inside; /* where the legend stands: at the right; in the first panel */
    double width, left, legend_y, height, each_width, each_height;
    size_t columns, rows; /* of panels: rows of facets of one quantity */
};

static void step_range(const struct layout *l, double *low, double *high)
{
    *low = INFINITY;
    *high = 0;
    for (size_t p = 0; p < l->n_panels; p++)
        for (size_t i = 0; i < l->s->n_groups; i++) {
            const struct curve *c = &l->panels[p].curves[i];
            for (size_t j = 0; j < c->n_points; j++) {
                *high = fmax(*high, c->points[j].step);
                if (c->points[j].step > 0)
                    *low = fmin(*low, c->points[j].step);
            }
            for (size_t j = 0; j < c->n_ends; j++)
                *high = fmax(*high, c->ends[j].step);
        }
    if (!l->o->log_x || !(*low < *high))
        *low = 0;
    if (!(*high > 0))
        *high = 1;
}

static const char *axis_name(const struct layout *l)
{
    static const char *const names[] = { [ALONG_STEP] = "iteration",
                                         [ALONG_EPOCH] = "epoch",
                                         [ALONG_SAMPLES] = "samples seen",
                                         [ALONG_SECONDS] = "processor time of training (s)",
                                         [ALONG_FLOPS] = "floating-point operations" };
    return l->panels[0].what->kind == QUANTITY_STEP ? "layer, or link of the chain" : names[l->o->curves->along];
}

/* How many trials the means are over: of the group with the fewest that has any, and of the one with the most; whether
 * seeds are missing somewhere. */
static bool count_seeds(const struct layout *l, size_t *fewest, size_t *most)
{
    bool lacks = false;
    *fewest = *most = 0;
    for (size_t p = 0; p < l->n_panels; p++)
        for (size_t i = 0; i < l->s->n_groups; i++) {
            const struct curve *c = &l->panels[p].curves[i];
            size_t seeds = 0;
            for (size_t j = 0; j < c->n_points; j++) {
                seeds = c->points[j].n > seeds ? c->points[j].n : seeds;
                lacks = lacks || chart_lacks_seeds(c, j);
            }
            *fewest = seeds && (*fewest == 0 || seeds < *fewest) ? seeds : *fewest;
            *most = seeds > *most ? seeds : *most;
        }
    return lacks;
}

/* What a line and its band are. */
static const char *remark(const struct layout *l, struct arena *a)
{
    const struct curve_options *o = l->o->curves;
    struct text t = { 0 };
    size_t fewest, most, n_log = 0;
    const bool lacks = count_seeds(l, &fewest, &most);
    for (size_t p = 0; p < l->n_panels; p++)
        n_log += l->panels[p].log;
    const bool geometric = n_log > 0 && o->band != BAND_QUARTILES;
    const bool rolled = o->rolling > 1 && o->band == BAND_SD && n_log < l->n_panels; /* none about geometric means */
    const char *where = n_log ? ", not on the logarithmic axis" : "";
    if (o->rolling > 1)
        text_add(&t, "mean over the last %zu points; ", o->rolling);
    if (o->smooth > 0)
        text_add(&t, "exponential mean, %g; ", o->smooth);
    if (most > 1) {
        text_puts(&t, o->band == BAND_QUARTILES ? "median over seeds"
                      : geometric ? n_log < l->n_panels ? "mean over seeds, geometric on the logarithmic axis"
                                                        : "geometric mean over seeds"
                                  : "mean over seeds");
        const char *band = curve_band_words(o->band, most, geometric && n_log == l->n_panels);
        text_add(&t, "%s%s", *band ? "; band: " : "", band);
    } else {
        text_add(&t, "one seed%s%s", rolled ? "; band: mean ± sd of these points" : "", rolled ? where : "");
    }
    if (rolled && most > 1 && fewest < 2)
        text_add(&t, "; of one seed: mean ± sd of its last points%s", where);
    if (lacks)
        text_puts(&t, "; thin and pale: seeds are missing");
    const char *words = arena_strdup(a, t.s);
    text_free(&t);
    return words;
}

static void make_legend(struct layout *l, struct arena *a, double most, size_t columns)
{
    const struct facets *f = l->f;
    const size_t n = f->n_lines == 1 && !*f->lines[0] ? 0 : f->n_lines; /* panels of one line have its name above */
    struct legend_entry *entries = arena_need(a, f->n_lines + 1, sizeof *entries);
    bool crosses = false;
    for (size_t p = 0; p < l->n_panels; p++)
        for (size_t i = 0; i < l->s->n_groups; i++)
            crosses = crosses || l->panels[p].curves[i].n_ends;
    for (size_t i = 0; i < f->n_lines; i++)
        entries[i] = (struct legend_entry){ .style = f->styles[i], .name = f->lines[i] };
    for (size_t i = 0; f->n == 1 && i < l->s->n_groups; i++) {
        const struct group *g = &l->s->groups[i];
        bool seen = false;
        for (size_t p = 0; p < l->n_panels; p++)
            seen = seen || l->panels[p].curves[i].n_points;
        const bool same = l->same_as[i] != i;
        entries[i].remark = legend_remark(a, g, seen, same ? l->s->groups[l->same_as[i]].shown : NULL);
        entries[i].pale = !seen;
        if (same)
            entries[i].style.dash = "6 8";
    }
    l->legend = legend_make(a, entries, n, crosses ? "diverged: last finite value" : NULL, columns, most, l->o->look);
}

static struct axis axis_up(const struct layout *l, const struct chart_panel *p, struct arena *a)
{
    double low, high;
    struct text name = { 0 };
    chart_range(p, l->s->n_groups, &low, &high);
    quantity_title(p->what, &name);
    const struct axis up = { .scale = scale_make(p->log, low, high, 0, 1), .name = arena_strdup(a, name.s) };
    text_free(&name);
    return up;
}

static struct axis axis_across(const struct layout *l)
{
    double low, high;
    step_range(l, &low, &high);
    return (struct axis){ .scale = scale_make(l->o->log_x && low > 0, low, high, 0, 1),
                          .name = axis_name(l),
                          .whole = l->panels[0].what->kind == QUANTITY_STEP };
}

/* The narrowest that facets may be: their names are read above them. */
static double narrowest(const struct layout *l)
{
    const double size = look_font(l->o->look);
    double wide = 7.5 * size;
    for (size_t i = 0; l->f->n > 1 && i < l->f->n; i++)
        wide = fmax(wide, words_width(l->f->names[i], size));
    return fmin(wide, 14 * size);
}

/* Widths first, then what is left for heights. */
static void plan(struct layout *l, struct arena *a)
{
    const struct look *look = l->o->look;
    const struct axis across = axis_across(l);
    const bool few = l->f->n == 1;
    double title = few ? 0 : 1.5 * look_font(look);
    l->left = 0;
    for (size_t p = 0; p < l->n_panels; p++) {
        const struct axis up = axis_up(l, &l->panels[p], a);
        l->left = fmax(l->left, frame_left(&up, few ? 220 : 130, look));
    }
    l->beside = !l->inside && look_beside(look);
    make_legend(l, a,
                l->beside         ? LEGEND_MOST
                : look->width > 0 ? look->width - l->left - LOOK_MARGIN
                                  : PLOT,
                l->beside ? 1 : 0);
    if (l->inside)
        make_legend(l, a, LEGEND_MOST, 1);
    if (l->beside && look->width > 0 && l->legend.width > 0.4 * look->width) {
        l->beside = look->legend == LOOK_RIGHT;
        make_legend(l, a, l->beside ? 0.4 * look->width : look->width - l->left - LOOK_MARGIN, l->beside ? 1 : 0);
    }
    const bool shown = look->legend != LOOK_NONE && !l->inside && l->legend.n > 0;
    const double right = shown && l->beside ? BESIDE + l->legend.width : 0;
    const double plots = look->width > 0 ? fmax(look->width - l->left - right - LOOK_MARGIN, SMALLEST)
                         : few           ? PLOT
                                         : 1.3 * PLOT;
    l->width = look->width > 0 ? look->width : l->left + plots + right + LOOK_MARGIN;
    l->columns = few ? 1 : (size_t)fmin((double)l->f->n, fmax(1, floor((plots + GAP + 1) / (narrowest(l) + GAP))));
    l->rows = (l->f->n + l->columns - 1) / l->columns;
    l->each_width = (plots - GAP * (double)(l->columns - 1)) / (double)l->columns;
    l->heading = heading_make(a, l->s, remark(l, a), l->width - l->left - LOOK_MARGIN, look);
    const double n_rows = (double)(l->rows * l->n_panels), below = frame_below(&across, look) + 8;
    const double under = shown && !l->beside ? l->legend.height + 6 : 0;
    const double fixed = l->heading.height + n_rows * title + (n_rows - 1) * GAP + below + under;
    l->each_height = few ? (l->n_panels == 1 ? 300 : 220) : 120;
    l->each_height = fmin(l->each_height, fmax(0.66 * l->each_width, 8 * look_font(look)));
    if (look->height > 0)
        l->each_height = fmax((look->height - fixed) / n_rows, SMALLEST);
    const double high = n_rows * (l->each_height + title) + (n_rows - 1) * GAP + below;
    l->legend_y = l->heading.height + (l->beside ? 0 : high);
    l->height = l->heading.height + (shown && l->beside ? fmax(high, l->legend.height + 8) : high + under);
}

/* A legend that would take most of the panel stands outside of it. */
static void plan_all(struct layout *l, struct arena *a)
{
    l->inside = l->o->look->legend == LOOK_INSIDE && l->f->n == 1;
    plan(l, a);
    if (l->inside && (l->legend.width > 0.6 * l->each_width || l->legend.height > 0.7 * l->each_height)) {
        l->inside = false;
        plan(l, a);
    }
}

static struct frame frame_of(const struct layout *l, const struct chart_panel *p, size_t facet, double top,
                             bool last_block, struct arena *a)
{
    const size_t column = facet % l->columns, row = facet / l->columns;
    const double title = l->f->n > 1 ? 1.5 * look_font(l->o->look) : 0;
    struct frame frame = { .x = l->left + (double)column * (l->each_width + GAP),
                           .y = top + (double)row * (l->each_height + title + GAP) + title,
                           .width = l->each_width,
                           .height = l->each_height,
                           .across = axis_across(l),
                           .up = axis_up(l, p, a),
                           .numbers_left = column == 0,
                           .numbers_below = last_block && facet + l->columns >= l->f->n };
    if (l->f->n > 1) /* once for all of them, see block_names */
        frame.up.name = frame.across.name = NULL;
    frame_fit(&frame);
    return frame;
}

static void draw_panel(struct picture *out, const struct layout *l, const struct chart_panel *p, size_t facet,
                       double top, bool last_block, struct arena *a)
{
    const struct look *look = l->o->look;
    struct frame frame = frame_of(l, p, facet, top, last_block, a);
    if (l->f->n > 1)
        picture_text(out, frame.x, frame.y - 0.45 * look_font(look), look_font(look), PICTURE_START, PICTURE_INK,
                     words_cut(a, l->f->names[facet], look_font(look), l->each_width));
    frame_draw(out, &frame, look);
    frame.across.name = axis_name(l); /* of its data, written or not */
    chart_lines(out, &frame, l->s, l->f, facet, p, l->same_as);
}

/* The names of the axes, once for all facets of a quantity. */
static void block_names(struct picture *out, const struct layout *l, const struct chart_panel *p, double top, bool last,
                        struct arena *a)
{
    char power[48];
    const struct look *look = l->o->look;
    const double name = look_name(look), title = 1.5 * look_font(look);
    const double high = (double)l->rows * (l->each_height + title + GAP) - GAP, wide = l->width - l->left;
    const struct axis up = axis_up(l, p, a), across = axis_across(l);
    const struct ticks up_ticks = frame_ticks_up(&up, l->each_height, look),
                       ticks = frame_ticks_across(&across, l->each_width, look);
    picture_text_rotated(out, 4 + name, top + title + (high - title) / 2, name, PICTURE_INK,
                         words_cut(a, arena_printf(a, "%s%s", up.name, scale_power(&up_ticks, power)), name, high));
    if (last)
        picture_text(out, l->left + ((double)l->columns * (l->each_width + GAP) - GAP) / 2,
                     top + high + frame_below(&across, look) - 0.4 * name, name, PICTURE_MIDDLE, PICTURE_INK,
                     words_cut(a, arena_printf(a, "%s%s", across.name, scale_power(&ticks, power)), name, wide));
}

void chart_draw(struct picture *out, const struct subject *s, const struct facets *f, const struct chart_panel *panels,
                size_t n_panels, const struct chart_options *o, struct arena *a)
{
    assert(n_panels >= 1 && n_panels <= CHART_MAX_PANELS);
    struct layout l = { .s = s, .f = f, .panels = panels, .n_panels = n_panels, .o = o };
    l.same_as = arena_need(a, s->n_groups + 1, sizeof *l.same_as);
    chart_find_same(l.same_as, f, panels, n_panels, s->n_groups);
    plan_all(&l, a);
    struct text about = { 0 };
    text_add(&about, "Study %s: ", s->name);
    for (size_t p = 0; p < n_panels; p++) {
        text_puts(&about, p ? ", " : "");
        quantity_title(panels[p].what, &about);
    }
    text_add(&about, " against the %s, one line for each variant.", axis_name(&l));
    picture_open(out, l.width, l.height, heading_title(s), about.s);
    text_free(&about);
    heading_draw(out, &l.heading, l.left, o->look);
    double top = l.heading.height;
    for (size_t p = 0; p < n_panels; p++) {
        for (size_t i = 0; i < f->n; i++)
            draw_panel(out, &l, &panels[p], i, top, p + 1 == n_panels, a);
        if (f->n > 1)
            block_names(out, &l, &panels[p], top, p + 1 == n_panels, a);
        top += (double)l.rows * (l.each_height + (f->n > 1 ? 1.5 * look_font(o->look) : 0) + GAP);
    }
    if (l.inside) {
        const struct frame first = frame_of(&l, &panels[0], 0, l.heading.height, n_panels == 1, a);
        chart_corner(out, &first, &panels[0], s->n_groups, &l.legend, o->look);
    } else if (o->look->legend != LOOK_NONE) {
        legend_draw(out, &l.legend, l.beside ? l.width - LOOK_MARGIN - l.legend.width : l.left, l.legend_y, o->look);
    }
    picture_close(out);
}
