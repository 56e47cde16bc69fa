#include "net/transmit.h"

const char *const transmit_draws_names[] = { "none", "uniform", "hidden", NULL };

static bool always(const void *opts)
{
    (void)opts;
    return true;
}

static void send_identity(const void *opts, bool training, struct mat h, struct mat draws, struct mat sent)
{
    (void)opts, (void)training, (void)draws;
    mat_copy(h, sent);
}

/* ---- sign, step: Lee 2015, Sec. 3.2 ---- */

enum { TRAINING_DISCRETE, TRAINING_CONTINUOUS };
static const char *const training_names[] = { "discrete", "continuous", NULL };

struct sign_options {
    bool straight_through;
    int training;
};
static const struct option sign_table[] = {
    { "straight_through", OPT_BOOL, offsetof(struct sign_options, straight_through), "false", .beside = "training",
      .idle = "continuous",
      .help = "back-propagate as if the value itself were sent, instead of with the exact derivative, 0" },
    { "training", OPT_ENUM, offsetof(struct sign_options, training), "discrete", .names = training_names,
      .help = "continuous: training passes send the value itself, only evaluations discretize it" },
    { 0 }
};

void transmit_signs(struct mat in, real low, struct mat out)
{
    for (size_t i = 0; i < mat_n(in); i++)
        out.p[i] = in.p[i] > 0 ? 1 : low;
}

static void send_signs(const struct sign_options *o, bool training, struct mat h, real low, struct mat sent)
{
    if (training && o->training == TRAINING_CONTINUOUS)
        mat_copy(h, sent);
    else
        transmit_signs(h, low, sent);
}

static void send_sign(const void *opts, bool training, struct mat h, struct mat draws, struct mat sent)
{
    (void)draws;
    send_signs(opts, training, h, -1, sent);
}

static void send_step(const void *opts, bool training, struct mat h, struct mat draws, struct mat sent)
{
    (void)draws;
    send_signs(opts, training, h, 0, sent);
}

static bool sign_passes_gradient(const void *opts)
{
    const struct sign_options *o = opts;
    return o->straight_through || o->training == TRAINING_CONTINUOUS;
}

/* ---- bernoulli: Lee 2015, Sec. 3.3 ---- */

struct bernoulli_options {
    bool straight_through;
};
/* clang-format off */
static const struct option bernoulli_table[] = {
    { "straight_through", OPT_BOOL, offsetof(struct bernoulli_options, straight_through), "true",
      .help = "back-propagate as if the probability itself were sent (the biased estimator of Eq. (34)); false: "
      "nothing passes" },
    { 0 }
};
/* clang-format on */

static void send_bernoulli(const void *opts, bool training, struct mat h, struct mat draws, struct mat sent)
{
    (void)opts, (void)training;
    for (size_t i = 0; i < mat_n(h); i++)
        sent.p[i] = draws.p[i] < h.p[i];
}

static bool bernoulli_passes_gradient(const void *opts)
{
    const struct bernoulli_options *o = opts;
    return o->straight_through;
}

/* ---- gaussian ---- */

struct gaussian_options {
    double std;
};
/* clang-format off */
static const struct option gaussian_table[] = {
    { "std", OPT_REAL, offsetof(struct gaussian_options, std), NULL, 0, 1e12, OPTION_REQUIRED, "standard deviation of "
      "the noise added" },
    { 0 }
};
/* clang-format on */

static void send_gaussian(const void *opts, bool training, struct mat h, struct mat draws, struct mat sent)
{
    const struct gaussian_options *o = opts;
    mat_copy(h, sent);
    if (training)
        mat_axpy((real)o->std, draws, sent);
}

const struct transmit_def transmit_identity = {
    .part = { .name = "identity", .help = "the value itself" },
    .send = send_identity,
    .passes_gradient = always,
};
static const struct transmit_def transmit_sign = {
    .part = { .name = "sign",
              .help = "+1 where the value is above 0, else -1",
              .ref = "Lee 2015, Sec. 3.2, released code",
              .options = sign_table,
              .opts_size = sizeof(struct sign_options) },
    .send = send_sign,
    .passes_gradient = sign_passes_gradient,
};
static const struct transmit_def transmit_step = {
    .part = { .name = "step",
              .help = "1 where the value is above 0, else 0",
              .ref = "Lee 2015, Sec. 3.2",
              .options = sign_table,
              .opts_size = sizeof(struct sign_options) },
    .send = send_step,
    .passes_gradient = sign_passes_gradient,
};
static const struct transmit_def transmit_bernoulli = {
    .part = { .name = "bernoulli",
              .help = "a sample, 1 with the value as probability, else 0; evaluations sample too (log.samples)",
              .ref = "Lee 2015, Sec. 3.3",
              .options = bernoulli_table,
              .opts_size = sizeof(struct bernoulli_options) },
    .draws = DRAWS_UNIFORM,
    .send = send_bernoulli,
    .passes_gradient = bernoulli_passes_gradient,
};
static const struct transmit_def transmit_gaussian = {
    .part = { .name = "gaussian",
              .help = "the value plus normal noise in training passes, the value itself in evaluations",
              .options = gaussian_table,
              .opts_size = sizeof(struct gaussian_options) },
    .draws = DRAWS_NORMAL,
    .training_only = true,
    .send = send_gaussian,
    .passes_gradient = always,
};

static const struct part *const transmit_parts[] = { &transmit_identity.part, &transmit_sign.part, &transmit_step.part,
                                                     &transmit_bernoulli.part, &transmit_gaussian.part };
const struct registry transmit_registry = { "transmission", transmit_parts,
                                            sizeof transmit_parts / sizeof *transmit_parts };
