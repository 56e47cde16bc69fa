/* Reverse target: reduce |g(t' + noise) - t|^2 at the targets t below and t' above, both constant: the mapping learns
 * the inverse that propagation has found, of a layer that feeds several the one of its own way. Bengio 2020, Sec. 6,
 * with a target in the place of a gradient through f. */
#include "credit/fbloss.h"

static const struct option table[] = { FBLOSS_OPTIONS, FBLOSS_NORMALISED, { 0 } };

static int fits(const struct credit *c, struct err *e)
{
    if (c->choice.route == ROUTE_DIRECT)
        return err_about(e, "algorithm.route", "feedback_loss 'reverse_target' needs route 'chain'");
    if (chain_is_recurrent(c->chain))
        return err_about(e, "algorithm.feedback_loss", "'reverse_target' is defined for feed-forward networks");
    return fbloss_fits_options(c, e);
}

static int grads(struct credit *c, struct pass *p, struct feedback *f, struct err *e)
{
    (void)e;
    const struct at *ref = &p->stacks[f->through];
    const struct mat h = ref->out, t = mat_of(c->scratch[0], h.rows, h.cols);
    mat_add(h, c->d_stack[f->through], t);
    fbloss_add_noise(c, f, 1, t);
    const struct mat down = mapping_of(c)->value(c, p, ref, f, t), error = mat_of(c->scratch[4], down.rows, down.cols);
    mat_sub(down, fbloss_state_of(p, f), error);
    mat_sub(error, c->branch[f->way], error);
    fbloss_reduce(c, f, error);
    fbloss_train(c, ref, f, error);
    return 0;
}

/* A value and its gradient: nothing goes up. */
static double flops(const struct credit *c, const struct feedback *f, double up, double down)
{
    (void)c, (void)f, (void)up;
    return 2 * down;
}

extern const struct fbloss_def fbloss_reverse_target;
const struct fbloss_def fbloss_reverse_target = {
    .part = { .name = "reverse_target",
              .help = "g(t) against the target below",
              .ref = "Bengio 2020, Sec. 6",
              .options = table,
              .opts_size = sizeof(struct fbloss_options),
              .state_size = sizeof(struct fbloss_state),
              .needs = GIVES_TRAIN,
              .gives = TAKES_BRANCHES },
    .at_targets = true,
    .fits = fits,
    .open = fbloss_open,
    .grads = grads,
    .flops = flops,
};
