/* Difference target propagation, t_k = h_k + g_k(t_s) - g_k(h_s). Lee 2015, Eq. (18).
 * The last two terms cancel at t_s = h_s, so a poor g_k does not move a layer that already fits. */
#include "credit/credit.h"

static int back(struct credit *c, struct pass *p, size_t lo, struct err *e)
{
    for (size_t k = c->n - 1; k-- > lo;) {
        TRY(mapping_of(c)->difference(c, p, &p->links[k + 1], k, credit_incoming(c, k), c->d[k], e));
        credit_add_own(c, k);
        if (c->choice.route == ROUTE_CHAIN && credit_vanished(c, k))
            return 0;
    }
    return 0;
}

extern const struct propagate_def propagate_difference;
const struct propagate_def propagate_difference = {
    .part = { .name = "difference",
              .help = "h + g(t) - g(h): the target less the reconstruction error",
              .ref = "Lee 2015, Eq. (18)",
              .needs = GIVES_APPLY },
    .back = back,
};
