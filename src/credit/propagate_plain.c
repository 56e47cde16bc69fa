/* Plain target propagation, t_k = g_k(t_s). Bengio 2014; Lee 2015, Eq. (12). */
#include "credit/credit.h"

static int back(struct credit *c, struct pass *p, size_t lo, struct err *e)
{
    for (size_t k = c->n - 1; k-- > lo;) {
        const size_t s = credit_source(c, k);
        struct mat t = mat_of(c->scratch[0], c->d[s].rows, c->d[s].cols);
        mat_add(p->links[s].out, credit_incoming(c, k), t);
        TRY(mapping_of(c)->apply(c, p, &p->links[k + 1], k, t, c->d[k], e));
        mat_sub(c->d[k], p->links[k].out, c->d[k]);
        credit_add_own(c, k);
    }
    return 0;
}

extern const struct propagate_def propagate_plain;
const struct propagate_def propagate_plain = {
    .part = { .name = "plain",
              .help = "g(t): the mapped target itself",
              .ref = "Bengio 2014; Lee 2015, Eq. (12)",
              .needs = GIVES_APPLY },
    .back = back,
};
