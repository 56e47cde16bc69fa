#include "report/winners.h"

#include "report/heading.h"
#include "report/legend.h"
#include "report/scale.h"
#include "report/words.h"
#include <math.h>
#include <stdio.h>

enum { BESIDE = 24, BAR_WIDTH = 120, BAR_HEIGHT = 12, SAMPLE = 15, BESIDE_SAMPLE = 7 };

struct layout {
    const struct subject *s;
    const struct winners *w;
    const struct look *look;
    struct heading heading;
    bool beside; /* the legend stands at the right */
    double left, top, legend_x, legend_y, legend_width, width, height;
};

#define PALE 0.2 /* share of a colour in the cell of the smallest margin */

/* The winner's colour on white: margins from 0 to the largest, from pale to full. */
static const char *shade(size_t variant, double share, char buffer[8])
{
    unsigned r, g, b;
    if (sscanf(legend_color(variant), "#%2x%2x%2x", &r, &g, &b) != 3)
        return "#000000"; /* not reached: the colours are a table */
    const double part = PALE + (1 - PALE) * fmin(fmax(share, 0), 1);
    const unsigned rgb[] = { r, g, b };
    unsigned mixed[3];
    for (size_t i = 0; i < 3; i++)
        mixed[i] = (unsigned)lround(255 + part * ((double)rgb[i] - 255)) & 0xff;
    snprintf(buffer, 8, "#%02x%02x%02x", mixed[0], mixed[1], mixed[2]);
    return buffer;
}

static double largest_margin(const struct winners *w)
{
    double most = 0;
    for (size_t i = 0; i < w->n; i++)
        if (w->cells[i].kind == WINNERS_WON)
            most = fmax(most, w->cells[i].margin);
    return most;
}

/* One cell of width x height with its upper left at (x, y). */
static void mark(struct picture *t, const struct winners_cell *c, double most, double x, double y, double width,
                 double height)
{
    char color[8];
    const double r = 0.26 * fmin(width, height), middle_x = x + width / 2, middle_y = y + height / 2;
    const char *fill = c->kind == WINNERS_WON        ? shade(c->winner, most > 0 ? c->margin / most : 1, color)
                       : c->kind == WINNERS_ALONE    ? shade(c->winner, 1, color)
                       : c->kind == WINNERS_TIE      ? "#bbbbbb"
                       : c->kind == WINNERS_DIVERGED ? "#eeeeee"
                                                     : "#ffffff";
    picture_rect(t, x + 0.5, y + 0.5, width - 1, height - 1, fill, c->kind >= WINNERS_INCOMPARABLE ? "#d0d0d0" : NULL);
    if (c->kind == WINNERS_ALONE)
        picture_cross(t, middle_x, middle_y, 0.6 * r, "#ffffff", 1.4);
    else if (c->kind == WINNERS_DIVERGED)
        picture_cross(t, middle_x, middle_y, r, "#444444", 1.6);
    else if (c->kind == WINNERS_INCOMPARABLE)
        picture_line(t, middle_x - r, middle_y, middle_x + r, middle_y, "#888888", 1.4, NULL);
}

static void tell(struct text *t, const struct subject *s, const struct winners *w, const struct winners_cell *c)
{
    grid_tell(t, &w->grid, c->x, c->y);
    switch (c->kind) {
    case WINNERS_WON:
        text_add(t, ": %s wins by %.4g", s->variants[c->winner], c->margin);
        break;
    case WINNERS_ALONE:
        text_add(t, ": %s wins, the others diverged", s->variants[c->winner]);
        break;
    case WINNERS_TIE:
        text_puts(t, ": tie");
        break;
    case WINNERS_DIVERGED:
        text_puts(t, ": all diverged");
        break;
    case WINNERS_INCOMPARABLE:
        text_puts(t, ": cannot be compared");
        break;
    default:
        text_puts(t, ": no result yet");
    }
    text_puts(t, c->about);
}

static void draw_cells(struct picture *t, const struct layout *l)
{
    const struct winners *w = l->w;
    const double most = largest_margin(w);
    for (size_t i = 0; i < w->n; i++) {
        const struct winners_cell *c = &w->cells[i];
        struct text title = { 0 };
        tell(&title, l->s, w, c);
        picture_group(t, title.s);
        mark(t, c, most, grid_left(&w->grid, c->x, l->left), grid_top(&w->grid, c->y, l->top), w->grid.cell_width,
             w->grid.cell_height);
        picture_group_end(t);
        text_free(&title);
    }
}

