/* The image sets that are known: their files, what these must contain, and the constants of their scaling. */
#ifndef TPRUN_DATA_IMAGE_SET_H
#define TPRUN_DATA_IMAGE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IMAGE_MAX_FILES = 6, IMAGE_MAX_CHANNELS = 3, IMAGE_CLASSES = 10 };

enum image_format {
    IMAGE_IDX,  /* images and labels of the training set, then of the test set; plain or gzip */
    IMAGE_CIFAR /* batches of records, the last one the test set */
};

struct image_file {
    const char *name;
    uint64_t size;      /* bytes, uncompressed */
    const char *sha256; /* of these bytes, where they are published; NULL: the archive alone is */
};

struct image_set {
    const char *name, *title;
    const char *const *folders; /* names of its folder where data is looked for, closed by NULL; tprun's own first */
    enum image_format format;
    uint32_t channels, height, width;
    uint32_t n_train, n_test;
    double mean[IMAGE_MAX_CHANNELS], deviation[IMAGE_MAX_CHANNELS]; /* of pixel / 255 */
    size_t n_files;
    struct image_file files[IMAGE_MAX_FILES];
    bool mirrors;                                          /* an image and its mirror are of one class */
    const char *archive, *archive_folder, *archive_sha256; /* NULL: the files are published one by one, as gzip */
    uint64_t archive_size;
};

extern const struct image_set image_mnist, image_fashion_mnist, image_cifar10;
extern const struct image_set *const image_sets[]; /* closed by NULL */

#endif
