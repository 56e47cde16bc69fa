/* Whether the cells of a sweep can be chosen by a metric: every variant logs it, it is not of the test set, and its
 * values mean the same in all cells that it is to choose from. */
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
    bool of_training; /* measured on training samples, of which there is a finite number */
    bool is_accuracy;
    bool holds_out; /* the data has samples of validation, or cannot have any */
    const struct part *dataset;
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
        x->of_training = strcmp(f->split, "train") == 0 || strcmp(f->name, "batch_loss") == 0;
        x->is_accuracy = strcmp(f->unit, "%") == 0;
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
    x->of_training = x->of_training && c.data.train_size > 0;
    x->dataset = c.dataset.part;
    x->holds_out = c.data.valid_size > 0 || !option_find(x->dataset->options, "validation_size");
    return true;
}

/* Whether PATH is `name`, or lies below it; *below: the names that follow, "" for none. */
static bool is_at(const char *path, const char *name, const char **below)
{
    const size_t n = strlen(name);
    if (strncmp(path, name, n) != 0 || (path[n] != '.' && path[n] != '\0'))
        return false;
    *below = path[n] ? path + n + 1 : "";
    return true;
}

/* Whether an option of the dataset, PATH below `dataset`, changes held-out samples. One that it does not have is
 * another variant's. */
static bool changes_samples(const struct part *dataset, const char *path, struct arena *a)
{
    const char *name = arena_strndup(a, path, strcspn(path, "."));
    const struct option *row = option_find(dataset->options, name);
    return row ? !(row->flags & OPTION_UNMEASURED) : !*name || !strcmp(name, "name");
}

/* Keys that change the meaning of the metric by which they are to be chosen. */
static void check_keys(const struct study *s, const struct search *x, struct err *e)
{
    const struct study_tune *tune = s->tune;
    const char *below;
    for (size_t i = 0; i < tune->n_keys; i++) {
        const struct tune_key *k = &tune->keys[i];
        if (!k->varies)
            continue;
        if (is_at(k->key, "dataset", &below) && changes_samples(x->dataset, below, s->arena))
            err_at(e, k->where,
                   "tune: '%s' changes the samples that '%s' is measured on, so that its values cannot be compared by "
                   "it; name only the other swept keys in tune.over, for a choice at each of its values",
                   k->key, tune->metric);
        else if (is_at(k->key, "loss", &below) && !x->is_accuracy)
            err_at(e, k->where,
                   "tune: '%s' changes the loss, and with it what '%s' means, so that its values cannot be compared by "
                   "it; choose by an accuracy, or name only the other swept keys in tune.over",
                   k->key, tune->metric);
    }
}

/* A metric that says itself which of its values are better. */
static void check_goal(const struct study_tune *tune, const char *goal, struct err *e)
{
    const char *given = tune->goal == TUNE_MAX ? "max" : "min";
    if (goal && tune->goal != TUNE_AS_METRIC && strcmp(goal, given) != 0)
        err_at(e, tree_child(tune->map, "goal")->where,
               "tune.goal: '%s' would choose the worst: %s values of '%s' are better", given,
               tune->goal == TUNE_MAX ? "small" : "large", tune->metric);
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
        else if (x.of_training)
            err_at(
                e, where,
                "tune.metric: '%s' is measured on what is trained on, where the best fit need not be the best choice; "
                "choose by a metric of validation, such as valid_loss%s",
                tune->metric, x.holds_out ? "" : " (dataset.validation_size holds samples out)");
        else if (!x.goal && tune->goal == TUNE_AS_METRIC)
            err_at(e, where, "tune.metric: neither a large nor a small '%s' is better by itself; say which with 'goal'",
                   tune->metric);
        else if (tune->goal == TUNE_AS_METRIC)
            s->tunes_by_largest = strcmp(x.goal, "max") == 0;
        if (e->n_errors == before)
            check_goal(tune, x.goal, e);
        if (e->n_errors == before)
            check_keys(&s->study, &x, e);
    }
}
