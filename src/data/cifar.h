/* The binary layout of CIFAR-10 (Krizhevsky 2009): records of one label byte and 3072 bytes of pixels, the planes of
 * red, green and blue one after another, each row by row. There is no header. */
#ifndef TPRUN_DATA_CIFAR_H
#define TPRUN_DATA_CIFAR_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum { CIFAR_PIXELS = 3 * 32 * 32, CIFAR_RECORD = 1 + CIFAR_PIXELS, CIFAR_CLASSES = 10 };

/* Whole records, n_records of them, and no label above 9; the first lie is named with its offset. */
int cifar_check(const uint8_t *bytes, size_t n, size_t n_records, const char *path, struct err *e);

#endif
