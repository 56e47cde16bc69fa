/* What is known of the metrics that a trial logs, for those who only read their rows. */
#include "trial/private.h"

int trial_visit_metrics(const struct config *c, int (*visit)(void *self, const struct metric_facts *f), void *self)
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < c->log.metrics.n; i++) {
        const struct measure_def *m =
            (const struct measure_def *)registry_find(&measure_registry, c->log.metrics.items[i]);
        const struct metric_facts own = { m->part.name, m->goal, m->unit ? m->unit : "", m->followed };
        if (!m->emits)
            code = visit(self, &own);
        for (const struct metric_facts *f = m->emits; code == 0 && f && f->name; f++)
            code = visit(self, f);
    }
    return code;
}
