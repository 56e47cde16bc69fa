/* Difference reconstruction: noise that enters below must come back through the mapping that carries the targets. With
 * c_i = h_i + noise_i, for every layer i
 *
 *   R_i = reduce |(h_i + difference of g_i) - c_i|^2,   the difference taken at the noisy values that c_i gives further
 * up
 *
 * Meulemans 2020, Eq. (10). On route direct g_i reads the noisy output itself; on route chain the noisy output comes
 * down by the targets' own way, through the difference mappings of the layers above (held constant). g_i is
 * differentiated where it reads the noisy value and where it reads the true one.
 *
 * All layers go up and down together: on its way up the stack takes in one more block of B rows per layer, block i
 * being the pass that noise_i started, and on its way down it loses the block that has arrived; a layer is one product
 * over the whole stack. */
#include "credit/fbloss.h"

/* How far the noise of one unit moves its source, B rows; or of every unit together, a block each, with `all`. In one
 * of two buffers. */
static struct mat noise_above(const struct credit *c, const struct pass *p, size_t first, bool all, real *stack,
                              real *other)
{
    const size_t rows = c->rows;
    struct mat moved = { 0 };
    for (size_t i = first; i + 1 < c->n; i++) {
        const struct unit *u = &c->chain->units[i + 1];
        const size_t blocks = all ? i + 1 : 1;
        const struct mat below = mat_of(stack, blocks * rows, u->in.n);
        if (all || i == first)
            fbloss_noisy(c, credit_feedback_of(c, i), 1, (struct mat){ 0 }, mat_rows(below, (blocks - 1) * rows, rows));
        moved = mat_of(other, below.rows, u->out.n);
        u->def->difference(u, p->links[i + 1], below, moved);
        real *const swap = stack;
        stack = other;
        other = swap;
    }
    return moved;
}

/* The gradient of f's loss, written over what it was. d: how far what f reads has moved; moved: how far its output has.
 */
static void add_gradient(struct credit *c, struct pass *p, const struct at *ref, struct feedback *f, struct mat d,
                         struct mat moved)
{
    const struct mat error = mat_of(c->scratch[3], c->rows, moved.cols);
    fbloss_noisy(c, f, -1, moved, error);
    fbloss_reduce(c, f, error);
    unit_clear(&f->unit, c->feedback_gradient);
    mapping_of(c)->train_difference(c, p, ref, f, d, moved, error);
}

/* Down again, from `from` at the top to feedback unit `last`; all: each feedback unit takes the last block for itself.
 */
static int down(struct credit *c, struct pass *p, struct mat d, size_t last, bool all, struct err *e)
{
    const bool direct = c->choice.route == ROUTE_DIRECT;
    real *spare = d.p == c->scratch[0] ? c->scratch[1] : c->scratch[0];
    for (size_t k = direct && !all ? last + 1 : c->n - 1; k-- > last;) {
        struct feedback *f = credit_feedback_of(c, k);
        const size_t blocks = all ? k + 1 : 1;
        const struct mat mine = all ? mat_rows(d, k * c->rows, c->rows) : d,
                         from = direct ? mine : mat_rows(d, 0, blocks * c->rows);
        const struct mat back = mat_of(spare, from.rows, f->unit.out.n);
        TRY(mapping_of(c)->difference(c, p, &p->links[k + 1], k, from, back, e));
        if (all || k == last)
            add_gradient(c, p, &p->links[k + 1], f, mine, mat_rows(back, back.rows - c->rows, c->rows));
        if (!direct) {
            spare = d.p;
            d = back;
        }
    }
    return 0;
}

static int grads(struct credit *c, struct pass *p, struct feedback *f, struct err *e)
{
    return down(c, p, noise_above(c, p, f->target, false, c->scratch[0], c->scratch[1]), f->target, false, e);
}

static int grads_of_all(struct credit *c, struct pass *p, struct err *e)
{
    return c->n < 2 ? 0 : down(c, p, noise_above(c, p, 0, true, c->scratch[0], c->scratch[1]), 0, true, e);
}

static int fits(const struct credit *c, struct err *e)
{
    if (chain_is_recurrent(c->chain))
        return err_about(e, "algorithm.feedback_loss",
                         "'difference_reconstruction' is defined for feed-forward networks");
    for (size_t i = 1; i < c->n; i++)
        TRY(unit_check(&c->chain->units[i], CAN_DIFFERENCE, "algorithm.feedback_loss: 'difference_reconstruction'", e));
    TRY(fbloss_fits_options(c, e));
    return fbloss_fits_noise(c, e);
}

extern const struct fbloss_def fbloss_difference;
const struct fbloss_def fbloss_difference = {
    .part = { .name = "difference_reconstruction",
              .help = "the difference mapping of the noise that reaches the output against the noise",
              .ref = "Meulemans 2020, Eq. (10)",
              .options = fbloss_options_table,
              .opts_size = sizeof(struct fbloss_options),
              .state_size = sizeof(struct fbloss_state),
              .needs = GIVES_TRAIN },
    .reads_value = true,
    .goes_up = true,
    .fits = fits,
    .open = fbloss_open,
    .grads = grads,
    .grads_of_all = grads_of_all,
};
