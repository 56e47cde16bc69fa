#include "report/heatmap.h"

#include <math.h>
#include <string.h>

#define TINY 1e-150 /* areas below, zero or negative have no inverse worth a colour */

/* The numeric key with the most values, the first by name of several; not `but`. n_keys if there is none. */
static size_t longest(const struct cells *c, size_t but)
{
    size_t best = c->n_keys;
    for (size_t k = 0; k < c->n_keys; k++)
        if (k != but && c->keys[k].numeric && c->keys[k].n_values > 1 &&
            (best == c->n_keys || c->keys[k].n_values > c->keys[best].n_values))
            best = k;
    return best;
}

/* The two with the most values, in order of name. */
static bool usual_axes(const struct cells *c, size_t axes[2])
{
    const size_t a = longest(c, c->n_keys), b = longest(c, a);
    axes[0] = a < b ? a : b;
    axes[1] = a < b ? b : a;
    return a < c->n_keys && b < c->n_keys;
}

static int choose_axes(const struct cells *c, const struct subject *s, const struct heatmap_options *o, size_t axes[2],
                       bool *found, struct err *e)
{
    *found = o->x && o->y ? true : usual_axes(c, axes);
    for (int i = 0; i < 2 && o->x && o->y; i++) {
        TRY(cells_find(c, s, i ? o->y : o->x, &axes[i], e));
        if (!c->keys[axes[i]].numeric)
            return err_set(e, ERR_USAGE, "study '%s': the values of '%s' are not all numbers, which an axis needs",
                           s->name, c->keys[axes[i]].name);
    }
    return *found && axes[0] == axes[1] ? err_set(e, ERR_USAGE, "a heatmap has two different axes") : 0;
}

static size_t panel_of(struct heatmap *h, const char *name)
{
    for (size_t i = 0; i < h->n_panels; i++)
        if (!strcmp(h->names[i], name))
            return i;
    h->names[h->n_panels] = name;
    return h->n_panels++;
}

static const char *panel_name(const struct subject *s, const struct cells *c, struct arena *a, size_t group,
                              const size_t axes[2])
{
    const char *rest = cells_rest(c, s, a, group, axes, 2), *variant = s->groups[group].variant;
    if (s->n_variants == 1)
        return rest;
    return arena_printf(a, "%s%s%s", subject_variant(s, variant), *rest ? ", " : "", rest);
}

static double value_of(const struct finals *f, size_t group, bool inverse)
{
    const struct curve_options means = { .band = BAND_NONE };
    const struct curve_point p = finals_point(f, group, &means);
    return p.n == 0 ? NAN : !inverse ? p.mean : p.mean >= TINY ? 1 / p.mean : NAN;
}

/* A whole cell is better than one that lacks seeds, whatever its value. */
static void find_best(struct heatmap *h)
{
    for (size_t i = 0; h->known_goal && i < h->n; i++) {
        const struct heatmap_cell *c = &h->cells[i], *b = h->best;
        const bool whole = c->n == c->n_asked, best_whole = b && b->n == b->n_asked;
        if (!isfinite(c->value) || (best_whole && !whole))
            continue;
        if (!b || (whole && !best_whole) || (h->smallest ? c->value < b->value : c->value > b->value))
            h->best = c;
    }
}

int heatmap_read(struct heatmap *h, const struct subject *s, const struct cells *c, const struct heatmap_options *o,
                 struct query *q, struct arena *a, struct err *e)
{
    size_t axes[2] = { 0, 0 };
    bool found;
    struct finals f;
    *h = (struct heatmap){
        .metric = o->metric, .log = o->log, .without = "", .note = o->note, .shortest = INFINITY, .longest = -INFINITY
    };
    TRY(choose_axes(c, s, o, axes, &found, e));
    if (!found)
        return 0;
    const char *metric = o->metric ? o->metric : "train_loss";
    TRY(finals_read(&f, s, q, a, metric, o->metric ? FINALS_LAST : FINALS_AREA, e));
    h->known_goal = !o->metric || f.known_goal;
    h->smallest = o->metric && !f.largest;
    h->what = o->metric ? arena_printf(a, "%s%s%s%s", f.shown, *f.unit ? " (" : "", f.unit, *f.unit ? ")" : "")
                        : arena_printf(a, "1 / area under %s", f.shown);
    struct grid *g = &h->grid;
    *g = (struct grid){ .x_key = c->keys[axes[0]].name,
                        .y_key = c->keys[axes[1]].name,
                        .x_shown = subject_key(s, c->keys[axes[0]].name),
                        .y_shown = subject_key(s, c->keys[axes[1]].name),
                        .nx = c->keys[axes[0]].n_values,
                        .ny = c->keys[axes[1]].n_values,
                        .x = c->keys[axes[0]].values,
                        .y = c->keys[axes[1]].values };
    h->cells = arena_need(a, s->n_groups + 1, sizeof *h->cells);
    h->names = arena_need(a, s->n_groups + 1, sizeof *h->names);
    const char *left_out = "";
    for (size_t i = 0; i < s->n_groups; i++) {
        const struct group *group = &s->groups[i];
        const double x = cells_at(c, i, axes[0]), y = cells_at(c, i, axes[1]);
        if (group->retrained)
            continue;
        if (!isfinite(x) || !isfinite(y)) {
            if (strcmp(group->variant, left_out)) /* groups of a variant follow each other */
                h->without =
                    arena_printf(a, "%s%s%s", h->without, *h->without ? ", " : "", subject_variant(s, group->variant));
            left_out = group->variant;
            continue;
        }
        if (f.of[i].n) {
            h->shortest = fmin(h->shortest, f.of[i].shortest);
            h->longest = fmax(h->longest, f.of[i].longest);
        }
        h->cells[h->n++] = (struct heatmap_cell){ .panel = panel_of(h, panel_name(s, c, a, i, axes)),
                                                  .x = x,
                                                  .y = y,
                                                  .value = value_of(&f, i, !o->metric),
                                                  .n = f.of[i].n,
                                                  .n_asked = group->n_trials,
                                                  .n_diverged = group->n_diverged,
                                                  .n_waiting = group_waiting(group),
                                                  .n_shorter = group->n_shorter };
    }
    find_best(h);
    return 0;
}

bool heatmap_uneven(const struct heatmap *h)
{
    return !h->metric && h->shortest < h->longest;
}

bool heatmap_fits(const struct heatmap *h)
{
    return h->grid.x_key && !heatmap_uneven(h) && h->n_panels > 0 && h->n_panels <= HEATMAP_MAX_PANELS &&
           h->grid.nx <= GRID_MAX_SIDE && h->grid.ny <= GRID_MAX_SIDE;
}
