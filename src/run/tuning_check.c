#include "run/tuning.h"

#include "spec/bind.h"
#include "trial/trial.h"
#include <string.h>

/* What the trials of a variant log, and what is known of the metric. */
struct search {
    const char *metric;
    bool found;
    const char *goal; /* "min", "max" or NULL */
    bool of_test;     /* measured on the test set */
    size_t n;
    const char **names;
};

static int look_at(void *self, const struct metric_facts *f)
{
    struct search *x = self;
    x->names[x->n++] = f->name;
    if (strcmp(f->name, x->metric) == 0) {
        x->found = true;
        x->goal = f->goal;
        x->of_test = strcmp(f->split, "test") == 0;
    }
    return 0;
}

static int count_one(void *self, const struct metric_facts *f)
{
    (void)f;
    ++*(size_t *)self;
    return 0;
}

/* The first cell of the variant that is not excluded, if there is one. */
static int find_cell(const struct study *s, size_t variant, struct study_trial *t, struct arena *a, struct err *e)
{
    t->excluded = true;
    for (uint64_t i = 0; i < s->n_cells && t->excluded; i++)
        TRY(study_cell(s, variant * s->n_cells + i, t, a, e));
    return 0;
}

/* Of that cell. False: there is none, or it cannot be composed, which is told elsewhere. */
static bool search_variant(struct plan *p, struct plan_study *s, size_t variant, struct search *x)
{
    struct study_trial t;
    struct config c;
    struct err own = { 0 };
    struct arena *a = plan_scratch(p);
    int code = find_cell(&s->study, variant, &t, a, &own);
    if (code == 0 && !t.excluded)
        code = config_bind_next(t.tree, &p->cache, &c, a, &own);
    err_clear(&own);
    if (code < 0 || t.excluded)
        return false;
    size_t n = 0;
    (void)trial_visit_metrics(&c, count_one, &n);
    *x = (struct search){ .metric = s->study.tune->metric, .names = arena_need(s->arena, n, sizeof *x->names) };
    (void)trial_visit_metrics(&c, look_at, x);
    return true;
}

void tuning_check(struct plan *p, struct plan_study *s, struct err *e)
{
    const struct study_tune *tune = s->study.tune;
    const size_t before = e->n_errors;
    if (!s->readable || !tune)
        return;
    const struct where where = tree_child(tune->map, "metric")->where;
    s->tunes_by_largest = tune->goal == TUNE_MAX;
    for (size_t v = 0; v < s->study.n_variants && e->n_errors == before; v++) {
        struct search x;
        if (!search_variant(p, s, v, &x))
            continue;
        if (!x.found)
            err_at(e, where, "tune.metric: the trials of '%s' do not log '%s'%s", s->study.variants[v], tune->metric,
                   bind_advice(tune->metric, x.names, x.n, s->arena));
        else if (x.of_test) /* its data cannot be what it is tested on */
            err_at(e, where,
                   "tune.metric: the test set is not for choosing, and '%s' is measured on it; choose by a metric of "
                   "validation, such as valid_loss",
                   tune->metric);
        else if (!x.goal && tune->goal == TUNE_AS_METRIC)
            err_at(e, where, "tune.metric: neither a large nor a small '%s' is better by itself; say which with 'goal'",
                   tune->metric);
        else if (tune->goal == TUNE_AS_METRIC)
            s->tunes_by_largest = strcmp(x.goal, "max") == 0;
    }
}
