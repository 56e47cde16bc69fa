/* Adagrad (Duchi, Hazan, Singer 2011), in the form of PyTorch:
 *   s <- s + g^2,  w <- w - stepsize g / (sqrt(s) + epsilon).   Slot 0: s. */
#include "optim/step.h"

struct opts {
    struct optim_common common;
    double epsilon;
};

STEP_INLINE void update(const struct opts *o, size_t n, real *restrict w, const real *restrict g,
                        const real *restrict factor, real *restrict s)
{
    const real stepsize = (real)o->common.stepsize, epsilon = (real)o->epsilon;
    for (size_t i = 0; i < n; i++) {
        s[i] += g[i] * g[i];
        w[i] -= step_size(stepsize, factor, i) * (g[i] / (step_sqrt(s[i]) + epsilon));
    }
}

static void some(void *work, size_t part, size_t from, size_t to)
{
    const struct step s = step_some(work, from, to);
    (void)part;
    if (s.factor)
        update(s.opts, s.n, s.w, s.g, s.factor, s.slots);
    else
        update(s.opts, s.n, s.w, s.g, NULL, s.slots);
}

static void step(const void *opts, int64_t t, size_t n, real *w, const real *g, const real *factor, real *slots)
{
    step_share(some, (struct step){ opts, t, n, w, g, factor, slots });
}

static const struct option options[] = {
    STEP_OPTIONS_COMMON,
    { .name = "epsilon",
      .type = OPT_REAL,
      .offset = offsetof(struct opts, epsilon),
      .dflt = "1e-10",
      .min = 0,
      .max = 1e30,
      .help = "added to the root, keeps the divisor away from 0" },
    { 0 },
};

const struct optim_def optim_adagrad = {
    .part = { .name = "adagrad",
              .help = "divides by the root of the sum of all squares so far",
              .ref = "Duchi 2011",
              .options = options,
              .opts_size = sizeof(struct opts) },
    .n_slots = 1,
    .step = step,
};
