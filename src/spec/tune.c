#include "spec/tune.h"
#include "spec/bind.h"
#include "spec/seeds.h"
#include "spec/sweep.h"
#include <string.h>

static const char *const goals[] = { "min", "max", NULL };

/* What a table can bind. */
struct head {
    const char *metric;
    int goal;
    struct names over;
    const char *retrain; /* nothing: a reader of its own has it, and the row tells of the key */
};
static const struct option head_options[] = {
    { "metric", OPT_TEXT, offsetof(struct head, metric), .flags = OPTION_REQUIRED,
      .help = "what the cells are compared by" },
    { "goal", OPT_ENUM, offsetof(struct head, goal), "min", .names = goals, .help = "which end of it is best" },
    { "over", OPT_NAMES, offsetof(struct head, over), .flags = OPTION_NULLABLE,
      .help = "the swept keys that are chosen" },
    { "retrain", OPT_TEXT, offsetof(struct head, retrain), .help = "fresh seeds for what is chosen" },
    { 0 }
};

static const struct node *given(const struct node *map, const char *key)
{
    const struct node *value = map ? tree_child(map, key) : NULL;
    return value && !node_is_null(value) ? value : NULL;
}

/* All swept keys, or those of the list. */
static void choose_keys(struct study *s, struct study_tune *t, const struct names *over, struct err *e)
{
    const struct study_sweep *w = s->sweep;
    const struct node *list = given(t->map, "over");
    const char **known = arena_need(s->arena, w->n_axes, sizeof *known);
    t->keys = arena_need(s->arena, w->n_axes, sizeof *t->keys);
    for (size_t i = 0; i < w->n_axes; i++) {
        known[i] = w->axes[i].key;
        const struct axis *x = &w->axes[i];
        const struct where *where = list ? NULL : &x->key_where;
        for (size_t k = 0; k < over->n; k++)
            if (strcmp(over->items[k], x->key) == 0)
                where = list->kind == NODE_LIST ? &list->items[k]->where : &list->where;
        if (where && !x->overridden)
            t->keys[t->n_keys++] = (struct tune_key){ x->key, *where, x->kind >= AXIS_UNIFORM, x->n > 1 };
    }
    if (list && over->n == 0)
        err_at(e, list->where, "tune.over: an empty list leaves nothing to choose");
    for (size_t k = 0; k < over->n; k++) {
        bool found = false;
        for (size_t i = 0; i < w->n_axes; i++)
            found = found || strcmp(over->items[k], known[i]) == 0;
        if (!found)
            err_at(e, list->kind == NODE_LIST ? list->items[k]->where : list->where, "tune.over: '%s' is not swept%s",
                   over->items[k], bind_advice(over->items[k], known, w->n_axes, s->arena));
    }
}

/* The seeds of retraining: what was chosen with a seed is not measured with it. */
static void read_retrain(struct study *s, struct study_tune *t, const struct node *retrain, struct err *e)
{
    char found[100];
    const size_t before = e->n_errors;
    if (!retrain || retrain->kind != NODE_MAP) {
        err_at(e, retrain ? retrain->where : t->map->where, "tune.retrain: expected {seeds: [...]}, found %s",
               retrain ? node_found(retrain, found) : "nothing");
        return;
    }
    for (size_t i = 0; i < retrain->n; i++)
        if (strcmp(retrain->keys[i]->text, "seeds") != 0)
            err_at(e, retrain->keys[i]->where, "unknown key '%s' in tune.retrain; known: seeds",
                   retrain->keys[i]->text);
    const struct node *list = given(retrain, "seeds");
    if (!list && e->n_errors == before)
        err_at(e, retrain->where, "tune.retrain: missing required key 'seeds'");
    if (e->n_errors > before)
        return;
    const struct seeds seeds = seeds_read(list, "tune.retrain", s->arena, e);
    t->n_seeds = seeds.n;
    t->seeds = seeds.items;
    for (size_t i = 0; i < seeds.n && e->n_errors == before; i++)
        if (seeds_have(s->seeds, s->n_seeds, seeds.items[i]) ||
            seeds_have(s->spec_seeds, s->n_spec_seeds, seeds.items[i]))
            err_at(
                e, list->kind == NODE_LIST ? list->items[i]->where : list->where,
                "tune.retrain.seeds: the sweep has seed %lld, and what is chosen with it is measured with fresh seeds",
                (long long)seeds.items[i]);
}

void tune_read(struct study *s, const struct node *map, struct err *e)
{
    char found[100];
    const size_t before = e->n_errors;
    if (!map || node_is_null(map))
        return;
    if (map->kind != NODE_MAP) {
        err_at(e, map->where, "tune: expected a map, found %s", node_found(map, found));
        return;
    }
    struct study_tune *t = arena_need(s->arena, 1, sizeof *t);
    struct head head = { 0 };
    struct node *rest = node_collection(s->arena, map->where, NODE_MAP);
    *t = (struct study_tune){ .map = map };
    for (size_t i = 0; i < map->n; i++)
        node_append(rest, map->keys[i],
                    strcmp(map->keys[i]->text, "retrain") ? map->items[i]
                                                          : node_scalar(s->arena, map->items[i]->where, "", true),
                    s->arena);
    (void)bind_tree(rest, head_options, &head, "tune", s->arena, e); /* counted in e */
    read_retrain(s, t, given(map, "retrain"), e);
    if (e->n_errors > before)
        return;
    t->metric = head.metric;
    t->goal = !given(map, "goal") ? TUNE_AS_METRIC : head.goal == 0 ? TUNE_MIN : TUNE_MAX;
    if (s->sweep->n_axes > 0)
        choose_keys(s, t, &head.over, e);
    else if (!s->sweep->incomplete)
        err_at(e, map->where, "tune: nothing is swept that could be chosen from; give a 'sweep', or tune: null");
    if (e->n_errors == before)
        s->tune = t;
}
