/* Image sets of made-up pixels, which tell the image and the place that they belong to. */
#ifndef TPRUN_TESTS_DATA_IMAGES_H
#define TPRUN_TESTS_DATA_IMAGES_H

#include "files.h"

#include "data/image_set.h"

enum { PIXELS = 28 * 28, COLOUR = 3072, TRAIN = 60000, TEST = 10000 };

/* Pixels 0 and 1 number the image; others depend on the image and their place. */
static inline uint8_t pixel(size_t image, size_t place)
{
    return place < 2 ? (uint8_t)(image >> 8 * place) : (uint8_t)(image * 31 + place * 7 + place / 256);
}

static inline uint8_t class_of(size_t image)
{
    return (uint8_t)(image * 7 % 10);
}

static inline void path_in(char path[256], const char *folder, const char *name)
{
    ck_assert_int_lt(snprintf(path, 256, "%s/%s", folder, name), 256);
}

/* first: the number of the first image, so that the test set differs from the training set. */
static inline void write_idx(const char *folder, const char *images, const char *labels, uint32_t n, size_t first)
{
    char path[256];
    uint8_t *bytes = malloc(16 + (size_t)n * PIXELS);
    ck_assert_ptr_nonnull(bytes);
    size_t at = files_idx_header(bytes, 3, (const uint32_t[]){ n, 28, 28 });
    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p < PIXELS; p++)
            bytes[at++] = pixel(first + i, p);
    path_in(path, folder, images);
    files_write(path, bytes, at);
    at = files_idx_header(bytes, 1, &n);
    for (size_t i = 0; i < n; i++)
        bytes[at++] = class_of(first + i);
    path_in(path, folder, labels);
    files_write(path, bytes, at);
    free(bytes);
}

static inline void write_mnist(const char *folder)
{
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    write_idx(folder, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", TRAIN, 0);
    write_idx(folder, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", TEST, 7);
}

/* Sparse: only the first records of each batch are written. */
static inline void write_cifar(const char *folder, size_t n)
{
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    for (size_t b = 0; b < image_cifar10.n_files; b++) {
        char path[256];
        uint8_t *bytes = malloc(n * 3073);
        ck_assert_ptr_nonnull(bytes);
        for (size_t i = 0; i < n; i++) {
            bytes[i * 3073] = class_of(b + i);
            for (size_t p = 0; p < COLOUR; p++)
                bytes[i * 3073 + 1 + p] = pixel(b * 10000 + i, p);
        }
        path_in(path, folder, image_cifar10.files[b].name);
        files_write(path, bytes, n * 3073);
        free(bytes);
        ck_assert_int_eq(truncate(path, 30730000), 0);
    }
}

#endif
