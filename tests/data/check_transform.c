/* Background, flips and crops of a small image, by hand. */
#include "data/transform.h"

#include "../check_main.h"

#include <string.h>

/* Two channels of 2 x 3. */
static const uint8_t image[12] = { 1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16 };

static struct transform transform(size_t pad, size_t crop, bool flip)
{
    return (struct transform){ .channels = 2,
                               .height = 2,
                               .width = 3,
                               .pad = pad,
                               .crop = crop,
                               .flip = flip,
                               .stream = rng_stream(3, "data.augment") };
}

/* Of the first channel; in the second every pixel but the background is 10 more. */
static void expect(const struct transform *t, struct view view, const uint8_t *expected)
{
    uint8_t out[2 * 10 * 10];
    const size_t n = (t->height + 2 * t->pad) * (t->width + 2 * t->pad);
    transform_apply(t, view, image, out);
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(out[i] == expected[i], "pixel %zu: %d, not %d", i, out[i], expected[i]);
        ck_assert_int_eq(out[n + i], expected[i] ? expected[i] + 10 : 0);
    }
}
#define IMAGE(...) ((const uint8_t[]){ __VA_ARGS__ })

START_TEST(nothing_to_do)
{
    const struct transform t = transform(0, 0, false), wide = transform(0, 2, false);
    expect(&t, transform_plain(&t), image);
    expect(&wide, transform_plain(&wide), image);
}
END_TEST

START_TEST(background)
{
    const struct transform t = transform(1, 0, false);
    expect(&t, transform_plain(&t), IMAGE(0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 4, 5, 6, 0, 0, 0, 0, 0, 0));
}
END_TEST

START_TEST(flips)
{
    const struct transform t = transform(0, 0, true), padded = transform(1, 0, true);
    expect(&t, (struct view){ true, 0, 0 }, IMAGE(3, 2, 1, 6, 5, 4));
    expect(&padded, (struct view){ true, 0, 0 }, IMAGE(0, 0, 0, 0, 0, 0, 3, 2, 1, 0, 0, 6, 5, 4, 0, 0, 0, 0, 0, 0));
}
END_TEST

/* With two copies of the edge around it the image is
 *   1 1 1 2 3 3 3
 *   1 1 1 2 3 3 3
 *   1 1 1 2 3 3 3
 *   4 4 4 5 6 6 6
 *   4 4 4 5 6 6 6
 *   4 4 4 5 6 6 6 */
START_TEST(crops)
{
    const struct transform t = transform(0, 2, true);
    expect(&t, (struct view){ false, 0, 0 }, IMAGE(1, 1, 1, 1, 1, 1));
    expect(&t, (struct view){ false, 2, 3 }, IMAGE(2, 3, 3, 5, 6, 6));
    expect(&t, (struct view){ false, 3, 1 }, IMAGE(4, 4, 5, 4, 4, 5));
    expect(&t, (struct view){ false, 4, 4 }, IMAGE(6, 6, 6, 6, 6, 6));
}
END_TEST

/* Offsets count in the mirrored image. */
START_TEST(flips_before_crops)
{
    const struct transform t = transform(0, 2, true);
    expect(&t, (struct view){ true, 2, 3 }, IMAGE(2, 1, 1, 5, 4, 4));
    expect(&t, (struct view){ true, 1, 0 }, IMAGE(3, 3, 3, 3, 3, 3));
}
END_TEST

/* The edge that is copied is that of the background. */
START_TEST(background_before_crops)
{
    const struct transform t = transform(1, 1, false);
    expect(&t, (struct view){ false, 0, 2 }, IMAGE(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 4, 5, 6, 0, 0));
}
END_TEST

static bool same_view(struct view a, struct view b)
{
    return a.flip == b.flip && a.row == b.row && a.col == b.col;
}

/* Every flip and offset comes up as often as the others, and one sample's view is a function of its number. */
START_TEST(views)
{
    enum { N = 20000 };
    const struct transform t = transform(0, 4, true), straight = transform(0, 4, false);
    size_t mirrored = 0, rows[9] = { 0 }, cols[9] = { 0 }, repeated = 0;
    struct view last = transform_view(&t, N);
    for (uint64_t i = 0; i < N; i++) {
        const struct view v = transform_view(&t, i), plain = transform_view(&straight, i);
        ck_assert(v.row <= 8 && v.col <= 8);
        ck_assert(same_view(v, transform_view(&t, i)));
        ck_assert(!plain.flip && plain.row == v.row && plain.col == v.col);
        mirrored += v.flip;
        rows[v.row]++;
        cols[v.col]++;
        repeated += same_view(v, last);
        last = v;
    }
    ck_assert(mirrored > N / 2 - 350 && mirrored < N / 2 + 350); /* 5 standard deviations of 71 */
    for (size_t i = 0; i < 9; i++)                               /* of 44 */
        ck_assert(rows[i] > N / 9 - 220 && rows[i] < N / 9 + 220 && cols[i] > N / 9 - 220 && cols[i] < N / 9 + 220);
    ck_assert_uint_lt(repeated, 180); /* N / 162 = 123, of 11 */
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, nothing_to_do);
    tcase_add_test(tcase, background);
    tcase_add_test(tcase, flips);
    tcase_add_test(tcase, crops);
    tcase_add_test(tcase, flips_before_crops);
    tcase_add_test(tcase, background_before_crops);
    tcase_add_test(tcase, views);
}

CHECK_MAIN("transform", add_tests)
