/* Learning while the network runs on: at every moment of propagation `relax` from when all has settled, |g(u) - t|^2
 * with u what the feedback unit reads then and t the target that it is to yield, or the state. Targets: Bengio 2020,
 * Eq. (51), which is gamma times the other, Eq. (52). Weights stay as they are meanwhile. */
#include "credit/fbloss.h"
#include "credit/propagate_relax.h"

#include <string.h>

enum teacher { TEACHER_TARGET, TEACHER_STATE };
static const char *const teacher_names[] = { "target", "state", NULL };

static const struct option table[] = { FBLOSS_OPTIONS,
                                       FBLOSS_NORMALISED,
                                       { "teacher", OPT_ENUM, offsetof(struct fbloss_options, teacher), "target",
                                         .names = teacher_names,
                                         .help = "what feedback layers are to yield: the target of the moment (nothing "
                                                 "is learned at gamma = 0), or the state" },
                                       { 0 } };

struct settle_state {
    struct fbloss_state common; /* first */
    real *sum;                  /* [n_feedback_vector] of the run */
    double *loss;               /* [n_feedback] */
};

extern const struct propagate_def propagate_relax;
extern const struct fbloss_def fbloss_settle;

static struct settle_state *state_of(const struct credit *c)
{
    return c->fbloss_state;
}

bool fbloss_settles(const struct credit *c)
{
    return c->choice.feedback_loss.part == &fbloss_settle.part;
}

static int check_noise(const struct credit *c, struct err *e)
{
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    for (size_t i = 0; i < o->noise.n; i++)
        if (o->noise.items[i] > 0)
            return err_about(e, "algorithm.feedback_loss.noise", "'%s' has none: leave it at 0",
                             c->choice.feedback_loss.part->name);
    return 0;
}

static int fits(const struct credit *c, struct err *e)
{
    if (c->choice.propagate.part != &propagate_relax.part)
        return err_about(e, "algorithm.feedback_loss", "'settle' learns while propagate: 'relax' runs, not with '%s'",
                         c->choice.propagate.part->name);
    TRY(check_noise(c, e));
    return fbloss_fits_options(c, e);
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    struct settle_state *s = state_of(c);
    s->sum = arena_alloc(a, c->n_feedback_vector, sizeof *s->sum);
    s->loss = arena_alloc(a, c->n_feedback, sizeof *s->loss);
    if (!s->sum || !s->loss)
        return err_set(e, ERR_MEMORY, "not enough memory for the feedback loss 'settle'");
    return fbloss_open(c, a, e);
}

void fbloss_settle_begin(struct credit *c)
{
    memset(c->feedback_gradient, 0, c->n_feedback_vector * sizeof *c->feedback_gradient);
    for (size_t i = 0; i < c->n_feedback; i++)
        state_of(c)->loss[i] = 0;
}

void fbloss_settle_add(struct credit *c, struct pass *p, size_t k, struct mat u, struct mat q, struct mat d,
                       double times)
{
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    const struct at *above = &p->links[k + 1];
    struct feedback *f = credit_feedback_of(c, k);
    const struct mat read = mat_of(c->scratch[3], u.rows, u.cols), error = mat_of(c->scratch[4], q.rows, q.cols);
    if (o->teacher == TEACHER_TARGET)
        mat_sub(q, d, error);
    else
        mat_copy(q, error);
    if (mat_max_abs(error) == 0)
        return;
    mat_add(above->out, u, read);
    (void)mapping_of(c)->value(c, p, above, f, read);
    fbloss_reduce(c, f, error);
    state_of(c)->loss[f - c->feedback] += times * f->loss;
    if (times != 1)
        mat_scale((real)times, error, error);
    fbloss_train(c, above, f, error);
}

void fbloss_settle_end(struct credit *c)
{
    memcpy(state_of(c)->sum, c->feedback_gradient, c->n_feedback_vector * sizeof *c->feedback_gradient);
}

/* What the run has left. */
static int grads(struct credit *c, struct pass *p, struct feedback *f, struct err *e)
{
    (void)p, (void)e;
    for (size_t j = 0; j < f->unit.n_params; j++)
        mat_axpy(1, unit_param(&f->unit, j, state_of(c)->sum), unit_param(&f->unit, j, c->feedback_gradient));
    f->loss = state_of(c)->loss[f - c->feedback];
    return 0;
}

/* At every moment whose error is not 0, and once for all of the settled ones, a value and its gradient. */
static double flops(const struct credit *c, const struct feedback *f, double up, double down)
{
    (void)f, (void)up;
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    return 2 * down * (double)(1 + (o->teacher == TEACHER_TARGET ? relax_steps_apart(c) : relax_steps(c)));
}

const struct fbloss_def fbloss_settle = {
    .part = { .name = "settle",
              .help = "g at every moment of propagate 'relax' against the target of the moment, or the state",
              .ref = "Bengio 2020, Eq. (51), (52)",
              .options = table,
              .opts_size = sizeof(struct fbloss_options),
              .state_size = sizeof(struct settle_state),
              .needs = GIVES_TRAIN },
    .at_targets = true,
    .fits = fits,
    .open = open,
    .grads = grads,
    .flops = flops,
};
