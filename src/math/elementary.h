/* Elementary functions of one number, without branches or table look-ups, so that a compiler turns a loop over them
 * into vector code.
 *
 * Every element is computed by the same operations whether it falls into a vector or into the loop's tail: a result
 * does not depend on position, alignment or vector width. NaN in is NaN out. Errors are given in units in the last
 * place (ulp) of the result, measured by tests/math/check_act.c. */
#ifndef TPRUN_MATH_ELEMENTARY_H
#define TPRUN_MATH_ELEMENTARY_H

#include "math/real.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Before a loop whose iterations are independent, though its output may be one of its inputs (out[i] is written after
 * in[i] was read). */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wpass-failed" /* sanitizers and -O0 leave loops as they are */
#define ELEMENTWISE _Pragma("clang loop vectorize(assume_safety)")
#else
#define ELEMENTWISE _Pragma("GCC ivdep")
#endif

#ifdef TPRUN_DOUBLE
typedef uint64_t real_bits;
enum { MANTISSA_BITS = 52, EXPONENT_BIAS = 1023 };
#define REAL_ULP 0x1p-53 /* 1 - REAL_ULP is the largest number below 1 */
#define ROUNDER 0x1.8p52 /* x + ROUNDER - ROUNDER rounds x to an integer, |x| < 2^51 */
/* ln 2 in two parts; the first has 21 trailing zero bits, so n * LN2_HIGH is exact for |n| < 2^21. */
#define LN2_HIGH 0x1.62e42feep-1
#define LN2_LOW 0x1.a39ef35793c76p-33
#define TANH_ONE 22.0 /* tanh rounds to 1 from here on */
/* exp(-2 TANH_FAR) is nothing beside REAL_TINY, and more than 2^24 times the least normal number. */
#define TANH_FAR 330.0
#define EXP_NORMAL 708.0 /* exp(-x) is normal up to here */
#define EXP_ZERO 746.0   /* exp(-x) rounds to 0 from here on */
#define real_copysign __builtin_copysign
#define real_fabs __builtin_fabs
#else
typedef uint32_t real_bits;
enum { MANTISSA_BITS = 23, EXPONENT_BIAS = 127 };
#define REAL_ULP 0x1p-24f
#define ROUNDER 0x1.8p23f
/* 9 trailing zero bits: n * LN2_HIGH is exact for |n| < 2^9. */
#define LN2_HIGH 0x1.62e4p-1f
#define LN2_LOW 0x1.7f7d1cp-20f
#define TANH_ONE 10.0f
#define TANH_FAR 34.0f
#define EXP_NORMAL 86.0f
#define EXP_ZERO 104.0f
#define real_copysign __builtin_copysignf
#define real_fabs __builtin_fabsf
#endif

/* a b + c, rounded once where the machine does so at no cost. Never left to the compiler (-ffp-contract=off): the same
 * source must give the same bits in a vector and in a tail. */
#if !defined(__FMA__)
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#elif defined(TPRUN_DOUBLE)
#define MULTIPLY_ADD(a, b, c) __builtin_fma(a, b, c)
#else
#define MULTIPLY_ADD(a, b, c) __builtin_fmaf(a, b, c)
#endif

