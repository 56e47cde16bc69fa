#include "math/tiles.h"

#include <assert.h>
#include <string.h>

#ifdef TPRUN_TILES
#include <immintrin.h>

#ifdef TPRUN_DOUBLE
typedef __m256d vector;
typedef long long lane;
#define VECTOR(operation) _mm256_##operation##_pd
#else
typedef __m256 vector;
typedef int lane;
#define VECTOR(operation) _mm256_##operation##_ps
#endif
enum { LANES = sizeof(vector) / sizeof(real) };

/* Rows of a tile of two vectors and of one: 12 and 8 of the 16 registers hold sums, enough to hide the latency of a
 * multiply-add. */
enum { ROWS_OF_TWO = 6, ROWS_OF_ONE = 8 };
/* Terms of a block of the sum. Of a transposed a, a block of both factors passes from the second cache through the
 * first. */
enum { BLOCK = 512, BLOCK_TRANSPOSED = 128 };

/* What tiles of one block have in common. Steps are from row to row, in numbers. */
struct block {
    size_t k, a_step, b_step, c_step;
    real alpha, beta;
    __m256i mask; /* lanes of the last vector of the tiles at the right border */
};

#define INLINE static inline __attribute__((always_inline))

INLINE vector load(const real *from, const bool part, __m256i mask)
{
    return part ? VECTOR(maskload)(from, mask) : VECTOR(loadu)(from);
}

INLINE void finish(const struct block *t, vector sum, real *c, const bool part, __m256i mask)
{
    vector value = VECTOR(mul)(VECTOR(set1)(t->alpha), sum);
    if (t->beta != 0)
        value = VECTOR(fmadd)(VECTOR(set1)(t->beta), load(c, part, mask), value);
    if (part)
        VECTOR(maskstore)(c, mask, value);
    else
        VECTOR(storeu)(c, value);
}

/* `rows` by `vectors` of c. All but the pointers are constants, so that sums are registers. */
INLINE void tile(const size_t rows, const size_t vectors, const bool border, const bool ta, const struct block *t,
                 const real *a, const real *b, real *c)
{
    vector sum[ROWS_OF_ONE][2];
    const size_t k = t->k, a_step = t->a_step, b_step = t->b_step;
    const __m256i mask = t->mask;
#pragma GCC unroll 8
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (size_t v = 0; v < vectors; v++)
            sum[r][v] = VECTOR(set1)(0);
#pragma GCC unroll 4
    for (size_t l = 0; l < k; l++) {
        vector right[2];
#pragma GCC unroll 2
        for (size_t v = 0; v < vectors; v++)
            right[v] = load(b + v * LANES, border && v + 1 == vectors, mask);
        b += b_step;
#pragma GCC unroll 8
        for (size_t r = 0; r < rows; r++) {
            const vector left = VECTOR(set1)(ta ? a[r] : a[r * a_step + l]);
#pragma GCC unroll 2
            for (size_t v = 0; v < vectors; v++)
                sum[r][v] = VECTOR(fmadd)(left, right[v], sum[r][v]);
        }
        if (ta)
            a += a_step;
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (size_t v = 0; v < vectors; v++)
            finish(t, sum[r][v], c + r * t->c_step + v * LANES, border && v + 1 == vectors, mask);
}

typedef void tile_function(const struct block *t, const real *a, const real *b, real *c);
#define TILE(rows, vectors, border, ta)                                                                                \
    static void tile_##rows##_##vectors##_##border##_##ta(const struct block *t, const real *a, const real *b,         \
                                                          real *c)                                                     \
    {                                                                                                                  \
        tile(rows, vectors, border, ta, t, a, b, c);                                                                   \
    }
#define TWO(X, border, ta)                                                                                             \
    X(1, 2, border, ta)                                                                                                \
    X(2, 2, border, ta) X(3, 2, border, ta) X(4, 2, border, ta) X(5, 2, border, ta) X(6, 2, border, ta)
#define ONE(X, ta)                                                                                                     \
    X(1, 1, 1, ta)                                                                                                     \
    X(2, 1, 1, ta) X(3, 1, 1, ta) X(4, 1, 1, ta) X(5, 1, 1, ta) X(6, 1, 1, ta) X(7, 1, 1, ta) X(8, 1, 1, ta)
TWO(TILE, 0, 0)
TWO(TILE, 0, 1)
TWO(TILE, 1, 0)
TWO(TILE, 1, 1)
ONE(TILE, 0)
ONE(TILE, 1)

#define NAME(rows, vectors, border, ta) tile_##rows##_##vectors##_##border##_##ta,
static tile_function *const inner[2][ROWS_OF_TWO] = { { TWO(NAME, 0, 0) }, { TWO(NAME, 0, 1) } };
static tile_function *const border_two[2][ROWS_OF_TWO] = { { TWO(NAME, 1, 0) }, { TWO(NAME, 1, 1) } };
static tile_function *const border_one[2][ROWS_OF_ONE] = { { ONE(NAME, 0) }, { ONE(NAME, 1) } };

/* The first n lanes. */
static __m256i mask_of(size_t n)
{
    lane each[LANES];
    __m256i mask;
    for (size_t i = 0; i < LANES; i++)
        each[i] = i < n ? -1 : 0;
    memcpy(&mask, each, sizeof mask);
    return mask;
}

/* What the next block reads, fetched into the second cache beside the arithmetic of this one: so many lines of each
 * factor behind every tile. */
