/* The transposed Jacobian as feedback: g_k'(h) d = J^T d. With propagate "linear" this is back-propagation (through
 * time, on a recurrent chain). A link that reads several gives all of them their share in one product: the first that
 * asks, the uppermost of them, has it taken. */
#include "credit/credit.h"

struct adjoint {
    struct mat *all; /* [n] of a link that reads several: the gradient of what it reads; else {NULL} */
};

static bool reads_several(const struct credit *c, size_t link)
{
    return c->chain->branching && c->chain->reads[link].n > 1;
}

static bool is_uppermost(const struct credit *c, size_t k)
{
    const struct reads *r = &c->chain->reads[c->ways[k].to];
    for (size_t j = 0; j < r->n; j++)
        if (r->from[j] > c->ways[k].from)
            return false;
    return true;
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    struct adjoint *s = c->mapping_state;
    s->all = arena_alloc(a, c->n, sizeof *s->all);
    bool enough = s->all;
    for (size_t link = 1; enough && link < c->n; link++)
        if (reads_several(c, link))
            enough = (s->all[link] = mat_new(a, c->rows, c->chain->units[link].in.n)).p;
    return enough ? 0 : err_set(e, ERR_MEMORY, "not enough memory for the gradients of %zu links", c->n);
}

static int jvp(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat d, struct mat out,
               struct err *e)
{
    (void)ref, (void)e;
    const struct adjoint *s = c->mapping_state;
    const size_t link = c->ways[k].to;
    if (!reads_several(c, link)) {
        chain_vjp(p, link, d, out);
        return 0;
    }
    if (is_uppermost(c, k))
        chain_vjp(p, link, d, s->all[link]);
    edge_share(c->chain, credit_edge(c, k), s->all[link], out);
    return 0;
}

static double difference_flops(const struct credit *c, size_t k, size_t rows)
{
    const size_t link = c->ways[k].to;
    return reads_several(c, link) && !is_uppermost(c, k)
               ? 0
               : unit_product(&c->chain->units[c->chain->unit_of[link]], rows);
}

extern const struct mapping_def mapping_adjoint;
const struct mapping_def mapping_adjoint = {
    .part = { .name = "adjoint",
              .help = "the transposed Jacobian of the forward layer: back-propagation",
              .ref = "Rumelhart, Hinton & Williams 1986",
              .state_size = sizeof(struct adjoint),
              .gives = GIVES_JVP | TAKES_BRANCHES },
    .leaves_deltas = true,
    .open = open,
    .jvp = jvp,
    .difference_flops = difference_flops,
};
