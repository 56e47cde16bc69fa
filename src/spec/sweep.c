#include "spec/sweep.h"
#include "spec/compose.h"
#include <assert.h>
#include <math.h>
#include <string.h>

enum { MAX_AXES = 256, MAX_SAMPLES = 1000000000 };

struct sweep_reader {
    struct study *study;
    struct study_sweep *sweep;
    struct arena *arena;
    struct err *e;
    bool random;
    const struct node *names[TREE_MAX_DEPTH]; /* of the key that is being read */
    size_t n_names;
};

static const struct where *name_places(const struct sweep_reader *r)
{
    struct where *w = arena_need(r->arena, r->n_names, sizeof *w);
    for (size_t i = 0; i < r->n_names; i++)
        w[i] = r->names[i]->where;
    return w;
}

static int add_axis(struct sweep_reader *r, const char *key, const struct node *key_node, const struct node *values,
                    const char *path)
{
    struct study_sweep *w = r->sweep;
    if (w->n_axes == MAX_AXES)
        return err_at(r->e, key_node->where, "sweep: more than %d swept keys", MAX_AXES);
    char *first = arena_strndup(r->arena, key, strcspn(key, "."));
    if (compose_is_study_key(first))
        return err_at(r->e, key_node->where, "%s: '%s' belongs to the study; only keys of a trial can be swept", path,
                      first);
    for (size_t i = 0; i < w->n_axes; i++) {
        const size_t n = strlen(w->axes[i].key), m = strlen(key), shorter = n < m ? n : m;
        if (strncmp(w->axes[i].key, key, shorter) != 0)
            continue;
        const char next = n < m ? key[shorter] : w->axes[i].key[shorter];
        if (next != '\0' && next != '.')
            continue;
        if (next == '\0' && r->random) { /* the draws take the place of the grid's values */
            w->axes[i].overridden = true;
            err_warn(r->e, key_node->where, "%s: '%s' is in the grid too; the random values take its place", path, key);
            err_note(r->e, w->axes[i].key_where, "it is swept here");
            continue;
        }
        err_at(r->e, key_node->where,
               next ? "%s: '%s' is swept as well; one contains the other" : "%s: '%s' is swept twice", path,
               w->axes[i].key);
        err_note(r->e, w->axes[i].key_where, "it is swept here");
        return ERR_SPEC;
    }
    struct axis *x = &w->axes[w->n_axes];
    *x =
        (struct axis){ .key = arena_strdup(r->arena, key), .key_where = key_node->where, .name_where = name_places(r) };
    const int code = axis_bind(x, values, r->random, path, r->e);
    if (code == 0 || axis_stand_in(x, values, r->random, r->arena))
        w->n_axes++;
    else
        w->incomplete = true;
    return code;
}

/* Whether the file itself, or the command line, says it: one that is extended may have a profile about what this file
 * has no more. */
static bool is_own(const struct sweep_reader *r, const struct node *key)
{
    const struct source *source = key->where.source;
    return source && (source == r->study->file->where.source || strcmp(source->name, "command line") == 0);
}

/* Whether there is such a key study_fit looks up. */
static void add_null(struct sweep_reader *r, const char *key)
{
    struct null_key *x = arena_need(r->arena, 1, sizeof *x), **end = &r->sweep->nulls;
    *x = (struct null_key){ NULL, key, name_places(r) };
    while (*end)
        end = &(*end)->next;
    *end = x;
}

/* Finds the axes in nested maps: dotted keys have become such. Errors are counted in r->e. */
static void find_axes(struct sweep_reader *r, const struct node *map, const char *key, const char *path)
{
    for (size_t i = 0; i < map->n; i++) {
        const struct node *item = map->items[i];
        const char *inner_key = arena_printf(r->arena, "%s%s%s", key, *key ? "." : "", map->keys[i]->text);
        const char *inner_path = arena_printf(r->arena, "%s.%s", path, map->keys[i]->text);
        const bool slip =
            item->kind == NODE_MAP && item->n == 1 && item->items[0]->kind == NODE_LIST &&
            err_nearest(item->keys[0]->text,
                        (const char *const[]){ "geomspace", "linspace", "logspace", "loguniform", "lograndint" }, 5);
        r->names[r->n_names++] = map->keys[i]; /* no deeper than the tree */
        if (node_is_null(item) && is_own(r, map->keys[i]))
            add_null(r, inner_key);
        else if (item->kind == NODE_MAP && !axis_is_values(item) &&
                 !slip) /* an empty one, left by a null, sweeps nothing */
            find_axes(r, item, inner_key, inner_path);
        else if (!node_is_null(item))
            (void)add_axis(r, inner_key, map->keys[i], item, inner_path);
        r->n_names--;
    }
}

