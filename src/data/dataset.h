/* Datasets: minibatches from a file or a seed.
 *
 * Sequences are time-major: x is [T][B][D], so that a step is a contiguous matrix and all steps are one stacked matrix;
 * flat data is T = 1. Generated data is a pure function of (seed, split, index): "train" is an endless stream of fresh
 * samples, "eval" and "test" are fixed sets, the same for every variant. */
#ifndef TPRUN_DATA_DATASET_H
#define TPRUN_DATA_DATASET_H

#include "base/arena.h"
#include "base/err.h"
#include "base/part.h"
#include "math/batch.h"

enum split { SPLIT_TRAIN, SPLIT_EVAL, SPLIT_TEST, SPLIT_VALID, N_SPLITS };

/* What trials differ in that look at the same data. */
struct data_use {
    uint64_t seed; /* draws what is held out */
    double most;   /* the largest number of the trial's precision */
};

struct dataset_def {
    struct part part;
    /* Checks options and fills shape; costs nothing and touches no file. */
    int (*shape)(const void *opts, struct data_shape *shape, struct err *e);
    /* Opens: state is part.state_size zeroed bytes. */
    int (*open)(const void *opts, uint64_t seed, void *state, struct arena *a, struct err *e);
    /* Fills b (memory for b->rows given) with samples first .. first + rows - 1 of a split; train: sample numbers count
     * on without end. No allocation. */
    void (*fill)(const void *opts, void *state, enum split split, uint64_t first, struct batch *b);
    /* Whether an output counts as correct, in extra definitions beside argmax (adding); NULL for classes. out, y: (B,
     * outputs). */
    const char *const *accuracy_names; /* e.g. {"accuracy", "accuracy_strict", NULL} */
    void (*accuracies)(struct mat out, struct mat y, double *n_correct); /* adds to n_correct[i] */
    /* For data that lies in files, else NULL: finds them, reads and checks every byte, and shows each to visit with the
     * SHA-256 of its (uncompressed) bytes. Missing data is an error that lists the places; data that is not what its
     * name says everywhere else, and classes without a sample in what is trained on, are warnings. For the runner,
     * before the first trial. use: NULL for what is true of all trials. */
    int (*files)(const void *opts, const struct data_use *use,
                 int (*visit)(void *self, const char *path, const char *sha256), void *self, struct err *e);
    /* From now on an image of several channels lies pixel by pixel (math/shape.h) instead of channel by channel. NULL:
     * the set has no such images. */
    int (*by_pixel)(void *state, struct arena *a, struct err *e);
    /* Whether a file is text, which the options `csv` are about; NULL: there are no such options. */
    bool (*has_text)(const void *opts);
    /* What the data itself calls a class, for what is shown of it; NULL, or NULL for an answer: its number is all. */
    const char *(*class_name)(const void *state, size_t class);
    /* Gives back what open took beside the arena; NULL if that is nothing. */
    void (*close)(void *state);
};
static inline const struct dataset_def *dataset_def_of(struct chosen c)
{
    return (const struct dataset_def *)c.part;
}

extern const struct registry dataset_registry;

/* The sample at place i of an epoch over n samples in random order: for each (seed, epoch) a permutation of 0 .. n - 1,
 * computed without state, so that no order has to be kept or saved. i < n, n >= 1. */
uint64_t dataset_shuffled(uint64_t seed, uint64_t epoch, uint64_t n, uint64_t i);
/* Warns of classes that no training sample has. of: where the samples are from; n: how many of them are trained on, 0
 * for all. */
void dataset_doubt(const char *of, const bool *seen, size_t n_classes, size_t n, struct err *e);
/* The name of a split's random stream: "data.train", "data.eval", "data.test", "data.valid". */
const char *dataset_stream(enum split split);

#endif
