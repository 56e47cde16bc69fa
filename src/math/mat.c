#include "math/mat.h"
#include "base/team.h"
#include "math/elementary.h"
#include <assert.h>
#include <math.h>

static size_t same_shape(struct mat a, struct mat b)
{
    assert(a.rows == b.rows && a.cols == b.cols);
    (void)b;
    return mat_n(a);
}

struct mat mat_new(struct arena *a, size_t rows, size_t cols)
{
    size_t n;
    if (__builtin_mul_overflow(rows, cols, &n))
        return (struct mat){ 0 };
    real *p = arena_alloc(a, n, sizeof *p);
    return p != NULL ? mat_of(p, rows, cols) : (struct mat){ 0 };
}

/* Entries [from, to) of one of the functions below. */
struct entries {
    real s;
    const real *a, *b;
    real *out;
};

/* Shorter ones are done before a thread has woken. */
enum { PART_ENTRIES = 16 * 1024 };

static void over(size_t n, team_part *part, struct entries x)
{
    if (n < 2 * PART_ENTRIES)
        part(&x, 0, 0, n);
    else
        team_run(n, team_parts(n, PART_ENTRIES, TEAM_MOST_PARTS), 64 / sizeof(real), part, &x);
}

#define ENTRIES(name, value)                                                                                           \
    static void name(void *work, size_t part, size_t from, size_t to)                                                  \
    {                                                                                                                  \
        const struct entries x = *(const struct entries *)work;                                                        \
        (void)part;                                                                                                    \
        ELEMENTWISE                                                                                                    \
        for (size_t i = from; i < to; i++)                                                                             \
            x.out[i] = value;                                                                                          \
    }
ENTRIES(add_multiple, x.out[i] + x.s * x.a[i])
ENTRIES(add_scaled, x.a[i] + x.s * x.b[i])
ENTRIES(scale, (x.s * x.a[i]))
ENTRIES(subtract, x.a[i] - x.b[i])
ENTRIES(add, x.a[i] + x.b[i])
ENTRIES(multiply, x.a[i] * x.b[i])

static void copy(void *work, size_t part, size_t from, size_t to)
{
    const struct entries *x = work;
    (void)part;
    memcpy(x->out + from, x->a + from, (to - from) * sizeof *x->out);
}

static void zero(void *work, size_t part, size_t from, size_t to)
{
    const struct entries *x = work;
    (void)part;
    memset(x->out + from, 0, (to - from) * sizeof *x->out);
}

void mat_copy(struct mat from, struct mat to)
{
    const size_t n = same_shape(from, to);
    if (n > 0 && from.p != to.p)
        over(n, copy, (struct entries){ .a = from.p, .out = to.p });
}

void mat_zero(struct mat a)
{
    if (mat_n(a) > 0)
        over(mat_n(a), zero, (struct entries){ .out = a.p });
}

void mat_axpy(real s, struct mat x, struct mat y)
{
    over(same_shape(x, y), add_multiple, (struct entries){ .s = s, .a = x.p, .out = y.p });
}

void mat_add_scaled(struct mat x, real s, struct mat y, struct mat out)
{
    const size_t n = same_shape(x, y);
    same_shape(x, out);
    over(n, add_scaled, (struct entries){ s, x.p, y.p, out.p });
}

void mat_scale(real s, struct mat x, struct mat y)
{
    over(same_shape(x, y), scale, (struct entries){ .s = s, .a = x.p, .out = y.p });
}

void mat_sub(struct mat a, struct mat b, struct mat out)
{
    same_shape(a, out);
    over(same_shape(a, b), subtract, (struct entries){ .a = a.p, .b = b.p, .out = out.p });
}

void mat_add(struct mat a, struct mat b, struct mat out)
{
    same_shape(a, out);
    over(same_shape(a, b), add, (struct entries){ .a = a.p, .b = b.p, .out = out.p });
}

void mat_mul_elements(struct mat a, struct mat b, struct mat out)
{
    same_shape(a, out);
    over(same_shape(a, b), multiply, (struct entries){ .a = a.p, .b = b.p, .out = out.p });
}

void mat_add_row(const real *row, struct mat a)
{
    for (size_t i = 0; i < a.rows; i++) {
        real *const to = a.p + i * a.cols;
        ELEMENTWISE
        for (size_t j = 0; j < a.cols; j++)
            to[j] += row[j];
    }
}

void mat_set_rows(const real *row, struct mat a)
{
    if (a.cols == 0)
        return;
    for (size_t i = 0; i < a.rows; i++)
        memcpy(a.p + i * a.cols, row, a.cols * sizeof *row);
}

