#include "credit/fbloss.h"

#include "net/transmit.h"

const char *const fbloss_scaling_names[] = { "none", "inverse_variance", NULL };
const struct option fbloss_options_table[] = { FBLOSS_OPTIONS, { 0 } };

static struct chosen transmit_of(const struct credit *c, const struct feedback *f)
{
    return c->chain->layers[f->target].transmit;
}

bool fbloss_resends(const struct credit *c, const struct feedback *f)
{
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    return o && o->corrupts != CORRUPTS_SENT && transmit_draws_of(transmit_of(c, f), true) != DRAWS_NONE;
}

int fbloss_open(const struct credit *c, struct feedback *f, size_t rows, struct arena *a, struct err *e)
{
    if (!fbloss_resends(c, f))
        return 0;
    f->resend = mat_new(a, rows, f->layer.n_out);
    return f->resend.p ? 0 : err_set(e, ERR_MEMORY, "not enough memory for the feedback loss of layer %zu", f->target);
}

struct mat fbloss_state(const struct pass *p, const struct feedback *f)
{
    const bool own_input = f->target == f->through; /* a recurrent layer */
    return own_input ? p->stacks[f->through].in : p->stacks[f->target].out;
}

struct mat fbloss_send(const struct credit *c, const struct feedback *f, struct mat value, real *to)
{
    const struct chosen transmit = transmit_of(c, f);
    if (!transmit.part)
        return value;
    const struct mat sent = mat_of(to, value.rows, value.cols);
    ((const struct transmit_def *)transmit.part)->send(transmit.opts, true, value, f->resend, sent);
    return sent;
}

/* Factor on the reduced squared error. */
static double total_scale(const struct credit *c, const struct fbloss_options *o)
{
    if (o->noise_scaling == NOISE_SCALING_NONE)
        return o->scale;
    const double sigma = c->noise > o->noise_floor ? c->noise : o->noise_floor;
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
    if (f->noise.p)
        mat_axpy((real)(sign * c->noise), f->noise, to);
}

void fbloss_reduce(const struct credit *c, struct feedback *f, struct mat error)
{
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    const double beta = c->choice.target_stepsize, scale = total_scale(c, o);
    f->loss = scale * reduction_value(o->reduction, c->rows, error.cols, beta) * mat_sum_squares(error);
    mat_scale((real)(scale * reduction_factor(o->reduction, c->rows, error.cols, beta)), error, error);
}
