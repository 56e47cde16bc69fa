#include "spec/targets.h"
#include "spec/bind.h"
#include <math.h>
#include <string.h>

enum { MAX_TARGETS = 20 };

const struct option target_options[] = {
    { "metric", OPT_TEXT, offsetof(struct study_target, metric), .flags = OPTION_REQUIRED, .help = "what reaches it" },
    { "value", OPT_REAL, offsetof(struct study_target, value), .flags = OPTION_REQUIRED,
      .help = "at least it, or at most, as the metric's better end is" },
    { 0 }
};

static void read_target(struct study *s, size_t i, const struct node *n, struct err *e)
{
    char found[100];
    struct study_target *t = &s->targets[i];
    const char *path = arena_printf(s->arena, "targets.%zu", i);
    t->where = n->where;
    if (n->kind != NODE_MAP) {
        err_at(e, n->where, "%s: expected a map, found %s", path, node_found(n, found));
        return;
    }
    const struct node *value = tree_child(n, "value");
    t->value_where = value ? value->where : n->where;
    const size_t before = e->n_errors;
    (void)bind_tree(n, target_options, t, path, s->arena, e); /* counted in e */
    if (e->n_errors > before)
        return;
    t->where = tree_child(n, "metric")->where;
    for (size_t j = 0; j < i; j++)
        if (s->targets[j].metric && !strcmp(t->metric, s->targets[j].metric) && t->value == s->targets[j].value) {
            err_at(e, n->where, "%s: the same as targets.%zu", path, j);
            err_note(e, s->targets[j].where, "which is here");
        }
}

void targets_read(struct study *s, const struct node *list, struct err *e)
{
    char found[100];
    if (!list || node_is_null(list))
        return;
    if (list->kind != NODE_LIST || list->n > MAX_TARGETS) {
        err_at(e, list->where, "targets: expected a list of at most %d targets, found %s", MAX_TARGETS,
               list->kind == NODE_LIST ? "a longer one" : node_found(list, found));
        return;
    }
    s->targets = arena_need(s->arena, list->n, sizeof *s->targets);
    s->n_targets = list->n;
    for (size_t i = 0; i < list->n; i++)
        read_target(s, i, list->items[i], e);
}

void targets_check_metrics(const struct study *s, const struct study_form *form, struct err *e)
{
    for (size_t i = 0; i < s->n_targets; i++) {
        const struct study_target *t = &s->targets[i];
        if (!t->metric ||
            !study_check_metric(s, form, t->where, arena_printf(s->arena, "targets.%zu.metric", i), t->metric, e))
            continue;
        double most = (double)INFINITY;
        if (form->can_reach && !form->can_reach(t->metric, &most))
            err_at(e, t->where,
                   "targets.%zu.metric: '%s' is no target: a loss or an accuracy is, of which one value is logged at a "
                   "time",
                   i, t->metric);
        else if (t->value < 0 || t->value > most)
            err_at(e, t->value_where, "targets.%zu.value: %g is out of reach: '%s' is %s", i, t->value, t->metric,
                   isfinite(most) ? "in percent" : "never below 0");
    }
}
