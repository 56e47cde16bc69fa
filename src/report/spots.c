#include "report/spots_parts.h"

#include "report/facets.h"
#include "report/heading.h"
#include <math.h>
#include <string.h>

enum { PLOT = 470, HEIGHT = 300, BESIDE = 22, LEGEND_MOST = 300 };

struct layout {
    struct spots p;
    struct heading heading;
    struct legend legend;
    struct frame frame;
    bool beside;
    double width, height, legend_x, legend_y;
};

/* Lines by variant and other keys; false where there are too many, or where they join nothing. */
static bool make_lines(struct spots *p, size_t key, const struct legend_entry **entries, struct arena *a)
{
    const struct subject *s = p->s;
    size_t *line_of = arena_need(a, s->n_groups + 1, sizeof *line_of), n_points = 0;
    struct legend_entry *lines = arena_need(a, FACETS_LINES + 1, sizeof *lines);
    struct legend_style *styles = arena_need(a, s->n_groups + 1, sizeof *styles);
    p->n_lines = 0;
    for (size_t i = 0; i < s->n_groups; i++) {
        line_of[i] = s->n_groups; /* none */
        if (s->groups[i].retrained || isnan(cells_at(p->c, i, key)))
            continue;
        const char *rest = cells_rest(p->c, s, a, i, &key, 1), *variant = subject_variant(s, s->groups[i].variant);
        const char *name = s->n_variants == 1 ? (*rest ? rest : heading_title(s))
                                              : arena_printf(a, "%s%s%s", variant, *rest ? " " : "", rest);
        size_t line = 0;
        while (line < p->n_lines && strcmp(lines[line].name, name) != 0)
            line++;
        if (line == FACETS_LINES)
            return false;
        if (line == p->n_lines)
            lines[p->n_lines++] =
                (struct legend_entry){ .style = { legend_color(line), legend_dash(line / LEGEND_COLORS) },
                                       .name = name };
        line_of[i] = line;
        styles[i] = lines[line].style;
        n_points++;
    }
    p->line_of = line_of;
    p->styles = styles;
    *entries = lines;
    return n_points >= 2 * p->n_lines;
}

/* The other keys that a point stands for, where neither lines nor colours tell them: "; a point for each stepsize". */
static const char *unsaid(const struct spots *p, size_t key, struct arena *a)
{
    const char *keys = "";
    for (size_t k = 0; k < p->c->n_keys && !p->line_of; k++)
        if (k != key && p->c->keys[k].n_values > 1)
            keys = arena_printf(a, "%s%s%s", keys, *keys ? ", " : "", subject_key(p->s, p->c->keys[k].name));
    return *keys ? arena_printf(a, "; a point for each %s", keys) : "";
}

static void plan(struct layout *l, const struct legend_entry *entries, size_t n, size_t key, struct arena *a)
{
    const struct look *look = l->p.o->look;
    struct frame *f = &l->frame;
    f->up = spots_up(&l->p, a);
    f->across = spots_across(&l->p, key, l->p.o->log_x);
    f->numbers_left = f->numbers_below = true;
    f->x = frame_left(&f->up, HEIGHT, look);
    const bool shown = look->legend != LOOK_NONE && (n > 1 || spots_any_diverged(l->p.s));
    l->beside = shown && look_beside(look);
    l->legend =
        legend_make(a, entries, n > 1 ? n : 0, spots_any_diverged(l->p.s) ? "diverged" : NULL, l->beside ? 1 : 0,
                    l->beside         ? LEGEND_MOST
                    : look->width > 0 ? look->width - f->x - LOOK_MARGIN
                                      : PLOT,
                    look);
    const double right = l->beside ? BESIDE + l->legend.width : 0,
                 under = shown && !l->beside ? l->legend.height + 6 : 0;
    l->width = look->width > 0 ? look->width : f->x + PLOT + right + LOOK_MARGIN;
    f->width = fmax(l->width - f->x - right - LOOK_MARGIN, 50);
    l->heading = heading_make(a, l->p.s, arena_printf(a, "%s%s", spots_remark(&l->p, key, a), unsaid(&l->p, key, a)),
                              l->width - f->x - LOOK_MARGIN, look);
    f->y = l->heading.height;
    const double below = frame_below(&f->across, look) + 8;
    f->height =
        look->height > 0 ? fmax(look->height - f->y - below - under, 50) : fmin(HEIGHT, fmax(0.66 * f->width, 100));
    const double bottom = f->y + f->height + below;
    l->legend_x = l->beside ? f->x + f->width + BESIDE : f->x;
    l->legend_y = l->beside ? f->y : bottom;
    l->height = l->beside ? fmax(bottom, f->y + l->legend.height + 8) : bottom + under;
    frame_fit(f);
    if (!shown)
        l->legend.n = 0;
}

void spots_draw(struct picture *out, const struct subject *s, const struct cells *c, const struct finals *f, size_t key,
                const struct spots_options *o, struct arena *a)
{
    struct layout l = { .p = { .s = s, .c = c, .f = f, .o = o, .best = s->n_groups } };
    const struct legend_entry *entries;
    const bool joined = make_lines(&l.p, key, &entries, a);
    if (!joined) {
        l.p.line_of = NULL;
        l.p.styles = spots_by_variant(s, a);
        entries = spots_entries(s, a);
    }
    plan(&l, entries, joined ? l.p.n_lines : s->n_variants, key, a);
    picture_open(out, l.width, l.height, heading_title(s),
                 arena_printf(a, "Study %s: last %s against %s.", s->name, f->metric, c->keys[key].name));
    heading_draw(out, &l.heading, l.frame.x, o->look);
    frame_draw(out, &l.frame, o->look);
    spots_put(out, &l.p, key, &l.frame, a);
    if (l.legend.n)
        legend_draw(out, &l.legend, l.legend_x, l.legend_y, o->look);
    picture_close(out);
}
