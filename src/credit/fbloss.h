/* What the feedback losses share. */
#ifndef TPRUN_CREDIT_FBLOSS_H
#define TPRUN_CREDIT_FBLOSS_H

#include "credit/credit.h"
#include "credit/feedback_signs.h"

/* Options of every feedback loss, whose opts are a struct fbloss_options. */
#define FBLOSS_OPTIONS                                                                                                                        \
    { "noise", OPT_REAL, offsetof(struct fbloss_options, noise), "0", 0, 1e12,                                                                \
      .help = "standard deviation of the normal noise added to the input of the round trip" },                                                \
    { "noise_decay", OPT_REAL, offsetof(struct fbloss_options, noise_decay), "0", 0, 1e12,                                                    \
      .help = "epochs after which the noise is half of `noise`: noise / (1 + e / noise_decay) in epoch e = 1, 2, ...; 0 = constant" },        \
    { "scale", OPT_REAL, offsetof(struct fbloss_options, scale), "1", 0, 1e300, .help = "factor on the loss" },                               \
    { "reduction", OPT_ENUM, offsetof(struct fbloss_options, reduction), "mean", .names = reduction_names,                                    \
      .help = "how the squared error is reduced: mean is over the batch, unit_mean over batch and units" }

extern const struct option fbloss_options_table[];

/* Buffers of f for the loss, for a stack of `rows` rows. */
int fbloss_open(const struct credit *c, struct feedback *f, size_t rows, struct arena *a, struct err *e);
/* The true states that f's target is about, which the layer above reads by way of their transmission. */
struct mat fbloss_state(const struct pass *p, const struct feedback *f);
/* What a layer in a state `value` of f's target sends: value itself, or a matrix in `to`. Samples are drawn anew. */
struct mat fbloss_send(const struct credit *c, const struct feedback *f, struct mat value, real *to);
/* The forward layer that feedback f leads back through, on inputs of its own: out from in, over the whole stack. */
struct link fbloss_forward(const struct credit *c, const struct pass *p, const struct feedback *f, struct mat in, real *out, real *delta);
/* to += noise * draws of this step, if there is any. */
void fbloss_add_noise(const struct credit *c, const struct feedback *f, struct mat to);
/* error -> loss of f, and error becomes its gradient. */
void fbloss_reduce(const struct credit *c, struct feedback *f, struct mat error);

#endif
