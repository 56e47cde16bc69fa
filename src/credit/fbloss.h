/* What the feedback losses share. */
#ifndef TPRUN_CREDIT_FBLOSS_H
#define TPRUN_CREDIT_FBLOSS_H

#include "credit/feedback.h"

/* Options of every feedback loss, whose opts are a struct fbloss_options. */
#define FBLOSS_OPTIONS                                                                                                                        \
    { "noise", OPT_REAL, offsetof(struct fbloss_options, noise), "0", 0, 1e12,                                                                \
      .help = "standard deviation of the normal noise added to the input of the round trip" },                                                \
    { "noise_decay", OPT_REAL, offsetof(struct fbloss_options, noise_decay), "0", 0, 1e12,                                                    \
      .help = "epochs after which the noise is half of `noise`: noise / (1 + e / noise_decay) in epoch e = 1, 2, ...; 0 = constant" },        \
    { "noise_scaling", OPT_ENUM, offsetof(struct fbloss_options, noise_scaling), "none", .names = fbloss_scaling_names,                       \
      .help = "inverse_variance: divide the loss by max(noise, noise_floor)^2 (Meulemans 2020)" },                                            \
    { "noise_floor", OPT_REAL, offsetof(struct fbloss_options, noise_floor), "0", 0, 1e12,                                                    \
      .help = "smallest standard deviation to divide by" },                                                                                   \
    { "scale", OPT_REAL, offsetof(struct fbloss_options, scale), "1", 0, 1e300, .help = "factor on the loss" },                               \
    { "weight_decay", OPT_REAL, offsetof(struct fbloss_options, weight_decay), "0", 0, 1e12,                                                  \
      .help = "weight_decay times each feedback parameter is added to its gradient" },                                                        \
    { "reduction", OPT_ENUM, offsetof(struct fbloss_options, reduction), "mean", .names = reduction_names,                                    \
      .help = "how the squared error is reduced: mean is over the batch, unit_mean over batch and units" }

extern const char *const fbloss_scaling_names[];
extern const struct option fbloss_options_table[];

/* Buffers of f for the loss, for a stack of `rows` rows. */
bool fbloss_resends(const struct credit *c, const struct feedback *f);
int fbloss_open(const struct credit *c, struct feedback *f, size_t rows, struct arena *a, struct err *e);
/* The true states that f's target is about, which the layer above reads by way of their transmission. */
struct mat fbloss_state(const struct pass *p, const struct feedback *f);
/* What a layer in a state `value` of f's target sends: value itself, or a matrix in `to`. Samples are drawn anew. */
struct mat fbloss_send(const struct credit *c, const struct feedback *f, struct mat value, real *to);
/* The forward layer that feedback f leads back through, on inputs of its own: out from in, over the whole stack. */
struct link fbloss_forward(const struct credit *c, const struct pass *p, const struct feedback *f, struct mat in, real *out, real *delta);
/* The layers between f's target and its source, on a value `in` of the target's output: the source's output, in one of the two buffers. */
struct mat fbloss_up(const struct credit *c, const struct pass *p, const struct feedback *f, struct mat in, real *buffers[2]);
/* to += sign * noise * draws of this step, if there is any. */
void fbloss_add_noise(const struct credit *c, const struct feedback *f, double sign, struct mat to);
/* error -> loss of f, and error becomes its gradient. */
void fbloss_reduce(const struct credit *c, struct feedback *f, struct mat error);

#endif