/* Axes stand in the order in which the file names them: nesting has drawn those with a common beginning together. */
static void sort_by_place(struct axis *axes, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const struct axis x = axes[i];
        size_t j = i;
        for (; j > 0; j--) {
            const struct where *a = &axes[j - 1].key_where, *b = &x.key_where;
            if (a->source != b->source || a->line < b->line || (a->line == b->line && a->column <= b->column))
                break;
            axes[j] = axes[j - 1];
        }
        axes[j] = x;
    }
}

static void add_dimension(struct study_sweep *w, const char *name, size_t first, size_t n_axes, uint64_t n)
{
    w->dimensions[w->n_dimensions++] = (struct dimension){ .name = name, .first = first, .n_axes = n_axes, .n = n };
}

static const struct node *given(const struct node *map, const char *key)
{
    const struct node *value = tree_child(map, key);
    return value && !node_is_null(value) ? value : NULL;
}

static bool check_map(struct sweep_reader *r, const struct node *n, const char *path)
{
    char found[100];
    if (n->kind == NODE_MAP)
        return true;
    err_at(r->e, n->where, "%s: expected a map, found %s", path, node_found(n, found));
    return false;
}

static void read_grid(struct sweep_reader *r, const struct node *grid)
{
    struct study_sweep *w = r->sweep;
    const size_t first = w->n_axes;
    if (!check_map(r, grid, "sweep.grid"))
        return;
    find_axes(r, grid, "", "sweep.grid");
    sort_by_place(w->axes + first, w->n_axes - first);
    for (size_t i = first; i < w->n_axes; i++) {
        const struct axis *x = &w->axes[i];
        (void)axis_check_distinct(x, 1, arena_printf(r->arena, "sweep.grid.%s", x->key), r->arena, r->e);
        add_dimension(w, x->key, i, 1, x->n);
    }
}

/* A null that removes no group of a zip. */
static void report_null_group(struct sweep_reader *r, const struct node *zip, size_t at)
{
    const char **names = arena_need(r->arena, zip->n, sizeof *names), *name = zip->keys[at]->text;
    size_t n = 0;
    if (!is_own(r, zip->keys[at]))
        return;
    for (size_t i = 0; i < zip->n; i++)
        if (!node_is_null(zip->items[i]))
            names[n++] = zip->keys[i]->text;
    err_at(r->e, zip->keys[at]->where, "sweep.zip.%s: null removes a group, but there is none of this name%s", name,
           n ? bind_advice(name, names, n, r->arena) : "");
}

static void read_zip(struct sweep_reader *r, const struct node *zip)
{
    struct study_sweep *w = r->sweep;
    if (!check_map(r, zip, "sweep.zip"))
        return;
    for (size_t i = 0; i < zip->n; i++) {
        const char *name = zip->keys[i]->text, *path = arena_printf(r->arena, "sweep.zip.%s", name);
        const size_t first = w->n_axes;
        if (node_is_null(zip->items[i])) {
            report_null_group(r, zip, i);
            continue;
        }
        if (!check_map(r, zip->items[i], path))
            continue;
        find_axes(r, zip->items[i], "", path);
        sort_by_place(w->axes + first, w->n_axes - first);
        const size_t before = r->e->n_errors;
        uint64_t n = w->n_axes > first ? w->axes[first].n : 0;
        for (size_t j = first + 1; j < w->n_axes; j++) {
            n = w->axes[j].n < n ? w->axes[j].n : n;
            if (w->axes[j].n != w->axes[first].n)
                err_at(r->e, w->axes[j].where, "%s: '%s' has %llu values, but '%s' has %llu; they are taken together",
                       path, w->axes[j].key, (unsigned long long)w->axes[j].n, w->axes[first].key,
                       (unsigned long long)w->axes[first].n);
        }
        if (w->n_axes > first && r->e->n_errors == before)
            (void)axis_check_distinct(w->axes + first, w->n_axes - first, path, r->arena, r->e);
        if (w->n_axes > first)
            add_dimension(w, name, first, w->n_axes - first, n);
    }
}

