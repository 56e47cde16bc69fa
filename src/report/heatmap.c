#include "report/heatmap.h"

#include "report/heading.h"
#include "report/scale.h"
#include "report/words.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { GAP = 16, COLUMNS = 3, BAR = 14, BAR_GAP = 20, SAMPLE = 15, BAR_MOST = 130 };

#define BAR_LINE 1.25

/* What a legend line is about. */
enum { BEST, ALL, LOST, SOME, PART, NONE, WAITS, KINDS };

struct layout {
    const struct look *look;
    struct heading heading;
    size_t columns, rows;
    double left, top, step_x, step_y; /* from panel to panel */
    double bar_x, bar_height, bar_room;
    const char *bar_name; /* with line breaks */
    double legend_y, width, height;
    double low, high;   /* of the values; low > high: there are none */
    struct ticks ticks; /* beside the colours */
    struct scale colors;
    const char *lines[KINDS]; /* of the legend, wrapped; NULL: none */
    const char **titles;      /* of the panels, wrapped: cut off, panels that differ in their last key would be alike */
};

/* Perceptually uniform and rising in lightness, told apart with any colour vision: viridis (Smith and van der Walt,
 * matplotlib 2015), ten colours of it, joined by straight lines in sRGB. */
static const char *ramp(double share, char buffer[8])
{
    static const unsigned char c[][3] = { { 0x44, 0x01, 0x54 }, { 0x48, 0x28, 0x78 }, { 0x3E, 0x4A, 0x89 },
                                          { 0x31, 0x68, 0x8E }, { 0x26, 0x82, 0x8E }, { 0x1F, 0x9E, 0x89 },
                                          { 0x35, 0xB7, 0x79 }, { 0x6D, 0xCD, 0x59 }, { 0xB4, 0xDE, 0x2C },
                                          { 0xFD, 0xE7, 0x25 } };
    enum { LAST = sizeof c / sizeof c[0] - 1 };
    const double at = fmin(fmax(share, 0), 1) * LAST;
    const size_t i = at >= LAST ? LAST - 1 : (size_t)at;
    unsigned rgb[3];
    for (size_t k = 0; k < 3; k++)
        rgb[k] = (unsigned)lround(c[i][k] + (at - (double)i) * (c[i + 1][k] - c[i][k])) & 0xff;
    snprintf(buffer, 8, "#%02x%02x%02x", rgb[0], rgb[1], rgb[2]);
    return buffer;
}

/* How bright a value is: the best 1. */
static double share_of(const struct heatmap *h, const struct layout *l, double value)
{
    const struct scale unit = { l->colors.log, l->colors.low, l->colors.high, 0, 1 };
    const double share = l->high > l->low ? scale_at(&unit, value) : h->smallest ? 0 : 1;
    return h->smallest ? 1 - share : share;
}

static int kind_of(const struct heatmap_cell *c)
{
    if (isfinite(c->value))
        return c->n_diverged ? SOME : c->n < c->n_asked ? PART : KINDS;
    if (c->n_diverged)
        return c->n_diverged == c->n_asked ? ALL : LOST;
    return c->n_waiting ? WAITS : NONE;
}

static void tell(struct text *t, const struct heatmap *h, const struct heatmap_cell *c)
{
    grid_tell(t, &h->grid, c->x, c->y);
    text_puts(t, ": ");
    if (isfinite(c->value))
        text_add(t, "%s = %.4g", h->metric ? h->metric : "1 / area", c->value);
    else
        text_puts(t, kind_of(c) == ALL ? "diverged" : c->n_waiting ? "no value yet" : "no value");
    if (isfinite(c->value) && c->n < c->n_asked)
        text_add(t, " of %zu of %zu seeds", c->n, c->n_asked);
    if (c->n_diverged && kind_of(c) != ALL)
        text_add(t, ", %zu diverged", c->n_diverged);
    if (c->n_shorter)
        text_add(t, ", %zu of fewer steps", c->n_shorter);
}

