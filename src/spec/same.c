/* Two cells of a sweep that would be one trial: the sweep names a budget, or spells one value in two ways. */
#include "spec/sweep.h"
#include <string.h>

static bool same_text(const struct node *x, const struct node *y)
{
    struct text a = { 0 }, b = { 0 };
    tree_json(x, &a);
    tree_json(y, &b);
    const bool same = !strcmp(a.s, b.s);
    text_free(&a);
    text_free(&b);
    return same;
}

/* As the file has it. */
static const char *shown(const struct node *n, struct arena *a)
{
    if (!n)
        return "no value";
    if (n->kind == NODE_SCALAR)
        return *n->text ? n->text : "''";
    struct text t = { 0 };
    tree_json(n, &t);
    const char *copy = arena_strdup(a, t.s);
    text_free(&t);
    return copy;
}

/* The axis to blame: the first in which the cells differ, if there is one that both have. */
static size_t find_difference(const struct study_sweep *w, struct node *const *x, struct node *const *y)
{
    size_t lonely = 0;
    for (size_t i = w->n_axes; i-- > 0;)
        if (!x[i] != !y[i])
            lonely = i;
    for (size_t i = 0; i < w->n_axes; i++)
        if (x[i] && y[i] && !same_text(x[i], y[i]))
            return i;
    return lonely;
}

static bool same_place(struct where a, struct where b)
{
    return a.source == b.source && a.line == b.line && a.column == b.column;
}

static bool is_length(const char *key)
{
    return !strcmp(key, "train.iterations") || !strcmp(key, "train.epochs");
}

int study_report_same(const struct study *s, uint64_t first, uint64_t second, struct arena *a, struct err *e)
{
    const struct study_sweep *w = s->sweep;
    struct study_trial t[2];
    TRY(study_cell(s, first, &t[0], a, e));
    TRY(study_cell(s, second, &t[1], a, e));
    const size_t axis = find_difference(w, t[0].values, t[1].values);
    const char *key = w->axes[axis].key, *path = sweep_axis_path(s, axis);
    const struct node *values[2] = { t[0].values[axis], t[1].values[axis] };
    const struct where where[2] = { values[0] ? values[0]->where : w->axes[axis].key_where,
                                    values[1] ? values[1]->where : w->axes[axis].key_where };
    if (s->form && s->form->is_budget && s->form->is_budget(key))
        err_at(e, where[1], "%s: %s and %s would be one trial, since '%s' is no part of what makes a trial; %s", path,
               shown(values[0], a), shown(values[1], a), key,
               is_length(key) ? "train to the largest and log more often (log.every)" : "set it once, in the file");
    else
        err_at(e, where[1], "%s: %s and %s would be one trial", path, shown(values[0], a), shown(values[1], a));
    if (!same_place(where[0], where[1]))
        err_note(e, where[0], "the other one is here");
    return ERR_SPEC;
}
