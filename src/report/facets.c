#include "report/facets.h"

#include <string.h>

enum { MAX_GROUPS = FACETS_LINES * FACETS_MOST };

/* One way to part the groups: the texts by which panels and lines are told apart. */
struct parting {
    const char **facet, **line; /* of each group */
    size_t n_facets, n_lines;
};

static size_t distinct(const char *const *texts, size_t n)
{
    size_t different = 0;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < i && strcmp(texts[k], texts[i]) != 0)
            k++;
        different += k == i;
    }
    return different;
}

/* "a=1, c=3" of "a=1, b=2, c=3" without part 1; *part: "b=2". */
static const char *without(struct arena *a, const char *cell, size_t index, const char **part)
{
    struct text rest = { 0 };
    *part = NULL;
    for (size_t i = 0; *cell; i++) {
        const size_t n = strcspn(cell, ",");
        if (i == index)
            *part = arena_strndup(a, cell, n);
        else
            text_add(&rest, "%s%.*s", rest.n ? ", " : "", (int)n, cell);
        cell += n + strspn(cell + n, ", ");
    }
    const char *s = arena_strdup(a, rest.s ? rest.s : "");
    text_free(&rest);
    return s;
}

enum { BY_VARIANT, BY_CELL, BY_KEY }; /* BY_KEY + i: by the i-th part of the cell */

static bool part(struct parting *p, const struct subject *s, struct arena *a, size_t way)
{
    p->facet = arena_need(a, s->n_groups, sizeof *p->facet);
    p->line = arena_need(a, s->n_groups, sizeof *p->line);
    for (size_t i = 0; i < s->n_groups; i++) {
        const struct group *g = &s->groups[i];
        const char *key = NULL;
        const char *rest = way < BY_KEY ? "" : without(a, g->cell, way - BY_KEY, &key);
        if (way >= BY_KEY && !key)
            return false;
        p->facet[i] =
            way == BY_VARIANT ? subject_variant(s, g->variant) : subject_name(a, s, "", way == BY_CELL ? g->cell : key);
        p->line[i] = way == BY_CELL      ? subject_variant(s, g->variant)
                     : way == BY_VARIANT ? subject_name(a, s, "", g->cell)
                                         : subject_name(a, s, g->variant, rest);
    }
    p->n_facets = distinct(p->facet, s->n_groups);
    p->n_lines = distinct(p->line, s->n_groups);
    return p->n_facets > 1 && p->n_facets <= FACETS_MOST && p->n_lines <= FACETS_LINES;
}

static size_t number(const char **known, size_t *n, const char *text)
{
    for (size_t i = 0; i < *n; i++)
        if (!strcmp(known[i], text))
            return i;
    known[*n] = text;
    return (*n)++;
}

static void single(struct facets *f, const struct subject *s, struct arena *a)
{
    f->n = 1;
    f->n_lines = s->n_groups;
    f->styles = legend_styles(s, a);
    for (size_t i = 0; i < s->n_groups; i++) {
        f->lines[i] = s->groups[i].shown;
        f->line_of[i] = i;
    }
}

bool facets_make(struct facets *f, const struct subject *s, struct arena *a)
{
    *f = (struct facets){ 0 };
    if (s->n_groups > MAX_GROUPS)
        return false;
    f->names = arena_need(a, s->n_groups + 1, sizeof *f->names);
    f->lines = arena_need(a, s->n_groups + 1, sizeof *f->lines);
    f->facet_of = arena_need(a, s->n_groups + 1, sizeof *f->facet_of);
    f->line_of = arena_need(a, s->n_groups + 1, sizeof *f->line_of);
    if (s->n_groups <= FACETS_LINES) {
        single(f, s, a);
        return true;
    }
    struct parting best = { 0 }, p = { 0 };
    enum { WAYS = BY_KEY + 16 };
    for (size_t way = 0; way < WAYS; way++)
        if (part(&p, s, a, way) && (!best.facet || p.n_facets < best.n_facets))
            best = p;
    if (!best.facet)
        return false;
    for (size_t i = 0; i < s->n_groups; i++) {
        f->facet_of[i] = number(f->names, &f->n, best.facet[i]);
        f->line_of[i] = number(f->lines, &f->n_lines, best.line[i]);
    }
    f->styles = arena_need(a, f->n_lines, sizeof *f->styles);
    for (size_t i = 0; i < f->n_lines; i++)
        f->styles[i] = (struct legend_style){ legend_color(i), legend_dash(i / LEGEND_COLORS) };
    return true;
}
