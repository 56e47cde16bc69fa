/* Temporal order: which of X and Y stood at two (or three) random places of a sequence of distractors, in which order.
 * Hochreiter & Schmidhuber 1997, Sec. 5.6; places as in Manchev & Spratling 2020 and Roulet & Harchaoui 2022.
 *
 * With k = floor(T / 10), places counted from 0:
 *   1 bit:  p0 in [k, 2k - 1],  p1 in [floor(.5 T), + k - 1]   label v0 + 2 v1          4 classes
 *   3 bits: p0 in [k, 2k - 1],  p1 in [floor(.3 T), + k - 1],  p2 in [floor(.6 T), + k - 1]   label v0 + 2 v1 + 4 v2 8
 * classes v = 0 for X, 1 for Y. The papers' text puts p1 of the 1-bit task at floor(.4 T), their code at floor(.5 T):
 * `second_position`. */
#include "data/sequence.h"

#include <inttypes.h>

enum { SYMBOLS = 6, X_OR_Y = 2 }; /* one-hot: X, Y and four distractors */
enum second_position { SECOND_CODE, SECOND_TEXT };

struct opts {
    int64_t length, bits, eval_size, test_size;
    int second_position;
};

static const char *const second_positions[] = { "code", "text", NULL };

static const struct option options[] = {
    SEQUENCE_OPTION_LENGTH(struct opts, "60", 10, "number of time steps T"),
    { .name = "bits",
      .type = OPT_INT,
      .offset = offsetof(struct opts, bits),
      .dflt = "1",
      .min = 1,
      .max = 3,
      .help = "1: two informative symbols, 4 classes; 3: three, 8 classes" },
    { .name = "second_position",
      .type = OPT_ENUM,
      .offset = offsetof(struct opts, second_position),
      .dflt = "code",
      .names = second_positions,
      .help = "1 bit: the second symbol stands from 0.5 T on (code of the papers) or from 0.4 T on (their text)" },
    SEQUENCE_OPTION_SIZES(struct opts),
    { 0 },
};

static size_t n_symbols(const struct opts *o)
{
    return o->bits == 3 ? 3 : 2;
}

static int shape(const void *opts, struct data_shape *s, struct err *e)
{
    const struct opts *o = opts;
    if (o->bits != 1 && o->bits != 3)
        return err_about(e, "dataset.bits", "must be 1 or 3, not %" PRId64, o->bits);
    if (o->bits == 3 && o->second_position != SECOND_CODE)
        return err_about(e, "dataset.second_position", "only the task of 1 bit has two versions");
    *s = sequence_shape(o->length, SYMBOLS, (size_t)1 << n_symbols(o), o->eval_size, o->test_size);
    return 0;
}

static void fill(const void *opts, void *state, enum split split, uint64_t first, struct batch *b)
{
    const struct opts *o = opts;
    const size_t T = (size_t)o->length, k = T / 10, n = n_symbols(o);
    const size_t second = o->bits == 3 ? 3 * T / 10 : o->second_position == SECOND_TEXT ? 4 * T / 10 : 5 * T / 10;
    const size_t from[3] = { k, second, 6 * T / 10 }; /* the windows of k places do not meet */

    sequence_clear(b, T, SYMBOLS);
    for (size_t row = 0; row < b->rows; row++) {
        struct rng r = sequence_sample(state, split, first + row);
        size_t place[3] = { T, T, T };
        uint32_t value[3] = { 0 };
        b->label[row] = 0;
        for (size_t i = 0; i < n; i++) {
            place[i] = sequence_position(&r, from[i], k);
            value[i] = rng_below(&r, X_OR_Y);
            b->label[row] += (int64_t)value[i] << i;
        }
        for (size_t t = 0, i = 0; t < T; t++) {
            const bool informative = i < n && t == place[i];
            const uint32_t symbol = informative ? value[i++] : X_OR_Y + rng_below(&r, SYMBOLS - X_OR_Y);
            sequence_at(b, SYMBOLS, t, row)[symbol] = 1;
        }
    }
}

const struct dataset_def dataset_temporal_order = {
    .part = { .name = "temporal_order",
              .help = "sequences of one-hot symbols; the class tells which informative symbols occurred in which order",
              .ref = "Roulet 2022, Sec. 4; Manchev 2020",
              .options = options,
              .opts_size = sizeof(struct opts),
              .state_size = sizeof(struct sequence_state) },
    .shape = shape,
    .open = sequence_open,
    .fill = fill,
};
