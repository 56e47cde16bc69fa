/* One trial of a study: base < variant < swept values and overrides.
 *
 * A variant need not have every swept key: algorithm.mapping.regularization says nothing to bp. Such a key is left out
 * of the trial, and of the cells that are then the same trial the first one is kept. */
#include "spec/bind.h"
#include "spec/compose.h"
#include "spec/study.h"
#include "spec/sweep.h"
#include <assert.h>
#include <math.h>
#include <string.h>

static const char *value_text(const struct node *n, struct arena *a)
{
    if (n->kind == NODE_SCALAR)
        return n->text;
    struct text t = { 0 };
    tree_json(n, &t);
    const char *copy = arena_strdup(a, t.s);
    text_free(&t);
    return copy;
}

/* Cell and overrides name different keys, so they are laid on as one: an override of `optimizer.name` then replaces the
 * optimizer, but not the stepsize that is swept beside it. laid: which of the axes. */
static int build_tree(const struct study *s, size_t variant, struct node *const *values, const bool *laid,
                      struct node **tree, struct arena *a, struct err *e)
{
    const struct study_sweep *w = s->sweep;
    const size_t before = e->n_errors;
    struct node *over = s->overrides;
    for (size_t i = 0; i < w->n_axes; i++)
        if (laid[i])
            TRY(tree_put(&over, w->axes[i].key, w->axes[i].key_where, values[i], a, e));
    struct node *whole = s->variant_trees[variant];
    if (over)
        whole = tree_overlay_partial(whole, over, a, e);
    if (e->n_errors > before)
        return ERR_SPEC;
    struct node *const roots[] = { whole, w->root };
    *tree = interpolate(whole, roots, 2, a, e);
    return *tree ? 0 : ERR_SPEC;
}

/* What the axes' keys name in the trial on which those of `laid` are laid. A tree with mistakes is taken to have every
 * key: the mistakes are reported when the trial is bound. */
static void look_up(const struct study *s, size_t variant, struct node *const *values, const bool *laid,
                    enum bind_key *found, struct bind_missing *why, struct arena *a)
{
    const struct study_sweep *w = s->sweep;
    struct err e = { 0 };
    struct node *tree = NULL;
    if (build_tree(s, variant, values, laid, &tree, a, &e) == 0)
        tree = s->form->complete(tree, a);
    for (size_t i = 0; i < w->n_axes; i++)
        found[i] = tree ? bind_find_key(s->trial_options, tree, w->axes[i].key, &why[i], a) : BIND_KEY_VALUE;
    err_clear(&e);
}

/* Axes that choose parts decide on the others, `algorithm.name` on what its mapping takes, so they are laid on before
 * the others are looked up. */
void cell_find_keys(const struct study *s, size_t variant, struct node *const *values, bool *has, bool *chooses,
                    struct bind_missing *why, struct arena *a)
{
    const size_t n = s->sweep->n_axes;
    bool *laid = arena_need(a, n, sizeof *laid);
    enum bind_key *found = arena_need(a, n, sizeof *found);
    for (bool news = true; news;) { /* ends: each round lays one axis more */
        news = false;
        look_up(s, variant, values, laid, found, why, a);
        for (size_t i = 0; i < n; i++)
            if (found[i] == BIND_KEY_PART && !laid[i])
                laid[i] = chooses[i] = news = true;
    }
    for (size_t i = 0; i < n; i++)
        has[i] = found[i] != BIND_KEY_MISSING;
}

bool cell_has_key(const struct study *s, size_t variant, const char *key, struct bind_missing *why, struct arena *a)
{
    const size_t n = s->sweep->n_axes;
    bool *has = arena_need(a, n, sizeof *has), *chooses = arena_need(a, n, sizeof *chooses);
    struct bind_missing *missing = arena_need(a, n, sizeof *missing);
    struct node **values = cell_values(s->sweep, 0, a), *tree = NULL;
    struct err e = { 0 };
    cell_find_keys(s, variant, values, has, chooses, missing, a);
    if (build_tree(s, variant, values, has, &tree, a, &e) == 0)
        tree = s->form->complete(tree, a);
    err_clear(&e);
    return !tree || bind_find_key(s->trial_options, tree, key, why, a) != BIND_KEY_MISSING;
}

struct node **cell_values(const struct study_sweep *w, uint64_t cell, struct arena *a)
{
    struct node **values = arena_need(a, w->n_axes, sizeof *values);
    for (size_t i = 0; i < w->n_axes; i++)
        values[i] = axis_value(&w->axes[i], sweep_index(w, i, cell), w->random_seed, a);
    return values;
}

/* A node per axis, NULL where the variant's trial has no such key; has: where it has one. */
static struct node **fitting_values(const struct study *s, size_t variant, uint64_t cell, bool *has, struct arena *a)
{
    const struct study_sweep *w = s->sweep;
    const size_t n = w->n_axes;
    struct node **values = cell_values(w, cell, a);
    for (size_t i = 0; i < n; i++)
        has[i] = true;
    if (s->form && n > 0 && s->fixed_keys && s->fixed_keys[variant])
        memcpy(has, s->fixed_keys[variant], n * sizeof *has);
    else if (s->form && n > 0)
        cell_find_keys(s, variant, values, has, arena_need(a, n, sizeof *has),
                       arena_need(a, n, sizeof(struct bind_missing)), a);
    for (size_t i = 0; i < n; i++) {
        has[i] = has[i] && !w->axes[i].overridden;
        if (!has[i])
            values[i] = NULL;
    }
    return values;
}

