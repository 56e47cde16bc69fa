/* The files of an image set in memory, checked, and shared between all processes that read them. */
#ifndef TPRUN_DATA_IMAGE_FILES_H
#define TPRUN_DATA_IMAGE_FILES_H

#include "data/image_set.h"
#include "data/shared_idx.h"

/* A run of samples: sample i has its pixels at image + i image_stride and its label at label + i label_stride. */
struct image_run {
    const uint8_t *image, *label;
    size_t image_stride, label_stride, n;
};

struct image_files {
    const struct image_set *set;
    const char *paths[IMAGE_MAX_FILES];
    struct shared_idx idx[IMAGE_MAX_FILES]; /* IMAGE_IDX */
    struct map map[IMAGE_MAX_FILES];        /* IMAGE_CIFAR */
    struct image_run train[IMAGE_MAX_FILES], test;
    size_t train_run; /* samples of each run of the training set */
};

/* Finds, maps and checks all files. own: dataset.path, or NULL. Zero-initialise; give back with image_files_close. */
int image_files_open(struct image_files *f, const struct image_set *set, const char *own, struct arena *a,
                     struct err *e);
void image_files_close(struct image_files *f);

/* dataset_def.files for a set: opens, hashes, and warns of bytes that are not the published ones. The files of another
 * known set are an error. */
int image_files_visit(const struct image_set *set, const char *own,
                      int (*visit)(void *self, const char *path, const char *sha256), void *self, struct err *e);

/* Sample i of the training set, i < n_train. */
static inline const uint8_t *image_train_pixels(const struct image_files *f, size_t i)
{
    const struct image_run *r = &f->train[i / f->train_run];
    return r->image + i % f->train_run * r->image_stride;
}
static inline uint8_t image_train_label(const struct image_files *f, size_t i)
{
    const struct image_run *r = &f->train[i / f->train_run];
    return r->label[i % f->train_run * r->label_stride];
}

#endif
