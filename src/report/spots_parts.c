#include "report/spots_parts.h"

#include "report/heading.h"
#include <math.h>
#include <string.h>

struct axis spots_across(const struct spots *p, size_t key, bool log)
{
    const struct cells_key *k = &p->c->keys[key];
    const double low = k->n_values ? k->values[0] : 0, high = k->n_values ? k->values[k->n_values - 1] : 1;
    return (struct axis){ .scale = scale_make((k->log || log) && low > 0 && k->numeric, low, high, 0, 1),
                          .name = subject_key(p->s, k->name),
                          .n_words = k->numeric ? 0 : k->n_values,
                          .words = k->words };
}

struct axis spots_up(const struct spots *p, struct arena *a)
{
    const bool log = p->o->curves->geometric;
    double low = INFINITY, high = -INFINITY, middle_high = -INFINITY;
    for (size_t i = 0; i < p->s->n_groups; i++) {
        const struct curve_point at = finals_point(p->f, i, p->o->curves);
        if (at.n == 0)
            continue;
        low = fmin(low, at.mean);
        middle_high = fmax(middle_high, at.mean);
        if (!log || at.low > 0)
            low = fmin(low, at.low); /* NaN loses */
        high = fmax(high, fmax(at.mean, at.high));
    }
    if (!(low <= high)) {
        low = log ? 0.1 : 0;
        high = 1;
    }
    if (subject_percent(p->f->unit)) {
        high = fmin(high, fmax(100, middle_high));
        low = fmax(low, 0);
    }
    return (struct axis){ .scale = scale_make(log, low, high, 0, 1),
                          .name = arena_printf(a, "%s%s%s%s", p->f->shown, *p->f->unit ? " (" : "", p->f->unit,
                                               *p->f->unit ? ")" : "") };
}

static void dot(struct picture *out, double x, double y, double size, const char *color, double opacity)
{
    picture_point(out, x, y);
    picture_point(out, x, y); /* a line without a length, with round ends */
    picture_path(out, color, size, NULL, opacity);
}

static bool all_diverged(const struct group *g)
{
    return g->n_diverged == g->n_trials;
}

static void spot(struct picture *out, const struct spots *p, size_t group, const struct frame *f, double x)
{
    const struct group *g = &p->s->groups[group];
    const struct curve_point at = finals_point(p->f, group, p->o->curves);
    const char *color = p->styles[group].color;
    const bool whole = finals_whole(p->f, p->s, group);
    if (all_diverged(g)) { /* where the worst would be */
        const struct scale *s = &f->up.scale;
        picture_cross(out, x, scale_at(s, p->f->largest ? s->low : s->high), 3.5, color, 1.6);
        return;
    }
    if (at.n == 0)
        return;
    const double y = scale_at(&f->up.scale, at.mean);
    if (isfinite(at.low) && (!f->up.scale.log || at.low > 0))
        picture_line(out, x, scale_at(&f->up.scale, at.low), x, scale_at(&f->up.scale, at.high), color,
                     whole ? 1.4 : 0.7, NULL);
    if (p->mark_best && group == p->best) {
        dot(out, x, y, 13, "#000000", 1);
        dot(out, x, y, 10, "#ffffff", 1);
    }
    dot(out, x, y, whole ? 6 : 4, color, whole ? 0.9 : 0.5);
}

/* A point of a line; pale: it lacks seeds, and so does what leads to it. */
struct joint {
    double x, y;
    bool pale;
};

/* As lines of curves: thin and pale where seeds are missing. */
static void put_line(struct picture *out, const struct joint *at, size_t n, const struct legend_style *style)
{
    for (size_t from = 0, to; from < n; from = to) {
        to = from + 1;
        const bool pale = at[from].pale || (to < n && at[to].pale);
        picture_point(out, at[from].x, at[from].y);
        for (; to < n && (at[to - 1].pale || at[to].pale) == pale; to++)
            picture_point(out, at[to].x, at[to].y);
        picture_path(out, style->color, pale ? 0.9 : 1.6, style->dash, pale ? 0.5 : 1);
        if (to < n)
            to--; /* where the next piece begins */
    }
}

