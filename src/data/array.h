/* Numbers in memory as a file holds them: their type, their byte order and their shape, sample by sample. */
#ifndef TPRUN_DATA_ARRAY_H
#define TPRUN_DATA_ARRAY_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ARRAY_MAX_RANK = 4 };
enum number { NUMBER_U1, NUMBER_I1, NUMBER_I2, NUMBER_I4, NUMBER_I8, NUMBER_F4, NUMBER_F8, N_NUMBERS };

struct array {
    const char *path;  /* for messages */
    const uint8_t *at; /* the first number; no alignment is asked for */
    size_t offset;     /* its place in the file; 0: the file is text */
    enum number type;
    bool swapped; /* bytes of a number are in the other order than this machine's */
    size_t rank, dim[ARRAY_MAX_RANK];
    const char *const *columns; /* their names, dim[1]; or NULL */
};

size_t number_size(enum number type);      /* bytes */
const char *number_name(enum number type); /* as NumPy calls it: "float32" */
bool number_is_real(enum number type);

/* Numbers of a sample: the product of dim[1] and those behind it. */
size_t array_per_row(const struct array *a);
/* Bytes of all numbers; false if they are more than memory has addresses. */
bool array_bytes(const struct array *a, size_t *n);
/* Numbers first .. first + n - 1, in file order, as doubles (integers beyond 2^53 are rounded). */
void array_read(const struct array *a, size_t first, size_t n, double *out);
/* Every number is finite: the first that is not is named with row, column and offset. */
int array_check_finite(const struct array *a, struct err *e);
/* "60000 x 28 x 28". Returns buffer. */
const char *array_shape_text(const struct array *a, char buffer[100]);

#endif
