/* Plain target propagation, t_k = g_k(t_s). Bengio 2014; Lee 2015, Eq. (12). */
#include "credit/credit.h"

static void back(struct credit *c, struct pass *p)
{
    const struct mapping_def *g = (const struct mapping_def *)c->choice.mapping.part;
    for (size_t k = c->n - 1; k-- > 0;) {
        const size_t s = credit_source(c, k);
        struct mat t = mat_of(c->scratch[0], c->d[s].rows, c->d[s].cols);
        mat_add(p->links[s].out, credit_incoming(c, k), t);
        g->apply(c, p, k, t, c->d[k]);
        mat_sub(c->d[k], p->links[k].out, c->d[k]);
        credit_add_own(c, k);
    }
}

extern const struct propagate_def propagate_plain;
const struct propagate_def propagate_plain = {
    .part = { .name = "plain",
              .help = "g(t): the mapped target itself",
              .ref = "Bengio 2014; Lee 2015, Eq. (12)",
              .needs = GIVES_APPLY },
    .back = back,
};
