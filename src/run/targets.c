#include "run/targets.h"

#include "trial/trial.h"

/* Cells of a variant that are looked at: they differ in their data only where that is swept. */
enum { MOST_CELLS = 1000 };

/* Whether the data of some trial has what the metric takes; true also where no trial can be composed, which is told
 * elsewhere. dataset: of a trial that cannot. */
static bool can_be_logged(struct plan *p, struct plan_study *s, const char *metric, const char **dataset)
{
    const struct study *f = &s->study;
    const uint64_t n = f->n_cells < MOST_CELLS ? f->n_cells : MOST_CELLS;
    *dataset = NULL;
    for (size_t v = 0; v < f->n_variants; v++)
        for (uint64_t i = 0; i < n; i++) {
            struct study_trial t;
            struct config c;
            struct err own = { 0 };
            struct arena *a = plan_scratch(p);
            int code = study_cell(f, v * f->n_cells + i, &t, a, &own);
            if (code == 0 && !t.excluded)
                code = config_bind_next(t.tree, &p->cache, &c, a, &own);
            err_clear(&own);
            if (code < 0 || t.excluded)
                continue;
            if (trial_can_log(&c, metric))
                return true;
            *dataset = c.dataset.part->name;
        }
    return !*dataset;
}

void targets_check(struct plan *p, struct plan_study *s, struct err *e)
{
    const char *dataset;
    for (size_t i = 0; s->readable && i < s->study.n_targets; i++) {
        const struct study_target *t = &s->study.targets[i];
        if (t->metric && config_form.can_log(t->metric, &(const struct registry *){ NULL }) &&
            !can_be_logged(p, s, t->metric, &dataset))
            err_at(e, t->where, "targets.%zu.metric: '%s' is not defined for dataset '%s'", i, t->metric, dataset);
    }
}
