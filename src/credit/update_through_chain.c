/* The summed local losses differentiated through the whole chain, only the targets held constant: what Roulet's
 * released code computes. s_K = e_K; s_k = e_k + J_{k+1}^T s_{k+1}, e_k = factor (h_k - t_k). Sheet roulet2022, 3.2. */
#include "credit/update.h"

/* Signals dL/dh of the summed loss. */
struct through {
    struct mat *s, *s_stack; /* [n], and those of a unit as one */
};

static struct through *through_of(const struct credit *c)
{
    return c->update_state;
}

struct mat through_chain_signal(const struct credit *c, size_t k)
{
    return through_of(c)->s[k];
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    struct through *t = through_of(c);
    return credit_alloc_links(c, &t->s, &t->s_stack, a, e);
}

static void grads(struct credit *c, struct pass *p, real *g)
{
    const struct chain *chain = c->chain;
    struct mat *const s = through_of(c)->s;
    const size_t last = c->n - 1;
    size_t first = 0; /* signals below this link are zero */
    mat_scale((real)-update_factor(c, chain->unit_of[last]), c->d[last], s[last]);
    for (size_t k = last; k > 0 && first == 0; k--) {
        chain_vjp(p, k, s[k], s[k - 1]);
        if (k - 1 >= c->first_nonzero)
            mat_axpy((real)-update_factor(c, chain->unit_of[k - 1]), c->d[k - 1], s[k - 1]);
        if (!(mat_max_abs(s[k - 1]) < REAL_TINY)) /* NaN goes on, to be seen */
            continue;
        mat_zero(s[k - 1]); /* or the rest of the recursion would run in denormal numbers */
        if (k <= c->first_nonzero + 1)
            first = k;
    }
    for (size_t k = 0; k < first; k++)
        mat_zero(s[k]);
    if (first == 0)
        chain->units[0].def->vjp(&chain->units[0], p->links[0], s[0], (struct mat){ 0 });
    for (size_t i = 0; i < chain->n_units && chain->first_link[i] < c->n; i++) {
        const size_t below = update_below(c, i, first);
        credit_clear(c, &chain->units[i], g);
        if (below < chain->links_of[i])
            chain->units[i].def->grads(&chain->units[i], update_rest(c, p, i, below), 1, g);
    }
}

extern const struct update_def update_through_chain;
const struct update_def update_through_chain = {
    .part = { .name = "through_chain",
              .help = "gradient of the summed local losses through the whole chain, targets held constant",
              .ref = "Roulet 2022, released code",
              .options = update_options_table,
              .opts_size = sizeof(struct update_options),
              .state_size = sizeof(struct through) },
    .fits = update_fits,
    .open = open,
    .goes_through = true,
    .grads = grads,
};
