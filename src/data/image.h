/* Images as flat vectors or as sequences of pixels: the options and the state that mnist, fashion_mnist and cifar10
 * share. */
#ifndef TPRUN_DATA_IMAGE_H
#define TPRUN_DATA_IMAGE_H

#include "data/dataset.h"
#include "data/image_files.h"

enum image_scaling { SCALING_UNIT, SCALING_STANDARD, SCALING_CENTERED };
enum image_labels { LABELS_CLASS, LABELS_INPUT };
enum image_validation { VALIDATION_RANDOM, VALIDATION_LAST };

struct image_opts {
    const char *path;
    int64_t pixels_per_step; /* 0: flat */
    bool permute, shuffle;
    int64_t permutation_seed;
    int scaling, validation, labels;
    int64_t train_size, validation_size, eval_size, test_size;
};

/* Input number i of a sample: the pixel it reads, and the table of its channel (an offset into image_state.value). */
struct image_input {
    uint32_t pixel, table;
};

struct image_state {
    struct image_files files;
    uint64_t seed;
    size_t n_inputs, per_step; /* inputs of a sample, of a time step */
    size_t n_train;
    uint32_t *train, *valid; /* places in the training files, in their order; NULL: place = number */
    struct image_input *inputs;
    real value[IMAGE_MAX_CHANNELS * 256]; /* of each byte, by channel */
};

#endif
