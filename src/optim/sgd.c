/* Stochastic gradient descent, with momentum. With g' = g + weight_decay w:
 *   buf <- momentum buf + g'         (buf = 0 before the first step, so it starts as g'; no dampening)
 *   w   <- w - stepsize buf                     heavy ball (Polyak 1964)
 *   w   <- w - stepsize (g' + momentum buf)     Nesterov (Sutskever et al. 2013, in the form of PyTorch; for a constant
 * stepsize equal to Lasagne's) The asymptotic gain is 1 / (1 - momentum). Slot 0: buf, untouched if momentum is 0. */
#include "optim/step.h"

struct opts {
    struct optim_common common;
    double momentum, weight_decay;
    bool nesterov;
};

enum form { PLAIN, HEAVY, NESTEROV };

STEP_INLINE void update(const struct opts *o, size_t n, real *restrict w, const real *restrict g,
                        const real *restrict factor, real *restrict buf, const enum form form, const bool decays)
{
    const real stepsize = (real)o->common.stepsize, momentum = (real)o->momentum, decay = (real)o->weight_decay;
    for (size_t i = 0; i < n; i++) {
        real direction = decays ? g[i] + decay * w[i] : g[i];
        if (form != PLAIN) {
            buf[i] = momentum * buf[i] + direction;
            direction = form == NESTEROV ? direction + momentum * buf[i] : buf[i];
        }
        w[i] -= step_size(stepsize, factor, i) * direction;
    }
}

STEP_INLINE void in_form(const struct opts *o, size_t n, real *w, const real *g, const real *factor, real *buf,
                         const enum form form)
{
    const bool decays = o->weight_decay != 0;
    if (decays && factor)
        update(o, n, w, g, factor, buf, form, true);
    else if (decays)
        update(o, n, w, g, NULL, buf, form, true);
    else if (factor)
        update(o, n, w, g, factor, buf, form, false);
    else
        update(o, n, w, g, NULL, buf, form, false);
}

static void some(void *work, size_t part, size_t from, size_t to)
{
    const struct step s = step_some(work, from, to);
    const struct opts *o = s.opts;
    (void)part;
    if (o->momentum == 0)
        in_form(o, s.n, s.w, s.g, s.factor, s.slots, PLAIN);
    else if (o->nesterov)
        in_form(o, s.n, s.w, s.g, s.factor, s.slots, NESTEROV);
    else
        in_form(o, s.n, s.w, s.g, s.factor, s.slots, HEAVY);
}

static void step(const void *opts, int64_t t, size_t n, real *w, const real *g, const real *factor, real *slots)
{
    step_share(some, (struct step){ opts, t, n, w, g, factor, slots });
}

#define OPTIONS(default_momentum)                                                                                      \
    {                                                                                                                  \
        STEP_OPTIONS_COMMON,                                                                                           \
            { .name = "momentum",                                                                                      \
              .type = OPT_REAL,                                                                                        \
              .offset = offsetof(struct opts, momentum),                                                               \
              .dflt = default_momentum,                                                                                \
              .min = 0,                                                                                                \
              .max = 1 - 0x1p-53,                                                                                      \
              .help = "share of the last direction that is kept, 0 <= momentum < 1" },                                 \
            { .name = "nesterov",                                                                                      \
              .type = OPT_BOOL,                                                                                        \
              .offset = offsetof(struct opts, nesterov),                                                               \
              .dflt = "false",                                                                                         \
              .beside = "momentum",                                                                                    \
              .idle = "0",                                                                                             \
              .help = "look ahead: step along g + momentum * buf instead of buf" },                                    \
            { .name = "weight_decay",                                                                                  \
              .type = OPT_REAL,                                                                                        \
              .offset = offsetof(struct opts, weight_decay),                                                           \
              .dflt = "0",                                                                                             \
              .min = 0,                                                                                                \
              .max = 1e30,                                                                                             \
              .flags = OPTION_NULLABLE,                                                                                \
              .help = "multiple of the parameters, biases included, added to the direction before momentum (L2)" },    \
            { 0 },                                                                                                     \
    }
static const struct option sgd_options[] = OPTIONS("0");
static const struct option momentum_options[] = OPTIONS("0.9");

const struct optim_def optim_sgd = {
    .part = { .name = "sgd",
              .help = "gradient descent, with momentum on request",
              .ref = "Roulet 2022, code",
              .options = sgd_options,
              .opts_size = sizeof(struct opts) },
    .n_slots = 1,
    .step = step,
};

const struct optim_def optim_momentum = {
    .part = { .name = "momentum",
              .help = "sgd with a momentum of 0.9 unless told otherwise",
              .ref = "Polyak 1964; Sutskever 2013",
              .options = momentum_options,
              .opts_size = sizeof(struct opts) },
    .n_slots = 1,
    .step = step,
};