/* One cell of w x h with its upper left at (x, y). Trials that diverged are never shown by their small area. */
static void mark(struct picture *t, const struct heatmap *map, const struct layout *l, const struct heatmap_cell *c,
                 double x, double y, double w, double h)
{
    char color[8];
    const double r = 0.26 * fmin(w, h);
    const bool known = isfinite(c->value);
    const double share = known ? share_of(map, l, c->value) : 0;
    const int kind = kind_of(c);
    const bool pale = known && c->n < c->n_asked;
    if (pale)
        picture_group_pale(t);
    picture_rect(t, x + 0.5, y + 0.5, w - 1, h - 1,
                 known         ? ramp(share, color)
                 : kind == ALL ? "#eeeeee"
                               : "#ffffff",
                 known ? NULL : "#d0d0d0");
    if (pale)
        picture_group_end(t);
    if (kind == SOME)
        picture_cross(t, x + w / 2, y + h / 2, 0.6 * r, share > 0.6 || pale ? "#000000" : "#ffffff", 1.4);
    else if (kind == LOST)
        picture_cross(t, x + w / 2, y + h / 2, 0.6 * r, "#444444", 1.4);
    else if (kind == ALL)
        picture_cross(t, x + w / 2, y + h / 2, r, "#444444", 1.6);
    else if (kind == NONE)
        picture_line(t, x + w / 2 - r, y + h / 2, x + w / 2 + r, y + h / 2, "#888888", 1.4, NULL);
}

/* Frames in each other, dark and light, as many as the cell holds: one of them shows on every colour. */
static void mark_best(struct picture *t, double x, double y, double w, double h)
{
    static const char *const colors[] = { "#000000", "#ffffff", "#000000" };
    for (int i = 0; i < 3 && fmin(w, h) > 2 * (i + 1); i++)
        picture_rect(t, x + i + 1, y + i + 1, w - 2 * (i + 1), h - 2 * (i + 1), NULL, colors[i]);
}

static void panel(struct picture *t, const struct layout *l, const struct heatmap *h, size_t index)
{
    const struct grid *g = &h->grid;
    const size_t column = index % l->columns;
    const double x = l->left + (double)column * l->step_x, y = l->top + (double)(index / l->columns) * l->step_y;
    const double size = look_font(l->look);
    if (h->n_panels > 1)
        heading_lines(t, x, y - 0.5 * size - 1.3 * size * (double)(words_lines(l->titles[index]) - 1), size,
                      PICTURE_INK, l->titles[index]);
    for (size_t i = 0; i < h->n; i++) {
        const struct heatmap_cell *c = &h->cells[i];
        if (c->panel != index)
            continue;
        struct text title = { 0 };
        tell(&title, h, c);
        picture_group(t, title.s);
        mark(t, h, l, c, grid_left(g, c->x, x), grid_top(g, c->y, y), g->cell_width, g->cell_height);
        picture_group_end(t);
        text_free(&title);
    }
    if (h->best && h->best->panel == index)
        mark_best(t, grid_left(g, h->best->x, x), grid_top(g, h->best->y, y), g->cell_width, g->cell_height);
    grid_axes(t, g, x, y, column == 0, index + l->columns >= h->n_panels, l->look);
}