static inline real_bits bits_of(real x)
{
    real_bits b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static inline real real_of(real_bits b)
{
    real x;
    memcpy(&x, &b, sizeof x);
    return x;
}

/* Integers are carried as unsigned bits, modulo 2^32 or 2^64: no shift, sum or conversion of them is undefined,
 * whatever a NaN left there. */

/* 2^n for a normal result. */
static inline real power_of_two(real_bits n)
{
    return real_of((n + EXPONENT_BIAS) << MANTISSA_BITS);
}

/* min(x, bound) and max(x, bound); NaN stays NaN, as it would not with fmin. */
static inline real at_most(real x, real bound)
{
    return x > bound ? bound : x;
}
static inline real at_least(real x, real bound)
{
    return x < bound ? bound : x;
}

/* exp(r) - 1 for |r| <= ln 2 / 2: the Taylor series r + r^2/2! + ..., cut where the next term is below 2^-30 r
 * (single), 2^-56 r (double). r itself is added last, so a tiny r comes back with its own rounding error only. */
static inline real expm1_near_zero(real r)
{
#ifdef TPRUN_DOUBLE
    real p = 1.0 / 6227020800;
    p = MULTIPLY_ADD(p, r, 1.0 / 479001600);
    p = MULTIPLY_ADD(p, r, 1.0 / 39916800);
    p = MULTIPLY_ADD(p, r, 1.0 / 3628800);
    p = MULTIPLY_ADD(p, r, 1.0 / 362880);
    p = MULTIPLY_ADD(p, r, 1.0 / 40320);
#else
    real p = 1.0f / 40320;
#endif
    p = MULTIPLY_ADD(p, r, (real)1 / 5040);
    p = MULTIPLY_ADD(p, r, (real)1 / 720);
    p = MULTIPLY_ADD(p, r, (real)1 / 120);
    p = MULTIPLY_ADD(p, r, (real)1 / 24);
    p = MULTIPLY_ADD(p, r, (real)1 / 6);
    p = MULTIPLY_ADD(p, r, (real)1 / 2);
    return MULTIPLY_ADD(p * r, r, r);
}

/* y = n ln 2 + r with an integer n and |r| <= ln 2 / 2, up to rounding. */
struct reduced {
    real_bits n;
    real r;
};
static inline struct reduced reduce(real y)
{
    const real shifted = MULTIPLY_ADD(y, (real)0x1.71547652b82fep0, ROUNDER); /* y / ln 2; its low bits hold n */
    const real n = shifted - ROUNDER;
    const real r = MULTIPLY_ADD(n, -LN2_LOW, MULTIPLY_ADD(n, -LN2_HIGH, y));
    return (struct reduced){ bits_of(shifted) - bits_of(ROUNDER), r };
}

/* exp(y) and exp(y) - 1, |y| <= EXP_NORMAL. */
struct exponential {
    real exp, expm1;
};
static inline struct exponential exponential(real y)
{
    const struct reduced q = reduce(y);
    const real p = expm1_near_zero(q.r), scale = power_of_two(q.n);
    return (struct exponential){ MULTIPLY_ADD(scale, p, scale), MULTIPLY_ADD(scale, p, scale - 1) };
}

/* Where |x| < 0.625, |x| + |x|^3 P(x^2) / Q(x^2); beyond, 1 - 2 / (exp(2|x|) + 1). P and Q: S. L. Moshier, Cephes,
 * tanh.c and tanhf.c; the remainder is below 5e-9 |x| (single; Q = 1), 5e-17 |x| (double). One division serves both. */
static inline real real_tanh(real x)
{
    const real a = real_fabs(x), z = a * a;
#ifdef TPRUN_DOUBLE
    real p = -9.64399179425052238628e-1;
    p = MULTIPLY_ADD(p, z, -9.92877231001918586564e1);
    p = MULTIPLY_ADD(p, z, -1.61468768441708447952e3);
    real q = z + 1.12811678491632931402e2;
    q = MULTIPLY_ADD(q, z, 2.23548839060100448583e3);
    q = MULTIPLY_ADD(q, z, 4.84406305325125486048e3);
#else
    real p = -5.70498872745e-3f;
    p = MULTIPLY_ADD(p, z, 2.06390887954e-2f);
    p = MULTIPLY_ADD(p, z, -5.37397155531e-2f);
    p = MULTIPLY_ADD(p, z, 1.33314422036e-1f);
    p = MULTIPLY_ADD(p, z, -3.33332819422e-1f);
    const real q = 1;
#endif
    const bool small = a < (real)0.625;
    const real far = exponential(2 * at_most(a, TANH_ONE)).exp + 1;
    const real top = small ? a * (z * p) : -2, bottom = small ? q : far;
    return real_copysign((small ? a : 1) + top / bottom, x);
}

/* 1 / (1 + exp(-x)). The exponential is taken of -|x|, so that both tails are accurate, and goes on into the
 * subnormals: 2^n is applied in two halves, each of them normal. */
static inline real real_sigmoid(real x)
{
    const struct reduced q = reduce(-at_most(real_fabs(x), EXP_ZERO));
    const real_bits half = ((q.n + 4096) >> 1) - 2048;
    const real e = (1 + expm1_near_zero(q.r)) * power_of_two(half) * power_of_two(q.n - half);
    return (x < 0 ? e : 1) / (1 + e);
}

/* tanh(u + w) - tanh(u) = sinh w / (cosh(u + w) cosh u), by exponentials of negative numbers alone. With Q = exp(-2|u|)
 * and E = exp(-2|w|) the magnitude is 2 (1 - E) Q / ((1 + Q)(1 + E Q)) where w leads away from 0, 2 (1 - E) Q / ((1 +
 * Q) (Q + E)) where it leads towards 0 or across, and the sign is that of w. Relatively accurate also where u saturates
 * or w is tiny: tanh u alone would not do. A u beyond TANH_FAR starts from there, so that Q is a normal number and E is
 * where it matters; what lies beyond is then 0 apart, for less than 2 exp(-2 TANH_FAR). */
static inline real tanh_start(real u)
{
    return exponential(-2 * at_most(real_fabs(u), TANH_FAR)).exp; /* Q */
}
static inline real tanh_difference_near(real q, real u, real w)
{
    const real twice = 2 * real_fabs(w);
    const struct exponential x = exponential(-at_most(twice, EXP_NORMAL));
    const real e = twice > EXP_NORMAL ? 0 : x.exp;
    const real far_side = (u < 0) == (w < 0) ? MULTIPLY_ADD(e, q, 1) : q + e;
    return real_copysign(-2 * x.expm1 * q / ((1 + q) * far_side), w);
}
static inline real tanh_difference_from(real q, real u, real w)
{
    const real from = at_most(at_least(u, -TANH_FAR), TANH_FAR), end = at_most(at_least(u + w, -TANH_FAR), TANH_FAR);
    return tanh_difference_near(q, from, from == u ? w : end - from);
}
static inline real tanh_difference(real u, real w)
{
    return tanh_difference_from(tanh_start(u), u, w);
}

/* log(n / d) / 2 for n, d > 0 with 2^-60 < n / d < 2^60, given also half = (n - d) / 2 to its full accuracy.
 * With n / d = 2^k m, m near 1: log(m) / 2 = atanh(s), s = (m - 1) / (m + 1), |s| <= 0.2, by its Taylor series s +
 * s^3/3 + ... For k = 0, s = 2 half / (n + d): the result is as accurate as half, however small. */
static inline real half_log_ratio(real n, real d, real half)
{
    /* The difference of two bit patterns is 2^MANTISSA_BITS log2(n / d) up to 9 %; k is its nearest integer, here with
     * the bias added. */
    const real_bits exponent = bits_of(n) - bits_of(d) + ((real_bits)(2 * EXPONENT_BIAS + 1) << (MANTISSA_BITS - 1));
    const real_bits k = (exponent >> MANTISSA_BITS) - EXPONENT_BIAS;
    const real scaled = d * power_of_two(k);
    const real s = (k == 0 ? 2 * half : n - scaled) / (n + scaled), z = s * s;
#ifdef TPRUN_DOUBLE
    real p = 1.0 / 21;
    p = MULTIPLY_ADD(p, z, 1.0 / 19);
    p = MULTIPLY_ADD(p, z, 1.0 / 17);
    p = MULTIPLY_ADD(p, z, 1.0 / 15);
    p = MULTIPLY_ADD(p, z, 1.0 / 13);
    p = MULTIPLY_ADD(p, z, 1.0 / 11);
#else
    real p = 1.0f / 11;
#endif
    p = MULTIPLY_ADD(p, z, (real)1 / 9);
    p = MULTIPLY_ADD(p, z, (real)1 / 7);
    p = MULTIPLY_ADD(p, z, (real)1 / 5);
    p = MULTIPLY_ADD(p, z, (real)1 / 3);
    const real whole = real_of(bits_of(ROUNDER) + k) - ROUNDER; /* k; negative ones wrap as they should */
    return MULTIPLY_ADD(whole, (real)0.34657359027997265, MULTIPLY_ADD(p * z, s, s)); /* ln 2 / 2 */
}

#endif
