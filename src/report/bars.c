#include "report/bars.h"

#include "report/heading.h"
#include "report/legend.h"
#include "report/scale.h"
#include "report/series.h"
#include "report/words.h"
#include "store/partial.h"
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { MARGIN = 16, PLOT = 380, GAP = 14, CAP = 4, BESIDE = 8, SMALLEST = 60 };

struct layout {
    const struct subject *s;
    const struct look *look;
    double x, plot, slot, each; /* the panel's left edge and width; height of a bar's place, of a panel with its axis */
    bool below;                 /* numbers stand below a bar's name, not at the right */
};

#define KEY "(SELECT id FROM metric_key WHERE name = ?2)"
static const char sql_late[] =
    "SELECT " PARTIAL_SUMMARY " FROM summary u WHERE u.trial_id = CAST(?1 AS INTEGER) AND u.key_id = " KEY;
static const char sql_late_layer[] = "SELECT " LATE_LAYER(
    "t.id", "t.step", "0",
    "m.key_id = " KEY " AND m.layer = CAST(?3 AS INTEGER)") " FROM trial t WHERE t.id = CAST(?1 AS INTEGER)";

static int logged_late(bool *late, struct query *q, const char *trial, const struct quantity *what, struct err *e)
{
    char layer[32];
    bool found;
    double value = 0;
    snprintf(layer, sizeof layer, "%" PRId64, what->layer);
    const char *const arguments[] = { trial, what->metric, layer };
    const bool of_layer = what->kind == QUANTITY_LAYER;
    TRY(query_number(q, of_layer ? sql_late_layer : sql_late, arguments, of_layer ? 3 : 2, &found, &value, e));
    *late = value != 0;
    return 0;
}

int bars_read(const struct bar **bars, const struct subject *s, struct query *q, struct arena *a,
              const struct quantity *what, struct err *e)
{
    struct bar *all = arena_need(a, s->n_groups + 1, sizeof *all);
    *bars = all;
    for (size_t i = 0; i < s->n_trials; i++) {
        struct bar *bar = &all[s->trials[i].group];
        struct series rows;
        struct moments steps = { 0 };
        bool late;
        if (!s->trials[i].done) /* a part of a training is not averaged with whole ones */
            continue;
        TRY(logged_late(&late, q, s->trials[i].id, what, e));
        bar->n_late += late;
        if (late)
            continue;
        TRY(series_read(&rows, q, a, s->trials[i].id, what, e));
        for (size_t j = 0; j < rows.n; j++)
            if (rows.at[j] > 0 && isfinite(rows.value[j]))
                moments_add(&steps, rows.value[j]);
        if (steps.n)
            moments_add(&bar->values, steps.mean);
    }
    return 0;
}

/* What the whiskers reach; 0 with a single value. */
static double deviation(const struct moments *m)
{
    return m->n < 2 ? 0 : moments_sd(m);
}

/* "0.712 ± 0.17, n = 3", n counts seeds. */
static const char *numbers(const struct group *g, const struct bar *bar, struct arena *a)
{
    const struct moments *m = &bar->values;
    const char *late = bar->n_late ? arena_printf(a, ", %zu logged it in part", bar->n_late) : "";
    if (m->n == 0)
        return arena_printf(a, "%s%s", legend_remark(a, g, false, NULL), late);
    struct text t = { 0 };
    if (m->n == 1)
        text_add(&t, "%.3g, n = 1", m->mean);
    else
        text_add(&t, "%.3g ± %.2g, n = %zu", m->mean, moments_sd(m), m->n);
    if (m->n < g->n_trials)
        text_add(&t, " of %zu seeds", g->n_trials);
    if (g->n_diverged)
        text_add(&t, ", %zu diverged", g->n_diverged);
    if (g->n_failed)
        text_add(&t, ", %zu failed", g->n_failed);
    if (g->n_outdated)
        text_add(&t, ", %zu outdated", g->n_outdated);
    if (g->n_shorter)
        text_add(&t, ", %zu of fewer steps", g->n_shorter);
    if (group_waiting(g))
        text_add(&t, ", %zu not finished", group_waiting(g));
    text_puts(&t, late);
    const char *words = arena_strdup(a, t.s);
    text_free(&t);
    return words;
}

static struct scale make_scale(const struct bars_panel *p, size_t n, double from, double to)
{
    double low = 0, high = 0;
    for (size_t i = 0; i < n; i++) {
        const struct moments *m = &p->bars[i].values;
        if (m->n == 0)
            continue;
        low = fmin(low, m->mean < 0 ? m->mean - deviation(m) : 0);
        high = fmax(high, m->mean >= 0 ? m->mean + deviation(m) : 0);
    }
    return scale_make(false, 1.04 * low, 1.04 * high, from, to); /* whiskers end inside of the frame */
}

static void draw_bar(struct picture *t, const struct scale *s, const struct moments *m, const char *color,
                     double middle, double width)
{
    const double zero = scale_at(s, 0), mean = scale_at(s, m->mean);
    picture_rect(t, fmin(zero, mean), middle - width / 2, fabs(mean - zero), width, color, NULL);
    if (m->n < 2)
        return;
    const double low = scale_at(s, m->mean - deviation(m)), high = scale_at(s, m->mean + deviation(m));
    picture_line(t, low, middle, high, middle, PICTURE_INK, 1.4, NULL);
    picture_line(t, low, middle - CAP, low, middle + CAP, PICTURE_INK, 1.4, NULL);
    picture_line(t, high, middle - CAP, high, middle + CAP, PICTURE_INK, 1.4, NULL);
}

