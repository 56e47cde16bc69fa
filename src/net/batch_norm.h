/* What other parts make of batch_norm: a feedback unit with one behind it, and normalised targets. */
#ifndef TPRUN_NET_BATCH_NORM_H
#define TPRUN_NET_BATCH_NORM_H

#include "net/unit.h"

extern const struct unit_def layer_batch_norm;

enum { BATCH_NORM_MIN_ROWS = 2 }; /* of a call */
enum { BATCH_NORM_SUMS = 5 };     /* doubles for each channel that batch_norm_displaced works in */

/* d becomes BN(h + d) - h without cancellation: how far the normalised target of a state h (B, n) is from it. */
void batch_norm_displaced(struct mat h, struct mat d, size_t channels, double *sums);

#endif
