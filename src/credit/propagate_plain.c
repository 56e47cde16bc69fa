/* Plain target propagation, t_k = g_k(t_s). Bengio 2014; Lee 2015, Eq. (12). */
#include "credit/credit.h"

static int back(struct credit *c, struct pass *p, size_t lo, struct err *e)
{
    for (size_t k = c->n - 1; k-- > lo;) {
        for (size_t w = c->first_way[k]; w < c->first_way[k + 1]; w++) {
            const size_t s = credit_source(c, w);
            struct mat t = mat_of(c->scratch[0], c->d[s].rows, c->d[s].cols);
            mat_add(p->links[s].out, credit_incoming(c, w), t);
            TRY(mapping_of(c)->apply(c, p, credit_ref(c, p, w), w, t, c->branch[w], e));
            mat_sub(c->branch[w], p->links[k].out, c->branch[w]);
        }
        ways_mix(c, k);
        credit_add_own(c, k);
    }
    return 0;
}

extern const struct propagate_def propagate_plain;
const struct propagate_def propagate_plain = {
    .part = { .name = "plain",
              .help = "g(t): the mapped target itself",
              .ref = "Bengio 2014; Lee 2015, Eq. (12)",
              .needs = GIVES_APPLY,
              .gives = TAKES_BRANCHES },
    .back = back,
};
