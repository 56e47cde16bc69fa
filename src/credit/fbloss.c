#include "credit/fbloss.h"

#include "net/transmit.h"
#include <stdio.h>

const char *const fbloss_scaling_names[] = { "none", "inverse_variance", NULL };
const struct option fbloss_options_table[] = { FBLOSS_OPTIONS, { 0 } };

static struct chosen transmit_of(const struct credit *c, const struct feedback *f)
{
    return c->chain->units[f->target].transmit;
}

/* That of the file for f's unit: one number, or one per feedback unit from the lowest. */
static double noise_of(const struct credit *c, const struct feedback *f, const struct fbloss_options *o)
{
    return o->noise.n == 1 ? o->noise.items[0] : o->noise.items[f - c->feedback];
}

static bool resends(const struct credit *c, const struct feedback *f)
{
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    return o->corrupts != CORRUPTS_SENT && transmit_draws_of(transmit_of(c, f), true) != DRAWS_NONE;
}

static bool all_positive(struct reals values)
{
    for (size_t i = 0; i < values.n; i++)
        if (!(values.items[i] > 0))
            return false;
    return true;
}

int fbloss_fits_options(const struct credit *c, struct err *e)
{
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    if (o->noise_scaling == NOISE_SCALING_INVERSE_VARIANCE && !all_positive(o->noise) && !(o->noise_floor > 0))
        return err_about(e, "algorithm.feedback_loss.noise",
                         "'%s' divides by the noise's variance (noise_scaling); give noise above 0",
                         c->choice.feedback_loss.part->name);
    if (o->noise.n != 1 && o->noise.n != c->n_feedback)
        return err_about(e, "algorithm.feedback_loss.noise",
                         "%zu numbers; give one, or one for each of the %zu feedback units", o->noise.n, c->n_feedback);
    for (size_t i = 0; i < c->n_feedback && o->normalised; i++)
        TRY(unit_check(&c->feedback[i].unit, CAN_INPUT_SQUARES, "algorithm.feedback_loss.normalised: the feedback", e));
    return 0;
}

int fbloss_fits_noise(const struct credit *c, struct err *e)
{
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    if (all_positive(o->noise))
        return 0;
    return err_about(e, "algorithm.feedback_loss.noise",
                     "0, but '%s' is about what becomes of noise, and nothing is learned without; give noise above 0",
                     c->choice.feedback_loss.part->name);
}

int fbloss_fits(const struct credit *c, struct err *e)
{
    if (c->choice.route == ROUTE_DIRECT && chain_is_recurrent(c->chain))
        return err_about(e, "algorithm.route",
                         "feedback_loss '%s' on route 'direct' is defined for feed-forward networks",
                         c->choice.feedback_loss.part->name);
    return fbloss_fits_options(c, e);
}

/* What the loss of a feedback unit is about, n numbers a row: the state that it yields, or the one that it reads. */
static struct shape state_of(const struct credit *c, const struct feedback *f, size_t n)
{
    const struct shape s = c->chain->units[fbloss_of(c)->at_targets ? f->through : f->target].out;
    return s.n == n ? s : shape_flat(n);
}

/* Random numbers of one feedback unit, for a stack of as many rows as its reference has. */
static int open_draws(struct credit *c, struct feedback *f, struct arena *a, struct err *e)
{
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    const size_t rows = f->ref.out.rows;
    struct fbloss_unit *u = fbloss_unit(c, f);
    const int kind = transmit_draws_of(transmit_of(c, f), true);
    char name[48];
    if (f->unit.label)
        snprintf(name, sizeof name, "%s", f->unit.label);
    else
        snprintf(name, sizeof name, "%zu", f->target);
    if (noise_of(c, f, o) > 0) {
        u->noise = mat_new(a, rows, fbloss_of(c)->at_targets ? f->unit.in.n : f->unit.out.n);
        if (!u->noise.p)
            return err_set(e, ERR_MEMORY, "not enough memory for feedback layer %zu", f->target);
        credit_draws(c,
                     (struct draw){ .kind = DRAWS_NORMAL,
                                    .to = u->noise,
                                    .shape = state_of(c, f, u->noise.cols),
                                    .of_feedback = true,
                                    .steps = c->chain->data.sequence },
                     "noise.feedback.%s", name);
    }
    if (fbloss_of(c)->source_noise) {
        const struct unit *from = &c->chain->units[f->through];
        u->source = mat_new(a, rows, f->unit.in.n);
        if (!u->source.p)
            return err_set(e, ERR_MEMORY, "not enough memory for feedback layer %zu", f->target);
        credit_draws(c, (struct draw){ .kind = DRAWS_NORMAL, .to = u->source, .shape = from->out, .of_feedback = true },
                     "noise.feedback_source.%s", name);
    }
    if (resends(c, f)) {
        u->resend = mat_new(a, rows, f->unit.out.n);
        if (!u->resend.p)
            return err_set(e, ERR_MEMORY, "not enough memory for the feedback loss of layer %zu", f->target);
        credit_draws(c, (struct draw){ .kind = kind, .to = u->resend, .of_feedback = true }, "noise.feedback_%s.%s",
                     transmit_draws_names[kind], name);
    }
    return 0;
}

