#include "report/spots_parts.h"

#include "report/heading.h"
#include "report/words.h"
#include <math.h>

enum { WIDTH = 640, ROWS = 8, MAX_KEYS = 12, GAP = 14, PANEL = 190 };

struct layout {
    struct spots p;
    struct heading heading;
    struct legend legend;
    size_t *order, n_ranked, n_rows; /* groups, the best first; lines of the table */
    size_t n_keys, keys[MAX_KEYS];   /* those with several values */
    size_t columns, rows;            /* of panels */
    double width, left, height, table_y, panels_y, each_width, each_height, block, legend_y;
};

enum { RANK, VARIANT, VALUE, KEYS }; /* columns of the table; KEYS + i: key i */

static const char *cell_text(const struct layout *l, struct arena *a, size_t row, size_t column, char buffer[48])
{
    const struct subject *s = l->p.s;
    if (row == 0) {
        static const char *const heads[] = { "", "variant" };
        return column < VALUE    ? heads[column]
               : column == VALUE ? l->p.f->shown
                                 : subject_key(s, l->p.c->keys[l->keys[column - KEYS]].name);
    }
    const size_t group = l->order[row - 1];
    if (column == RANK)
        return arena_printf(a, "%zu", row);
    if (column == VARIANT)
        return subject_variant(s, s->groups[group].variant);
    if (column == VALUE) {
        const struct curve_point at = finals_point(l->p.f, group, l->p.o->curves);
        const char *value = scale_number(at.mean, buffer);
        return finals_whole(l->p.f, s, group) ? value : arena_printf(a, "(%s)", value);
    }
    const struct cells_key *k = &l->p.c->keys[l->keys[column - KEYS]];
    const double x = cells_at(l->p.c, group, l->keys[column - KEYS]);
    const struct scale_form form = { scale_form_of(&x, 1).kind, 3 };
    return isnan(x) ? "" : k->numeric ? scale_write(&form, x, buffer) : k->words[(size_t)x];
}

/* As wide as they must be, where that fits; else heads are cut first, then all. */
static void column_widths(const struct layout *l, struct arena *a, double room, double *wide)
{
    const double size = look_font(l->p.o->look);
    double heads[KEYS + MAX_KEYS], sum = 0, sum_heads = 0;
    char buffer[48];
    for (size_t c = 0; c < KEYS + l->n_keys; c++) {
        const double gap = c == RANK ? 8 : GAP;
        const bool hidden = c == VARIANT && l->p.s->n_variants == 1;
        wide[c] = gap;
        for (size_t r = 1; r <= l->n_rows; r++)
            wide[c] = fmax(wide[c], words_width(cell_text(l, a, r, c, buffer), size) + gap);
        heads[c] = fmax(0, words_width(cell_text(l, a, 0, c, buffer), size) + gap - wide[c]);
        if (hidden)
            wide[c] = heads[c] = 0;
        sum += wide[c];
        sum_heads += heads[c];
    }
    const double part = sum_heads > 0 ? fmin(1, fmax(0, (room - sum) / sum_heads)) : 0;
    for (size_t c = 0; c < KEYS + l->n_keys; c++)
        wide[c] = sum > room ? wide[c] * room / sum : wide[c] + part * heads[c];
}

static void draw_table(struct picture *out, const struct layout *l, struct arena *a)
{
    const struct look *look = l->p.o->look;
    const double size = look_font(look), room = l->width - l->left - LOOK_MARGIN;
    const size_t n_columns = KEYS + l->n_keys;
    double wide[KEYS + MAX_KEYS];
    char buffer[48];
    column_widths(l, a, room, wide);
    double x = l->left;
    for (size_t c = 0; c < n_columns; x += wide[c++])
        for (size_t r = 0; r <= l->n_rows && wide[c] > 0; r++) {
            const char *text = words_cut(a, cell_text(l, a, r, c, buffer), size, wide[c] - 4);
            if (!*text)
                continue;
            picture_text(out, x, l->table_y + 1.4 * size * (double)(r + 1) - 0.3 * size, size, PICTURE_START,
                         r == 0 ? PICTURE_SOFT : PICTURE_INK, text);
        }
    const double y = l->table_y + 1.4 * size + 1;
    picture_line(out, l->left, y, fmin(x, l->width - LOOK_MARGIN), y, PICTURE_RULE, 1, NULL);
}