struct random_head {
    int64_t samples, seed;
};
static const struct option random_options[] = { { "samples", OPT_INT, offsetof(struct random_head, samples), NULL, 1,
                                                  MAX_SAMPLES, OPTION_REQUIRED, "number of draws" },
                                                { "seed", OPT_INT, offsetof(struct random_head, seed), "0", 0, 9e15, 0,
                                                  "every draw is a function of it, the key and its number" },
                                                { 0 } };

static void read_random(struct sweep_reader *r, const struct node *random)
{
    struct study_sweep *w = r->sweep;
    struct random_head head = { 0 };
    if (!check_map(r, random, "sweep.random"))
        return;
    struct node *rest = node_collection(r->arena, random->where, NODE_MAP);
    for (size_t i = 0; i < random->n; i++)
        if (strcmp(random->keys[i]->text, "parameters") != 0)
            node_append(rest, random->keys[i], random->items[i], r->arena);
    (void)bind_tree(rest, random_options, &head, "sweep.random", r->arena, r->e); /* counted in r->e */
    w->random_seed = (uint64_t)head.seed;
    w->random_where = given(random, "samples") ? tree_key(random, "samples")->where : random->where;
    if (head.samples < 1) /* wrong: the rest of the file is checked with one */
        head.samples = 1;
    const struct node *parameters = given(random, "parameters");
    const size_t first = w->n_axes;
    if (!parameters) {
        err_at(r->e, random->where, "sweep.random: missing required key 'parameters'");
        return;
    }
    if (!check_map(r, parameters, "sweep.random.parameters"))
        return;
    r->random = true;
    find_axes(r, parameters, "", "sweep.random.parameters");
    r->random = false;
    sort_by_place(w->axes + first, w->n_axes - first);
    for (size_t i = first; i < w->n_axes; i++)
        w->axes[i].n = (uint64_t)head.samples;
    if (w->n_axes > first)
        add_dimension(w, "random", first, w->n_axes - first, (uint64_t)head.samples);
}

static void count_cells(struct study *s)
{
    s->n_cells = 1;
    for (size_t i = 0; i < s->sweep->n_dimensions; i++)
        if (__builtin_mul_overflow(s->n_cells, s->sweep->dimensions[i].n, &s->n_cells))
            s->sweep->overflow = true;
    if (s->sweep->overflow)
        s->n_cells = UINT64_MAX;
}

int sweep_open(struct study *s, const struct node *sweep, struct where where, struct node *root, struct err *e)
{
    const size_t before = e->n_errors;
    struct study_sweep *w = arena_need(s->arena, 1, sizeof *w);
    struct sweep_reader r = { .study = s, .sweep = w, .arena = s->arena, .e = e };
    static const char *const known[] = { "grid", "zip", "random", "exclude" };
    *w = (struct study_sweep){ .where = where, .root = root, .arena = s->arena };
    s->sweep = w;
    s->n_cells = 1;
    if (!sweep)
        return 0;
    if (!check_map(&r, sweep, "sweep"))
        return ERR_SPEC;
    w->axes = arena_need(s->arena, MAX_AXES, sizeof *w->axes);
    w->dimensions = arena_need(s->arena, MAX_AXES, sizeof *w->dimensions);
    for (size_t i = 0; i < sweep->n; i++) {
        const char *key = sweep->keys[i]->text;
        const bool set = !node_is_null(sweep->items[i]);
        if (strcmp(key, "grid") == 0) {
            if (set)
                read_grid(&r, sweep->items[i]);
        } else if (strcmp(key, "zip") == 0) {
            if (set)
                read_zip(&r, sweep->items[i]);
        } else if (strcmp(key, "random") != 0 && strcmp(key, "exclude") != 0) {
            const char *foreign = study_foreign(key);
            err_at(e, sweep->keys[i]->where, "unknown key '%s' in sweep%s", key,
                   foreign ? foreign : bind_advice(key, known, 4, s->arena));
        }
    }
    if (given(sweep, "random"))
        read_random(&r, given(sweep, "random"));
    count_cells(s);
    if (given(sweep, "exclude") && e->n_errors == before)
        (void)exclude_open(s, given(sweep, "exclude"), e); /* counted in e */
    return e->n_errors == before ? 0 : ERR_SPEC;
}

