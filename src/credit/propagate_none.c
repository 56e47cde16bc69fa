/* The control: targets below the last one are the states themselves, so nothing is propagated. */
#include "credit/credit.h"

static int back(struct credit *c, struct pass *p, size_t lo, struct err *e)
{
    (void)p, (void)e;
    for (size_t k = lo; k + 1 < c->n; k++) {
        for (size_t w = c->first_way[k]; w < c->first_way[k + 1]; w++)
            mat_zero(c->branch[w]);
        ways_mix(c, k);
        credit_add_own(c, k);
    }
    return 0;
}

extern const struct propagate_def propagate_none;
const struct propagate_def propagate_none = {
    .part = { .name = "none", .help = "targets equal states below the last one: the control", .gives = TAKES_BRANCHES },
    .back = back,
};
