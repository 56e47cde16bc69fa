#include "data/array.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    uint8_t size;
    bool real;
} numbers[N_NUMBERS] = { { "uint8", 1, false }, { "int8", 1, false },   { "int16", 2, false }, { "int32", 4, false },
                         { "int64", 8, false }, { "float32", 4, true }, { "float64", 8, true } };

size_t number_size(enum number type)
{
    return numbers[type].size;
}

const char *number_name(enum number type)
{
    return numbers[type].name;
}

bool number_is_real(enum number type)
{
    return numbers[type].real;
}

size_t array_per_row(const struct array *a)
{
    size_t n = 1;
    for (size_t i = 1; i < a->rank; i++)
        n *= a->dim[i];
    return n;
}

bool array_bytes(const struct array *a, size_t *n)
{
    *n = number_size(a->type);
    for (size_t i = 0; i < a->rank; i++)
        if (__builtin_mul_overflow(*n, a->dim[i], n))
            return false;
    return *n <= PTRDIFF_MAX;
}

/* One loop for each type and byte order, so that the compiler sees both. */
#define READ(type, bits, swap)                                                                                         \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        uint##bits##_t word;                                                                                           \
        type value;                                                                                                    \
        memcpy(&word, p + i * sizeof word, sizeof word);                                                               \
        word = swap(word);                                                                                             \
        memcpy(&value, &word, sizeof value);                                                                           \
        out[i] = (double)value;                                                                                        \
    }
#define AS_IT_IS(word) (word)
#define READ_EITHER(type, bits)                                                                                        \
    if (a->swapped) {                                                                                                  \
        READ(type, bits, __builtin_bswap##bits)                                                                        \
    } else {                                                                                                           \
        READ(type, bits, AS_IT_IS)                                                                                     \
    }

void array_read(const struct array *a, size_t first, size_t n, double *out)
{
    const uint8_t *p = a->at + first * number_size(a->type);
    switch (a->type) {
    case NUMBER_U1:
        READ(uint8_t, 8, AS_IT_IS)
        break;
    case NUMBER_I1:
        READ(int8_t, 8, AS_IT_IS)
        break;
    case NUMBER_I2:
        READ_EITHER(int16_t, 16)
        break;
    case NUMBER_I4:
        READ_EITHER(int32_t, 32)
        break;
    case NUMBER_I8:
        READ_EITHER(int64_t, 64)
        break;
    case NUMBER_F4:
        READ_EITHER(float, 32)
        break;
    case NUMBER_F8:
        READ_EITHER(double, 64)
        break;
    case N_NUMBERS:
        break;
    }
}

int array_check_finite(const struct array *a, struct err *e)
{
    enum { PIECE = 4096 };
    const size_t per_row = array_per_row(a), all = a->dim[0] * per_row;
    double piece[PIECE];
    for (size_t at = 0; number_is_real(a->type) && at < all; at += PIECE) {
        const size_t n = all - at < PIECE ? all - at : PIECE;
        array_read(a, at, n, piece);
        for (size_t i = 0; i < n; i++)
            if (!isfinite(piece[i]))
                return err_set(e, ERR_FORMAT,
                               "%s: row %zu, column %zu (counted from 0; byte %zu) is %s: values that are missing or "
                               "not finite are refused; fill them or leave the row out",
                               a->path, (at + i) / per_row, (at + i) % per_row,
                               a->offset + (at + i) * number_size(a->type), isnan(piece[i]) ? "NaN" : "infinite");
    }
    return 0;
}

const char *array_shape_text(const struct array *a, char buffer[100])
{
    int n = 0;
    for (size_t i = 0; i < a->rank; i++)
        n += snprintf(buffer + n, 100 - (size_t)n, "%s%zu", i ? " x " : "", a->dim[i]); /* 4 x 23 characters at most */
    return buffer;
}
