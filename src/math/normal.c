#include "math/normal.h"

#include "math/elementary.h"
#include <math.h>

/* Pairs per chunk: half of its words give radii, the other half angles. */
enum { PAIRS = 128 };

/* sin(x) and cos(x), |x| <= pi/4, by their Taylor series. */
static inline real sine(real x, real z)
{
#ifdef TPRUN_DOUBLE
    real p = 1.0 / 355687428096000;
    p = MULTIPLY_ADD(p, z, -1.0 / 1307674368000);
    p = MULTIPLY_ADD(p, z, 1.0 / 6227020800);
    p = MULTIPLY_ADD(p, z, -1.0 / 39916800);
    p = MULTIPLY_ADD(p, z, 1.0 / 362880);
#else
    real p = 1.0f / 362880;
#endif
    p = MULTIPLY_ADD(p, z, -(real)1 / 5040);
    p = MULTIPLY_ADD(p, z, (real)1 / 120);
    p = MULTIPLY_ADD(p, z, -(real)1 / 6);
    return MULTIPLY_ADD(p * z, x, x);
}

static inline real cosine(real z)
{
#ifdef TPRUN_DOUBLE
    real p = 1.0 / 20922789888000;
    p = MULTIPLY_ADD(p, z, -1.0 / 87178291200);
    p = MULTIPLY_ADD(p, z, 1.0 / 479001600);
    p = MULTIPLY_ADD(p, z, -1.0 / 3628800);
#else
    real p = -1.0f / 3628800;
#endif
    p = MULTIPLY_ADD(p, z, (real)1 / 40320);
    p = MULTIPLY_ADD(p, z, -(real)1 / 720);
    p = MULTIPLY_ADD(p, z, (real)1 / 24);
    p = MULTIPLY_ADD(p, z, -(real)1 / 2);
    return MULTIPLY_ADD(p, z, 1);
}

#ifdef TPRUN_DOUBLE
#define real_sqrt __builtin_sqrt
#else
#define real_sqrt __builtin_sqrtf
#endif

/* Radius sqrt(-2 log u), u = (31 bits + 1/2) 2^-31; angle: two bits choose the quadrant it is counted from, thirty lie
 * in [-pi/4, pi/4) about it. */
static void chunk(const uint32_t *restrict words, real *restrict out)
{
    for (size_t i = 0; i < PAIRS; i++) {
        const real u = ((real)(int32_t)(words[i] >> 1) + (real)0.5) * (real)0x1p-31;
        const real radius = real_sqrt(-4 * half_log_ratio(u, 1, (u - 1) / 2));
        const uint32_t word = words[PAIRS + i], quadrant = word >> 30;
        const real x = (real)((int32_t)(word & 0x3fffffffu) - 0x20000000) * (real)(0x1p-30 * M_PI_2), z = x * x;
        const real s = radius * sine(x, z), c = radius * cosine(z);
        const bool odd = quadrant & 1;
        const real along = odd ? s : c, across = odd ? c : s;
        out[i] = quadrant == 1 || quadrant == 2 ? -along : along;
        out[PAIRS + i] = quadrant >= 2 ? -across : across;
    }
}

void normal_fill(const struct rng *r, struct mat out)
{
    uint32_t words[2 * PAIRS];
    real last[2 * PAIRS];
    const size_t n = mat_n(out);
    for (size_t at = 0; at < n; at += 2 * PAIRS) {
        rng_words(r, at / 4, sizeof words / sizeof *words, words);
        const bool whole = n - at >= 2 * PAIRS;
        chunk(words, whole ? out.p + at : last);
        if (!whole)
            memcpy(out.p + at, last, (n - at) * sizeof *last);
    }
}
