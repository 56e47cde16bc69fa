/* Frames: what is put comes back, and nothing that is damaged does. */
#include "../check_main.h"
#include "base/frame.h"
#include <math.h>
#include <string.h>

static void put_sample(struct frame_buffer *b)
{
    frame_begin(b, 7);
    frame_put_int(b, INT64_MIN);
    frame_put_double(b, -0.1);
    frame_put_string(b, "h\xc3\xa4");
    frame_put_string(b, NULL);
    frame_put_string(b, "");
    frame_put_double(b, NAN);
    frame_end(b);
}

static void check_sample(struct frame *f, struct err *e)
{
    int64_t i;
    double x;
    const char *s;
    ck_assert_int_eq(f->type, 7);
    ck_assert_int_eq(frame_get_int(f, &i, e), 0);
    ck_assert(i == INT64_MIN);
    ck_assert_int_eq(frame_get_double(f, &x, e), 0);
    ck_assert(x == -0.1);
    ck_assert_int_eq(frame_get_string(f, &s, e), 0);
    ck_assert_str_eq(s, "h\xc3\xa4");
    ck_assert_int_eq(frame_get_string(f, &s, e), 0);
    ck_assert_ptr_null(s);
    ck_assert_int_eq(frame_get_string(f, &s, e), 0);
    ck_assert_str_eq(s, "");
    ck_assert_int_eq(frame_get_double(f, &x, e), 0);
    ck_assert(isnan(x));
    ck_assert_int_eq(frame_get_int(f, &i, e), ERR_FORMAT); /* past the end */
    err_clear(e);
}

START_TEST(bytes_one_by_one)
{
    struct frame_buffer out = { 0 }, in = { 0 };
    struct err e = { 0 };
    for (int i = 0; i < 100; i++)
        put_sample(&out);
    int n = 0;
    for (size_t i = 0; i < out.n; i++) {
        frame_append(&in, out.bytes + i, 1);
        struct frame f;
        const int got = frame_take(&in, &f, &e);
        ck_assert_int_ge(got, 0);
        if (got) {
            check_sample(&f, &e);
            n++;
        }
    }
    ck_assert_int_eq(n, 100);
    ck_assert(in.capacity <= 8192); /* taken frames make room again */
    frame_free(&in);
    frame_free(&out);
}
END_TEST

START_TEST(every_flipped_bit_is_seen)
{
    struct frame_buffer out = { 0 };
    put_sample(&out);
    for (size_t bit = 0; bit < 8 * out.n; bit++) {
        struct frame_buffer in = { 0 };
        struct err e = { 0 };
        struct frame f;
        frame_append(&in, out.bytes, out.n);
        in.bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
        ck_assert_int_ne(frame_take(&in, &f, &e), 1); /* refused, or (a longer length) waits for more */
        err_clear(&e);
        frame_free(&in);
    }
    frame_free(&out);
}
END_TEST

START_TEST(half_a_frame_is_not_a_frame)
{
    struct frame_buffer out = { 0 };
    put_sample(&out);
    for (size_t n = 0; n < out.n; n++) {
        struct frame_buffer in = { 0 };
        struct err e = { 0 };
        struct frame f;
        frame_append(&in, out.bytes, n);
        ck_assert_int_eq(frame_take(&in, &f, &e), 0);
        err_clear(&e);
        frame_free(&in);
    }
    frame_free(&out);
}
END_TEST

START_TEST(too_long_is_refused_at_once)
{
    struct frame_buffer in = { 0 };
    struct err e = { 0 };
    struct frame f;
    const unsigned char header[5] = { 0x01, 0x00, 0x10, 0x00, 1 }; /* FRAME_MAX + 1 */
    frame_append(&in, header, sizeof header);
    ck_assert_int_eq(frame_take(&in, &f, &e), ERR_FORMAT);
    err_clear(&e);
    frame_free(&in);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, bytes_one_by_one);
    tcase_add_test(t, every_flipped_bit_is_seen);
    tcase_add_test(t, half_a_frame_is_not_a_frame);
    tcase_add_test(t, too_long_is_refused_at_once);
}

CHECK_MAIN("frame", add_tests)
