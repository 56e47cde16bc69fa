/* A study and the trials it is made for: keys that nothing knows are found before any trial is bound. */
#include "spec/bind.h"
#include "spec/compose.h"
#include "spec/figures.h"
#include "spec/labels.h"
#include "spec/study.h"
#include "spec/sweep.h"
#include "spec/targets.h"
#include <string.h>

enum { MAX_SEARCHED = 100000 };

/* The rows of a trial that a file may set: all but what the study gives. */
static struct option *trial_rows(const struct option *options, struct arena *a)
{
    size_t n = 0, kept = 0;
    while (options[n].type != OPT_END)
        n++;
    struct option *rows = arena_need(a, n + 1, sizeof *rows);
    for (size_t i = 0; i < n; i++)
        if (!compose_gives_key(options[i].name))
            rows[kept++] = options[i];
    return rows;
}

static bool has_row(const struct option *rows, const char *key)
{
    while (rows->type != OPT_END && strcmp(rows->name, key) != 0)
        rows++;
    return rows->type != OPT_END;
}

const char *study_foreign(const char *key)
{
    static const char *const keys[][2] = {
        { "defaults", "; Hydra's list of defaults is 'extends: other.yaml' here, and its groups are 'variants'" },
        { "hydra", "; Hydra's own settings have no place here" },
        { "program", "; of a W&B sweep: tprun trains by itself" },
        { "parameters",
          "; of a W&B sweep: here it is sweep: {grid: {KEY: [a, b]}}, or sweep: {random: {samples: N, parameters: "
          "{KEY: {uniform: [a, b]}}}}" },
        { "method",
          "; of a W&B sweep: here sweep.grid or sweep.random has the keys; how networks learn is 'algorithm'" },
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(keys[i][0], key) == 0)
            return keys[i][1];
    return NULL;
}

/* Reports unknown keys at the top. The rest is checked as if the near name were meant, or without the key, so that
 * binding a trial does not report it again. */
static void check_names(const struct study *s, struct node *tree, struct err *e)
{
    for (size_t i = 0; tree && i < tree->n; i++) {
        const struct node *key = tree->keys[i];
        if (has_row(s->trial_options, key->text))
            continue;
        const char *known[64];
        size_t n = compose_study_keys(known, 32);
        for (const struct option *o = s->trial_options; o->type != OPT_END && n < 64; o++)
            known[n++] = o->name;
        if (!err_is_told(e, key->where))
            err_at(e, key->where, "unknown key '%s'%s", key->text,
                   study_foreign(key->text) ? study_foreign(key->text) : bind_advice(key->text, known, n, s->arena));
        const char *near = err_nearest(key->text, known, n);
        if (near && has_row(s->trial_options, near) && !tree_child(tree, near))
            tree->keys[i] = node_scalar(s->arena, key->where, near, false);
        else
            tree_remove(tree, tree->keys[i--]->text);
    }
}

/* `zip: {train.batch_size: [...]}` reads as a group called `train`. */
static const char *lost_group(const struct study *s, size_t axis)
{
    const struct study_sweep *w = s->sweep;
    const char *key = w->axes[axis].key;
    for (size_t i = 0; i < w->n_dimensions; i++) {
        const struct dimension *d = &w->dimensions[i];
        if (axis < d->first || axis >= d->first + d->n_axes || strcmp(d->name, key) == 0)
            continue;
        const char *whole = arena_printf(s->arena, "%s.%s", d->name, key);
        if (bind_find_key(s->trial_options, NULL, whole, NULL, s->arena) != BIND_KEY_MISSING)
            return arena_printf(s->arena, "a zip has groups: zip: {NAME: {%s: [...], ...}}", whole);
    }
    return NULL;
}

/* Of what the variants' first cells miss, the message that knows a near name. */
static void report_unknown_key(const struct study *s, size_t axis, struct err *e)
{
    const struct axis *x = &s->sweep->axes[axis];
    const size_t n = s->sweep->n_axes;
    struct bind_missing *why = arena_need(s->arena, n, sizeof *why), best = { 0 };
    bool *has = arena_need(s->arena, n, sizeof *has), *chooses = arena_need(s->arena, n, sizeof *chooses);
    struct node **values = cell_values(s->sweep, 0, s->arena);
    for (size_t v = 0; v < s->n_variants && !best.near; v++) {
        cell_find_keys(s, v, values, has, chooses, why, s->arena);
        if (!best.text || why[axis].near)
            best = why[axis];
    }
    const char *group = lost_group(s, axis);
    if (group)
        err_at(e, x->name_where[0], "%s", group);
    else
        err_at(e, x->name_where[best.segment], "%s%s", best.text,
               s->n_variants > 1 && !best.near ? " (in every variant)" : "");
}

