/* What is known of the metrics that a trial logs, for those who only read their rows. */
#include "trial/measures.h"

#include <string.h>

/* A metric that is no evaluation says SPLIT_TRAIN, which none is measured on. */
static const char *const splits[N_SPLITS] = {
    [SPLIT_TRAIN] = "", [SPLIT_EVAL] = "train", [SPLIT_TEST] = "test", [SPLIT_VALID] = "valid"
};

/* All names of a metric's rows: its own, or those of `emits`. */
static int visit_names(const struct measure_def *m, int (*visit)(void *self, const struct metric_facts *f), void *self)
{
    const struct metric_facts own = { .name = m->part.name,
                                      .goal = m->goal,
                                      .unit = m->unit ? m->unit : "",
                                      .followed = m->followed,
                                      .split = splits[m->split],
                                      .of_layers = m->of_layers };
    int code = m->emits ? 0 : visit(self, &own);
    for (const struct metric_facts *f = m->emits; code == 0 && f && f->name; f++)
        code = visit(self, f);
    return code;
}

int trial_visit_metrics(const struct config *c, int (*visit)(void *self, const struct metric_facts *f), void *self)
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < c->log.metrics.n; i++)
        code = visit_names(measure_find(c->log.metrics.items[i]), visit, self);
    return code;
}

bool trial_can_log(const struct config *c, const char *metric)
{
    const struct measure_def *m = (const struct measure_def *)registry_find(&measure_registry, metric);
    return m && measure_is_defined(m, dataset_def_of(c->dataset), &c->data);
}

bool trial_metric_is_of_weights(const char *name)
{
    return measure_find(name)->of_weights;
}

struct sought {
    const char *name;
    struct metric_facts *found;
};

static int compare_name(void *self, const struct metric_facts *f)
{
    struct sought *s = self;
    if (strcmp(f->name, s->name) != 0)
        return 0;
    *s->found = *f;
    return 1;
}

bool measure_facts(const char *name, struct metric_facts *f)
{
    struct sought s = { name, f };
    for (size_t i = 0; i < measure_registry.n_parts; i++)
        if (visit_names((const struct measure_def *)measure_registry.parts[i], compare_name, &s))
            return true;
    return false;
}
