/* Linearized propagation: the displacement goes through the derivative of the feedback mapping, d_k = g_k'(h_s) d_s.
 * Roulet 2022, Eq. (2). What comes on several ways is added, as the derivative of a sum is. */
#include "credit/credit.h"

static int back(struct credit *c, struct pass *p, size_t lo, struct err *e)
{
    c->has_deltas = mapping_of(c)->leaves_deltas && !c->own && lo == 0;
    for (size_t k = c->n - 1; k-- > lo;) {
        for (size_t w = c->first_way[k]; w < c->first_way[k + 1]; w++)
            TRY(mapping_of(c)->jvp(c, p, credit_ref(c, p, w), w, credit_incoming(c, w), c->branch[w], e));
        ways_add(c, k);
        credit_add_own(c, k);
        if (c->choice.route == ROUTE_CHAIN && credit_vanished(c, k))
            return 0;
    }
    return 0;
}

extern const struct propagate_def propagate_linear;
const struct propagate_def propagate_linear = {
    .part = { .name = "linear",
              .help = "the displacement times the derivative of the feedback mapping",
              .ref = "Roulet 2022, Eq. (2)",
              .needs = GIVES_JVP,
              .gives = TAKES_BRANCHES },
    .back = back,
};
