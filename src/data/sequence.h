/* What the generated sequence tasks share: one random stream per split, and writing into time-major batches.
 *
 * Sample `index` of a split is drawn from item `index` of the split's stream and from nothing else, so it is the same
 * in every batch. */
#ifndef TPRUN_DATA_SEQUENCE_H
#define TPRUN_DATA_SEQUENCE_H

#include "base/rng.h"
#include "data/dataset.h"

/* State of a generated dataset. */
struct sequence_state {
    struct rng stream[N_SPLITS];
};

/* dataset_def.open for datasets whose state is a struct sequence_state. */
int sequence_open(const void *opts, uint64_t seed, void *state, struct arena *a, struct err *e);
/* The random numbers of one sample. */
struct rng sequence_sample(const struct sequence_state *state, enum split split, uint64_t index);

/* The shape of a sequence task whose label is a class (one for the sequence), with endless training samples. */
struct data_shape sequence_shape(int64_t length, size_t features, size_t classes, int64_t eval_size, int64_t test_size);

/* x = 0, for `length` steps of `features`. */
void sequence_clear(struct batch *b, size_t length, size_t features);
/* The features of a row at time t (from 0). */
static inline real *sequence_at(const struct batch *b, size_t features, size_t t, size_t row)
{
    return b->x + (t * b->rows + row) * features;
}
/* Uniform in first .. first + count - 1. */
static inline size_t sequence_position(struct rng *r, size_t first, size_t count)
{
    return first + rng_below(r, (uint32_t)count);
}

/* Option rows; `opts_type` is the options' struct. A set's size is its number of distinct samples. */
#define SEQUENCE_MAX_LENGTH 1e6
#define SEQUENCE_OPTION_LENGTH(opts_type, dflt_, least, help_)                                                         \
    {                                                                                                                  \
        .name = "length", .type = OPT_INT, .offset = offsetof(opts_type, length), .dflt = dflt_, .min = least,         \
        .max = SEQUENCE_MAX_LENGTH, .help = help_                                                                      \
    }
#define SEQUENCE_OPTION_SIZE(opts_type, field, help_)                                                                  \
    {                                                                                                                  \
        .name = #field, .type = OPT_INT, .offset = offsetof(opts_type, field), .dflt = "2000", .min = 1, .max = 1e9,   \
        .help = help_                                                                                                  \
    }
#define SEQUENCE_OPTION_SIZES(opts_type)                                                                               \
    SEQUENCE_OPTION_SIZE(opts_type, eval_size, "samples of the evaluation set, fixed by the seed"),                    \
        SEQUENCE_OPTION_SIZE(opts_type, test_size, "samples of the test set, fixed by the seed")

#endif