static size_t wins(const struct winners *w, size_t variant)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++)
        n += w->cells[i].kind <= WINNERS_ALONE && w->cells[i].winner == variant;
    return n;
}

static double entry_height(const struct look *look)
{
    return 1.3 * look_name(look) + BAR_HEIGHT + 1.4 * look_font(look) + 8;
}

static const char *entry_name(const struct layout *l, size_t variant, struct arena *a)
{
    return arena_printf(a, "%s: best in %zu of %zu cells", subject_variant(l->s, l->s->variants[variant]),
                        wins(l->w, variant), l->w->n);
}

/* A variant: its name, in how many cells it wins, its colour from no margin to the largest. */
static void draw_entry(struct picture *t, const struct layout *l, size_t variant, double y, struct arena *a)
{
    enum { STEPS = 24 };
    char color[8], number[48];
    const double name = look_name(l->look), size = look_font(l->look), x = l->legend_x, bar = y + 1.35 * name;
    picture_text(t, x, y + name, name, PICTURE_START, PICTURE_INK,
                 words_cut(a, entry_name(l, variant, a), name, l->legend_width));
    for (int i = 0; i < STEPS; i++) /* each reaches under the next, so that no seam shows */
        picture_rect(t, x + (double)i * BAR_WIDTH / STEPS, bar, (double)BAR_WIDTH / STEPS + (i + 1 < STEPS ? 0.6 : 0),
                     BAR_HEIGHT, shade(variant, (i + 0.5) / STEPS, color), NULL);
    picture_rect(t, x, bar, BAR_WIDTH, BAR_HEIGHT, NULL, PICTURE_RULE);
    picture_text(t, x, bar + BAR_HEIGHT + 1.1 * size, size, PICTURE_START, PICTURE_SOFT, "0");
    picture_text(t, x + BAR_WIDTH, bar + BAR_HEIGHT + 1.1 * size, size, PICTURE_END, PICTURE_SOFT,
                 scale_number(largest_margin(l->w), number));
}

static const char *const words[WINNERS_KINDS] = { [WINNERS_ALONE] = "the others diverged",
                                                  [WINNERS_TIE] = "tie",
                                                  [WINNERS_DIVERGED] = "all diverged",
                                                  [WINNERS_INCOMPARABLE] = "cannot be compared",
                                                  [WINNERS_OPEN] = "no result yet" };

static size_t count(const struct winners *w, size_t kind)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++)
        n += w->cells[i].kind == kind;
    return n;
}

static const char *kind_label(const struct winners *w, size_t kind, struct arena *a)
{
    return arena_printf(a, "%s (%zu cell%s)", words[kind], count(w, kind), count(w, kind) == 1 ? "" : "s");
}

static const char *margin_words(const struct layout *l, struct arena *a)
{
    return words_wrap(a, arena_printf(a, "colour: margin of the area under %s", subject_metric(l->s, l->w->metric)),
                      look_font(l->look), l->legend_width);
}

static double line_height(const struct layout *l)
{
    return fmax(SAMPLE + 4, 1.3 * look_font(l->look));
}

static void put_legend(struct picture *t, const struct layout *l, struct arena *a)
{
    const struct winners *w = l->w;
    const double size = look_font(l->look);
    double y = l->legend_y;
    for (size_t i = 0; i < l->s->n_variants; i++, y += entry_height(l->look))
        draw_entry(t, l, i, y, a);
    y = heading_lines(t, l->legend_x, y + size, size, PICTURE_SOFT, margin_words(l, a)) - size + 4;
    for (size_t kind = 0; kind < WINNERS_KINDS; kind++) {
        struct winners_cell sample = { .kind = (enum winners_kind)kind };
        if (!words[kind] || count(w, kind) == 0)
            continue;
        for (size_t i = w->n; i-- > 0;) /* in the colour of the first such cell */
            if (w->cells[i].kind == sample.kind)
                sample.winner = w->cells[i].winner;
        mark(t, &sample, 1, l->legend_x, y, SAMPLE, SAMPLE);
        picture_text(t, l->legend_x + SAMPLE + BESIDE_SAMPLE, y + SAMPLE / 2.0 + 0.36 * size, size, PICTURE_START,
                     PICTURE_INK, words_cut(a, kind_label(w, kind, a), size, l->legend_width - SAMPLE - BESIDE_SAMPLE));
        y += line_height(l);
    }
}

