/* Random permutation: the last symbol equals the first, and is all that can be predicted. Hochreiter & Schmidhuber
 * 1997, Sec. 5.2; Manchev & Spratling 2020. The first symbol is 0 or 1, the others are uniform in 2 .. 99; symbol T +
 * 1, a copy of the first, is not fed in but is the class. */
#include "data/sequence.h"

enum { SYMBOLS = 100, FIRST_SYMBOLS = 2 };

struct opts {
    int64_t length, eval_size, test_size;
};

static const struct option options[] = {
    SEQUENCE_OPTION_LENGTH(struct opts, "100", 1, "number of time steps T that are fed in"),
    SEQUENCE_OPTION_SIZES(struct opts),
    { 0 },
};

static int shape(const void *opts, struct data_shape *s, struct err *e)
{
    (void)e;
    const struct opts *o = opts;
    *s = sequence_shape(o->length, SYMBOLS, SYMBOLS, o->eval_size, o->test_size);
    return 0;
}

static void fill(const void *opts, void *state, enum split split, uint64_t first, struct batch *b)
{
    const struct opts *o = opts;
    const size_t T = (size_t)o->length;
    sequence_clear(b, T, SYMBOLS);
    for (size_t row = 0; row < b->rows; row++) {
        struct rng r = sequence_sample(state, split, first + row);
        const uint32_t symbol = rng_below(&r, FIRST_SYMBOLS);
        b->label[row] = symbol;
        sequence_at(b, SYMBOLS, 0, row)[symbol] = 1;
        for (size_t t = 1; t < T; t++)
            sequence_at(b, SYMBOLS, t, row)[FIRST_SYMBOLS + rng_below(&r, SYMBOLS - FIRST_SYMBOLS)] = 1;
    }
}

const struct dataset_def dataset_permutation = {
    .part = { .name = "permutation",
              .help = "sequences of one-hot symbols; the class is the first symbol, which is 0 or 1",
              .ref = "Manchev 2020; Hochreiter 1997, Sec. 5.2",
              .options = options,
              .opts_size = sizeof(struct opts),
              .state_size = sizeof(struct sequence_state) },
    .shape = shape,
    .open = sequence_open,
    .fill = fill,
};
