#include "data/sequence.h"

#include <assert.h>
#include <string.h>

int sequence_open(const void *opts, uint64_t seed, void *state, struct arena *a, struct err *e)
{
    (void)opts;
    (void)a;
    (void)e;
    struct sequence_state *s = state;
    for (enum split split = SPLIT_TRAIN; split < N_SPLITS; split++)
        s->stream[split] = rng_stream(seed, dataset_stream(split));
    return 0;
}

struct rng sequence_sample(const struct sequence_state *state, enum split split, uint64_t index)
{
    assert(split < N_SPLITS);
    struct rng r = state->stream[split];
    rng_seek(&r, index);
    return r;
}

struct data_shape sequence_shape(int64_t length, size_t features, size_t classes, int64_t eval_size, int64_t test_size)
{
    return (struct data_shape){ .length = (size_t)length,
                                .features = features,
                                .outputs = classes,
                                .classes = true,
                                .sequence = true,
                                .eval_size = (size_t)eval_size,
                                .test_size = (size_t)test_size };
}

void sequence_clear(struct batch *b, size_t length, size_t features)
{
    const size_t n = length * b->rows * features; /* the caller holds that many numbers */
    if (n > 0)
        memset(b->x, 0, n * sizeof *b->x);
}
