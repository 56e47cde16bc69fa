/* `exclude`: cells of a sweep that are left out. Each entry is a map from a swept key, `variant` or `seed` to a value
 * or a list of values; a trial that meets all of an entry is excluded. */
#include "spec/sweep.h"
#include <math.h>
#include <string.h>

enum { MAX_SEARCHED = 100000 }; /* values of an axis that are looked through for one that an entry names */

/* 0.1 and 1e-1 are the same value, a geomspace's 0.1 too. */
static bool same_value(const struct node *a, const struct node *b)
{
    double x, y;
    if (node_is_number(a, &x) && node_is_number(b, &y))
        return fabs(x - y) <= 1e-12 * fmax(fabs(x), fabs(y));
    struct text s = { 0 }, t = { 0 };
    tree_json(a, &s);
    tree_json(b, &t);
    const bool same = strcmp(s.s, t.s) == 0;
    text_free(&s);
    text_free(&t);
    return same;
}

static bool same_seed(const struct node *n, int64_t seed)
{
    int64_t value;
    return n->kind == NODE_SCALAR && text_to_int(n->text, n->length, &value) == 0 && value == seed;
}

static bool is_variant(const struct node *n, const char *name)
{
    return n->kind == NODE_SCALAR && strcmp(n->text, name) == 0;
}

static void check_variant(const struct study *s, const struct node *n, struct err *e)
{
    char found[100];
    for (size_t i = 0; i < s->n_variants; i++)
        if (is_variant(n, s->variants[i]))
            return;
    const char *near = n->kind == NODE_SCALAR ? err_nearest(n->text, s->variants, s->n_variants) : NULL;
    err_at(e, n->where, "sweep.exclude: there is no variant %s%s%s%s",
           n->kind == NODE_SCALAR ? n->text : node_found(n, found), near ? "; did you mean '" : "", near ? near : "",
           near ? "'?" : "");
}

static bool is_among(const struct node *n, const int64_t *seeds, size_t n_seeds)
{
    bool found = false;
    for (size_t i = 0; i < n_seeds && !found; i++)
        found = same_seed(n, seeds[i]);
    return found;
}

/* The command line, or a profile, may ask for fewer seeds than the file has. */
static void check_seed(const struct study *s, const struct node *n, struct err *e)
{
    char found[100];
    if (is_among(n, s->seeds, s->n_seeds) || is_among(n, s->spec_seeds, s->n_spec_seeds) ||
        is_among(n, s->file_seeds, s->n_file_seeds))
        return;
    err_at(e, n->where, "sweep.exclude: %s is not one of the seeds", node_found(n, found));
}

/* A value that the axis never takes is a slip of the pen. Random axes, and very long ones, cannot be looked through. */
static void check_axis_value(const struct study *s, const struct axis *x, const struct node *n, struct err *e)
{
    char found[100];
    if (x->kind == AXIS_UNIFORM || x->kind == AXIS_LOGUNIFORM || x->n > MAX_SEARCHED)
        return;
    const struct arena_mark mark = arena_mark(s->arena);
    const uint64_t count = x->kind == AXIS_CHOICE ? x->list->n : x->n;
    bool found_it = false;
    for (uint64_t i = 0; i < count && !found_it; i++)
        found_it = same_value(x->list ? x->list->items[i] : axis_value(x, i, 0, s->arena), n);
    arena_rewind(s->arena, mark);
    if (!found_it)
        err_at(e, n->where, "sweep.exclude: %s is not a value of '%s'", node_found(n, found), x->key);
}

static void check_condition(const struct study *s, const struct condition *c, struct err *e)
{
    const struct node *const *items =
        c->value->kind == NODE_LIST ? (const struct node *const *)c->value->items : &c->value;
    const size_t n = c->value->kind == NODE_LIST ? c->value->n : 1;
    if (n == 0)
        err_at(e, c->value->where, "sweep.exclude: an empty list, which no trial meets");
    for (size_t i = 0; i < n; i++) {
        if (c->axis == CONDITION_VARIANT)
            check_variant(s, items[i], e);
        else if (c->axis == CONDITION_SEED)
            check_seed(s, items[i], e);
        else
            check_axis_value(s, &s->sweep->axes[c->axis], items[i], e);
    }
}

