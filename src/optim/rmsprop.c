/* RMSprop (Tieleman & Hinton 2012), plain or centred (Graves 2013, Eq. (38)-(45)):
 *   v   <- decay v + (1 - decay) g^2
 *   m   <- decay m + (1 - decay) g                    centred; otherwise m = 0
 *   buf <- momentum buf + g / (sqrt(v - m^2) + epsilon)          epsilon_inside: g / sqrt(v - m^2 + epsilon)
 *   w   <- w - stepsize buf
 * v, m, buf are 0 before the first step; no bias correction. epsilon outside the root: PyTorch. Inside, with decay .95,
 * momentum .9, epsilon 1e-3 and centred: the scripts of Lee 2015, whose inc is -stepsize buf. There sqrt(1e-3) is much
 * larger than a hidden layer's gradient, which makes the rule plain momentum with stepsize / sqrt(1e-3). In exact
 * numbers v >= m^2. Rounding may leave v - m^2 a little below 0, which is taken as 0 (PyTorch: NaN); a NaN stays one.
 * Slots: v, m (untouched unless centred), buf. */
#include "optim/step.h"

struct opts {
    struct optim_common common;
    double decay, momentum, epsilon;
    bool centered, epsilon_inside;
};

STEP_INLINE void update(const struct opts *o, size_t n, real *restrict w, const real *restrict g,
                        const real *restrict factor, real *restrict v, real *restrict m, real *restrict buf,
                        const bool centered)
{
    const real stepsize = (real)o->common.stepsize, momentum = (real)o->momentum;
    const real keep = (real)o->decay, take = (real)(1 - o->decay);
    const real inside = o->epsilon_inside ? (real)o->epsilon : 0, outside = o->epsilon_inside ? 0 : (real)o->epsilon;
    for (size_t i = 0; i < n; i++) {
        v[i] = keep * v[i] + take * (g[i] * g[i]);
        real variance = v[i];
        if (centered) {
            m[i] = keep * m[i] + take * g[i];
            variance -= m[i] * m[i];
            variance = variance < 0 ? 0 : variance;
        }
        buf[i] = momentum * buf[i] + g[i] / (step_sqrt(variance + inside) + outside);
        w[i] -= step_size(stepsize, factor, i) * buf[i];
    }
}

static void some(void *work, size_t part, size_t from, size_t to)
{
    const struct step *all = work, s = step_some(all, from, to);
    const struct opts *o = s.opts;
    real *const v = step_slot(all, &s, 0), *const m = step_slot(all, &s, 1), *const buf = step_slot(all, &s, 2);
    (void)part;
    if (o->centered && s.factor)
        update(o, s.n, s.w, s.g, s.factor, v, m, buf, true);
    else if (o->centered)
        update(o, s.n, s.w, s.g, NULL, v, m, buf, true);
    else if (s.factor)
        update(o, s.n, s.w, s.g, s.factor, v, m, buf, false);
    else
        update(o, s.n, s.w, s.g, NULL, v, m, buf, false);
}

static void step(const void *opts, int64_t t, size_t n, real *w, const real *g, const real *factor, real *slots)
{
    step_share(some, (struct step){ opts, t, n, w, g, factor, slots });
}

static const struct option options[] = {
    STEP_OPTIONS_COMMON,
    { .name = "decay",
      .type = OPT_REAL,
      .offset = offsetof(struct opts, decay),
      .dflt = "0.99",
      .min = 0,
      .max = 1 - 0x1p-53,
      .help = "share of the running means that is kept, 0 <= decay < 1; Lee 2015: 0.95" },
    { .name = "momentum",
      .type = OPT_REAL,
      .offset = offsetof(struct opts, momentum),
      .dflt = "0",
      .min = 0,
      .max = 1 - 0x1p-53,
      .help = "share of the last direction that is kept, 0 <= momentum < 1; Lee 2015: 0.9" },
    { .name = "centered",
      .type = OPT_BOOL,
      .offset = offsetof(struct opts, centered),
      .dflt = "false",
      .help = "divide by the root of the variance instead of the mean square; Lee 2015: true" },
    { .name = "epsilon",
      .type = OPT_REAL,
      .offset = offsetof(struct opts, epsilon),
      .dflt = "1e-8",
      .min = 0,
      .max = 1e30,
      .help = "keeps the divisor away from 0; Lee 2015: 1e-3" },
    { .name = "epsilon_inside",
      .type = OPT_BOOL,
      .offset = offsetof(struct opts, epsilon_inside),
      .dflt = "false",
      .beside = "epsilon",
      .idle = "0",
      .help = "add epsilon under the root (Lee 2015) instead of to it" },
    { 0 },
};

const struct optim_def optim_rmsprop = {
    .part = { .name = "rmsprop",
              .help = "divides by a running root mean square, or standard deviation, of the direction",
              .ref = "Tieleman 2012; Graves 2013, Eq. (38)-(45); Lee 2015, scripts",
              .options = options,
              .opts_size = sizeof(struct opts) },
    .n_slots = 3,
    .step = step,
};
