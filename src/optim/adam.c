/* Adam (Kingma & Ba 2015, Alg. 1), in the form of PyTorch. With g' = g + weight_decay w:
 *   m <- beta1 m + (1 - beta1) g',  v <- beta2 v + (1 - beta2) g'^2
 *   w <- w - stepsize / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
 * The corrections of a step are computed in double. Slots: m, v. */
#include "optim/step.h"

#include <math.h>

struct opts {
    struct optim_common common;
    double beta1, beta2, epsilon, weight_decay;
};

STEP_INLINE void update(const struct opts *o, int64_t t, size_t n, real *restrict w, const real *restrict g,
                        const real *restrict factor, real *restrict m, real *restrict v)
{
    const double correction1 = 1 - pow(o->beta1, (double)t), correction2 = 1 - pow(o->beta2, (double)t);
    const real stepsize = (real)(o->common.stepsize / correction1), per_root2 = (real)(1 / sqrt(correction2));
    const real keep1 = (real)o->beta1, take1 = (real)(1 - o->beta1), keep2 = (real)o->beta2,
               take2 = (real)(1 - o->beta2);
    const real epsilon = (real)o->epsilon, weight_decay = (real)o->weight_decay;
    for (size_t i = 0; i < n; i++) {
        const real direction = g[i] + weight_decay * w[i];
        m[i] = keep1 * m[i] + take1 * direction;
        v[i] = keep2 * v[i] + take2 * (direction * direction);
        w[i] -= step_size(stepsize, factor, i) * (m[i] / (step_sqrt(v[i]) * per_root2 + epsilon));
    }
}

static void some(void *work, size_t part, size_t from, size_t to)
{
    const struct step *all = work, s = step_some(all, from, to);
    real *const m = step_slot(all, &s, 0), *const v = step_slot(all, &s, 1);
    (void)part;
    if (s.factor)
        update(s.opts, s.t, s.n, s.w, s.g, s.factor, m, v);
    else
        update(s.opts, s.t, s.n, s.w, s.g, NULL, m, v);
}

static void step(const void *opts, int64_t t, size_t n, real *w, const real *g, const real *factor, real *slots)
{
    step_share(some, (struct step){ opts, t, n, w, g, factor, slots });
}

static const struct option options[] = {
    STEP_OPTIONS_COMMON,
    { .name = "beta1",
      .type = OPT_REAL,
      .offset = offsetof(struct opts, beta1),
      .dflt = "0.9",
      .min = 0,
      .max = 1 - 0x1p-53,
      .help = "share of the running mean that is kept, 0 <= beta1 < 1" },
    { .name = "beta2",
      .type = OPT_REAL,
      .offset = offsetof(struct opts, beta2),
      .dflt = "0.999",
      .min = 0,
      .max = 1 - 0x1p-53,
      .help = "share of the running mean square that is kept, 0 <= beta2 < 1" },
    { .name = "epsilon",
      .type = OPT_REAL,
      .offset = offsetof(struct opts, epsilon),
      .dflt = "1e-8",
      .min = 0,
      .max = 1e30,
      .help = "added to the root, keeps the divisor away from 0" },
    { .name = "weight_decay",
      .type = OPT_REAL,
      .offset = offsetof(struct opts, weight_decay),
      .dflt = "0",
      .min = 0,
      .max = 1e30,
      .help = "multiple of the weights added to the direction (L2, before the means; not AdamW)" },
    { 0 },
};

const struct optim_def optim_adam = {
    .part = { .name = "adam",
              .help = "running mean of the direction divided by its running root mean square, both corrected for their "
                      "start",
              .ref = "Kingma 2015, Alg. 1",
              .options = options,
              .opts_size = sizeof(struct opts) },
    .n_slots = 2,
    .step = step,
};
