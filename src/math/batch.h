/* What a task gives to a network: the shape of its samples, and minibatches of them. Sequences are time-major
 * (data/dataset.h). */
#ifndef TPRUN_MATH_BATCH_H
#define TPRUN_MATH_BATCH_H

#include "math/mat.h"
#include "math/shape.h"
#include <stdint.h>

struct data_shape {
    size_t length;      /* T; 1 for flat data */
    size_t features;    /* D */
    struct shape image; /* of a flat sample that is an image; n = 0: of none. Unlike a map it lies channel by channel */
    size_t outputs;     /* classes, or real targets */
    bool classes;       /* labels are class indices */
    bool more_outputs;  /* the network may have more outputs than these */
    bool per_step;      /* a label for every step of a sequence, [T][B], instead of one for the sequence */
    bool sequence;      /* needs a layer that reads sequences */
    size_t train_size;  /* samples per epoch; 0 = endless */
    size_t eval_size, test_size;
    size_t valid_size; /* held out of the training set; 0 = none */
};

/* A minibatch in memory of the caller: x [T][B][D]; labels [B] for classes, y (B, outputs) otherwise. */
struct batch {
    size_t rows;
    real *x;
    int64_t *label;
    struct mat y;
};

/* What flows into the first unit. */
static inline struct shape data_shape_input(const struct data_shape *d)
{
    return d->image.n ? d->image : shape_flat(d->features);
}

#endif
