/* The IDX format of MNIST and Fashion-MNIST (LeCun, Cortes & Burges): 00 00, type, rank, the dimensions as big-endian
 * 32-bit numbers, then the values row by row. Only bytes (type 08) are read.
 *
 * A header is believed when it says what the caller expects and the file has exactly the bytes that follow from it. */
#ifndef TPRUN_DATA_IDX_H
#define TPRUN_DATA_IDX_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum { IDX_MAX_RANK = 3, IDX_MAX_HEADER = 4 + 4 * IDX_MAX_RANK };

struct idx {
    size_t rank;
    uint32_t dim[IDX_MAX_RANK];
    size_t header, size; /* bytes: of the header, of the file */
};

/* The layout with these dimensions; products that overflow are a programmer's mistake. */
struct idx idx_layout(size_t rank, const uint32_t *dim);

/* Reads a header from the first n bytes (IDX_MAX_HEADER are enough). Every field is checked, and the product. */
int idx_header(struct idx *x, const uint8_t *bytes, size_t n, const char *path, struct err *e);
/* A plain file in memory: header as wanted, and want->size bytes. */
int idx_check(const struct idx *want, const uint8_t *bytes, size_t n, const char *path, struct err *e);

/* Where inflated bytes go, in order. */
struct idx_writer {
    int (*write)(void *self, const uint8_t *bytes, size_t n, struct err *e);
    void *self;
};
/* A gzip file in memory: inflates its header, then (if that is as wanted) exactly want->size bytes in all. */
int idx_inflate(const struct idx *want, const uint8_t *gzip, size_t n, const char *path, struct idx_writer w,
                struct err *e);
/* Labels are below n_classes; the first that is not is named with its offset. */
int idx_check_labels(const struct idx *x, const uint8_t *bytes, unsigned n_classes, const char *path, struct err *e);

#endif