/* The colour bar. */
static void bar(struct picture *t, const struct layout *l, const struct heatmap *h)
{
    enum { STEPS = 40 };
    char color[8], buffer[48];
    const double x = l->bar_x, y = l->top, height = l->bar_height, size = look_font(l->look);
    double wide = 0;
    if (!(l->low <= l->high))
        return;
    for (int i = 0; i < STEPS; i++) { /* each reaches under the one above it, so that no seam shows */
        const double top = y + height * (1 - (i + 1.0) / STEPS), share = (i + 0.5) / STEPS;
        picture_rect(t, x, top, BAR, height / STEPS + (i ? 0.6 : 0), ramp(h->smallest ? 1 - share : share, color),
                     NULL);
    }
    picture_rect(t, x, y, BAR, height, NULL, PICTURE_RULE);
    struct scale s = l->colors;
    s.from = y + height;
    s.to = y;
    for (size_t i = 0; i < l->ticks.n; i++) {
        const double at = scale_at(&s, l->ticks.value[i]);
        const char *label = scale_label(&l->ticks, i, buffer);
        picture_line(t, x + BAR, at, x + BAR + 4, at, PICTURE_RULE, 1, NULL);
        picture_text(t, x + BAR + 7, at + 0.36 * size, size, PICTURE_START, PICTURE_SOFT, label);
        wide = fmax(wide, words_width(label, size));
    }
    double at = x + BAR + 7 + wide + 1.3 * look_name(l->look);
    for (const char *line = l->bar_name; *line; at += BAR_LINE * look_name(l->look)) {
        struct text one = { 0 };
        const size_t n = strcspn(line, "\n");
        text_put(&one, line, n);
        picture_text_rotated(t, at, y + height / 2, look_name(l->look), PICTURE_INK, one.s);
        text_free(&one);
        line += n + (line[n] != '\0');
    }
}

static void make_legend(struct layout *l, const struct heatmap *h, struct arena *a, double width)
{
    static const char *const words[KINDS] = { [ALL] = "diverged",
                                              [LOST] = "some seeds diverged, no value",
                                              [SOME] = "some seeds diverged, colour of the others",
                                              [PART] = "seeds are missing, colour of the others",
                                              [NONE] = "ended without a value",
                                              [WAITS] = "no value yet" };
    const double size = look_font(l->look);
    for (int kind = ALL; kind < KINDS; kind++) {
        size_t n = 0;
        for (size_t i = 0; i < h->n; i++)
            n += kind_of(&h->cells[i]) == kind;
        if (n)
            l->lines[kind] = words_wrap(a, arena_printf(a, "%s (%zu of %zu cells)", words[kind], n, h->n), size, width);
    }
    if (h->best) {
        char x[48], y[48], value[48];
        const char *name = h->names[h->best->panel];
        l->lines[BEST] =
            words_wrap(a,
                       arena_printf(a, "best: %s%s%s %s, %s %s (%s%s)", name, *name ? ", " : "", h->grid.x_shown,
                                    scale_number(h->best->x, x), h->grid.y_shown, scale_number(h->best->y, y),
                                    h->metric ? "" : "1 / area = ", scale_number(h->best->value, value)),
                       size, width);
    }
}

static double legend_height(const struct layout *l)
{
    double height = 0;
    for (int kind = 0; kind < KINDS; kind++)
        if (l->lines[kind])
            height += 1.3 * look_font(l->look) * (double)words_lines(l->lines[kind]) + 5;
    return height;
}

static void legend(struct picture *t, const struct layout *l, const struct heatmap *h)
{
    const double worst = h->smallest ? l->high : l->low, low = isfinite(worst) ? worst : 0;
    const struct heatmap_cell samples[KINDS] = { [ALL] = { .value = NAN, .n_diverged = 1, .n_asked = 1 },
                                                 [LOST] = { .value = NAN, .n_diverged = 1, .n_asked = 2 },
                                                 [SOME] = { .value = low, .n_diverged = 1, .n_asked = 1 },
                                                 [PART] = { .value = low, .n_asked = 1 },
                                                 [NONE] = { .value = NAN },
                                                 [WAITS] = { .value = NAN, .n_waiting = 1 } };
    double y = l->legend_y;
    for (int kind = 0; kind < KINDS; kind++) {
        if (!l->lines[kind])
            continue;
        if (kind == BEST)
            mark_best(t, l->left, y, SAMPLE, SAMPLE);
        else
            mark(t, h, l, &samples[kind], l->left, y, SAMPLE, SAMPLE);
        y = heading_lines(t, l->left + SAMPLE + 7, y + 0.5 * SAMPLE + 0.36 * look_font(l->look), look_font(l->look),
                          PICTURE_INK, l->lines[kind]) -
            0.5 * SAMPLE - 0.36 * look_font(l->look) + 5;
    }
}

