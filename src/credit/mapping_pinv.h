/* Options of the mapping 'pinv', for metrics that compare with Gauss-Newton targets. */
#ifndef TPRUN_CREDIT_MAPPING_PINV_H
#define TPRUN_CREDIT_MAPPING_PINV_H

#include "base/part.h"

/* Of everything above; of the weights of one layer; of one layer's Jacobian. */
enum inverted_by_pinv { PINV_NETWORK, PINV_WEIGHTS, PINV_JACOBIAN };
struct pinv_options {
    struct reals damping; /* one number, or one per layer from the first; the last may be left out and is 0 then */
    int of;               /* enum inverted_by_pinv */
    double clamp;         /* of weights */
};
static inline struct pinv_options *pinv_options_of(struct chosen mapping)
{
    return mapping.opts;
}
/* That of layer k. */
double damping_of(const struct reals *damping, size_t k);

#endif