static void plan(struct layout *l, struct arena *a)
{
    const struct look *look = l->p.o->look;
    const struct subject *s = l->p.s;
    const struct axis up = spots_up(&l->p, a);
    l->left = frame_left(&up, PANEL, look);
    l->width = look->width > 0 ? look->width : WIDTH;
    const double room = fmax(l->width - l->left - LOOK_MARGIN, 60);
    l->columns = (size_t)fmax(1, fmin((double)l->n_keys, floor((room + GAP) / (10.5 * look_font(look) + GAP))));
    l->rows = (l->n_keys + l->columns - 1) / l->columns;
    l->each_width = (room - GAP * (double)(l->columns - 1)) / (double)l->columns;
    l->heading = heading_make(a, s,
                              arena_printf(a, "%zu cells%s, ranked%s%s; %s", l->n_ranked,
                                           l->n_ranked < s->n_groups ? " with a value" : "", l->p.o->note,
                                           l->p.f->known_goal ? "" : ", the largest first",
                                           spots_remark(&l->p, l->p.c->n_keys, a)),
                              room, look);
    l->table_y = l->heading.height - 6;
    l->panels_y = l->table_y + 1.4 * look_font(look) * (double)(l->n_rows + 1) + 16;
    const struct axis across = { .name = "" };
    const double below = frame_below(&across, look) + 10;
    const bool shown = look->legend != LOOK_NONE && (s->n_variants > 1 || spots_any_diverged(s));
    l->legend = legend_make(a, spots_entries(s, a), s->n_variants > 1 ? s->n_variants : 0,
                            spots_any_diverged(s) ? "diverged" : NULL, 0, room, look);
    if (!shown)
        l->legend.n = 0;
    const double under = shown ? l->legend.height + 6 : 0;
    l->each_height = fmin(170, fmax(0.75 * l->each_width, 110));
    if (look->height > 0)
        l->each_height = fmax((look->height - l->panels_y - under) / (double)l->rows - below, 50);
    l->block = l->each_height + below;
    l->legend_y = l->panels_y + (double)l->rows * l->block;
    l->height = l->legend_y + under;
}

static void draw_panel(struct picture *out, const struct layout *l, size_t index, struct arena *a)
{
    const size_t column = index % l->columns, row = index / l->columns;
    struct frame f = { .x = l->left + (double)column * (l->each_width + GAP),
                       .y = l->panels_y + (double)row * l->block,
                       .width = l->each_width,
                       .height = l->each_height,
                       .across = spots_across(&l->p, l->keys[index], l->p.o->log_x),
                       .up = spots_up(&l->p, a),
                       .numbers_left = column == 0,
                       .numbers_below = true };
    if (column > 0)
        f.up.name = NULL;
    frame_fit(&f);
    frame_draw(out, &f, l->p.o->look);
    spots_put(out, &l->p, l->keys[index], &f, a);
}

void ranked_draw(struct picture *out, const struct subject *s, const struct cells *c, const struct finals *f,
                 const struct spots_options *o, struct arena *a)
{
    struct layout l = { .p = { .s = s, .c = c, .f = f, .o = o, .best = s->n_groups } };
    l.order = arena_need(a, s->n_groups + 1, sizeof *l.order);
    const size_t n = finals_rank(f, s, l.order, o->curves, a);
    for (size_t i = 0; i < n; i++) /* not the chosen cell a second time */
        if (!s->groups[l.order[i]].retrained)
            l.order[l.n_ranked++] = l.order[i];
    l.n_rows = l.n_ranked < ROWS ? l.n_ranked : ROWS;
    if (l.n_ranked) {
        l.p.best = l.order[0];
        l.p.mark_best = f->known_goal && finals_whole(f, s, l.p.best);
    }
    for (size_t k = 0; k < c->n_keys && l.n_keys < MAX_KEYS; k++)
        if (c->keys[k].n_values > 1)
            l.keys[l.n_keys++] = k;
    l.p.styles = spots_by_variant(s, a);
    plan(&l, a);
    picture_open(out, l.width, l.height, heading_title(s),
                 arena_printf(a, "Study %s: the cells with the %s last %s, and that value against each swept key.",
                              s->name, f->known_goal ? "best" : "largest", f->metric));
    heading_draw(out, &l.heading, l.left, o->look);
    draw_table(out, &l, a);
    for (size_t i = 0; i < l.n_keys; i++)
        draw_panel(out, &l, i, a);
    if (l.legend.n)
        legend_draw(out, &l.legend, l.left, l.legend_y, o->look);
    picture_close(out);
}
