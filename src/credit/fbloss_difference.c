/* Difference reconstruction: noise that enters below must come back through the mapping that carries the targets. With c_i = h_i + noise_i, for every layer i
 *
 *   R_i = reduce |(h_i + difference of g_i) - c_i|^2,   the difference taken at the noisy values that c_i gives further up
 *
 * Meulemans 2020, Eq. (10). On route direct g_i reads the noisy output itself; on route chain the noisy output comes down by the
 * targets' own way, through the difference mappings of the layers above (held constant). g_i is differentiated where it reads the noisy value and
 * where it reads the true one.
 *
 * All layers go up and down together: on its way up the stack takes in one more block of B rows per layer, block i being the pass that noise_i
 * started, and on its way down it loses the block that has arrived; a layer is one product over the whole stack. */
#include "credit/fbloss.h"

#include "math/blas.h"

/* How far the noise moves the output, a block for every feedback layer, in one of the two buffers. */
static struct mat noise_at_output(const struct credit *c, const struct pass *p, real *stack, real *other)
{
    const size_t rows = c->rows;
    struct mat moved = { 0 };
    for (size_t i = 0; i + 1 < c->n; i++) {
        const struct layer *l = &c->chain->layers[i + 1];
        const struct mat below = mat_of(stack, (i + 1) * rows, l->n_in), own = mat_rows(below, i * rows, rows);
        mat_zero(own);
        fbloss_add_noise(c, credit_feedback_of(c, i), 1, own);
        moved = mat_of(other, below.rows, l->n_out);
        l->def->difference(l, p->links[i + 1], below, moved);
        real *const swap = stack;
        stack = other;
        other = swap;
    }
    return moved;
}

/* Adds the gradient of f's loss. moved: how far what f reads has moved; d: how far its output has; error: d less the noise, used up.
 *   dR/dV = delta(noisy)^T noisy - delta(true)^T true = delta(noisy)^T moved + (delta(noisy) - delta(true))^T true */
static void add_gradient(struct credit *c, struct feedback *f, struct mat moved, struct mat d, struct mat error)
{
    const struct layer *g = &f->layer;
    const struct mat delta = mat_of(c->scratch[4], error.rows, error.cols);
    fbloss_reduce(c, f, error);
    g->act.def->times_slope_difference(g->act.opts, f->stack.out, d, error, f->stack.delta);
    if (g->act.def != &act_linear) /* whose slope is the same everywhere */
        g->def->grads(g, f->stack, 1, c->feedback_gradient);
    act_times_slope(g->act, f->u, f->stack.out, error, delta);
    mat_add(delta, f->stack.delta, delta);
    blas_gemm(true, false, 1, delta, moved, 1, layer_param(g, 0, c->feedback_gradient));
}

static int grads(struct credit *c, struct pass *p, struct err *e)
{
    (void)e;
    const struct mapping_def *mapping = (const struct mapping_def *)c->choice.mapping.part;
    const bool direct = c->choice.route == ROUTE_DIRECT;
    if (c->n < 2)
        return 0;
    struct mat d = noise_at_output(c, p, c->scratch[0], c->scratch[1]);
    real *spare = d.p == c->scratch[0] ? c->scratch[1] : c->scratch[0];
    for (size_t k = c->n - 1; k-- > 0;) {
        struct feedback *f = credit_feedback_of(c, k);
        const struct mat mine = mat_rows(d, k * c->rows, c->rows), from = direct ? mine : mat_rows(d, 0, (k + 1) * c->rows);
        const struct mat back = mat_of(spare, from.rows, f->layer.n_out);
        mapping->difference(c, p, k, from, back);
        const struct mat own = mat_rows(back, back.rows - c->rows, c->rows), error = mat_of(c->scratch[3], c->rows, own.cols);
        mat_copy(own, error);
        fbloss_add_noise(c, f, -1, error);
        add_gradient(c, f, feedback_moves(c, p, f, credit_source(c, k), mine, false), own, error);
        if (!direct) {
            spare = d.p;
            d = back;
        }
    }
    return 0;
}

extern const struct fbloss_def fbloss_difference;
const struct fbloss_def fbloss_difference = {
    .part = { .name = "difference_reconstruction",
              .help = "the difference mapping of the noise that reaches the output against the noise",
              .ref = "Meulemans 2020, Eq. (10)",
              .options = fbloss_options_table,
              .opts_size = sizeof(struct fbloss_options),
              .needs = GIVES_TRAIN },
    .feed_forward = true,
    .grads = grads,
};
