/* The continuously running network (Bengio 2020, Sec. 10, CDTP): all layers move at once, first with the input alone
 * (gamma = 1), then with what the mapping brings down (gamma < 1). With a the states of the forward pass, t targets, u
 * what the mapping g reads, f the links:
 *
 *   h[l] = f(gamma a[k] + (1 - gamma) g(u[l])), l = k + 1;   u[l] += t[l] - h[l];   t[k] = gamma a[k] + (1 - gamma)
 * g(u[l])
 *
 * with the targets of the step before on the right but for the last layer's, which stays. At gamma = 0 that is the
 * input rule of iterated inverses in all layers at once. While gamma is 1, everything comes to the states: a takes L
 * steps, u one more, and nothing after that changes. So the loop begins there. */
#include "credit/propagate_relax.h"

#include "credit/inverse_steps.h"

struct relax_options {
    int64_t feedforward_steps, ramp_steps, feedback_steps;
    double gamma_min;
};

struct relax {
    struct settling settling;
    struct inverse_input input;
    struct mat *settled; /* [n] what the last step went up to, shown: h of Eq. (46) */
};

#define FIELD(name) offsetof(struct relax_options, name)
static const struct option table[] = {
    { "feedforward_steps", OPT_INT, FIELD(feedforward_steps), "0", 0, 1e6,
      .help =
          "with gamma = 1, at least one more than there are layers, which it is for 0. More of them change nothing but "
          "the share of the states in what feedback_loss 'settle' learns" },
    { "ramp_steps", OPT_INT, FIELD(ramp_steps), "0", 0, 1e6, .help = "in which gamma falls linearly to gamma_min" },
    { "feedback_steps", OPT_INT, FIELD(feedback_steps), "20", 1, 1e6, .help = "with gamma_min" },
    { "gamma_min", OPT_REAL, FIELD(gamma_min), "0", 0, 0.999999, .help = "share of the state in what a layer reads" },
    { 0 }
};

static const struct relax_options *options_of(const struct credit *c)
{
    return c->choice.propagate.opts;
}

static double gamma_at(const struct relax_options *o, size_t t)
{
    const size_t ramp = (size_t)o->ramp_steps;
    return t < ramp ? 1 + (o->gamma_min - 1) * (double)(t + 1) / (double)ramp : o->gamma_min;
}

/* Steps at gamma = 1 after all has settled. */
static size_t relax_settled_steps(const struct credit *c)
{
    const size_t steps = (size_t)options_of(c)->feedforward_steps;
    return steps ? steps - c->n : 1;
}

size_t relax_steps(const struct credit *c)
{
    return (size_t)(options_of(c)->ramp_steps + options_of(c)->feedback_steps);
}

size_t relax_steps_apart(const struct credit *c)
{
    size_t n = 0;
    for (size_t t = 0; t < relax_steps(c); t++)
        n += gamma_at(options_of(c), t) > 0;
    return n;
}

static int fits(const struct credit *c, struct err *e)
{
    const struct relax_options *o = options_of(c);
    if (o->feedforward_steps && (size_t)o->feedforward_steps <= c->n)
        return err_about(e, "algorithm.propagate.feedforward_steps",
                         "%lld, but the states of %zu layers and what is read of them settle in %zu steps",
                         (long long)o->feedforward_steps, c->n, c->n + 1);
    return inverse_fits(c, "algorithm.propagate: 'relax'", e);
}

static int step(struct settling *s, size_t k, struct mat change, struct err *e)
{
    struct inverse_input *in = s->rule;
    const struct relax *r = s->c->propagate_state;
    in->share = 1 - gamma_at(options_of(s->c), s->t);
    TRY(inverse_input_step(s, k, change, e));
    if (s->t + 1 == s->steps) {
        mat_sub(s->c->d[k + 1], change, r->settled[k + 1]);
        mat_add(r->settled[k + 1], s->p->links[k + 1].out, r->settled[k + 1]);
    }
    return 0;
}

static int moved(struct settling *s, size_t k, struct err *e)
{
    const struct inverse_input *in = s->rule;
    TRY(inverse_input_moved(s, k, e));
    if (fbloss_settles(s->c))
        fbloss_settle_add(s->c, s->p, k, s->value[k], in->q[k], s->c->d[k], 1);
    return 0;
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    struct relax *r = c->propagate_state;
    struct settling *s = &r->settling;
    struct mat *stacks;
    TRY(inverse_input_open(&r->input, c, a, e));
    TRY(credit_alloc_links(c, &r->settled, &stacks, a, e));
    *s = (struct settling){ .c = c,
                            .value = r->input.value,
                            .change = r->input.change,
                            .of = arena_alloc(a, c->n, sizeof *s->of),
                            .sweep = SWEEP_PARALLEL,
                            .factor = 1,
                            .rule = &r->input,
                            .step = step,
                            .moved = moved };
    c->settled = s->of;
    for (size_t k = 0; k + 1 < c->n; k++)
        credit_show(c, r->input.change[k], "decoder_input.%zu", k);
    for (size_t k = 0; k < c->n; k++)
        credit_show(c, r->settled[k], "settled.%zu", k);
    return s->of ? 0 : err_set(e, ERR_MEMORY, "not enough memory for the steps of %zu links", c->n);
}

/* The states as gamma = 1 leaves them: targets are states, and mappings read states. */
static int begin(struct settling *s, struct err *e)
{
    const struct inverse_input *in = s->rule;
    struct credit *c = s->c;
    for (size_t k = s->hi; k-- > s->lo;) {
        mat_zero(s->value[k]);
        mat_zero(c->d[k]);
        TRY(inverse_error(s, k, in->r[k], e));
        mat_copy(in->r[k], in->q[k]);
        if (fbloss_settles(c))
            fbloss_settle_add(c, s->p, k, s->value[k], in->q[k], c->d[k], (double)relax_settled_steps(c));
    }
    return 0;
}

static int back(struct credit *c, struct pass *p, size_t lo, struct err *e)
{
    struct settling s = ((struct relax *)c->propagate_state)->settling;
    s.p = p;
    s.lo = lo;
    s.hi = c->n - 1;
    s.steps = relax_steps(c);
    if (fbloss_settles(c))
        fbloss_settle_begin(c);
    TRY(begin(&s, e));
    TRY(settle(&s, e));
    if (fbloss_settles(c))
        fbloss_settle_end(c);
    mat_copy(p->links[0].out, ((struct relax *)c->propagate_state)->settled[0]);
    for (size_t k = s.lo; k < s.hi; k++)
        mat_add(p->links[k + 1].out, s.value[k], s.change[k]); /* shown */
    return 0;
}

static struct trips trips(const struct credit *c, size_t k)
{
    (void)k;
    const double steps = (double)relax_steps(c);
    return (struct trips){ 1 + steps, steps };
}

extern const struct propagate_def propagate_relax;
const struct propagate_def propagate_relax = {
    .part = { .name = "relax",
              .help = "all layers run on together, with the input and then with their targets, until they settle",
              .ref = "Bengio 2020, Sec. 10",
              .options = table,
              .opts_size = sizeof(struct relax_options),
              .state_size = sizeof(struct relax),
              .needs = GIVES_APPLY },
    .fits = fits,
    .open = open,
    .back = back,
    .iterates = true,
    .trips = trips,
};
