/* tprun run --relog: what a trial did not log, from the checkpoint of its last step. */
#include "trial/measures.h"

#include <string.h>

int trial_relog(struct trial *t, const char *weights_sha256, struct sink *sink, struct err *e)
{
    char hex[65];
    checkpoint_weights_hash(t, hex);
    if (strcmp(hex, weights_sha256) != 0)
        return err_set(e, ERR_CONFLICT,
                       "its checkpoint does not hold the weights that it ended with: SHA-256 %.16s..., and %.16s... by "
                       "the database; --force trains it again",
                       hex, weights_sha256);
    for (size_t i = 0; i < t->config->log.metrics.n; i++) {
        const struct measure_def *m = measure_find(t->config->log.metrics.items[i]);
        if (!m->of_weights)
            return err_set(e, ERR_INTERNAL, "%s does not follow from the weights", m->part.name);
        TRY(m->measure(t, m, sink, e));
    }
    return 0;
}