static void make_colors(struct layout *l, const struct heatmap *h)
{
    l->low = INFINITY;
    l->high = -INFINITY;
    for (size_t i = 0; i < h->n; i++) {
        l->low = fmin(l->low, h->cells[i].value); /* NaN loses */
        l->high = fmax(l->high, h->cells[i].value);
    }
    const bool any = l->low <= l->high;
    l->colors = scale_make(any && h->log && l->low > 0, any ? l->low : 0, any ? l->high : 0, 0, 1);
    l->ticks = scale_ticks(&l->colors, 5);
}

/* The longest word of the panels' names, as "train.optimizer.stepsize=0.01," is one; in pixels. */
static double widest_word(const struct heatmap *h, double size, struct arena *a)
{
    double widest = 0;
    for (size_t i = 0; i < h->n_panels; i++)
        for (const char *s = h->names[i], *end; *s; s = end + (*end == ' ')) {
            end = s + strcspn(s, " ");
            widest = fmax(widest, words_width(arena_strndup(a, s, (size_t)(end - s)), size));
        }
    return widest;
}

/* The height above each panel that their names take. */
static double wrap_titles(struct layout *l, const struct heatmap *h, struct arena *a)
{
    size_t most = 1;
    if (h->n_panels < 2)
        return 0;
    l->titles = arena_need(a, h->n_panels, sizeof *l->titles);
    for (size_t i = 0; i < h->n_panels; i++) {
        l->titles[i] = words_wrap(a, h->names[i], look_font(l->look), l->step_x - 4);
        most = words_lines(l->titles[i]) > most ? words_lines(l->titles[i]) : most;
    }
    return look_font(l->look) * (0.3 + 1.3 * (double)most);
}

static struct layout plan(const struct subject *s, struct heatmap *h, const char *remark, const struct look *look,
                          struct arena *a)
{
    struct layout l = { .look = look };
    char buffer[48];
    double wide = 0;
    make_colors(&l, h);
    for (size_t i = 0; i < l.ticks.n; i++)
        wide = fmax(wide, words_width(scale_label(&l.ticks, i, buffer), look_font(look)));
    l.bar_name =
        words_wrap(a, arena_printf(a, "%s%s", h->what, scale_power(&l.ticks, buffer)), look_name(look), BAR_MOST);
    l.bar_room = BAR_GAP + BAR + 7 + wide + (0.45 + BAR_LINE * (double)words_lines(l.bar_name)) * look_name(look);
    l.left = grid_room_left(&h->grid, look);
    const double room = look->width > 0 ? fmax(look->width - l.left - l.bar_room - LOOK_MARGIN, 40) : 0;
    const size_t most = room > 0          ? (size_t)fmax(1, floor((room + GAP) / (110 + GAP)))
                        : h->n_panels > 9 ? COLUMNS + 1
                                          : COLUMNS;
    l.columns = h->n_panels < most ? h->n_panels : most;
    l.rows = (h->n_panels + l.columns - 1) / l.columns;
    const double side = h->n_panels == 1 ? 420 : h->n_panels > 4 ? 170 : 240;
    const double wide_side = room > 0 ? (room - GAP * (double)(l.columns - 1)) / (double)l.columns : side;
    grid_size(&h->grid, wide_side, room > 0 ? fmin(side, wide_side) : side);
    if (h->n_panels > 1 && room <= 0) { /* names of panels want some width */
        const double wanted = fmin(widest_word(h, look_font(look), a) + 5, 240) - GAP;
        h->grid.cell_width =
            fmax(fmax(h->grid.cell_width, fmin(44, 110 / (double)h->grid.nx)), wanted / (double)h->grid.nx);
    }
    l.step_x = grid_width(&h->grid) + GAP;
    const double title = wrap_titles(&l, h, a);
    l.bar_x = l.left + (double)l.columns * l.step_x - GAP + BAR_GAP;
    l.width = look->width > 0 ? look->width : fmax(l.bar_x + l.bar_room - BAR_GAP + LOOK_MARGIN, 360);
    l.heading = heading_make(a, s, remark, l.width - l.left - LOOK_MARGIN, look);
    make_legend(&l, h, a, l.width - l.left - SAMPLE - 7 - LOOK_MARGIN);
    const double others = l.heading.height + title + grid_room_below(look) + 10 + legend_height(&l) + 6;
    if (look->height > 0)
        h->grid.cell_height = fmax(4, (look->height - others - (double)(l.rows - 1) * (GAP + title)) / (double)l.rows /
                                          (double)h->grid.ny);
    l.top = l.heading.height + title;
    l.step_y = grid_height(&h->grid) + GAP + title;
    l.bar_height = fmin(fmax((double)l.rows * l.step_y - GAP - title, BAR_MOST - 30), fmax(grid_height(&h->grid), 260));
    l.legend_y = l.top + fmax((double)l.rows * l.step_y - GAP - title, l.bar_height) + grid_room_below(look) + 10;
    l.height = l.legend_y + legend_height(&l) + 6;
    return l;
}

