/* Images as flat vectors or as sequences of pixels: the options and the state that mnist, fashion_mnist and cifar10
 * share. */
#ifndef TPRUN_DATA_IMAGE_H
#define TPRUN_DATA_IMAGE_H

#include "data/dataset.h"
#include "data/image_files.h"
#include "data/split.h"
#include "data/transform.h"

enum image_scaling { SCALING_UNIT, SCALING_STANDARD, SCALING_CENTERED };
enum image_labels { LABELS_CLASS, LABELS_INPUT };
enum image_validation { VALIDATION_RANDOM, VALIDATION_LAST };

struct image_opts {
    const char *path;
    int64_t pixels_per_step; /* 0: flat */
    bool permute, shuffle;
    int64_t permutation_seed;
    int scaling, validation, labels;
    struct reals mean, deviation; /* NULL items: of the scaling */
    int64_t pad, crop, block_mean;
    bool flip;
    int64_t subset_seed; /* -1: none */
    int64_t train_size, validation_size, eval_size, test_size;
};

/* Input number i of a sample: the pixel it reads of the image with its background, and the table of its channel (an
 * offset into image_state.value). */
struct image_input {
    uint32_t pixel, table;
};

struct image_state {
    struct image_files files;
    uint64_t seed;
    size_t n_inputs, per_step; /* inputs of a sample with its background, of a time step */
    size_t n_train;
    struct split_places places; /* in the training files */
    struct image_input *inputs;
    real value[IMAGE_MAX_CHANNELS * 256]; /* of each byte, by channel */
    size_t block, row; /* pixels of a side that an input is the mean of, and from one row of the image to the next */
    struct transform transform;
    uint8_t *transformed; /* [IMAGE_BLOCK][n_inputs]; NULL: images are read as they are */
};

enum { IMAGE_BLOCK = 32 }; /* images that are filled in together */

/* Pixels of a side that an input is the mean of. */
static inline size_t image_block(const struct image_opts *o)
{
    return o->block_mean > 1 ? (size_t)o->block_mean : 1;
}
/* dataset_def.shape of a set. */
int image_shape(const struct image_set *set, const struct image_opts *o, struct data_shape *s, struct err *e);
/* The number that stands for a byte of a channel. */
double image_scaled(const struct image_set *set, const struct image_opts *o, size_t channel, unsigned byte);

#endif