/* Rows are summed 64 at a time, then the sums of 64: the order depends on the shape alone, and the rounding error of a
 * long column grows with n / 64. */
void mat_sum_rows(struct mat a, real s, real *out)
{
    enum { ROWS = 64, COLS = 64 };
    for (size_t i = 0; i < a.rows; i += ROWS) {
        const size_t rows = a.rows - i < ROWS ? a.rows - i : ROWS;
        for (size_t j = 0; j < a.cols; j += COLS) {
            const size_t cols = a.cols - j < COLS ? a.cols - j : COLS;
            real sum[COLS] = { 0 };
            for (size_t r = 0; r < rows; r++) {
                const real *const from = a.p + (i + r) * a.cols + j;
                ELEMENTWISE
                for (size_t c = 0; c < cols; c++)
                    sum[c] += from[c];
            }
            ELEMENTWISE
            for (size_t c = 0; c < cols; c++)
                out[j + c] += s * sum[c];
        }
    }
}

/* By tiles, so that a line of the cache that was fetched for one row still holds the next ones. */
void mat_transpose(struct mat a, struct mat out)
{
    enum { TILE = 16 };
    assert(a.rows == out.cols && a.cols == out.rows);
    for (size_t i = 0; i < a.rows; i += TILE) {
        const size_t i_end = a.rows - i < TILE ? a.rows : i + TILE;
        for (size_t j = 0; j < a.cols; j += TILE) {
            const size_t j_end = a.cols - j < TILE ? a.cols : j + TILE;
            for (size_t jj = j; jj < j_end; jj++) {
                ELEMENTWISE
                for (size_t k = 0; k < i_end - i; k++)
                    out.p[jj * out.cols + i + k] = a.p[(i + k) * a.cols + jj];
            }
        }
    }
}

/* Sums run in 16 lanes of double: entry i belongs to lane i mod 16, lanes are added as a tree. The order is the same on
 * every machine, for every vector width and alignment. (cblas_sasum's is not.) */
double mat_dot(struct mat a, struct mat b)
{
    enum { LANES = 16 };
    const size_t n = same_shape(a, b), whole = n - n % LANES;
    double lane[LANES] = { 0 };
    for (size_t i = 0; i < whole; i += LANES) {
        for (size_t j = 0; j < LANES; j++)
            lane[j] += (double)a.p[i + j] * (double)b.p[i + j];
    }
    for (size_t i = whole; i < n; i++)
        lane[i - whole] += (double)a.p[i] * (double)b.p[i];
    for (size_t width = LANES / 2; width > 0; width /= 2) {
        for (size_t j = 0; j < width; j++)
            lane[j] += lane[j + width];
    }
    return lane[0];
}

double mat_sum_squares(struct mat a)
{
    return mat_dot(a, a);
}

/* Without its sign, a larger number has a larger bit pattern, infinity beyond all numbers and NaN beyond infinity: a
 * maximum over integers is exact, does not depend on an order, and keeps NaN. */
real mat_max_abs(struct mat a)
{
    const size_t n = mat_n(a);
    real_bits most = 0;
    for (size_t i = 0; i < n; i++) {
        const real_bits magnitude = bits_of(a.p[i]) & ~(real_bits)0 >> 1;
        most = magnitude > most ? magnitude : most;
    }
    return real_of(most);
}

struct finite {
    const real *p;
    bool not_all[TEAM_MOST_PARTS];
};

/* x - x is 0 of a finite number and NaN of any other, and a sum keeps NaN. */
static void look_for_others(void *work, size_t part, size_t from, size_t to)
{
    enum { LANES = 32 };
    struct finite *x = work;
    const size_t whole = from + (to - from) / LANES * LANES;
    real lane[LANES] = { 0 }, sum = 0;
    for (size_t i = from; i < whole; i += LANES) {
        for (size_t j = 0; j < LANES; j++)
            lane[j] += x->p[i + j] - x->p[i + j];
    }
    for (size_t i = whole; i < to; i++)
        sum += x->p[i] - x->p[i];
    for (size_t j = 0; j < LANES; j++)
        sum += lane[j];
    x->not_all[part] = isnan(sum);
}

bool mat_all_finite(struct mat a)
{
    struct finite x = { .p = a.p };
    const size_t parts = team_parts(mat_n(a), PART_ENTRIES, TEAM_MOST_PARTS);
    bool others = false;
    team_run(mat_n(a), parts, 64 / sizeof(real), look_for_others, &x);
    for (size_t i = 0; i < parts; i++)
        others |= x.not_all[i];
    return !others;
}