static const char *remark_of(const struct heatmap *h, struct arena *a)
{
    const char *what = !h->metric      ? "the smaller the area under the train loss, the brighter"
                       : h->known_goal ? "last value, mean over seeds; the better, the brighter"
                                       : "last value, mean over seeds; the larger, the brighter";
    size_t n_shorter = 0;
    for (size_t i = 0; i < h->n; i++)
        n_shorter += h->cells[i].n_shorter;
    return arena_printf(a, "%s%s%s%s%s%s", what, h->best && *h->note ? "; best" : "", h->best ? h->note : "",
                        heading_shorter(a, n_shorter), *h->without ? "; not shown, without these keys: " : "",
                        h->without);
}

int heatmap_draw(struct picture *out, const struct subject *s, struct heatmap *h, const struct look *look,
                 struct arena *a, struct err *e)
{
    const struct grid *g = &h->grid;
    if (!g->x_key)
        return err_set(e, ERR_USAGE, "study '%s' does not sweep two numeric keys, which a heatmap needs", s->name);
    if (heatmap_uneven(h))
        return err_set(e, ERR_USAGE,
                       "study '%s': its trials ended at different steps, from %.0f to %.0f, and areas under train_loss "
                       "do not compare them: --metric NAME draws last values",
                       s->name, h->shortest, h->longest);
    if (!heatmap_fits(h))
        return err_set(e, ERR_USAGE,
                       "study '%s' has %zu heatmaps of %zu x %zu cells; up to %d of %d x %d can be drawn: choose with "
                       "--variant, --cell, or other axes with --x and --y",
                       s->name, h->n_panels, g->nx, g->ny, (int)HEATMAP_MAX_PANELS, (int)GRID_MAX_SIDE,
                       (int)GRID_MAX_SIDE);
    const struct layout l = plan(s, h, remark_of(h, a), look, a);
    struct text about = { 0 };
    text_add(&about, "Study %s: %s, x: %s, y: %s. In cells with a cross trials diverged.", s->name, h->what, g->x_key,
             g->y_key);
    picture_open(out, l.width, l.height, heading_title(s), about.s);
    text_free(&about);
    heading_draw(out, &l.heading, l.left, look);
    for (size_t i = 0; i < h->n_panels; i++)
        panel(out, &l, h, i);
    bar(out, &l, h);
    legend(out, &l, h);
    picture_close(out);
    return 0;
}