static void join(struct picture *out, const struct spots *p, size_t key, const struct frame *f, size_t line,
                 struct arena *a)
{
    const struct cells_key *k = &p->c->keys[key];
    const struct legend_style *style = NULL;
    struct joint *joints = arena_need(a, p->s->n_groups + 1, sizeof *joints);
    size_t n = 0;
    for (size_t v = 0; v < k->n_values; v++)
        for (size_t i = 0; i < p->s->n_groups; i++) {
            if (p->line_of[i] != line || cells_at(p->c, i, key) != k->values[v])
                continue;
            const struct curve_point at = finals_point(p->f, i, p->o->curves);
            if (at.n == 0)
                continue;
            style = &p->styles[i];
            joints[n++] = (struct joint){ scale_at(&f->across.scale, k->values[v]), scale_at(&f->up.scale, at.mean),
                                          at.n < p->s->groups[i].n_trials };
        }
    if (style)
        put_line(out, joints, n, style);
}

void spots_put(struct picture *out, const struct spots *p, size_t key, const struct frame *f, struct arena *a)
{
    for (size_t i = 0; p->line_of && p->c->keys[key].numeric && i < p->n_lines; i++)
        join(out, p, key, f, i, a);
    for (size_t i = 0; i < p->s->n_groups; i++) {
        const double x = cells_at(p->c, i, key);
        if (p->s->groups[i].retrained || !isfinite(x) || (f->across.scale.log && x <= 0))
            continue;
        const struct curve_point at = finals_point(p->f, i, p->o->curves);
        picture_group(out, at.n ? arena_printf(a, "%s: %.4g", p->s->groups[i].shown, at.mean) : p->s->groups[i].shown);
        spot(out, p, i, f, scale_at(&f->across.scale, x));
        picture_group_end(out);
    }
}

static size_t variant_of(const struct subject *s, size_t group)
{
    size_t i = 0;
    while (i + 1 < s->n_variants && strcmp(s->variants[i], s->groups[group].variant) != 0)
        i++;
    return i;
}

struct legend_style *spots_by_variant(const struct subject *s, struct arena *a)
{
    struct legend_style *styles = arena_need(a, s->n_groups + 1, sizeof *styles);
    for (size_t i = 0; i < s->n_groups; i++)
        styles[i] = (struct legend_style){ legend_color(variant_of(s, i)), NULL };
    return styles;
}

const struct legend_entry *spots_entries(const struct subject *s, struct arena *a)
{
    struct legend_entry *entries = arena_need(a, s->n_variants + 1, sizeof *entries);
    for (size_t i = 0; i < s->n_variants; i++)
        entries[i] = (struct legend_entry){ .style = { legend_color(i), NULL },
                                            .name = subject_variant(s, s->variants[i]),
                                            .dots = true };
    return entries;
}

bool spots_any_diverged(const struct subject *s)
{
    for (size_t i = 0; i < s->n_groups; i++)
        if (all_diverged(&s->groups[i]) && !s->groups[i].retrained)
            return true;
    return false;
}

const char *spots_remark(const struct spots *p, size_t key, struct arena *a)
{
    size_t most = 0, n_shorter = 0;
    bool lacks = false;
    for (size_t i = 0; i < p->s->n_groups; i++) {
        const size_t n = p->f->of[i].n;
        if (p->s->groups[i].retrained || (key < p->c->n_keys && isnan(cells_at(p->c, i, key))))
            continue;
        n_shorter += p->s->groups[i].n_shorter;
        most = n > most ? n : most;
        lacks = lacks || (n && !finals_whole(p->f, p->s, i));
    }
    const struct curve_options *o = p->o->curves;
    const char *shorter = heading_shorter(a, n_shorter);
    if (most < 2)
        return arena_printf(a, "last values; one seed%s", shorter);
    const char *middle = o->band == BAND_QUARTILES ? "median" : o->geometric ? "geometric mean" : "mean";
    const char *bars = curve_band_words(o->band, most, o->geometric);
    return arena_printf(a, "last values; %s over seeds%s%s%s%s", middle, *bars ? "; bars: " : "", bars,
                        lacks ? "; small and pale: seeds are missing" : "", shorter);
}