static double legend_height(const struct layout *l, struct arena *a)
{
    double height = entry_height(l->look) * (double)l->s->n_variants +
                    1.3 * look_font(l->look) * (double)words_lines(margin_words(l, a)) + 4;
    for (size_t kind = 0; kind < WINNERS_KINDS; kind++)
        height += words[kind] && count(l->w, kind) ? line_height(l) : 0;
    return height;
}

static double legend_width(const struct layout *l, struct arena *a)
{
    double width = BAR_WIDTH;
    for (size_t i = 0; i < l->s->n_variants; i++)
        width = fmax(width, words_width(entry_name(l, i, a), look_name(l->look)));
    for (size_t kind = 0; kind < WINNERS_KINDS; kind++)
        if (words[kind] && count(l->w, kind))
            width = fmax(width, SAMPLE + BESIDE_SAMPLE + words_width(kind_label(l->w, kind, a), look_font(l->look)));
    return fmin(width, 300);
}

static void plan(struct layout *l, struct grid *g, struct arena *a)
{
    const struct look *look = l->look;
    l->left = grid_room_left(g, look);
    l->legend_width = legend_width(l, a);
    l->beside = look_beside(look);
    const double room =
        look->width > 0 ? look->width - l->left - LOOK_MARGIN - (l->beside ? BESIDE + l->legend_width : 0) : 420;
    grid_size(g, fmax(room, 40), fmin(fmax(room, 40), 420));
    l->width = look->width > 0 ? look->width
                               : l->left + grid_width(g) + (l->beside ? BESIDE + l->legend_width : 0) + LOOK_MARGIN;
    if (!l->beside && look->width <= 0)
        l->width = fmax(l->width, l->left + l->legend_width + LOOK_MARGIN);
    size_t n_shorter = 0;
    for (size_t i = 0; i < l->s->n_groups; i++)
        n_shorter += l->s->groups[i].retrained ? 0 : l->s->groups[i].n_shorter;
    const char *remark =
        arena_printf(a, "best variant; each tuned by %s%s", l->w->tuned_by, heading_shorter(a, n_shorter));
    l->heading = heading_make(a, l->s, remark, l->width - l->left - LOOK_MARGIN, look);
    l->top = l->heading.height;
    if (!l->beside)
        l->legend_width = l->width - l->left - LOOK_MARGIN;
    const double below = grid_room_below(look) + 8, shown = look->legend != LOOK_NONE;
    const double under = shown && !l->beside ? legend_height(l, a) + 6 : 0;
    if (look->height > 0)
        g->cell_height = fmax(4, (look->height - l->top - below - under) / (double)g->ny);
    const double bottom = l->top + grid_height(g) + below;
    l->legend_x = l->beside ? l->left + grid_width(g) + BESIDE : l->left;
    l->legend_y = l->beside ? l->top : bottom;
    l->height = shown && l->beside ? fmax(bottom, l->top + legend_height(l, a) + 8) : bottom + under;
}

int winners_draw(struct picture *out, const struct subject *s, struct winners *w, const struct look *look,
                 struct arena *a, struct err *e)
{
    struct grid *g = &w->grid;
    if (s->n_variants > LEGEND_COLORS)
        return err_set(e, ERR_USAGE,
                       "study '%s' has %zu variants and a map of winners shows up to %d: choose with --variant",
                       s->name, s->n_variants, (int)LEGEND_COLORS);
    if (w->n == 0 || g->nx > GRID_MAX_SIDE || g->ny > GRID_MAX_SIDE)
        return err_set(e, ERR_USAGE, "study '%s' has %zu x %zu cells; up to %d x %d can be drawn", s->name, g->nx,
                       g->ny, (int)GRID_MAX_SIDE, (int)GRID_MAX_SIDE);
    struct layout l = { .s = s, .w = w, .look = look };
    plan(&l, g, a);
    picture_open(out, l.width, l.height, heading_title(s),
                 arena_printf(a, "Study %s: the variant with the best area under %s in each cell, x: %s, y: %s.",
                              s->name, w->metric, g->x_key, g->y_key));
    heading_draw(out, &l.heading, l.left, look);
    draw_cells(out, &l);
    grid_axes(out, g, l.left, l.top, true, true, look);
    if (look->legend != LOOK_NONE)
        put_legend(out, &l, a);
    picture_close(out);
    return 0;
}
