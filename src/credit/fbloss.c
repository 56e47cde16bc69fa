#include "credit/fbloss.h"

const struct option fbloss_options_table[] = {
    { "noise", OPT_REAL, offsetof(struct fbloss_options, noise), "0", 0, 1e12,
      .help = "standard deviation of the normal noise added to the input of the round trip" },
    { "scale", OPT_REAL, offsetof(struct fbloss_options, scale), "1", 0, 1e300, .help = "factor on the loss" },
    { "reduction", OPT_ENUM, offsetof(struct fbloss_options, reduction), "mean", .names = reduction_names,
      .help = "how the squared error is reduced: mean is over the batch, unit_mean over batch and units" },
    { 0 }
};

struct link fbloss_forward(const struct credit *c, const struct pass *p, const struct feedback *f, struct mat in, real *out, real *delta)
{
    const struct layer *l = &c->chain->layers[f->through];
    struct link at = { .in = in, .side = p->stacks[f->through].side };
    at.out = mat_of(out, in.rows, l->n_out);
    at.delta = mat_of(delta, in.rows, l->n_delta);
    if (l->def->prepare)
        l->def->prepare(l, at);
    l->def->forward(l, at);
    return at;
}

void fbloss_add_noise(const struct credit *c, const struct feedback *f, struct mat to)
{
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    if (o->noise > 0)
        mat_axpy((real)o->noise, f->noise, to);
}

void fbloss_reduce(const struct credit *c, struct feedback *f, struct mat error)
{
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    const double beta = c->choice.target_stepsize;
    f->loss = o->scale * reduction_value(o->reduction, c->rows, error.cols, beta) * mat_sum_squares(error);
    mat_scale((real)(o->scale * reduction_factor(o->reduction, c->rows, error.cols, beta)), error, error);
}
