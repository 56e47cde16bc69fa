/* Linearized propagation: the displacement goes through the derivative of the feedback mapping, d_k = g_k'(h_s) d_s.
 * Roulet 2022, Eq. (2). */
#include "credit/credit.h"

static int back(struct credit *c, struct pass *p, size_t lo, struct err *e)
{
    for (size_t k = c->n - 1; k-- > lo;) {
        TRY(mapping_of(c)->jvp(c, p, &p->links[k + 1], k, credit_incoming(c, k), c->d[k], e));
        credit_add_own(c, k);
        if (c->choice.route == ROUTE_CHAIN && credit_vanished(c, k))
            return 0;
    }
    c->has_deltas = mapping_of(c)->leaves_deltas && !c->own && lo == 0;
    return 0;
}

extern const struct propagate_def propagate_linear;
const struct propagate_def propagate_linear = {
    .part = { .name = "linear",
              .help = "the displacement times the derivative of the feedback mapping",
              .ref = "Roulet 2022, Eq. (2)",
              .needs = GIVES_JVP },
    .back = back,
};
