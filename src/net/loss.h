/* Losses: the mean over the batch and its gradient at the network's output. */
#ifndef TPRUN_NET_LOSS_H
#define TPRUN_NET_LOSS_H

#include "base/err.h"
#include "base/part.h"
#include "math/batch.h"

struct loss_def {
    struct part part;
    bool classes; /* wants class indices; otherwise real targets */
    /* Returns the mean loss of the batch; gradient (B, C), which may be {NULL}, receives its gradient at out (B, C): it
     * contains the 1/B. */
    double (*value)(const void *opts, struct mat out, const struct batch *b, struct mat gradient);
    /* mean, an output that stands for the predictions of n passes, takes in one more, `out`; n = 0 sets it. Classes:
     * the mean of the probabilities, softmax(mean); real targets: the mean of the outputs. */
    void (*average)(const void *opts, struct mat out, size_t n, struct mat mean);
};
static inline const struct loss_def *loss_def_of(struct chosen c)
{
    return (const struct loss_def *)c.part;
}
/* Notes in data that the network may have more outputs than the loss is about. ERR_SPEC where those are not the
 * dataset's classes. */
int loss_shape(struct chosen loss, struct data_shape *data, struct err *e);
extern const struct registry loss_registry;

#endif
