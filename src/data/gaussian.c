/* Gaussian blobs: x ~ N(separation u_c, I) for a class c drawn uniformly, u_c a random unit vector that the seed fixes.
 * A small flat set (T = 1) with a finite training set, for dense networks, examples and tests. */
#include "data/sequence.h"

#include <math.h>

enum target { TARGET_CLASS, TARGET_ONE_HOT };

struct opts {
    int64_t features, classes, train_size, eval_size, test_size;
    double separation;
    int target;
};

struct state {
    struct sequence_state sequence;
    uint64_t seed;
    double *means; /* [classes][features] */
};

static const char *const targets[] = { "class", "one_hot", NULL };

static const struct option options[] = {
    { .name = "features",
      .type = OPT_INT,
      .offset = offsetof(struct opts, features),
      .dflt = "10",
      .min = 1,
      .max = 1e5,
      .help = "size of an input" },
    { .name = "classes",
      .type = OPT_INT,
      .offset = offsetof(struct opts, classes),
      .dflt = "3",
      .min = 2,
      .max = 1e4,
      .help = "number of blobs" },
    { .name = "train_size",
      .type = OPT_INT,
      .offset = offsetof(struct opts, train_size),
      .dflt = "1000",
      .min = 1,
      .max = 1e9,
      .help = "samples of the training set, fixed by the seed and met in a new order each epoch" },
    SEQUENCE_OPTION_SIZES(struct opts),
    { .name = "separation",
      .type = OPT_REAL,
      .offset = offsetof(struct opts, separation),
      .dflt = "3",
      .min = 0,
      .max = 1e6,
      .help = "distance of the blobs' centres from 0, in standard deviations of a blob" },
    { .name = "target",
      .type = OPT_ENUM,
      .offset = offsetof(struct opts, target),
      .dflt = "class",
      .names = targets,
      .help = "class: labels for a classification loss; one_hot: a real vector of 0 and 1 for a squared error" },
    { 0 },
};

static int shape(const void *opts, struct data_shape *s, struct err *e)
{
    (void)e;
    const struct opts *o = opts;
    *s = (struct data_shape){
        .length = 1,
        .features = (size_t)o->features,
        .outputs = (size_t)o->classes,
        .classes = o->target == TARGET_CLASS,
        .train_size = (size_t)o->train_size,
        .eval_size = (size_t)o->eval_size,
        .test_size = (size_t)o->test_size,
    };
    return 0;
}

/* Means are drawn in double, so that both precisions see the same blobs. */
static int open_blobs(const void *opts, uint64_t seed, void *state, struct arena *a, struct err *e)
{
    const struct opts *o = opts;
    struct state *s = state;
    TRY(sequence_open(opts, seed, &s->sequence, a, e));
    const size_t features = (size_t)o->features, classes = (size_t)o->classes;
    s->seed = seed;
    s->means = arena_alloc(a, classes * features, sizeof *s->means); /* at most 1e9 by the options' ranges */
    if (!s->means)
        return err_set(e, ERR_MEMORY, "dataset: no memory for %zu means of %zu features", classes, features);
    struct rng r = rng_stream(seed, "data.means");
    for (size_t c = 0; c < classes; c++) {
        double *mean = s->means + c * features, squares = 0;
        for (size_t j = 0; j < features; j++) {
            mean[j] = rng_normal(&r);
            squares += mean[j] * mean[j];
        }
        for (size_t j = 0; j < features; j++)
            mean[j] *= o->separation / sqrt(squares); /* squares > 0 but with a chance of 2^-53 */
    }
    return 0;
}

static void fill(const void *opts, void *state, enum split split, uint64_t first, struct batch *b)
{
    const struct opts *o = opts;
    const struct state *s = state;
    const size_t features = (size_t)o->features, classes = (size_t)o->classes;
    const uint64_t n = (uint64_t)o->train_size;
    for (size_t row = 0; row < b->rows; row++) {
        const uint64_t i = first + row;
        struct rng r =
            sequence_sample(&s->sequence, split, split == SPLIT_TRAIN ? dataset_shuffled(s->seed, i / n, n, i % n) : i);
        const size_t class = rng_below(&r, (uint32_t)classes);
        for (size_t j = 0; j < features; j++)
            b->x[row * features + j] = (real)(s->means[class * features + j] + rng_normal(&r));
        if (o->target == TARGET_CLASS)
            b->label[row] = (int64_t) class;
        else
            for (size_t c = 0; c < classes; c++)
                b->y.p[row * classes + c] = c == class;
    }
}

const struct dataset_def dataset_gaussian = {
    .part = { .name = "gaussian",
              .help = "flat vectors from one Gaussian blob per class, with a finite training set",
              .options = options,
              .opts_size = sizeof(struct opts),
              .state_size = sizeof(struct state) },
    .shape = shape,
    .open = open_blobs,
    .fill = fill,
};
