/* What the feedback losses share. */
#ifndef TPRUN_CREDIT_FBLOSS_H
#define TPRUN_CREDIT_FBLOSS_H

#include "credit/credit.h"

/* Options of every feedback loss, whose opts are a struct fbloss_options. */
#define FBLOSS_OPTIONS                                                                                                 \
    { "noise",                                                                                                         \
      OPT_REALS,                                                                                                       \
      offsetof(struct fbloss_options, noise),                                                                          \
      "0",                                                                                                             \
      0,                                                                                                               \
      1e12,                                                                                                            \
      OPTION_PLAIN,                                                                                                    \
      .help = "standard deviation of the normal noise added to the input of the round trip: one number, or one per "   \
              "feedback unit" },                                                                                       \
        { "noise_decay",                                                                                               \
          OPT_REAL,                                                                                                    \
          offsetof(struct fbloss_options, noise_decay),                                                                \
          "0",                                                                                                         \
          0,                                                                                                           \
          1e12,                                                                                                        \
          .beside = "noise",                                                                                           \
          .idle = "0",                                                                                                 \
          .help = "epochs after which the noise is half of `noise`: noise / (1 + e / noise_decay) in epoch e = 1, 2, " \
                  "...; 0 = constant" },                                                                               \
        { "noise_scaling",                                                                                             \
          OPT_ENUM,                                                                                                    \
          offsetof(struct fbloss_options, noise_scaling),                                                              \
          "none",                                                                                                      \
          .names = fbloss_scaling_names,                                                                               \
          .help = "inverse_variance: divide the loss by max(noise, noise_floor)^2 (Meulemans 2020)" },                 \
        { "noise_floor",                                                                                               \
          OPT_REAL,                                                                                                    \
          offsetof(struct fbloss_options, noise_floor),                                                                \
          "0",                                                                                                         \
          0,                                                                                                           \
          1e12,                                                                                                        \
          .beside = "noise_scaling",                                                                                   \
          .idle = "none",                                                                                              \
          .help = "smallest standard deviation to divide by" },                                                        \
        { "scale", OPT_REAL, offsetof(struct fbloss_options, scale), "1", 0, 1e300, .help = "factor on the loss" },    \
        { "weight_decay",                                                                                              \
          OPT_REAL,                                                                                                    \
          offsetof(struct fbloss_options, weight_decay),                                                               \
          "0",                                                                                                         \
          0,                                                                                                           \
          1e12,                                                                                                        \
          .help = "weight_decay times each feedback parameter is added to its gradient" },                             \
    {                                                                                                                  \
        "reduction", OPT_ENUM, offsetof(struct fbloss_options, reduction), "mean",                                     \
            .names = reduction_names,                                                                                  \
            .help = "how the squared error is reduced: mean is over the batch, unit_mean over batch and units"         \
    }

/* Of losses whose gradient fbloss_train gives. */
#define FBLOSS_NORMALISED                                                                                              \
    {                                                                                                                  \
        "normalised", OPT_BOOL, offsetof(struct fbloss_options, normalised), "false",                                  \
            .flags = OPTION_NULLABLE,                                                                                  \
            .help = "divide each sample's gradient by the squared norm of what the feedback weights read, a bias "     \
                    "being a weight from a constant 1 (Bengio 2020)"                                                   \
    }

extern const char *const fbloss_scaling_names[];
extern const struct option fbloss_options_table[];

/* Of every loss with options: part.state_size. */
struct fbloss_state {
    struct fbloss_unit {
        struct mat noise;  /* draws, standard normal; {NULL} without noise */
        struct mat source; /* the same on what is read; {NULL} where the loss has none */
        struct mat resend; /* draws with which a corrupted state is sent anew; {NULL} if not asked for */
    } * of;                /* [n_feedback] */
    double *squares;       /* work of fbloss_train: as many as a stack of any feedback unit has rows */
    struct at *up;         /* [n_units]: applications of the units on the way up, beside the pass's own */
};
/* What most losses need: a second application of each unit that feedback leads back through, and noise on the source's
 * side (at_targets) or the target's. */
int fbloss_open(struct credit *c, struct arena *a, struct err *e);
/* Lists as long as there are feedback units; noise where the loss divides by it. */
int fbloss_fits_options(const struct credit *c, struct err *e);
/* Noise for every feedback unit, of a loss whose gradient is 0 without. */
int fbloss_fits_noise(const struct credit *c, struct err *e);
/* And not on route 'direct' of a recurrent network. */
int fbloss_fits(const struct credit *c, struct err *e);
static inline struct fbloss_state *fbloss_state(const struct credit *c)
{
    return c->fbloss_state;
}
static inline struct fbloss_unit *fbloss_unit(const struct credit *c, const struct feedback *f)
{
    return &fbloss_state(c)->of[f - c->feedback];
}
/* The true states that f's target is about, which the unit above reads by way of their transmission. */
struct mat fbloss_state_of(const struct pass *p, const struct feedback *f);
/* What has been sent of them. */
struct mat fbloss_sent_of(const struct pass *p, const struct feedback *f);
/* What a unit in a state `value` of f's target sends: value itself, or a matrix in `to`. Samples are drawn anew. */
struct mat fbloss_send(const struct credit *c, const struct feedback *f, struct mat value, real *to);
/* The units between f's target and its source, on a value `in` of the target's output: the last one's application. What
 * that reads beside the target is as it was. Uses scratch 3. */
const struct at *fbloss_up(const struct credit *c, const struct pass *p, const struct feedback *f, struct mat in);
/* to = from + sign * noise * draws of this step, if there is any; from {NULL}: 0. */
void fbloss_noisy(const struct credit *c, const struct feedback *f, double sign, struct mat from, struct mat to);
static inline void fbloss_add_noise(const struct credit *c, const struct feedback *f, double sign, struct mat to)
{
    fbloss_noisy(c, f, sign, to, to);
}
/* The same on what f reads, of a loss with source_noise. */
void fbloss_add_source_noise(const struct credit *c, const struct feedback *f, struct mat to);
/* What a squared distance of n numbers a row is multiplied by for its gradient; half of it for the loss. */
double fbloss_factor(const struct credit *c, const struct feedback *f, size_t n);
/* Standard deviation of f's noise in the present epoch. */
double fbloss_noise(const struct credit *c, const struct feedback *f);
/* Adds the gradient of the last value, normalised if the file asks for that. */
void fbloss_train(struct credit *c, const struct at *ref, struct feedback *f, struct mat error);
/* error -> loss of f, and error becomes its gradient. */
void fbloss_reduce(const struct credit *c, struct feedback *f, struct mat error);

#endif
