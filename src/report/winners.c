#include "report/winners.h"

#include "report/heading.h"
#include "report/legend.h"
#include "report/picture.h"
#include "report/scale.h"
#include "report/words.h"
#include <math.h>
#include <stdio.h>

enum { LEFT = 70, TOP = HEADING_HEIGHT + 8, BESIDE = 28, BAR_WIDTH = 120, BAR_HEIGHT = 12, ENTRY = 52, LINE = 19 };

#define PALE 0.2 /* share of a colour in the cell of the smallest margin */

/* The winner's colour on white: margins from 0 to the largest, from pale to full. */
static const char *shade(size_t variant, double share, char buffer[8])
{
    unsigned r, g, b;
    if (sscanf(legend_style(variant).color, "#%2x%2x%2x", &r, &g, &b) != 3)
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
    picture_rect(t, x + 0.5, y + 0.5, width - 1, height - 1, fill, c->kind == WINNERS_OPEN ? "#d0d0d0" : NULL);
    if (c->kind == WINNERS_ALONE)
        picture_cross(t, middle_x, middle_y, 0.6 * r, "#ffffff", 1.4);
    else if (c->kind == WINNERS_DIVERGED)
        picture_cross(t, middle_x, middle_y, r, "#444444", 1.6);
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
    default:
        text_puts(t, ": no result yet");
    }
    text_puts(t, c->about);
}

static void draw_cells(struct picture *t, const struct subject *s, const struct winners *w)
{
    const double most = largest_margin(w);
    for (size_t i = 0; i < w->n; i++) {
        const struct winners_cell *c = &w->cells[i];
        struct text title = { 0 };
        tell(&title, s, w, c);
        picture_group(t, title.s);
        mark(t, c, most, grid_left(&w->grid, c->x, LEFT), grid_top(&w->grid, c->y, TOP), w->grid.cell_width,
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

/* A variant: its name, in how many cells it wins, its colour from no margin to the largest. */
static void draw_entry(struct picture *t, const struct subject *s, const struct winners *w, size_t variant, double x,
                       double y)
{
    enum { STEPS = 24 };
    char color[8], number[32];
    struct text name = { 0 };
    text_add(&name, "%s: best in %zu of %zu cells", s->variants[variant], wins(w, variant), w->n);
    picture_text(t, x, y + 11, 12, PICTURE_START, PICTURE_INK, name.s);
    text_free(&name);
    for (int i = 0; i < STEPS; i++) /* each reaches under the next, so that no seam shows */
        picture_rect(t, x + (double)i * BAR_WIDTH / STEPS, y + 17,
                     (double)BAR_WIDTH / STEPS + (i + 1 < STEPS ? 0.6 : 0), BAR_HEIGHT,
                     shade(variant, (i + 0.5) / STEPS, color), NULL);
    picture_rect(t, x, y + 17, BAR_WIDTH, BAR_HEIGHT, NULL, PICTURE_RULE);
    snprintf(number, sizeof number, "%.4g", largest_margin(w));
    picture_text(t, x, y + 42, 11, PICTURE_START, PICTURE_SOFT, "0");
    picture_text(t, x + BAR_WIDTH, y + 42, 11, PICTURE_END, PICTURE_SOFT, number);
}

static const char *const words[WINNERS_KINDS] = { NULL, "the others diverged", "tie", "all diverged", "no result yet" };

static size_t count(const struct winners *w, size_t kind)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++)
        n += w->cells[i].kind == kind;
    return n;
}

static void put_legend(struct picture *t, const struct subject *s, const struct winners *w, double x, double y)
{
    struct text margin = { 0 };
    text_add(&margin, "colour: margin of the area under %s", w->metric);
    for (size_t i = 0; i < s->n_variants; i++, y += ENTRY)
        draw_entry(t, s, w, i, x, y);
    picture_text(t, x, y + 8, 11, PICTURE_START, PICTURE_SOFT, margin.s);
    text_free(&margin);
    y += LINE;
    for (size_t kind = 0; kind < WINNERS_KINDS; kind++) {
        struct winners_cell sample = { .kind = (enum winners_kind)kind };
        if (!words[kind] || count(w, kind) == 0)
            continue;
        for (size_t i = w->n; i-- > 0;) /* in the colour of the first such cell */
            if (w->cells[i].kind == sample.kind)
                sample.winner = w->cells[i].winner;
        struct text label = { 0 };
        text_add(&label, "%s (%zu cell%s)", words[kind], count(w, kind), count(w, kind) == 1 ? "" : "s");
        mark(t, &sample, 1, x, y, 15, 15);
        picture_text(t, x + 22, y + 12, 11, PICTURE_START, PICTURE_INK, label.s);
        text_free(&label);
        y += LINE;
    }
}

static double legend_height(const struct subject *s, const struct winners *w)
{
    double height = ENTRY * (double)s->n_variants + LINE;
    for (size_t kind = 0; kind < WINNERS_KINDS; kind++)
        height += words[kind] && count(w, kind) ? LINE : 0;
    return height;
}

static double legend_width(const struct subject *s, const struct winners *w)
{
    double width = words_width("colour: margin of the area under ", 11) + words_width(w->metric, 11);
    for (size_t i = 0; i < s->n_variants; i++)
        width = fmax(width, words_width(s->variants[i], 12) + words_width(": best in 000 of 000 cells", 12));
    return width;
}

int winners_draw(struct picture *out, const struct subject *s, struct winners *w, struct err *e)
{
    enum { MAX_VARIANTS = 7 }; /* colours */
    struct grid *g = &w->grid;
    if (s->n_variants > MAX_VARIANTS)
        return err_set(e, ERR_USAGE,
                       "study '%s' has %zu variants and a map of winners shows up to %d: choose with --variant",
                       s->name, s->n_variants, (int)MAX_VARIANTS);
    if (w->n == 0 || g->nx > GRID_MAX_SIDE || g->ny > GRID_MAX_SIDE)
        return err_set(e, ERR_USAGE, "study '%s' has %zu x %zu cells; up to %d x %d can be drawn", s->name, g->nx,
                       g->ny, (int)GRID_MAX_SIDE, (int)GRID_MAX_SIDE);
    grid_size(g, 420);
    char remark[160];
    snprintf(remark, sizeof remark, "best variant; each tuned by %.100s", w->tuned_by);
    const double beside = LEFT + grid_width(g) + BESIDE;
    const double width = fmax(beside + legend_width(s, w), LEFT + heading_width(s, remark)) + 16;
    const double height = TOP + fmax(grid_height(g) + 46, legend_height(s, w)) + 6;
    struct text about = { 0 };
    text_add(&about, "Study %s: the variant with the best area under %s in each cell, x: %s, y: %s.", s->name,
             w->metric, g->x_key, g->y_key);
    picture_open(out, width, height, heading_title(s), about.s);
    text_free(&about);
    heading_draw(out, s, remark, LEFT);
    draw_cells(out, s, w);
    grid_axes(out, g, LEFT, TOP);
    put_legend(out, s, w, beside, TOP);
    picture_close(out);
    return 0;
}