/* Whether an exclusion is about seeds. */
static bool by_seed(const struct study_sweep *w)
{
    for (size_t i = 0; i < w->n_exclusions; i++)
        for (size_t j = 0; j < w->exclusions[i].n; j++)
            if (w->exclusions[i].conditions[j].axis == CONDITION_SEED)
                return true;
    return false;
}

/* Seeds of a cell that no exclusion takes. */
static uint64_t kept_seeds(const struct study *s, size_t variant, struct node *const *values)
{
    struct study_trial t = { .variant = s->variants[variant], .values = values };
    const bool each = by_seed(s->sweep);
    uint64_t kept = 0;
    for (size_t i = 0; i < (each ? s->n_seeds : 1); i++)
        kept += !study_excludes_seed(s, &t, i);
    return each ? kept : kept * s->n_seeds;
}

static int make_cell(const struct study *s, size_t variant, uint64_t cell, struct study_trial *t, struct arena *a,
                     struct err *e)
{
    struct study_sweep *w = s->sweep;
    const size_t n = w->n_axes;
    bool *has = arena_need(a, n, sizeof *has);
    struct node **values = fitting_values(s, variant, cell, has, a);
    *t = (struct study_trial){ .variant = s->variants[variant], .values = values };
    t->coordinates = arena_need(a, n, sizeof *t->coordinates);
    for (size_t i = 0; i < n; i++) {
        if (!has[i])
            continue;
        struct coordinate *c = &t->coordinates[t->n_coordinates++];
        *c = (struct coordinate){ .key = w->axes[i].key, .text = value_text(values[i], a), .number = (double)NAN };
        (void)node_is_number(values[i], &c->number); /* stays NAN if it is none */
    }
    t->excluded = sweep_repeats(w, cell, has) || kept_seeds(s, variant, values) == 0;
    return t->excluded ? 0 : build_tree(s, variant, values, has, &t->tree, a, e);
}

/* Whether cells of a variant may be left out because they are the same trial as another one. */
static bool may_repeat(const struct study *s, size_t variant, struct arena *a)
{
    const size_t n = s->sweep->n_axes;
    const struct draws *draws = sweep_all_draws(s->sweep);
    bool any = draws && draws->n_different < draws->n;
    for (size_t i = 0; i < n; i++)
        any = any || s->sweep->axes[i].overridden;
    if (any || !s->form || n == 0)
        return any;
    bool *has = arena_need(a, n, sizeof *has), *chooses = arena_need(a, n, sizeof *chooses);
    cell_find_keys(s, variant, cell_values(s->sweep, 0, a), has, chooses, arena_need(a, n, sizeof(struct bind_missing)),
                   a);
    for (size_t i = 0; i < n; i++)
        any = any || !has[i] || chooses[i];
    return any;
}

uint64_t cell_count_kept(const struct study *s, uint64_t limit, uint64_t *searched)
{
    struct study_sweep *w = s->sweep;
    uint64_t kept = 0;
    struct arena scratch;
    arena_init(&scratch, 0);
    *searched = 0;
    for (size_t v = 0; v < s->n_variants && kept <= limit; v++) {
        if (w->n_exclusions == 0 && !may_repeat(s, v, &scratch)) {
            const bool many = s->n_cells > limit;
            kept += many ? limit + 1 : s->n_cells * s->n_seeds;
            continue;
        }
        for (uint64_t cell = 0; cell < s->n_cells && kept <= limit; cell++) {
            if (++*searched > CELL_MAX_SEARCHED) {
                arena_finish(&scratch);
                return limit + 1;
            }
            const struct arena_mark mark = arena_mark(&scratch);
            bool *has = arena_need(&scratch, w->n_axes, sizeof *has);
            struct node **values = fitting_values(s, v, cell, has, &scratch);
            kept += sweep_repeats(w, cell, has) ? 0 : kept_seeds(s, v, values);
            arena_rewind(&scratch, mark);
        }
    }
    arena_finish(&scratch);
    return kept;
}

bool study_excludes_seed(const struct study *s, const struct study_trial *t, size_t seed)
{
    struct study_trial one = *t;
    one.seed = s->seeds[seed];
    return sweep_excludes(s->sweep, &one, t->values);
}

int study_cell(const struct study *s, uint64_t i, struct study_trial *t, struct arena *a, struct err *e)
{
    const size_t variant = (size_t)(i / s->n_cells);
    assert(variant < s->n_variants);
    return make_cell(s, variant, i % s->n_cells, t, a, e);
}

int study_trial(const struct study *s, uint64_t i, struct study_trial *t, struct arena *a, struct err *e)
{
    const size_t seed = (size_t)(i % s->n_seeds);
    TRY(study_cell(s, i / s->n_seeds, t, a, e));
    t->seed = s->seeds[seed];
    t->excluded = t->excluded || study_excludes_seed(s, t, seed);
    return 0;
}

int study_first_trial(const struct study *s, size_t variant, struct study_trial *t, struct arena *a, struct err *e)
{
    assert(variant < s->n_variants);
    TRY(make_cell(s, variant, 0, t, a, e));
    t->seed = s->seeds[0];
    return 0;
}
