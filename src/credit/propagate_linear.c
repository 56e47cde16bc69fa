/* Linearized propagation: the displacement goes through the derivative of the feedback mapping, d_k = g_k'(h_s) d_s. Roulet 2022, Eq. (2). */
#include "credit/credit.h"

static void back(struct credit *c, struct pass *p)
{
    const struct mapping_def *g = (const struct mapping_def *)c->choice.mapping.part;
    for (size_t k = c->n - 1; k-- > 0;) {
        g->jvp(c, p, k, credit_incoming(c, k), c->d[k]);
        credit_add_own(c, k);
        if (c->choice.route == ROUTE_CHAIN && credit_vanished(c, k))
            return;
    }
    c->has_deltas = g->leaves_deltas && !c->own;
}

extern const struct propagate_def propagate_linear;
const struct propagate_def propagate_linear = {
    .part = { .name = "linear",
              .help = "the displacement times the derivative of the feedback mapping",
              .ref = "Roulet 2022, Eq. (2)",
              .needs = GIVES_JVP },
    .back = back,
};