struct ahead {
    const real *p[2], *end[2];
    size_t lines;
};
enum { LINE = 64 / sizeof(real) };

static struct ahead ahead_of(struct mat a, struct mat b, size_t entries)
{
    enum { TILE_ENTRIES = ROWS_OF_TWO * 2 * LANES };
    const size_t most = mat_n(a) > mat_n(b) ? mat_n(a) : mat_n(b);
    return (struct ahead){ { a.p, b.p }, { a.p + mat_n(a), b.p + mat_n(b) }, most / LINE * TILE_ENTRIES / entries + 1 };
}

static void fetch(struct ahead *ahead)
{
    for (size_t f = 0; f < 2; f++)
        for (size_t i = 0; i < ahead->lines && ahead->p[f] < ahead->end[f]; i++, ahead->p[f] += LINE)
            __builtin_prefetch(ahead->p[f], 0, 2);
}

/* One panel of one or two vectors of b, for all rows, in groups that are as equal as they can be. */
static void multiply_panel(tile_function *const *tiles, size_t most, const struct block *t, size_t rows, size_t a_row,
                           const real *a, const real *b, real *c, struct ahead *ahead)
{
    const size_t groups = (rows + most - 1) / most, each = rows / groups, longer = rows % groups;
    for (size_t g = 0; g < groups; g++) {
        const size_t n = each + (g < longer);
        tiles[n - 1](t, a, b, c);
        a += n * a_row;
        c += n * t->c_step;
        if (ahead)
            fetch(ahead);
    }
}

static void multiply_block(bool ta, const struct block *t, const real *a, const real *b, struct mat c,
                           struct ahead *ahead)
{
    const size_t whole = c.cols - c.cols % (2 * LANES), a_row = ta ? 1 : t->a_step;
    for (size_t from = 0; from < whole; from += 2 * LANES)
        multiply_panel(inner[ta], ROWS_OF_TWO, t, c.rows, a_row, a, b + from, c.p + from, ahead);
    if (c.cols - whole > LANES)
        multiply_panel(border_two[ta], ROWS_OF_TWO, t, c.rows, a_row, a, b + whole, c.p + whole, ahead);
    else if (c.cols > whole)
        multiply_panel(border_one[ta], ROWS_OF_ONE, t, c.rows, a_row, a, b + whole, c.p + whole, ahead);
}

void tiles_multiply(bool ta, real alpha, struct mat a, struct mat b, real beta, struct mat c)
{
    const size_t k = b.rows, most = ta ? BLOCK_TRANSPOSED : BLOCK, border = c.cols % (2 * LANES);
    struct block t = { .a_step = a.cols, .b_step = b.cols, .c_step = c.cols, .alpha = alpha, .beta = beta };
    t.mask = mask_of(border > LANES ? border - LANES : border);
    for (size_t l = 0; l < k; l += t.k) {
        t.k = k - l < most ? k - l : most;
        const size_t next = l + t.k, then = k - next < most ? k - next : most;
        struct ahead ahead = ahead_of(mat_rows(a, ta ? next : 0, ta ? then : 0), mat_rows(b, next, then), mat_n(c));
        multiply_block(ta, &t, a.p + l * (ta ? a.cols : 1), b.p + l * b.cols, c, ta && then ? &ahead : NULL);
        t.beta = 1;
    }
}

/* b stays in the second cache, or in the first one where so many rows pass that packing pays. Measured on a Zen 3,
 * GFLOP/s by tiles, by OpenBLAS and by generated code, in single precision: 16 rows by 100 x 100 82, 57 and 66, by 300
 * x 100 76, 64 and 52, 20 rows by 256 x 256 86, 66 and 77, 128 rows by 128 x 128 86, 82 and 86; in double: 16 rows by
 * 100 x 300 45, 36 and 38. */
bool tiles_suit(size_t m, size_t n, size_t k)
{
    enum { MANY_ROWS = 33, MAX_BYTES = 256 * 1024, MAX_BYTES_OF_MANY = 64 * 1024 };
    size_t entries, bytes;
    return m > 0 && k > 0 && n >= 2 * LANES && !__builtin_mul_overflow(n, k, &entries) &&
           !__builtin_mul_overflow(entries, sizeof(real), &bytes) &&
           bytes <= (m < MANY_ROWS ? MAX_BYTES : MAX_BYTES_OF_MANY);
}

/* c stays in the second cache while factors of at least 1024 rows pass by: the gradients of a recurrent layer. By tiles
 * and by OpenBLAS: 100 x 100 from 12,544 rows 72 and 65, 100 x 300 80 and 72, 6 x 100 from 1200 63 and 27. */
bool tiles_suit_transposed(size_t m, size_t n, size_t k)
{
    enum { LONG = 1024, MAX_ENTRIES = 32 * 1024 };
    size_t entries;
    return m > 0 && n > 1 && k >= LONG && !__builtin_mul_overflow(m, n, &entries) && entries <= MAX_ENTRIES;
}

#else

bool tiles_suit(size_t m, size_t n, size_t k)
{
    (void)m, (void)n, (void)k;
    return false;
}

bool tiles_suit_transposed(size_t m, size_t n, size_t k)
{
    (void)m, (void)n, (void)k;
    return false;
}

void tiles_multiply(bool ta, real alpha, struct mat a, struct mat b, real beta, struct mat c)
{
    (void)ta, (void)alpha, (void)a, (void)b, (void)beta, (void)c;
    assert(!"products by tiles need AVX2");
}

#endif
