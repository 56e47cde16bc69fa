#include "report/heatmap.h"

#include "report/heading.h"
#include "report/picture.h"
#include "report/scale.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    LEFT = 70,
    TOP = HEADING_HEIGHT + 8,
    BOTTOM = 50,
    GAP = 58,
    COLUMNS = 3,
    BAR = 14,
    BAR_TEXT = 48,
    NAME_LINE = 18,
    MAX_PANELS = 12
};

struct layout {
    size_t n_panels, columns, rows;
    double low, high; /* of the brightness */
    bool named;       /* more than one panel: each has its variant's name above */
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

static double share_of(const struct layout *l, double brightness)
{
    return l->high > l->low ? (brightness - l->low) / (l->high - l->low) : 1;
}

static void tell(struct text *t, const struct heatmap *h, const struct heatmap_cell *c)
{
    grid_tell(t, &h->grid, c->x, c->y);
    text_puts(t, ": ");
    if (isfinite(c->brightness))
        text_add(t, "1 / area = %.4g", c->brightness);
    else
        text_puts(t, c->n_diverged ? "diverged" : "no area yet");
    if (isfinite(c->brightness) && c->n < c->n_asked)
        text_add(t, " of %zu of %zu seeds", c->n, c->n_asked);
    if (isfinite(c->brightness) && c->n_diverged)
        text_add(t, ", %zu diverged", c->n_diverged);
}

/* One cell of w x h with its upper left at (x, y). Trials that diverged are never shown by their small area. */
static void mark(struct picture *t, const struct layout *l, const struct heatmap_cell *c, double x, double y, double w,
                 double h)
{
    char color[8];
    const double r = 0.26 * fmin(w, h);
    const bool known = isfinite(c->brightness);
    const double share = known ? share_of(l, c->brightness) : 0;
    const bool pale = known && c->n < c->n_asked;
    if (pale)
        picture_group_pale(t);
    picture_rect(t, x + 0.5, y + 0.5, w - 1, h - 1,
                 known           ? ramp(share, color)
                 : c->n_diverged ? "#eeeeee"
                                 : "#ffffff",
                 known ? NULL : "#d0d0d0");
    if (pale)
        picture_group_end(t);
    if (c->n_diverged && known)
        picture_cross(t, x + w / 2, y + h / 2, 0.6 * r, share > 0.6 ? "#000000" : "#ffffff", 1.4);
    else if (c->n_diverged)
        picture_cross(t, x + w / 2, y + h / 2, r, "#444444", 1.6);
}

static void panel(struct picture *t, const struct layout *l, const struct heatmap *h, size_t variant, const char *name,
                  double x, double y)
{
    if (l->named)
        picture_text(t, x, y - 6, 12, PICTURE_START, PICTURE_INK, name);
    for (size_t i = 0; i < h->n; i++) {
        const struct heatmap_cell *c = &h->cells[i];
        if (c->variant != variant)
            continue;
        struct text title = { 0 };
        tell(&title, h, c);
        picture_group(t, title.s);
        mark(t, l, c, grid_left(&h->grid, c->x, x), grid_top(&h->grid, c->y, y), h->grid.cell_width,
             h->grid.cell_height);
        picture_group_end(t);
        text_free(&title);
    }
    grid_axes(t, &h->grid, x, y);
}

/* The colour bar. Small numbers are written as multiples of a power of 1000. */
static void bar(struct picture *t, const struct layout *l, double height, double x, double y)
{
    enum { STEPS = 40 };
    char color[8], buffer[32];
    if (!(l->high > 0))
        return;
    for (int i = 0; i < STEPS; i++) { /* each reaches under the one above it, so that no seam shows */
        const double top = y + height * (1 - (i + 1.0) / STEPS);
        picture_rect(t, x, top, BAR, height / STEPS + (i ? 0.6 : 0), ramp((i + 0.5) / STEPS, color), NULL);
    }
    picture_rect(t, x, y, BAR, height, NULL, PICTURE_RULE);
    const int power = l->high < 0.1 || l->high >= 1e4 ? 3 * (int)floor(log10(l->high) / 3) : 0;
    const double unit = pow(10, power);
    struct scale s = scale_make(false, l->low / unit, l->high / unit, y + height, y);
    const struct ticks ticks = scale_ticks(&s, 5);
    for (size_t i = 0; i < ticks.n; i++) {
        const double at = scale_at(&s, ticks.value[i]);
        picture_line(t, x + BAR, at, x + BAR + 4, at, PICTURE_RULE, 1, NULL);
        picture_text(t, x + BAR + 7, at + 4, 11, PICTURE_START, PICTURE_SOFT, scale_label(&ticks, i, buffer));
    }
    struct text name = { 0 };
    text_puts(&name, "1 / area under train_loss");
    if (power)
        text_add(&name, " (10%s)", scale_superscript(power, buffer));
    picture_text_rotated(t, x + BAR + BAR_TEXT, y + height / 2, 12, PICTURE_INK, name.s);
    text_free(&name);
}

/* Cells in which all trials diverged, some, those that lack seeds for another reason, and those without an area yet. */
enum { ALL, SOME, PART, NONE, KINDS };

static void count(const struct heatmap *h, size_t n[KINDS])
{
    memset(n, 0, KINDS * sizeof *n);
    for (size_t i = 0; i < h->n; i++) {
        const bool known = isfinite(h->cells[i].brightness);
        if (h->cells[i].n_diverged)
            n[known ? SOME : ALL]++;
        else if (!known)
            n[NONE]++;
        else
            n[PART] += h->cells[i].n < h->cells[i].n_asked;
    }
}

static size_t legend_lines(const struct heatmap *h)
{
    size_t n[KINDS];
    count(h, n);
    return (n[ALL] > 0) + (n[SOME] > 0) + (n[PART] > 0) + (n[NONE] > 0);
}

static void legend(struct picture *t, const struct layout *l, const struct heatmap *h, double x, double y)
{
    size_t counts[KINDS];
    count(h, counts);
    const struct heatmap_cell samples[] = { { .brightness = NAN, .n_diverged = 1 },
                                            { .brightness = l->low, .n_diverged = 1, .n_asked = 1 },
                                            { .brightness = l->low, .n_asked = 1 },
                                            { .brightness = NAN } };
    static const char *const words[] = { "diverged", "some seeds diverged, colour of the others",
                                         "seeds are missing, colour of the others", "no area yet" };
    for (size_t i = 0; i < KINDS; i++) {
        if (counts[i] == 0)
            continue;
        struct text label = { 0 };
        text_add(&label, "%s (%zu of %zu cells)", words[i], counts[i], h->n);
        mark(t, l, &samples[i], x, y, 15, 15);
        picture_text(t, x + 22, y + 12, 11, PICTURE_START, PICTURE_INK, label.s);
        text_free(&label);
        y += 19;
    }
}

static struct layout plan(const struct subject *s, struct heatmap *h, bool *shown)
{
    struct layout l = { 0 };
    for (size_t i = 0; i < s->n_variants; i++)
        shown[i] = false;
    l.low = INFINITY;
    l.high = -INFINITY;
    for (size_t i = 0; i < h->n; i++) {
        l.n_panels += !shown[h->cells[i].variant];
        shown[h->cells[i].variant] = true;
        l.low = fmin(l.low, h->cells[i].brightness); /* NaN loses */
        l.high = fmax(l.high, h->cells[i].brightness);
    }
    l.named = l.n_panels > 1;
    l.columns = l.n_panels < COLUMNS ? l.n_panels : COLUMNS;
    l.rows = (l.n_panels + l.columns - 1) / l.columns;
    grid_size(&h->grid, l.named ? 260 : 420);
    return l;
}

static const char remark[] = "the smaller the area under the train loss, the brighter";

int heatmap_draw(struct picture *out, const struct subject *s, struct heatmap *h, struct err *e)
{
    const struct grid *g = &h->grid;
    bool shown[256];
    if (!g->x_key)
        return err_set(e, ERR_USAGE, "study '%s' does not sweep exactly two numeric keys, which a heatmap needs",
                       s->name);
    if (s->n_variants > sizeof shown)
        return err_set(e, ERR_USAGE, "study '%s' has %zu variants; choose with --variant", s->name, s->n_variants);
    const struct layout l = plan(s, h, shown);
    if (l.n_panels == 0 || l.n_panels > MAX_PANELS || g->nx > GRID_MAX_SIDE || g->ny > GRID_MAX_SIDE)
        return err_set(e, ERR_USAGE, "study '%s' has %zu heatmaps of %zu x %zu cells; up to %d of %d x %d can be drawn",
                       s->name, l.n_panels, g->nx, g->ny, (int)MAX_PANELS, (int)GRID_MAX_SIDE, (int)GRID_MAX_SIDE);
    const double top = TOP + (l.named ? NAME_LINE : 0), step_x = grid_width(g) + LEFT,
                 step_y = grid_height(g) + GAP + (l.named ? NAME_LINE : 0);
    const double bar_x = LEFT + (double)l.columns * step_x - LEFT + 20;
    const double legend_y = top + (double)l.rows * step_y - GAP + BOTTOM;
    const double width = fmax(bar_x + BAR + BAR_TEXT + 10, LEFT + heading_width(s, remark)) + 16;
    struct text about = { 0 };
    text_add(&about, "Study %s: 1 / area under train_loss, x: %s, y: %s. Cells with a cross diverged.", s->name,
             g->x_key, g->y_key);
    picture_open(out, width, legend_y + 19 * (double)legend_lines(h) + 6, heading_title(s), about.s);
    text_free(&about);
    heading_draw(out, s, remark, LEFT);
    for (size_t i = 0, at = 0; i < s->n_variants; i++) {
        if (!shown[i])
            continue;
        panel(out, &l, h, i, s->variants[i], LEFT + (double)(at % l.columns) * step_x,
              top + (double)(at / l.columns) * step_y);
        at++;
    }
    bar(out, &l, grid_height(g), bar_x, top);
    legend(out, &l, h, LEFT, legend_y);
    picture_close(out);
    return 0;
}
