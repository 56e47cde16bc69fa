/* What the update rules share. */
#ifndef TPRUN_CREDIT_UPDATE_H
#define TPRUN_CREDIT_UPDATE_H

#include "credit/credit.h"

/* Rows of every update rule, whose options begin with struct update_options. */
extern const char *const update_order_names[];
#define UPDATE_OPTIONS                                                                                                 \
    { "reduction",                                                                                                     \
      OPT_ENUM,                                                                                                        \
      offsetof(struct update_options, reduction),                                                                      \
      "half_sum",                                                                                                      \
      .names = reduction_names,                                                                                        \
      .help = "how the squared distance to the target is reduced to the local loss" },                                 \
    {                                                                                                                  \
        "order", OPT_ENUM, offsetof(struct update_options, order), "simultaneous",                                     \
            .names = update_order_names,                                                                               \
            .help = "all layers at the same weights; or bottom to top with new targets, or with the targets of the "   \
                    "first pass"                                                                                       \
    }
extern const struct option update_options_table[];
/* In turn only layers with weights of their own, each applied once. */
int update_fits(const struct credit *c, struct err *e);
/* Factor of layer i: the gradient of the local loss at the state is factor * (h - t) = -factor * d. */
double update_factor(const struct credit *c, size_t layer);
/* How many of layer i's links lie below link `first`, all of whose signals are zero: they add nothing to a gradient. */
size_t update_below(const struct credit *c, size_t i, size_t first);
/* Layer i's application without its lowest `below` links. */
struct at update_rest(const struct credit *c, const struct pass *p, size_t i, size_t below);
/* dL/dh of the summed loss at link k, under the rule 'through_chain'. */
struct mat through_chain_signal(const struct credit *c, size_t k);
/* The gradient of layer i's local loss at the pass's own states. */
void update_local(struct credit *c, struct pass *p, size_t i, real *g);

#endif