static void report_unknown(const struct study *s, const struct node *key, const char *path, struct err *e)
{
    const struct study_sweep *w = s->sweep;
    const char **known = arena_need(s->arena, w->n_axes + 2, sizeof *known);
    struct text list = { 0 };
    size_t n = 0;
    known[n++] = "variant";
    known[n++] = "seed";
    for (size_t i = 0; i < w->n_axes; i++)
        if (!w->axes[i].overridden)
            known[n++] = w->axes[i].key;
    for (size_t i = 0; i < n; i++)
        text_add(&list, "%s%s", i ? ", " : "", known[i]);
    const char *near = err_nearest(path, known, n);
    if (near)
        err_at(e, key->where, "sweep.exclude: '%s' is not swept; did you mean '%s'?", path, near);
    else
        err_at(e, key->where, "sweep.exclude: '%s' is not swept; known: %s", path, list.s);
    text_free(&list);
}

/* Turns nested maps into conditions, one per swept key. */
static void find_conditions(const struct study *s, const struct node *map, const char *prefix, struct exclusion *x,
                            struct err *e)
{
    for (size_t i = 0; i < map->n; i++) {
        const char *path = arena_printf(s->arena, "%s%s%s", prefix, *prefix ? "." : "", map->keys[i]->text);
        struct condition c = { .value = map->items[i] };
        bool known = true;
        if (strcmp(path, "variant") == 0) {
            c.axis = CONDITION_VARIANT;
        } else if (strcmp(path, "seed") == 0) {
            c.axis = CONDITION_SEED;
        } else {
            size_t axis = 0;
            while (axis < s->sweep->n_axes &&
                   (s->sweep->axes[axis].overridden || strcmp(s->sweep->axes[axis].key, path) != 0))
                axis++;
            known = axis < s->sweep->n_axes;
            c.axis = (long)axis;
        }
        if (known) {
            check_condition(s, &c, e);
            x->conditions[x->n++] = c; /* paths are distinct and known: no more than axes + 2 */
        } else if (map->items[i]->kind == NODE_MAP && map->items[i]->n > 0) {
            find_conditions(s, map->items[i], path, x, e);
        } else {
            report_unknown(s, map->keys[i], path, e);
        }
    }
}

int exclude_open(struct study *s, const struct node *list, struct err *e)
{
    const size_t before = e->n_errors;
    struct study_sweep *w = s->sweep;
    char found[100];
    if (list->kind != NODE_LIST)
        return err_at(e, list->where, "sweep.exclude: expected a list of maps, found %s", node_found(list, found));
    w->exclude_where = list->where;
    w->exclusions = arena_need(s->arena, list->n, sizeof *w->exclusions);
    for (size_t i = 0; i < list->n; i++) {
        const struct node *entry = list->items[i];
        struct exclusion *x = &w->exclusions[w->n_exclusions];
        if (entry->kind == NODE_MAP && entry->n == 0) {
            err_at(e, entry->where, "sweep.exclude: an empty map, which would leave out every trial");
            continue;
        }
        if (entry->kind != NODE_MAP) {
            err_at(e, entry->where, "sweep.exclude: expected a map of swept keys and values, found %s",
                   node_found(entry, found));
            continue;
        }
        x->conditions = arena_need(s->arena, w->n_axes + 2, sizeof *x->conditions);
        find_conditions(s, entry, "", x, e);
        w->n_exclusions++;
    }
    return e->n_errors == before ? 0 : ERR_SPEC;
}

static bool holds(const struct study_trial *t, const struct condition *c, const struct node *wanted,
                  struct node *const *values)
{
    if (c->axis == CONDITION_VARIANT)
        return is_variant(wanted, t->variant);
    if (c->axis == CONDITION_SEED)
        return same_seed(wanted, t->seed);
    return values[c->axis] && same_value(values[c->axis], wanted);
}

bool sweep_excludes(const struct study_sweep *w, const struct study_trial *t, struct node *const *values)
{
    for (size_t i = 0; i < w->n_exclusions; i++) {
        const struct exclusion *x = &w->exclusions[i];
        bool all = true;
        for (size_t j = 0; j < x->n && all; j++) {
            const struct node *v = x->conditions[j].value;
            bool any = v->kind != NODE_LIST && holds(t, &x->conditions[j], v, values);
            for (size_t k = 0; v->kind == NODE_LIST && k < v->n && !any; k++)
                any = holds(t, &x->conditions[j], v->items[k], values);
            all = any;
        }
        if (all)
            return true;
    }
    return false;
}

struct where study_excludes_where(const struct study *s)
{
    return s->sweep->n_exclusions ? s->sweep->exclude_where : s->sweep->where;
}
