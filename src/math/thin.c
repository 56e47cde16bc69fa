#include "math/thin.h"

#include "math/elementary.h"
#include "math/tiles.h"

/* Sums of so many terms go row by row of c, which is read and written once. */
enum { MAX_TERMS = 8, COLS_AT_ONCE = 512 };

/* to[j] = beta to[j] + the sum of left[l] right[l][j] over l < terms, whose rows are `step` apart; reads: whether beta
 * is not 0. */
static inline __attribute__((always_inline)) void add_terms(const size_t terms, const bool reads, size_t n,
                                                            const real *left, const real *right, size_t step, real beta,
                                                            real *to)
{
    ELEMENTWISE
    for (size_t j = 0; j < n; j++) {
        real sum = reads ? beta * to[j] : 0;
        for (size_t l = 0; l < terms; l++)
            sum = MULTIPLY_ADD(left[l], right[l * step + j], sum);
        to[j] = sum;
    }
}

static void add_row(size_t terms, size_t n, const real *left, const real *right, size_t step, real beta, real *to)
{
    const bool reads = beta != 0;
    switch (terms) {
#define CASE(terms)                                                                                                    \
    case terms:                                                                                                        \
        if (reads)                                                                                                     \
            add_terms(terms, true, n, left, right, step, beta, to);                                                    \
        else                                                                                                           \
            add_terms(terms, false, n, left, right, step, beta, to);                                                   \
        break;
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
        CASE(7)
        CASE(8)
    default:
        break;
    }
}

/* b (k, n), or (n, k) if tb, as rows of `cols` numbers from column `from` on. */
static const real *rows_of(bool tb, struct mat b, size_t k, size_t from, size_t cols, real *copy, size_t *step)
{
    if (!tb || k == 1) {
        *step = tb ? b.rows : b.cols;
        return b.p + from;
    }
    for (size_t l = 0; l < k; l++)
        for (size_t j = 0; j < cols; j++)
            copy[l * cols + j] = b.p[(from + j) * k + l];
    *step = cols;
    return copy;
}

static void outer(bool ta, bool tb, real alpha, struct mat a, struct mat b, real beta, struct mat c)
{
    const size_t k = ta ? a.rows : a.cols;
    real copy[MAX_TERMS * COLS_AT_ONCE], left[MAX_TERMS];
    for (size_t from = 0; from < c.cols; from += COLS_AT_ONCE) {
        const size_t n = c.cols - from < COLS_AT_ONCE ? c.cols - from : COLS_AT_ONCE;
        size_t step;
        const real *const right = rows_of(tb, b, k, from, n, copy, &step);
        for (size_t i = 0; i < c.rows; i++) {
            real *const to = c.p + i * c.cols + from;
            for (size_t l = 0; l < k; l++)
                left[l] = alpha * a.p[ta ? l * a.cols + i : i * a.cols + l];
            add_row(k, n, left, right, step, beta, to);
        }
    }
}

/* y[i] = alpha <row i of a, x> + beta y[i]; term j of a sum belongs to lane j mod 16, and lanes are added as a tree. */
static void dots(real alpha, struct mat a, const real *x, real beta, real *y)
{
    enum { LANES = 16 };
    const size_t whole = a.cols - a.cols % LANES;
    for (size_t i = 0; i < a.rows; i++) {
        const real *const row = a.p + i * a.cols;
        real lane[LANES] = { 0 };
        for (size_t j = 0; j < whole; j += LANES) {
            ELEMENTWISE
            for (size_t l = 0; l < LANES; l++)
                lane[l] = MULTIPLY_ADD(row[j + l], x[j + l], lane[l]);
        }
        for (size_t j = whole; j < a.cols; j++)
            lane[j - whole] = MULTIPLY_ADD(row[j], x[j], lane[j - whole]);
        for (size_t width = LANES / 2; width > 0; width /= 2)
            for (size_t l = 0; l < width; l++)
                lane[l] += lane[l + width];
        y[i] = alpha * lane[0] + (beta != 0 ? beta * y[i] : 0);
    }
}

/* c (n) = alpha x^T b + beta c for x (k) and b (k, n). */
static bool weighted_rows(real alpha, const real *x, struct mat b, real beta, real *c)
{
    if (!tiles_suit_transposed(1, b.cols, b.rows))
        return false;
    tiles_multiply(true, alpha, mat_of((real *)x, b.rows, 1), b, beta, mat_of(c, 1, b.cols)); /* x is only read */
    return true;
}

bool thin_multiply(bool ta, bool tb, real alpha, struct mat a, struct mat b, real beta, struct mat c)
{
    const size_t m = c.rows, n = c.cols, k = ta ? a.rows : a.cols;
    if (k <= MAX_TERMS) {
        outer(ta, tb, alpha, a, b, beta, c);
        return true;
    }
    if (n == 1 && !ta) {
        dots(alpha, a, b.p, beta, c.p);
        return true;
    }
    if (m == 1 && tb) {
        dots(alpha, b, a.p, beta, c.p);
        return true;
    }
    if (n == 1)
        return weighted_rows(alpha, b.p, a, beta, c.p);
    if (m == 1)
        return weighted_rows(alpha, a.p, b, beta, c.p);
    if (!ta || tb || !tiles_suit_transposed(m, n, k))
        return false;
    tiles_multiply(true, alpha, a, b, beta, c);
    return true;
}
