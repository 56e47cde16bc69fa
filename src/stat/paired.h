/* What n pairs of values, one for each seed, say about a difference. */
#ifndef TPRUN_STAT_PAIRED_H
#define TPRUN_STAT_PAIRED_H

#include "stat/moments.h"
#include <stdint.h>

/* The sign-flip permutation test of differences d: the share of the 2^n ways to sign them whose |sum| is at least the
 * one seen, ways that differ from it by rounding included. All are tried up to n = PERMUTATION_EXACT; beyond, 100,000
 * are drawn from stream "permutation" of seed 0, and the one seen counts as one more. NaN for n = 0. With n pairs no p
 * is below 2^(1 - n). */
enum { PERMUTATION_EXACT = 18 };
double paired_permutation_p(const double *d, size_t n);

/* Cohen's d of paired samples: mean over standard deviation of the differences; infinite where they are all equal and
 * not 0. NaN below two. */
double paired_effect(const struct moments *d);

/* The probability that a value of a is larger than one of b, taken over all n_a * n_b pairs; ties count half (Agarwal
 * et al. 2021, Sec. 4.3, "probability of improvement"). NaN where one side is empty. */
double paired_improvement(const double *a, size_t n_a, const double *b, size_t n_b);

/* The smallest number of pairs with which a two-sided t test at 0.05 finds a difference of this size (paired_effect)
 * with a probability of at least 0.8; 0 = more than PAIRED_MOST. */
enum { PAIRED_MOST = 10000 };
size_t paired_seeds_needed(double effect);
/* That probability for n >= 2 pairs: P(|T| > t) for a noncentral t of n - 1 degrees and noncentrality effect * sqrt(n).
 */
double paired_power(double effect, size_t n);

/* Holm's correction of n p values, in place and in their order: each becomes the smallest level at which its hypothesis
 * falls when the chance of one false finding among them all is bounded by that level (Holm 1979). NaN stays and does
 * not count. */
int paired_holm(double *p, size_t n);

#endif
