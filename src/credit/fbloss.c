#include "credit/fbloss.h"

static const char *const scaling_names[] = { "none", "inverse_variance", NULL };

const struct option fbloss_options_table[] = {
    { "noise", OPT_REAL, offsetof(struct fbloss_options, noise), "0", 0, 1e12,
      .help = "standard deviation of the normal noise added to the input of the round trip" },
    { "scale", OPT_REAL, offsetof(struct fbloss_options, scale), "1", 0, 1e300, .help = "factor on the loss" },
    { "noise_scaling", OPT_ENUM, offsetof(struct fbloss_options, noise_scaling), "none", .names = scaling_names,
      .help = "inverse_variance: divide the loss by max(noise, noise_floor)^2 (Meulemans 2020)" },
    { "noise_floor", OPT_REAL, offsetof(struct fbloss_options, noise_floor), "0", 0, 1e12, .help = "smallest standard deviation to divide by" },
    { "weight_decay", OPT_REAL, offsetof(struct fbloss_options, weight_decay), "0", 0, 1e12,
      .help = "weight_decay times each feedback parameter is added to its gradient" },
    { "reduction", OPT_ENUM, offsetof(struct fbloss_options, reduction), "mean", .names = reduction_names,
      .help = "how the squared error is reduced: mean is over the batch, unit_mean over batch and units" },
    { 0 }
};

/* Factor on the reduced squared error. */
static double total_scale(const struct fbloss_options *o)
{
    if (o->noise_scaling == NOISE_SCALING_NONE)
        return o->scale;
    const double sigma = o->noise > o->noise_floor ? o->noise : o->noise_floor;
    return o->scale / (sigma * sigma);
}

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

struct mat fbloss_up(const struct credit *c, const struct pass *p, const struct feedback *f, struct mat in, real *buffers[2])
{
    if (c->choice.route == ROUTE_CHAIN)
        return fbloss_forward(c, p, f, in, buffers[0], buffers[1]).out;
    for (size_t k = f->target + 1; k < c->n; k++) {
        const struct layer *l = &c->chain->layers[k];
        const struct link at = { .in = in, .out = mat_of(buffers[k % 2], in.rows, l->n_out) };
        l->def->forward(l, at);
        in = at.out;
    }
    return in;
}

void fbloss_add_noise(const struct credit *c, const struct feedback *f, double sign, struct mat to)
{
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    if (o->noise > 0)
        mat_axpy((real)(sign * o->noise), f->noise, to);
}

void fbloss_reduce(const struct credit *c, struct feedback *f, struct mat error)
{
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    const double beta = c->choice.target_stepsize, scale = total_scale(o);
    f->loss = scale * reduction_value(o->reduction, c->rows, error.cols, beta) * mat_sum_squares(error);
    mat_scale((real)(scale * reduction_factor(o->reduction, c->rows, error.cols, beta)), error, error);
}