uint64_t sweep_index(const struct study_sweep *w, size_t axis, uint64_t cell)
{
    for (size_t i = w->n_dimensions; i-- > 0;) {
        const struct dimension *d = &w->dimensions[i];
        if (axis >= d->first && axis < d->first + d->n_axes)
            return cell % d->n;
        cell /= d->n;
    }
    assert(!"an axis without a dimension");
    return 0;
}

/* Values that move together are looked through for the same ones before. */
static bool dimension_repeats(struct study_sweep *w, const struct dimension *d, uint64_t index, const bool *has)
{
    const struct axis *kept[MAX_AXES];
    size_t n = 0;
    for (size_t i = d->first; i < d->first + d->n_axes; i++)
        if (has[i])
            kept[n++] = &w->axes[i];
    if (n == 0)
        return index > 0;
    if (w->axes[d->first].kind >= AXIS_UNIFORM) {
        const struct draws *draws = sweep_draws(w, d, has);
        return draws->repeats && draws->repeats[index];
    }
    return n < d->n_axes && axis_repeats(kept, n, index);
}

bool sweep_repeats(struct study_sweep *w, uint64_t cell, const bool *has)
{
    for (size_t i = w->n_dimensions; i-- > 0;) {
        const struct dimension *d = &w->dimensions[i];
        if (dimension_repeats(w, d, cell % d->n, has))
            return true;
        cell /= d->n;
    }
    return false;
}

const char *sweep_axis_path(const struct study *s, size_t axis)
{
    const struct study_sweep *w = s->sweep;
    const char *key = w->axes[axis].key;
    if (w->axes[axis].kind >= AXIS_UNIFORM)
        return arena_printf(s->arena, "sweep.random.parameters.%s", key);
    for (size_t i = 0; i < w->n_dimensions; i++)
        if (axis >= w->dimensions[i].first && axis < w->dimensions[i].first + w->dimensions[i].n_axes &&
            w->dimensions[i].name != key)
            return arena_printf(s->arena, "sweep.zip.%s.%s", w->dimensions[i].name, key);
    return arena_printf(s->arena, "sweep.grid.%s", key);
}

int sweep_check_overrides(const struct study *s, struct err *e)
{
    const size_t before = e->n_errors;
    for (size_t i = 0; i < s->sweep->n_axes; i++) {
        const struct axis *x = &s->sweep->axes[i];
        const struct node *n = s->overrides, *key = NULL;
        for (const char *p = x->key;
             n && n->kind == NODE_MAP;) { /* down to the swept key, or to what replaces all above it */
            char *name = arena_strndup(s->arena, p, strcspn(p, "."));
            key = tree_key(n, name);
            n = tree_child(n, name);
            p += strlen(name);
            if (*p == '\0')
                break;
            p++;
        }
        if (!n)
            continue;
        const char *axis = sweep_axis_path(s, i);
        err_at(e, key->where, "'%s' is swept; set %s=[...] to change its values, or %s=null to sweep it no more",
               x->key, axis, axis);
        err_note(e, x->key_where, "it is swept here");
    }
    return e->n_errors == before ? 0 : ERR_SPEC;
}

size_t sweep_find_ending(const struct study_sweep *w, const char *end, const struct axis **axis)
{
    size_t found = 0;
    const size_t m = strlen(end);
    for (size_t i = 0; i < w->n_axes; i++) {
        const char *key = w->axes[i].key;
        const size_t n = strlen(key);
        if (w->axes[i].overridden || n < m || strcmp(key + n - m, end) != 0 || (n > m && key[n - m - 1] != '.'))
            continue;
        *axis = &w->axes[i];
        found++;
    }
    return found;
}
