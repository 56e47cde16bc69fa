#include "report/legend.h"

#include "report/words.h"
#include <math.h>
#include <string.h>

enum { SAMPLE = 24, INDENT = 31, GAP = 18 };

const char *legend_color(size_t i)
{
    static const char *const colors[] = { "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000" };
    return colors[i % LEGEND_COLORS];
}

const char *legend_dash(size_t i)
{
    static const char *const dashes[] = { NULL, "7 4", "2 4", "9 4 2 4", "14 4" };
    return dashes[i % LEGEND_DASHES];
}

/* The place of a word among those before it: how many different ones come first. */
static size_t place(const char *word, const char **known, size_t *n)
{
    for (size_t i = 0; i < *n; i++)
        if (!strcmp(word, known[i]))
            return i;
    known[*n] = word;
    return (*n)++;
}

struct legend_style *legend_styles(const struct subject *s, struct arena *a)
{
    struct legend_style *styles = arena_need(a, s->n_groups + 1, sizeof *styles);
    const char **variants = arena_need(a, s->n_groups + 1, sizeof *variants);
    const char **cells = arena_need(a, s->n_groups + 1, sizeof *cells);
    size_t n_variants = 0, n_cells = 0;
    for (size_t i = 0; i < s->n_groups; i++) {
        place(s->groups[i].variant, variants, &n_variants);
        place(s->groups[i].cell, cells, &n_cells);
    }
    const bool one_each = n_variants == s->n_groups;
    const bool crossed = n_variants > 1 && n_variants <= LEGEND_COLORS && n_cells <= LEGEND_DASHES && !one_each;
    for (size_t i = 0; i < s->n_groups; i++) {
        const size_t variant = place(s->groups[i].variant, variants, &n_variants);
        const size_t cell = place(s->groups[i].cell, cells, &n_cells);
        styles[i].color = legend_color(crossed ? variant : i);
        styles[i].dash = legend_dash(crossed ? cell : i / LEGEND_COLORS);
    }
    return styles;
}

/* Why a group has no values although none of its trials goes on. */
static const char *why_empty(const struct group *g)
{
    return group_waiting(g)               ? "no values yet"
           : g->n_diverged == g->n_trials ? "diverged before a finite value"
           : g->n_failed == g->n_trials   ? "failed"
                                          : "no finite values";
}

const char *legend_remark(struct arena *a, const struct group *g, bool seen, const char *same_as)
{
    struct text t = { 0 };
    const size_t waiting = group_waiting(g);
    if (!seen)
        text_puts(&t, why_empty(g));
    else
        text_add(&t, "%zu seed%s", g->n_trials, g->n_trials == 1 ? "" : "s");
    if (g->n_diverged && (seen || g->n_diverged < g->n_trials))
        text_add(&t, ", %zu diverged", g->n_diverged);
    if (g->n_failed && (seen || g->n_failed < g->n_trials))
        text_add(&t, ", %zu failed", g->n_failed);
    if (g->n_outdated)
        text_add(&t, ", %zu outdated", g->n_outdated);
    if (g->n_shorter)
        text_add(&t, ", %zu of fewer steps", g->n_shorter);
    if (waiting && seen)
        text_add(&t, ", %zu not finished", waiting);
    if (same_as)
        text_add(&t, "; equal to %s", same_as);
    const char *remark = arena_strdup(a, t.s);
    text_free(&t);
    return remark;
}

struct legend legend_make(struct arena *a, const struct legend_entry *entries, size_t n, const char *crosses,
                          size_t columns, double most, const struct look *look)
{
    struct legend_entry *all = arena_need(a, n + 1, sizeof *all);
    struct legend l = { .n = n + (crosses != NULL), .entries = all };
    bool remarks = false;
    double wide = 0;
    for (size_t i = 0; i < l.n; i++) {
        all[i] = i < n ? entries[i]
                       : (struct legend_entry){ .style = { PICTURE_INK, NULL }, .name = crosses, .cross = true };
        all[i].name = words_cut(a, all[i].name, look_name(look), most - INDENT);
        wide = fmax(wide, words_width(all[i].name, look_name(look)));
        if (!all[i].remark)
            continue;
        all[i].remark = words_cut(a, all[i].remark, look_small(look), most - INDENT);
        wide = fmax(wide, words_width(all[i].remark, look_small(look)));
        remarks = true;
    }
    l.entry_width = INDENT + wide;
    l.entry_height = 1.3 * look_name(look) + (remarks ? 1.35 * look_small(look) : 0) + 4;
    const double fit = floor((most + GAP) / (l.entry_width + GAP));
    l.columns = columns ? columns : fit < 1 ? 1 : (size_t)fit;
    l.columns = l.columns > l.n && l.n ? l.n : l.columns;
    const size_t rows = (l.n + l.columns - 1) / l.columns;
    l.width = (double)l.columns * (l.entry_width + GAP) - GAP;
    l.height = (double)rows * l.entry_height;
    return l;
}

static void sample(struct picture *out, const struct legend_entry *e, double x, double y)
{
    if (e->cross) {
        picture_cross(out, x + SAMPLE / 2.0, y, 4.5, e->style.color, 2.2);
    } else if (e->dots) {
        picture_point(out, x + SAMPLE / 2.0, y);
        picture_point(out, x + SAMPLE / 2.0, y);
        picture_path(out, e->style.color, 7, NULL, e->pale ? 0.5 : 1);
    } else {
        picture_line(out, x, y, x + SAMPLE, y, e->style.color, 2.6, e->style.dash);
    }
}

void legend_draw(struct picture *out, const struct legend *l, double x, double y, const struct look *look)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct legend_entry *e = &l->entries[i];
        const double left = x + (double)(i % l->columns) * (l->entry_width + GAP);
        const double top = y + (double)(i / l->columns) * l->entry_height, base = top + look_name(look);
        sample(out, e, left, base - 0.35 * look_name(look));
        picture_text(out, left + INDENT, base, look_name(look), PICTURE_START, e->pale ? PICTURE_SOFT : PICTURE_INK,
                     e->name);
        if (e->remark)
            picture_text(out, left + INDENT, base + 1.3 * look_small(look), look_small(look), PICTURE_START,
                         PICTURE_SOFT, e->remark);
    }
}
