#include "../check_main.h"
#include "base/png.h"

#include <string.h>
#include <zlib.h>

static uint32_t u32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The chunk at *at: its length; its CRC is checked and *at moved behind it. */
static size_t chunk(const unsigned char **at, const char *type)
{
    const size_t n = u32(*at);
    ck_assert_mem_eq(*at + 4, type, 4);
    ck_assert_uint_eq(crc32(0, *at + 4, (uInt)(n + 4)), u32(*at + 8 + n));
    *at += 12 + n;
    return n;
}

/* Signature, header, rows without filter, end: read back by zlib. */
START_TEST(reads_back)
{
    enum { WIDTH = 7, HEIGHT = 3 };
    uint8_t pixels[HEIGHT * WIDTH];
    unsigned char rows[HEIGHT * (WIDTH + 1)];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(37 * i + 5);
    struct text png = { 0 };
    struct err e = { 0 };
    ck_assert_int_eq(png_grey(&png, pixels, WIDTH, HEIGHT, &e), 0);
    const unsigned char *at = (const unsigned char *)png.s, *data;
    ck_assert_mem_eq(at, "\x89PNG\r\n\x1a\n", 8);
    at += 8;
    data = at + 8;
    ck_assert_uint_eq(chunk(&at, "IHDR"), 13);
    ck_assert(u32(data) == WIDTH && u32(data + 4) == HEIGHT);
    ck_assert_mem_eq(data + 8, "\x08\0\0\0\0", 5); /* 8 bits, grey, deflate, no filter method, no interlace */
    data = at + 8;
    const size_t n = chunk(&at, "IDAT");
    uLong unpacked = sizeof rows;
    ck_assert_int_eq(uncompress(rows, &unpacked, data, (uLong)n), Z_OK);
    ck_assert_uint_eq(unpacked, sizeof rows);
    for (size_t i = 0; i < HEIGHT; i++) {
        ck_assert_uint_eq(rows[i * (WIDTH + 1)], 0);
        ck_assert_mem_eq(rows + i * (WIDTH + 1) + 1, pixels + i * WIDTH, WIDTH);
    }
    ck_assert_uint_eq(chunk(&at, "IEND"), 0);
    ck_assert_ptr_eq(at, png.s + png.n);
    text_free(&png);
}
END_TEST

START_TEST(too_large)
{
    struct text png = { 0 };
    struct err e = { 0 };
    const uint8_t pixel = 0;
    ck_assert_int_eq(png_grey(&png, &pixel, 1 << 16, 1, &e), ERR_USAGE);
    ck_assert_uint_eq(png.n, 0);
    err_clear(&e);
    ck_assert_int_eq(png_grey(&png, &pixel, 0, 1, &e), ERR_USAGE);
    err_clear(&e);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, reads_back);
    tcase_add_test(tcase, too_large);
}

CHECK_MAIN("png", add_tests)
