/* The last target is a gradient step from the last state under the head: t = h - beta dL/dh. Lee 2015, Eq. (20); Roulet
 * 2022, Sec. 2. The mean loss puts 1/B into the gradient; per_sample takes it out again. Where the layer sends
 * something else than its state, dL/dh is the gradient at what it sent, taken as the state's (Lee 2015, scripts). */
#include "credit/credit.h"

static const char *const gradient_names[] = { "batch_mean", "per_sample", NULL };

static const char *const sequence_names[] = { "natural", "released", NULL };

static const struct option target_table[] = {
    { "gradient", OPT_ENUM, offsetof(struct target_options, gradient), "batch_mean", .names = gradient_names,
      .help = "of the batch's mean loss (contains 1/B), or of each sample's own loss" },
    { "sequence", OPT_ENUM, offsetof(struct target_options, sequence), "natural", .names = sequence_names,
      .help = "with a loss at every step: the rule as it follows, or the released code's, whose local losses miss "
              "their own step" },
    { 0 }
};

static void set(struct credit *c, struct pass *p, struct mat top)
{
    const struct target_options *o = c->choice.target.opts;
    const double scale = o->gradient == TARGET_PER_SAMPLE ? (double)p->rows : 1;
    const real factor = (real)(-c->choice.target_stepsize * scale);
    if (!c->own) {
        mat_scale(factor, top, c->d[c->n - 1]);
        return;
    }
    mat_scale(factor, top, c->own_stack[0]); /* a chain with losses at every step is one recurrent layer */
    mat_copy(c->own[c->n - 1], c->d[c->n - 1]);
}

extern const struct target_def target_gradient;
const struct target_def target_gradient = {
    .part = { .name = "gradient",
              .help = "a gradient step from the last state: t = h - target_stepsize dL/dh",
              .ref = "Lee 2015, Eq. (20)",
              .options = target_table,
              .opts_size = sizeof(struct target_options),
              .gives = TAKES_BRANCHES },
    .set = set,
};
