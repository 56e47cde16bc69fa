/* The transposed Jacobian as feedback: g_k'(h) d = J^T d. With propagate "linear" this is back-propagation (through
 * time, on a recurrent chain). */
#include "credit/credit.h"

static int jvp(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat d, struct mat out,
               struct err *e)
{
    (void)c, (void)ref, (void)e;
    chain_vjp(p, k + 1, d, out);
    return 0;
}

extern const struct mapping_def mapping_adjoint;
const struct mapping_def mapping_adjoint = {
    .part = { .name = "adjoint",
              .help = "the transposed Jacobian of the forward layer: back-propagation",
              .ref = "Rumelhart, Hinton & Williams 1986",
              .gives = GIVES_JVP },
    .leaves_deltas = true,
    .jvp = jvp,
};
