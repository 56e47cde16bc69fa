/* Normal numbers in bulk: the formula, the distribution, and that an entry depends on its place alone. */
#include "../check_main.h"
#include "math/normal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 100000 };

static struct rng stream(uint64_t item)
{
    struct rng r = rng_stream(2385, "normal");
    rng_seek(&r, item);
    return r;
}

/* Against Box & Muller by libm, on the same words. */
START_TEST(by_the_formula)
{
    static real got[256];
    uint32_t words[256];
    double worst = 0;
    for (uint64_t item = 0; item < 200; item++) {
        const struct rng r = stream(item);
        normal_fill(&r, mat_of(got, 1, 256));
        rng_words(&r, 0, 256, words);
        for (size_t i = 0; i < 128; i++) {
            const double u = ((words[i] >> 1) + 0.5) * 0x1p-31;
            const double angle = M_PI_2 * ((double)(words[128 + i] >> 30) +
                                           (double)((int32_t)(words[128 + i] & 0x3fffffffu) - 0x20000000) * 0x1p-30);
            const double along = sqrt(-2 * log(u)) * cos(angle), across = sqrt(-2 * log(u)) * sin(angle);
            worst = fmax(worst, fmax(fabs((double)got[i] - along), fabs((double)got[128 + i] - across)));
        }
    }
    ck_assert_msg(worst < (sizeof(real) == 8 ? 1e-13 : 3e-5), "largest error %.3g", worst);
}
END_TEST

static int ascending(const void *a, const void *b)
{
    const real x = *(const real *)a, y = *(const real *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov's distance of 10^5 draws from the normal distribution: 1.95 / sqrt(n) is exceeded once in a thousand
 * streams. Neighbours and pairs are uncorrelated. */
START_TEST(distribution)
{
    real *x = calloc(N, sizeof *x);
    ck_assert_ptr_nonnull(x);
    const struct rng r = stream(7);
    normal_fill(&r, mat_of(x, 1, N));
    double next = 0, pair = 0, fourth = 0;
    for (size_t i = 0; i + 128 < N; i++) {
        next += (double)x[i] * (double)x[i + 1];
        pair += (double)x[i] * (double)x[i + 128];
        fourth += pow((double)x[i], 4);
    }
    ck_assert_double_lt(fabs(next / N), 4 / sqrt(N));
    ck_assert_double_lt(fabs(pair / N), 4 / sqrt(N));
    ck_assert_double_lt(fabs(fourth / N - 3), 4 * sqrt(96.0 / N));
    qsort(x, N, sizeof *x, ascending);
    double distance = 0;
    for (size_t i = 0; i < N; i++)
        distance = fmax(distance, fabs(0.5 * erfc(-(double)x[i] * M_SQRT1_2) - (i + 0.5) / N));
    ck_assert_msg(distance < 1.95 / sqrt(N), "distance %.3g", distance);
    free(x);
}
END_TEST

/* Shorter matrices begin with the same numbers, other items have others, and nothing beyond the matrix is written. */
START_TEST(places)
{
    static real whole[1000], part[1001];
    const struct rng r = stream(3), other = stream(4);
    normal_fill(&r, mat_of(whole, 1, 1000));
    for (size_t n = 0; n <= 1000; n += 37) {
        part[n] = 42;
        normal_fill(&r, mat_of(part, 1, n));
        ck_assert(memcmp(part, whole, n * sizeof *part) == 0);
        ck_assert(part[n] == 42);
    }
    normal_fill(&other, mat_of(part, 1, 1000));
    for (size_t i = 0; i < 1000; i++)
        ck_assert(part[i] != whole[i]);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, by_the_formula);
    tcase_add_test(t, distribution);
    tcase_add_test(t, places);
}

CHECK_MAIN("normal", add_tests)
