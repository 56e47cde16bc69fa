/* The adding problem: the mean of the two numbers of a sequence that are marked.
 * Hochreiter & Schmidhuber 1997, Sec. 5.4; places as in Roulet & Harchaoui 2022, length exactly T (Manchev & Spratling
 * 2020 redraw it).
 *
 * x_t = (marker, number), number uniform in [0, 1). With k = floor(T / 10), places counted from 0:
 *   p0 in [0, k - 1],  p1 in [k, k + floor(.4 T) - 1],  y = (number at p0 + number at p1) / 2. */
#include "data/sequence.h"

#include <math.h>

enum { MARKER, NUMBER, FEATURES };
/* Counted as correct: squared error below .04 in the papers' text, absolute error below .04 in Roulet's code. */
#define TOLERANCE 0.04

struct opts {
    int64_t length, eval_size, test_size;
};

static const struct option options[] = {
    SEQUENCE_OPTION_LENGTH(struct opts, "30", 10, "number of time steps T, the same for every sequence"),
    SEQUENCE_OPTION_SIZES(struct opts),
    { 0 },
};

static int shape(const void *opts, struct data_shape *s, struct err *e)
{
    (void)e;
    const struct opts *o = opts;
    *s = sequence_shape(o->length, FEATURES, 1, o->eval_size, o->test_size);
    s->classes = false; /* a number */
    return 0;
}

static void fill(const void *opts, void *state, enum split split, uint64_t first, struct batch *b)
{
    const struct opts *o = opts;
    const size_t T = (size_t)o->length, k = T / 10;
    sequence_clear(b, T, FEATURES);
    for (size_t row = 0; row < b->rows; row++) {
        struct rng r = sequence_sample(state, split, first + row);
        const size_t p0 = sequence_position(&r, 0, k), p1 = sequence_position(&r, k, 4 * T / 10);
        double sum = 0;
        for (size_t t = 0; t < T; t++) {
            const double number = rng_uniform(&r);
            real *x = sequence_at(b, FEATURES, t, row);
            x[NUMBER] = (real)number;
            if (t == p0 || t == p1) {
                x[MARKER] = 1;
                sum += number;
            }
        }
        b->y.p[row] = (real)(sum / 2);
    }
}

static const char *const accuracy_names[] = { "accuracy", "accuracy_strict", NULL };

static void accuracies(struct mat out, struct mat y, double *n_correct)
{
    for (size_t i = 0; i < mat_n(y); i++) { /* one output; NaN is never correct */
        const double error = (double)out.p[i] - (double)y.p[i];
        n_correct[0] += error * error < TOLERANCE;
        n_correct[1] += fabs(error) < TOLERANCE;
    }
}

const struct dataset_def dataset_adding = {
    .part = { .name = "adding",
              .help = "sequences of numbers, two of them marked; the target is the mean of the marked ones",
              .ref = "Roulet 2022, Sec. 4; Hochreiter 1997, Sec. 5.4",
              .options = options,
              .opts_size = sizeof(struct opts),
              .state_size = sizeof(struct sequence_state) },
    .shape = shape,
    .open = sequence_open,
    .fill = fill,
    .accuracy_names = accuracy_names,
    .accuracies = accuracies,
};
