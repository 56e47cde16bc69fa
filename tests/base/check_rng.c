#include "base/rng.h"
#include "check_main.h"

#include <math.h>
#include <string.h>

/* Random123's known answers (kat_vectors, philox4x32 with 10 rounds). */
START_TEST(philox_matches_published_vectors)
{
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { ~0u, ~0u, ~0u, ~0u }, { ~0u, ~0u }, { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
          { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t out[4];
        rng_philox(known[i].counter, known[i].key, out);
        ck_assert_mem_eq(out, known[i].out, sizeof out);
    }
}
END_TEST

/* The stream's words are Philox of (position / 4, item), in order. Stored results depend on it, so the key is pinned:
 * SHA-256 of the 8 bytes of the seed, the 8 bytes of the name's length and the name. */
START_TEST(stream_is_philox_in_order)
{
    struct rng r = rng_stream(1, "data.train");
    ck_assert_uint_eq(r.key[0], 0x2d74b12f);
    ck_assert_uint_eq(r.key[1], 0xf94ebf28);
    rng_seek(&r, 0x500000007);
    for (uint32_t block = 0; block < 3; block++) {
        uint32_t out[4];
        rng_philox((const uint32_t[4]){ block, 0, 7, 5 }, r.key, out);
        for (int i = 0; i < 4; i++)
            ck_assert_uint_eq(rng_u32(&r), out[i]);
    }
}
END_TEST

START_TEST(seek_forgets_the_past)
{
    struct rng a = rng_stream(3, "noise"), b = rng_stream(3, "noise");
    for (int i = 0; i < 7; i++)
        rng_u32(&a);
    rng_seek(&a, 9);
    rng_seek(&b, 9);
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(rng_u32(&a), rng_u32(&b));
}
END_TEST

START_TEST(position_carries_into_the_second_word)
{
    struct rng r = rng_stream(3, "noise");
    r.counter[0] = UINT32_MAX;
    for (int i = 0; i < 4; i++)
        rng_u32(&r);
    uint32_t out[4];
    rng_philox((const uint32_t[4]){ 0, 1, 0, 0 }, r.key, out);
    ck_assert_uint_eq(rng_u32(&r), out[0]);
}
END_TEST

/* Words in bulk are Philox at the blocks' counters, also where the position carries. */
START_TEST(bulk_words_are_philox)
{
    struct rng r = rng_stream(7, "words");
    rng_seek(&r, 0x123456789abcull);
    static const uint64_t from[] = { 0, 5, 0xffffffffull - 2, 0x1ffffffffull };
    for (size_t k = 0; k < sizeof from / sizeof *from; k++) {
        uint32_t words[4 * 13];
        rng_words(&r, from[k], 4 * 13, words);
        for (uint64_t i = 0; i < 13; i++) {
            const uint64_t block = from[k] + i;
            const uint32_t counter[4] = { (uint32_t)block, (uint32_t)(block >> 32), r.counter[2], r.counter[3] };
            uint32_t out[4];
            rng_philox(counter, r.key, out);
            for (size_t j = 0; j < 4; j++)
                ck_assert_uint_eq(words[13 * j + i], out[j]);
        }
    }
}
END_TEST

START_TEST(streams_differ)
{
    const struct rng a = rng_stream(1, "data.train"), b = rng_stream(1, "data.test"), c = rng_stream(2, "data.train"),
                     d = rng_stream(UINT64_C(1) << 32 | 1, "data.train");
    ck_assert(memcmp(a.key, b.key, sizeof a.key) != 0);
    ck_assert(memcmp(a.key, c.key, sizeof a.key) != 0);
    ck_assert(memcmp(a.key, d.key, sizeof a.key) != 0);
    struct rng x = a, y = a;
    rng_seek(&y, 1);
    ck_assert_uint_ne(rng_u32(&x), rng_u32(&y));
}
END_TEST

START_TEST(uniform_uses_53_bits_of_two_words)
{
    struct rng r = rng_stream(5, "u"), words = r;
    for (int i = 0; i < 1000; i++) {
        const double u = rng_uniform(&r);
        const uint64_t high = rng_u32(&words) >> 5, low = rng_u32(&words) >> 6;
        ck_assert(u == ldexp((double)(high << 26 | low), -53));
        ck_assert(u >= 0 && u < 1);
    }
}
END_TEST

/* Mean, variance and fourth moment of n draws lie within 5 standard errors. */
START_TEST(moments)
{
    struct rng r = rng_stream(5, "moments");
    const int n = 200000;
    double u1 = 0, u2 = 0, z1 = 0, z2 = 0, z4 = 0;
    for (int i = 0; i < n; i++) {
        const double u = rng_uniform(&r), z = rng_normal(&r);
        ck_assert(isfinite(z));
        u1 += u;
        u2 += u * u;
        z1 += z;
        z2 += z * z;
        z4 += z * z * z * z;
    }
    const double se = 5 / sqrt(n);
    ck_assert_double_eq_tol(u1 / n, 0.5, se * sqrt(1 / 12.0));
    ck_assert_double_eq_tol(u2 / n, 1 / 3.0, se * sqrt(4 / 45.0));
    ck_assert_double_eq_tol(z1 / n, 0, se);
    ck_assert_double_eq_tol(z2 / n, 1, se * sqrt(2));
    ck_assert_double_eq_tol(z4 / n, 3, se * sqrt(96));
}
END_TEST

/* Chi-square of counts; for 9 degrees of freedom 33.7 is the 0.9999 quantile. */
START_TEST(below_is_uniform)
{
    struct rng r = rng_stream(6, "below");
    int count[10] = { 0 };
    for (int i = 0; i < 100000; i++) {
        const uint32_t v = rng_below(&r, 10);
        ck_assert_uint_lt(v, 10);
        count[v]++;
    }
    double chi2 = 0;
    for (int i = 0; i < 10; i++)
        chi2 += (count[i] - 1e4) * (count[i] - 1e4) / 1e4;
    ck_assert_double_lt(chi2, 33.7);
    ck_assert_uint_eq(rng_below(&r, 1), 0);
}
END_TEST

/* With n = 3 * 2^30 a plain product of words would give every third value twice as often. */
START_TEST(below_has_no_bias)
{
    struct rng r = rng_stream(7, "below");
    int count[3] = { 0 };
    for (int i = 0; i < 30000; i++)
        count[rng_below(&r, 3u << 30) % 3]++;
    double chi2 = 0;
    for (int i = 0; i < 3; i++)
        chi2 += (count[i] - 1e4) * (count[i] - 1e4) / 1e4;
    ck_assert_double_lt(chi2, 18.4);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, philox_matches_published_vectors);
    tcase_add_test(tcase, stream_is_philox_in_order);
    tcase_add_test(tcase, seek_forgets_the_past);
    tcase_add_test(tcase, position_carries_into_the_second_word);
    tcase_add_test(tcase, bulk_words_are_philox);
    tcase_add_test(tcase, streams_differ);
    tcase_add_test(tcase, uniform_uses_53_bits_of_two_words);
    tcase_add_test(tcase, moments);
    tcase_add_test(tcase, below_is_uniform);
    tcase_add_test(tcase, below_has_no_bias);
}

CHECK_MAIN("rng", add_tests)
