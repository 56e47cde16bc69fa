/* What the update rules share. */
#ifndef TPRUN_CREDIT_UPDATE_H
#define TPRUN_CREDIT_UPDATE_H

#include "credit/credit.h"

extern const struct option update_options_table[];
/* Factor of layer i: the gradient of the local loss at the state is factor * (h - t) = -factor * d. */
double update_factor(const struct credit *c, size_t layer);

#endif
