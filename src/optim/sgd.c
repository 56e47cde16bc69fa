/* Stochastic gradient descent, with momentum:
 *   buf <- momentum buf + g          (buf = 0 before the first step, so it starts as g; no dampening)
 *   w   <- w - stepsize buf                    heavy ball (Polyak 1964)
 *   w   <- w - stepsize (g + momentum buf)     Nesterov (Sutskever et al. 2013, in the form of PyTorch; for a constant
 * stepsize equal to Lasagne's) The asymptotic gain is 1 / (1 - momentum). Slot 0: buf, untouched if momentum is 0. */
#include "optim/step.h"

struct opts {
    double stepsize, momentum;
    bool nesterov;
};

STEP_INLINE void plain(real stepsize, size_t n, real *restrict w, const real *restrict g, const real *restrict factor)
{
    for (size_t i = 0; i < n; i++)
        w[i] -= step_size(stepsize, factor, i) * g[i];
}

STEP_INLINE void with_momentum(const struct opts *o, size_t n, real *restrict w, const real *restrict g,
                               const real *restrict factor, real *restrict buf, const bool nesterov)
{
    const real stepsize = (real)o->stepsize, momentum = (real)o->momentum;
    for (size_t i = 0; i < n; i++) {
        buf[i] = momentum * buf[i] + g[i];
        w[i] -= step_size(stepsize, factor, i) * (nesterov ? g[i] + momentum * buf[i] : buf[i]);
    }
}

static void step(const void *opts, int64_t t, size_t n, real *w, const real *g, const real *factor, real *slots)
{
    (void)t;
    const struct opts *o = opts;
    if (o->momentum == 0) {
        if (factor)
            plain((real)o->stepsize, n, w, g, factor);
        else
            plain((real)o->stepsize, n, w, g, NULL);
    } else if (o->nesterov) {
        if (factor)
            with_momentum(o, n, w, g, factor, slots, true);
        else
            with_momentum(o, n, w, g, NULL, slots, true);
    } else {
        if (factor)
            with_momentum(o, n, w, g, factor, slots, false);
        else
            with_momentum(o, n, w, g, NULL, slots, false);
    }
}

#define OPTIONS(default_momentum)                                                                                      \
    {                                                                                                                  \
        STEP_OPTION_STEPSIZE(struct opts),                                                                             \
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
              .help = "look ahead: step along g + momentum * buf instead of buf" },                                    \
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
