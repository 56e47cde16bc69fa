#include "report/bars.h"

#include "report/heading.h"
#include "report/legend.h"
#include "report/picture.h"
#include "report/scale.h"
#include "report/series.h"
#include "report/words.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>

enum {
    MARGIN = 16,
    TOP = HEADING_HEIGHT + 2,
    PLOT = 380,
    SLOT = 26,
    BAR = 16,
    AXIS = 44,
    GAP = 14,
    CAP = 4,
    BESIDE = 10
};

static const char remark[] =
    "bars: mean ± sd over the logged steps above 0 and the seeds; thin and pale: seeds are missing";

int bars_read(const struct moments **values, const struct subject *s, struct query *q, struct arena *a,
              const struct quantity *what, struct err *e)
{
    struct moments *m = arena_need(a, s->n_groups + 1, sizeof *m);
    *values = m;
    for (size_t i = 0; i < s->n_trials; i++) {
        struct series rows;
        if (!s->trials[i].done) /* a part of a training is not averaged with whole ones */
            continue;
        TRY(series_read(&rows, q, a, s->trials[i].id, what, e));
        for (size_t j = 0; j < rows.n; j++)
            if (rows.at[j] > 0 && isfinite(rows.value[j]))
                moments_add(&m[s->trials[i].group], rows.value[j]);
    }
    return 0;
}

/* What the whiskers reach; 0 with a single value. */
static double deviation(const struct moments *m)
{
    return m->n < 2 ? 0 : moments_sd(m);
}

/* "0.712 ± 0.17, n = 800" */
static void put_numbers(struct text *t, const struct group *g, const struct moments *m)
{
    if (m->n == 0)
        text_puts(t, "no values yet");
    else if (m->n == 1)
        text_add(t, "%.3g, n = 1", m->mean);
    else
        text_add(t, "%.3g ± %.2g, n = %zu", m->mean, moments_sd(m), m->n);
    if (m->n && g->n_done < g->n_trials)
        text_add(t, " of %zu of %zu seeds", g->n_done, g->n_trials);
    if (g->n_diverged)
        text_add(t, ", %zu diverged", g->n_diverged);
    if (g->n_failed)
        text_add(t, ", %zu failed", g->n_failed);
    if (g->n_outdated)
        text_add(t, ", %zu outdated", g->n_outdated);
    if (group_waiting(g))
        text_add(t, ", %zu not finished", group_waiting(g));
}

static struct scale make_scale(const struct bars_panel *p, size_t n, double from, double to)
{
    double low = 0, high = 0;
    for (size_t i = 0; i < n; i++) {
        const struct moments *m = &p->values[i];
        if (m->n == 0)
            continue;
        low = fmin(low, m->mean < 0 ? m->mean - deviation(m) : 0);
        high = fmax(high, m->mean >= 0 ? m->mean + deviation(m) : 0);
    }
    return scale_make(false, 1.04 * low, high > low ? 1.04 * high : 1, from, to); /* whiskers end inside of the frame */
}

static void bar(struct picture *t, const struct scale *s, const struct moments *m, const char *color, double y,
                double width)
{
    const double zero = scale_at(s, 0), mean = scale_at(s, m->mean), middle = y + SLOT / 2.0;
    picture_rect(t, fmin(zero, mean), y + (SLOT - width) / 2.0, fabs(mean - zero), width, color, NULL);
    if (m->n < 2)
        return;
    const double low = scale_at(s, m->mean - deviation(m)), high = scale_at(s, m->mean + deviation(m));
    picture_line(t, low, middle, high, middle, PICTURE_INK, 1.4, NULL);
    picture_line(t, low, middle - CAP, low, middle + CAP, PICTURE_INK, 1.4, NULL);
    picture_line(t, high, middle - CAP, high, middle + CAP, PICTURE_INK, 1.4, NULL);
}

static void panel(struct picture *t, const struct subject *s, const struct bars_panel *p, double x, double y)
{
    char buffer[32];
    const double height = SLOT * (double)s->n_groups;
    const struct scale scale = make_scale(p, s->n_groups, x, x + PLOT);
    const struct ticks ticks = scale_ticks(&scale, 6);
    for (size_t i = 0; i < ticks.n; i++) {
        const double at = scale_at(&scale, ticks.value[i]);
        picture_line(t, at, y, at, y + height, PICTURE_FAINT, 1, NULL);
        picture_text(t, at, y + height + 15, 11, PICTURE_MIDDLE, PICTURE_SOFT, scale_label(&ticks, i, buffer));
    }
    for (size_t i = 0; i < s->n_groups; i++) {
        struct text numbers = { 0 };
        const double top = y + SLOT * (double)i;
        put_numbers(&numbers, &s->groups[i], &p->values[i]);
        picture_group(t, s->groups[i].label);
        picture_text(t, x - BESIDE, top + SLOT / 2.0 + 4, 12, PICTURE_END, PICTURE_INK, s->groups[i].label);
        const bool complete = s->groups[i].n_done == s->groups[i].n_trials;
        if (!complete)
            picture_group_pale(t);
        if (p->values[i].n)
            bar(t, &scale, &p->values[i], legend_style(i).color, top, complete ? BAR : BAR / 2.0);
        if (!complete)
            picture_group_end(t);
        picture_text(t, x + PLOT + BESIDE, top + SLOT / 2.0 + 4, 11, PICTURE_START, PICTURE_SOFT, numbers.s);
        picture_group_end(t);
        text_free(&numbers);
    }
    picture_rect(t, x, y, PLOT, height, NULL, PICTURE_RULE);
    struct text name = { 0 };
    quantity_title(p->what, &name);
    picture_text(t, x + PLOT / 2.0, y + height + 34, 12, PICTURE_MIDDLE, PICTURE_INK, name.s);
    text_free(&name);
}

/* The widths of the names on the left and of the numbers on the right. */
static void measure(const struct subject *s, const struct bars_panel *panels, size_t n_panels, double *left,
                    double *right)
{
    *left = *right = 0;
    for (size_t i = 0; i < s->n_groups; i++) {
        *left = fmax(*left, words_width(s->groups[i].label, 12));
        for (size_t p = 0; p < n_panels; p++) {
            struct text numbers = { 0 };
            put_numbers(&numbers, &s->groups[i], &panels[p].values[i]);
            *right = fmax(*right, words_width(numbers.s, 11));
            text_free(&numbers);
        }
    }
}

void bars_draw(struct picture *out, const struct subject *s, const struct bars_panel *panels, size_t n_panels)
{
    assert(s->n_groups <= BARS_MAX_GROUPS && n_panels >= 1);
    double names, numbers;
    measure(s, panels, n_panels, &names, &numbers);
    const double x = MARGIN + names + BESIDE, each = SLOT * (double)s->n_groups + AXIS + GAP;
    const double width = fmax(x + PLOT + BESIDE + numbers, MARGIN + heading_width(s, remark)) + MARGIN;
    struct text about = { 0 };
    text_add(&about, "Study %s: ", s->name);
    for (size_t p = 0; p < n_panels; p++) {
        text_puts(&about, p ? ", " : "");
        quantity_title(panels[p].what, &about);
    }
    text_puts(&about, ", mean and standard deviation, one bar for each variant.");
    picture_open(out, width, TOP + each * (double)n_panels - GAP + 4, heading_title(s), about.s);
    text_free(&about);
    heading_draw(out, s, remark, MARGIN);
    for (size_t p = 0; p < n_panels; p++)
        panel(out, s, &panels[p], x, TOP + each * (double)p);
    picture_close(out);
}