int fbloss_open(struct credit *c, struct arena *a, struct err *e)
{
    struct fbloss_state *s = fbloss_state(c);
    const struct chain *chain = c->chain;
    const unsigned flags = fbloss_of(c)->at_targets ? AT_GRADIENTS : 0;
    s->of = arena_alloc(a, c->n_feedback, sizeof *s->of);
    s->up = arena_alloc(a, chain->n_units, sizeof *s->up);
    size_t most = 0;
    for (size_t i = 0; i < c->n_feedback; i++)
        most = c->feedback[i].ref.out.rows > most ? c->feedback[i].ref.out.rows : most;
    s->squares = arena_alloc(a, most, sizeof *s->squares);
    if (!s->of || !s->up || !s->squares)
        return err_set(e, ERR_MEMORY, "not enough memory for feedback losses");
    for (size_t i = 0; i < c->n_feedback; i++) {
        const struct feedback *f = &c->feedback[i];
        TRY(open_draws(c, &c->feedback[i], a, e));
        if (!fbloss_of(c)->grads_of_all && !s->up[f->through].out.p)
            TRY(at_open(&s->up[f->through], &chain->units[f->through], c->rows * chain->links_of[f->through], 1, flags,
                        a, e));
    }
    return 0;
}

struct mat fbloss_state_of(const struct pass *p, const struct feedback *f)
{
    const bool own_input = f->target == f->through; /* a recurrent unit */
    return own_input ? p->stacks[f->through].in : p->stacks[f->target].out;
}

struct mat fbloss_sent_of(const struct pass *p, const struct feedback *f)
{
    return f->target == f->through ? p->stacks[f->through].in : pass_sent(p, f->target);
}

struct mat fbloss_send(const struct credit *c, const struct feedback *f, struct mat value, real *to)
{
    const struct chosen transmit = transmit_of(c, f);
    if (!transmit.part)
        return value;
    const struct mat sent = mat_of(to, value.rows, value.cols);
    transmit_def_of(transmit)->send(transmit.opts, true, value, fbloss_unit(c, f)->resend, sent);
    return sent;
}

double fbloss_noise(const struct credit *c, const struct feedback *f)
{
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    const double noise = noise_of(c, f, o);
    return o->noise_decay > 0 ? noise / (1 + (double)c->epoch / o->noise_decay) : noise;
}

/* Factor on the reduced squared error. */
static double total_scale(const struct credit *c, const struct feedback *f, const struct fbloss_options *o)
{
    if (o->noise_scaling == NOISE_SCALING_NONE)
        return o->scale;
    const double noise = fbloss_noise(c, f), sigma = noise > o->noise_floor ? noise : o->noise_floor;
    return o->scale / (sigma * sigma);
}

const struct at *fbloss_up(const struct credit *c, const struct pass *p, const struct feedback *f, struct mat in)
{
    const struct fbloss_state *s = fbloss_state(c);
    const size_t last = c->choice.route == ROUTE_CHAIN ? f->through : c->chain->unit_of[c->n - 1];
    if (c->choice.route == ROUTE_CHAIN && f->through != f->target)
        in = edge_read_with(p, credit_edge(c, f->way), in, c->scratch[3]);
    for (size_t i = f->through; i <= last; i++) {
        s->up[i].in = in;
        s->up[i].side = p->stacks[i].side;
        at_forward(&c->chain->units[i], s->up[i]);
        in = s->up[i].out;
    }
    return &s->up[last];
}

void fbloss_noisy(const struct credit *c, const struct feedback *f, double sign, struct mat from, struct mat to)
{
    const struct mat noise = fbloss_unit(c, f)->noise;
    const real s = (real)(sign * fbloss_noise(c, f));
    if (noise.p && from.p)
        mat_add_scaled(from, s, noise, to);
    else if (noise.p)
        mat_scale(s, noise, to);
    else if (from.p)
        mat_copy(from, to);
    else
        mat_zero(to);
}

void fbloss_add_source_noise(const struct credit *c, const struct feedback *f, struct mat to)
{
    mat_axpy((real)fbloss_noise(c, f), fbloss_unit(c, f)->source, to);
}

double fbloss_factor(const struct credit *c, const struct feedback *f, size_t n)
{
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    return total_scale(c, f, o) * reduction_factor(o->reduction, c->rows, state_of(c, f, n), c->choice.target_stepsize);
}

void fbloss_train(struct credit *c, const struct at *ref, struct feedback *f, struct mat error)
{
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    if (o->normalised)
        mapping_of(c)->normalise(c, f, fbloss_state(c)->squares, error);
    mapping_of(c)->train(c, ref, f, error);
}

void fbloss_reduce(const struct credit *c, struct feedback *f, struct mat error)
{
    const double factor = fbloss_factor(c, f, error.cols);
    f->loss = 0.5 * factor * mat_sum_squares(error);
    mat_scale((real)factor, error, error);
}