static void axis(struct picture *t, const struct layout *l, const struct bars_panel *p, const struct scale *scale,
                 double y, double height, struct arena *a)
{
    char buffer[48];
    const double size = look_font(l->look), name = look_name(l->look);
    const struct ticks ticks = scale_ticks(scale, l->plot < 200 ? 3 : 6);
    for (size_t i = 0; i < ticks.n; i++) {
        const double at = scale_at(scale, ticks.value[i]);
        picture_line(t, at, y, at, y + height, PICTURE_FAINT, 1, NULL);
        picture_text(t, at, y + height + 4 + size, size, PICTURE_MIDDLE, PICTURE_SOFT, scale_label(&ticks, i, buffer));
    }
    struct text title = { 0 };
    quantity_title(p->what, &title);
    text_puts(&title, scale_power(&ticks, buffer));
    picture_text(t, l->x + l->plot / 2, y + height + 4 + 1.4 * size + name, name, PICTURE_MIDDLE, PICTURE_INK,
                 words_cut(a, title.s, name, l->plot + 2 * MARGIN));
    text_free(&title);
}

static void panel(struct picture *t, const struct layout *l, const struct bars_panel *p, double y, struct arena *a)
{
    const struct subject *s = l->s;
    const double height = l->slot * (double)s->n_groups, size = look_font(l->look), name = look_name(l->look);
    const struct scale scale = make_scale(p, s->n_groups, l->x, l->x + l->plot);
    const struct legend_style *styles = legend_styles(s, a);
    axis(t, l, p, &scale, y, height, a);
    for (size_t i = 0; i < s->n_groups; i++) {
        const double middle = y + l->slot * ((double)i + 0.5), base = middle + (l->below ? -0.1 : 0.36) * name;
        const struct moments *values = &p->bars[i].values;
        const bool complete = values->n == s->groups[i].n_trials;
        const char *words = numbers(&s->groups[i], &p->bars[i], a);
        picture_group(t, s->groups[i].shown);
        picture_text(t, l->x - BESIDE, base, name, PICTURE_END, PICTURE_INK,
                     words_cut(a, s->groups[i].shown, name, l->x - BESIDE - 4));
        if (l->below)
            picture_text(t, l->x - BESIDE, base + 1.15 * size, look_small(l->look), PICTURE_END, PICTURE_SOFT,
                         words_cut(a, words, look_small(l->look), l->x - BESIDE - 4));
        if (!complete)
            picture_group_pale(t);
        if (values->n)
            draw_bar(t, &scale, values, styles[i].color, middle, (complete ? 0.6 : 0.3) * l->slot);
        if (!complete)
            picture_group_end(t);
        if (!l->below)
            picture_text(t, l->x + l->plot + BESIDE, middle + 0.36 * size, size, PICTURE_START, PICTURE_SOFT, words);
        picture_group_end(t);
    }
    picture_rect(t, l->x, y, l->plot, height, NULL, PICTURE_RULE);
}

/* The widths of the names on the left and of the numbers on the right. */
static void measure(const struct subject *s, const struct bars_panel *panels, size_t n_panels, const struct look *look,
                    double *left, double *right, struct arena *a)
{
    *left = *right = 0;
    for (size_t i = 0; i < s->n_groups; i++) {
        *left = fmax(*left, words_width(s->groups[i].shown, look_name(look)));
        for (size_t p = 0; p < n_panels; p++)
            *right = fmax(*right, words_width(numbers(&s->groups[i], &panels[p].bars[i], a), look_font(look)));
    }
}

void bars_draw(struct picture *out, const struct subject *s, const struct bars_panel *panels, size_t n_panels,
               const struct look *look, struct arena *a)
{
    static const char remark[] = "bars: mean ± sd over the seeds, of each trial's mean over its logged steps above 0; "
                                 "thin and pale: seeds are missing";
    assert(s->n_groups <= BARS_MAX_GROUPS && n_panels >= 1);
    struct layout l = { .s = s, .look = look };
    double names, right;
    measure(s, panels, n_panels, look, &names, &right, a);
    double width = MARGIN + names + BESIDE + PLOT + BESIDE + right + MARGIN;
    l.plot = PLOT;
    if (look->width > 0) {
        width = look->width;
        l.plot = width - (2 * MARGIN + names + 2 * BESIDE + right);
        l.below = l.plot < 0.35 * width;
        names = l.below ? fmin(0.5 * width, fmax(names, right)) : names;
        l.plot = l.below ? fmax(width - names - BESIDE - 2 * MARGIN, SMALLEST) : l.plot;
    }
    l.x = MARGIN + names + BESIDE;
    const struct heading heading = heading_make(a, s, remark, width - 2 * MARGIN, look);
    const double below = 4 + 1.4 * look_font(look) + 1.6 * look_name(look), n = (double)n_panels;
    l.slot = (l.below ? 2.9 : 2.2) * look_name(look);
    if (look->height > 0)
        l.slot = fmax((look->height - heading.height - n * (below + GAP)) / n / (double)s->n_groups, l.slot);
    l.each = l.slot * (double)s->n_groups + below + GAP;
    struct text about = { 0 };
    text_add(&about, "Study %s: ", s->name);
    for (size_t p = 0; p < n_panels; p++) {
        text_puts(&about, p ? ", " : "");
        quantity_title(panels[p].what, &about);
    }
    text_puts(&about, ", mean and standard deviation, one bar for each variant.");
    picture_open(out, width, heading.height + l.each * n - GAP + 6, heading_title(s), about.s);
    text_free(&about);
    heading_draw(out, &heading, MARGIN, look);
    for (size_t p = 0; p < n_panels; p++)
        panel(out, &l, &panels[p], heading.height + l.each * (double)p, a);
    picture_close(out);
}
