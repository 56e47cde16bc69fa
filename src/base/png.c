#include "base/png.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { GREY = 0, BITS = 8, LIMIT = 1 << 15 /* pixels of a side */ };

static void put_u32(unsigned char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* Length of the data, type, data, CRC of type and data. n < 2^31. */
static void put_chunk(struct text *out, const char type[4], const unsigned char *data, size_t n)
{
    unsigned char number[4];
    put_u32(number, (uint32_t)n);
    text_put(out, (const char *)number, 4);
    text_put(out, type, 4);
    text_put(out, (const char *)data, n);
    uLong crc = crc32(0, (const unsigned char *)type, 4);
    if (n > 0)
        crc = crc32(crc, data, (uInt)n);
    put_u32(number, (uint32_t)crc);
    text_put(out, (const char *)number, 4);
}

/* Each row is preceded by its filter, 0 = none. */
static void put_rows(const uint8_t *pixels, size_t width, size_t height, unsigned char *rows)
{
    for (size_t i = 0; i < height; i++) {
        rows[i * (width + 1)] = 0;
        memcpy(rows + i * (width + 1) + 1, pixels + i * width, width);
    }
}

int png_grey(struct text *out, const uint8_t *pixels, size_t width, size_t height, struct err *e)
{
    if (width == 0 || height == 0 || width > LIMIT || height > LIMIT || (width + 1) * height > (size_t)1 << 30)
        return err_set(e, ERR_USAGE, "a picture of %zu x %zu pixels is too large", width, height);
    const size_t n = (width + 1) * height;
    uLong packed = compressBound((uLong)n);
    unsigned char *rows = malloc(n), *data = malloc(packed);
    int code = rows && data ? 0 : err_set(e, ERR_MEMORY, "not enough memory for a picture");
    if (code == 0) {
        put_rows(pixels, width, height, rows);
        if (compress2(data, &packed, rows, (uLong)n, 9) != Z_OK)
            code = err_set(e, ERR_INTERNAL, "zlib could not compress a picture");
    }
    if (code == 0) {
        unsigned char header[13] = { [8] = BITS, [9] = GREY };
        put_u32(header, (uint32_t)width);
        put_u32(header + 4, (uint32_t)height);
        text_put(out, "\x89PNG\r\n\x1a\n", 8);
        put_chunk(out, "IHDR", header, sizeof header);
        put_chunk(out, "IDAT", data, packed);
        put_chunk(out, "IEND", NULL, 0);
    }
    free(rows);
    free(data);
    return code;
}