/* Reports keys that are null under `sweep` and that no variant knows. */
static void check_nulls(const struct study *s, struct err *e)
{
    for (const struct null_key *x = s->sweep->nulls; x; x = x->next) {
        struct bind_missing best = { 0 };
        bool known = false;
        for (size_t v = 0; v < s->n_variants && !known; v++) {
            struct bind_missing why = { 0 };
            known = cell_has_key(s, v, x->key, &why, s->arena);
            if (!best.text || why.near)
                best = why;
        }
        if (!known)
            err_at(e, x->name_where[best.segment], "%s", best.text);
    }
}

/* The next cell in which a key that chooses parts has another value, the others their first one; 0 after the last. */
static uint64_t next_choice(const struct study_sweep *w, uint64_t cell, const bool *chooses)
{
    uint64_t stride = 1; /* the product of all n is no overflow: study_fit has looked */
    for (size_t i = w->n_dimensions; i-- > 0; stride *= w->dimensions[i].n) {
        const struct dimension *d = &w->dimensions[i];
        bool any = false;
        for (size_t j = d->first; j < d->first + d->n_axes; j++)
            any = any || chooses[j];
        if (any && cell / stride % d->n + 1 < d->n)
            return cell + stride;
        if (any)
            cell -= (d->n - 1) * stride;
    }
    return 0;
}

/* Which axes the trials of a variant have, if that is the same in all cells. */
static void fix_keys(const struct study *s, size_t variant, const bool *has, const bool *chooses)
{
    const size_t n = s->sweep->n_axes;
    for (size_t i = 0; i < n; i++)
        if (chooses[i])
            return;
    s->fixed_keys[variant] = memcpy(arena_need(s->arena, n, sizeof *has), has, n * sizeof *has);
}

/* Which axes some trial has. After MAX_SEARCHED choices of parts a key that none had gets the benefit of the doubt. */
static void find_used(const struct study *s, bool *used)
{
    const struct study_sweep *w = s->sweep;
    struct arena scratch;
    arena_init(&scratch, 0);
    bool *chooses = arena_need(&scratch, w->n_axes, sizeof *chooses);
    for (size_t v = 0; v < s->n_variants; v++) {
        uint64_t cell = 0;
        size_t n_searched = 0;
        do {
            const struct arena_mark mark = arena_mark(&scratch);
            bool *has = arena_need(&scratch, w->n_axes, sizeof *has);
            struct bind_missing *why = arena_need(&scratch, w->n_axes, sizeof *why);
            bool *own = arena_need(&scratch, w->n_axes, sizeof *own);
            cell_find_keys(s, v, cell_values(w, cell, &scratch), has, own, why, &scratch);
            if (cell == 0)
                fix_keys(s, v, has, own);
            for (size_t i = 0; i < w->n_axes; i++) {
                used[i] = used[i] || has[i] || n_searched == MAX_SEARCHED;
                chooses[i] = chooses[i] || own[i];
            }
            arena_rewind(&scratch, mark);
            cell = next_choice(w, cell, chooses);
        } while (cell > 0 && n_searched++ < MAX_SEARCHED);
    }
    arena_finish(&scratch);
}

bool study_check_metric(const struct study *s, const struct study_form *form, struct where where, const char *path,
                        const char *metric, struct err *e)
{
    const struct registry *known;
    if (!form->can_log || form->can_log(metric, &known))
        return true;
    const char **names = arena_need(s->arena, known->n_parts, sizeof *names);
    for (size_t k = 0; k < known->n_parts; k++)
        names[k] = known->parts[k]->name;
    err_at(e, where, "%s: unknown metric '%s'%s", path, metric, bind_advice(metric, names, known->n_parts, s->arena));
    return false;
}

int study_fit(struct study *s, const struct study_form *form, struct err *e)
{
    const struct study_sweep *w = s->sweep;
    const size_t before = e->n_errors;
    s->form = form;
    s->trial_options = trial_rows(form->options, s->arena);
    for (size_t v = 0; v < s->n_variants; v++)
        check_names(s, s->variant_trees[v], e);
    check_names(s, s->overrides, e);
    figures_check(s, form, e);
    targets_check_metrics(s, form, e);
    labels_check_metrics(s, form, e);
    check_nulls(s, e);
    if (w->n_axes == 0 || w->overflow)
        return e->n_errors == before ? 0 : ERR_SPEC;
    bool *used = arena_need(s->arena, w->n_axes, sizeof *used);
    s->fixed_keys = arena_need(s->arena, s->n_variants, sizeof *s->fixed_keys);
    find_used(s, used);
    const struct draws *draws = sweep_all_draws(s->sweep);
    if (draws && draws->n_different < draws->n && e->n_errors == 0) /* a stand-in of what is wrong is one value */
        err_note(e, w->random_where, "sweep.random: %llu draws have %llu different values; equal draws are one trial",
                 (unsigned long long)draws->n, (unsigned long long)draws->n_different);
    for (size_t i = 0; i < w->n_axes; i++)
        if (!used[i])
            report_unknown_key(s, i, e);
    return e->n_errors == before ? 0 : ERR_SPEC;
}
