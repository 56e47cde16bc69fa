/* batch_norm: every channel (of flat values: every number) less its mean over the batch and over its standard
 * deviation there plus 1e-12, the deviation with divisor n - 1. No parameters and no running averages: an evaluation
 * has its own batches. Its derivatives go through the mean and the deviation. Shibuya 2023 (FWDTP), code.
 *
 * The samples of one call are the batch. */
#include "net/batch_norm.h"

#include "net/layer.h"
#include <math.h>

static const double epsilon = 1e-12;

struct batch_norm_state {
    double *sums; /* [3][channels]: of the present call */
};

static int shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    (void)a, (void)e;
    u->in = u->out = in;
    u->n_cache[0] = in.channels; /* the deviations, in the first row of a call */
    u->min_rows = BATCH_NORM_MIN_ROWS;
    return 0;
}

static int open(struct unit *u, size_t rows, struct arena *a, struct err *e)
{
    (void)rows;
    struct batch_norm_state *s = u->state;
    s->sums = arena_doubles(a, 3 * u->in.channels);
    return s->sums ? 0 : err_set(e, ERR_MEMORY, "not enough memory for the norm of %zu channels", u->in.channels);
}

/* All pixels of a batch, a row each. */
static struct mat pixels(struct mat maps, size_t channels)
{
    return mat_of(maps.p, mat_n(maps) / channels, channels);
}

/* sums[c] = sum_i x[i][c] y[i][c], or of x alone. */
static void sum(struct mat x, const struct mat *y, double *sums)
{
    for (size_t c = 0; c < x.cols; c++)
        sums[c] = 0;
    for (size_t i = 0; i < mat_n(x); i++)
        sums[i % x.cols] += (double)x.p[i] * (y ? (double)y->p[i] : 1);
}

/* out = x less the mean of its column. */
static void center(struct mat x, double *sums, struct mat out)
{
    sum(x, NULL, sums);
    for (size_t i = 0; i < mat_n(x); i++)
        out.p[i] = (real)((double)x.p[i] - sums[i % x.cols] / (double)x.rows);
}

static void forward(const struct unit *u, struct at at)
{
    const struct batch_norm_state *s = u->state;
    const struct mat x = pixels(at.in, u->in.channels), y = pixels(at.out, u->in.channels);
    center(x, s->sums, y);
    sum(y, &y, s->sums);
    for (size_t c = 0; c < x.cols; c++)
        at.cache[0].p[c] = (real)sqrt(s->sums[c] / (double)(x.rows - 1));
    for (size_t i = 0; i < mat_n(y); i++)
        y.p[i] /= at.cache[0].p[i % x.cols] + (real)epsilon;
}

/* J v = (v - mean v) / (sd + epsilon) - y sum(y v) / ((n - 1) sd): J is symmetric. A channel that is the same in all
 * samples has y = 0. */
static void product(const struct unit *u, struct at at, struct mat v, struct mat out)
{
    const struct batch_norm_state *s = u->state;
    const struct mat y = pixels(at.out, u->in.channels), x = pixels(v, u->in.channels),
                     to = pixels(out, u->in.channels);
    const real *sd = at.cache[0].p;
    double *along = s->sums + y.cols;
    sum(x, &y, along);
    center(x, s->sums, to);
    for (size_t i = 0; i < mat_n(to); i++) {
        const size_t c = i % y.cols;
        const double turned = sd[c] > 0 ? (double)y.p[i] * along[c] / ((double)(y.rows - 1) * (double)sd[c]) : 0;
        to.p[i] = (real)((double)to.p[i] / ((double)sd[c] + epsilon) - turned);
    }
}

static void vjp(const struct unit *u, struct at at, struct mat s, struct mat dh)
{
    if (dh.p)
        product(u, at, s, dh);
}

/* With c = x - mean, e = d - mean d, and the deviation growing by sum((2 c + e) e) / ((n - 1) (sd + sd')): e / sd' less
 * c (sd' - sd) / (sd sd'). */
static void difference_block(const struct unit *u, struct at at, struct mat d, struct mat out)
{
    const struct batch_norm_state *s = u->state;
    const struct mat y = pixels(at.out, u->in.channels), to = pixels(out, u->in.channels);
    const real *sd = at.cache[0].p;
    double *across = s->sums, *squares = s->sums + y.cols, *grown = s->sums + 2 * y.cols;
    center(pixels(d, y.cols), s->sums, to);
    sum(y, &to, across);
    sum(to, &to, squares);
    for (size_t c = 0; c < y.cols; c++) {
        const double old = (double)sd[c], more = (2 * across[c] * (old + epsilon) + squares[c]) / (double)(y.rows - 1);
        const double other = sqrt(old * old + more);
        grown[c] = other + old > 0 ? more / (other + old) : 0;
    }
    for (size_t i = 0; i < mat_n(to); i++) {
        const size_t c = i % y.cols;
        const double other = (double)sd[c] + grown[c] + epsilon;
        to.p[i] = (real)(((double)to.p[i] - (double)y.p[i] * grown[c]) / other);
    }
}

static void difference(const struct unit *u, struct at at, struct mat d, struct mat out)
{
    for (size_t row = 0; row < d.rows; row += at.in.rows)
        difference_block(u, at, mat_rows(d, row, at.in.rows), mat_rows(out, row, at.in.rows));
}

/* With c = h - mean, e = d - mean d and D the deviation of c + e plus epsilon: (c + e) / D - h = (e + c (1 - D)) / D -
 * mean. Of normalised h, 1 - D and the mean are as small as d. */
void batch_norm_displaced(struct mat h, struct mat d, size_t channels, double *sums)
{
    const struct mat x = pixels(h, channels), move = pixels(d, channels);
    const double n = (double)x.rows;
    double *mean = sums, *moved = sums + channels, *squares = sums + 2 * channels, *across = sums + 3 * channels,
           *moves = sums + 4 * channels;
    sum(x, NULL, mean);
    sum(move, NULL, moved);
    for (size_t c = 0; c < channels; c++) {
        mean[c] /= n;
        moved[c] /= n;
        squares[c] = across[c] = moves[c] = 0;
    }
    for (size_t i = 0; i < mat_n(x); i++) {
        const size_t c = i % channels;
        const double centred = (double)x.p[i] - mean[c], other = (double)move.p[i] - moved[c];
        squares[c] += centred * centred;
        across[c] += centred * other;
        moves[c] += other * other;
    }
    for (size_t c = 0; c < channels; c++) /* D */
        squares[c] = sqrt((squares[c] + 2 * across[c] + moves[c]) / (n - 1)) + epsilon;
    for (size_t i = 0; i < mat_n(x); i++) {
        const size_t c = i % channels;
        const double centred = (double)x.p[i] - mean[c], other = (double)move.p[i] - moved[c];
        move.p[i] = (real)((other + centred * (1 - squares[c])) / squares[c] - mean[c]);
    }
}

const struct unit_def layer_batch_norm = {
    .part = { .name = "batch_norm",
              .help = "every channel with mean 0 and variance 1 over the minibatch, without parameters; in evaluations "
                      "over "
                      "theirs",
              .ref = "Ioffe 2015; Shibuya 2023",
              .opts_size = sizeof(struct layer_options),
              .state_size = sizeof(struct batch_norm_state) },
    .shape = shape,
    .open = open,
    .forward = forward,
    .vjp = vjp,
    .grads = layer_no_grads,
    .difference_grads = layer_no_difference_grads,
    .flops = layer_no_flops,
    .jvp = product,
    .difference = difference,
};
