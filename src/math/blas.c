#include "math/blas.h"

#include "base/team.h"
#include "base/text.h"
#include "math/thin.h"
#include "math/tiles.h"
#include <assert.h>
#include <cblas.h>
#include <dlfcn.h>
#include <errno.h>
#include <fenv.h>
#include <float.h>
#include <gsl/gsl_errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#ifdef TPRUN_XSMM
#include <libxsmm.h>
#endif

/* --- what the numbers rest on --- */

/* GSL brings a reference cblas with it, 26 times slower, that wins if it is linked first. The symbol that this process
 * binds must live in the object that holds OpenBLAS's own functions. */
static int check_origin(struct err *e)
{
    Dl_info blas, openblas;
    if (!dladdr((void *)cblas_dgemm, &blas) || !dladdr((void *)openblas_get_config, &openblas))
        return err_set(e, ERR_INTERNAL, "cannot find out which library cblas_dgemm comes from");
    if (blas.dli_fbase != openblas.dli_fbase)
        return err_set(e, ERR_INTERNAL, "cblas_dgemm comes from %s instead of OpenBLAS: link OpenBLAS before GSL",
                       blas.dli_fname != NULL ? blas.dli_fname : "another library");
    return 0;
}

/* -ffast-math, even in a shared library's link, flushes subnormals in the whole process; in ours it folds isnan. */
static int check_arithmetic(struct err *e)
{
    volatile float tiny = FLT_MIN;
    volatile double tiny_double = DBL_MIN;
    tiny = tiny / 4;
    tiny_double = tiny_double / 4;
    if (!(tiny * 4 == FLT_MIN) || !(tiny_double * 4 == DBL_MIN))
        return err_set(e, ERR_INTERNAL, "subnormal numbers are flushed to zero: a library was linked with -ffast-math");
    volatile double not_a_number = NAN;
    if (!isnan(not_a_number) || not_a_number == not_a_number)
        return err_set(e, ERR_INTERNAL, "isnan does not work: tprun was compiled with -ffast-math");
    if (fegetround() != FE_TONEAREST)
        return err_set(e, ERR_INTERNAL, "rounding is not to nearest");
    return 0;
}

/* 128 MB and what belongs to it: 140 MB were measured. */
#define BUFFER_BYTES ((size_t)160 << 20)

static void say_limit(struct text *t, int resource, const char *option)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        text_add(t, "; `ulimit %s` is %ju KB", option, (uintmax_t)limit.rlim_cur / 1024);
}

static int check_room(size_t bytes, const char *who, struct err *e)
{
    void *room = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); /* not touched */
    if (room != MAP_FAILED) {
        munmap(room, bytes);
        return 0;
    }
    struct text why = { 0 };
    text_puts(&why, strerror(errno));
    say_limit(&why, RLIMIT_AS, "-v");
    say_limit(&why, RLIMIT_DATA, "-d");
    const int code = err_set(e, ERR_MEMORY, "%s %zu MB of address space for OpenBLAS alone, and they cannot be had: %s",
                             who, bytes >> 20, why.s);
    text_free(&why);
    return code;
}

int blas_check_room(struct err *e)
{
    return check_room(BUFFER_BYTES, "a worker needs", e);
}

/* A product takes the first buffer that nobody has, and gives it back; buffers are made when there are too few. The two
 * functions that it calls are exported, but in no header. */
int blas_take_room(size_t n, size_t *bytes, struct err *e)
{
    void *(*take)(int), (*give)(void *), *buffers[TEAM_MOST_THREADS];
    assert(n > 0 && n <= TEAM_MOST_THREADS);
    *bytes = (n - 1) * BUFFER_BYTES;
    if (n == 1)
        return 0;
    TRY(check_room(*bytes, "train.threads: those beside the first need", e));
    *(void **)&take = dlsym(RTLD_DEFAULT, "blas_memory_alloc");
    *(void **)&give = dlsym(RTLD_DEFAULT, "blas_memory_free");
    if (!take || !give)
        return err_set(e, ERR_INTERNAL, "train.threads: this OpenBLAS does not let its buffers be made beforehand");
    for (size_t i = 0; i < n; i++)
        buffers[i] = take(0);
    for (size_t i = 0; i < n; i++)
        give(buffers[i]);
    return 0;
}

int blas_start(struct err *e)
{
    TRY(blas_check_room(e));
    gsl_set_error_handler_off(); /* it would abort the process */
    TRY(check_origin(e));
    TRY(check_arithmetic(e));
    if (openblas_get_num_threads() != 1)
        return err_set(e, ERR_INTERNAL,
                       "OpenBLAS runs %d threads; results depend on their number: set OPENBLAS_NUM_THREADS=1",
                       openblas_get_num_threads());
    /* Even set to nothing or misspelt it picks another kernel, with other bits, silently. */
    if (getenv("OPENBLAS_CORETYPE") != NULL)
        return err_set(e, ERR_INTERNAL, "OPENBLAS_CORETYPE is set; results depend on it: unset it");
#ifdef TPRUN_XSMM
    libxsmm_init();
#endif
    return 0;
}

const char *blas_kernel(void)
{
    static char text[256];
#ifdef TPRUN_XSMM
    const char *const generator = "libxsmm " LIBXSMM_VERSION " ", *const target = libxsmm_get_target_arch();
#else
    const char *const generator = "OpenBLAS", *const target = "";
#endif
#ifdef TPRUN_TILES
    const char *const tiles = "tiles, sums of products by ";
#else
    const char *const tiles = "";
#endif
    const int n = snprintf(text, sizeof text, "%s, %s, small products by %s%s%s", openblas_get_corename(),
                           openblas_get_config(), tiles, generator, target);
    assert(n > 0); /* a text cut short is still a record */
    (void)n;
    return text;
}

/* --- products --- */

/* BLAS counts in 32-bit int. A leading dimension must be positive even where there is nothing to read. */
static int blas_int(size_t n)
{
    assert(n <= INT_MAX);
    return (int)n;
}
static int leading(size_t cols)
{
    return cols > 0 ? blas_int(cols) : 1;
}

/* One product, or a part of its rows or columns. */
struct gemm {
    CBLAS_TRANSPOSE ta, tb;
    real alpha, beta;
    struct mat a, b, c;
    size_t m, n, k;
    bool by_rows;
};

static void gemm(const struct gemm *g, size_t m, size_t n, const real *a, const real *b, real *c)
{
#ifdef TPRUN_DOUBLE
    cblas_dgemm(
#else
    cblas_sgemm(
#endif
        CblasRowMajor, g->ta, g->tb, blas_int(m), blas_int(n), blas_int(g->k), g->alpha, a, leading(g->a.cols), b,
        leading(g->b.cols), g->beta, c, leading(g->c.cols));
}

static void gemm_part(void *work, size_t part, size_t from, size_t to)
{
    (void)part;
    const struct gemm *g = work;
    if (g->by_rows)
        gemm(g, to - from, g->n, g->a.p + (g->ta == CblasTrans ? from : from * g->a.cols), g->b.p,
             g->c.p + from * g->c.cols);
    else
        gemm(g, g->m, to - from, g->a.p, g->b.p + (g->tb == CblasTrans ? from * g->b.cols : from), g->c.p + from);
}

/* Large products are cut for a team: into blocks of whole rows where these are many, else of columns, at multiples of
 * what kernels take at once. No sum is cut. Each part packs the other factor anew, so parts are wide; two, four, eight
 * of them, so that two threads get the same. Measured on a Zen 3, against the whole: 1.00 to 1.04 of the time for parts
 * of 256 rows, 1.02 to 1.05 for parts of 256 columns. */
enum { PART_LEAST = 256, PART_MOST = 16, PART_MOST_COLUMNS = 8, PART_STEP = 64 };
static const double part_least_work = 2e6; /* products of two numbers: 30 us and more */

static bool cuts_rows(size_t m, size_t n)
{
    return m >= 2 * PART_LEAST || m >= n;
}

static size_t gemm_parts(size_t m, size_t n, size_t k)
{
    const double work = (double)m * (double)n * (double)k / part_least_work;
    const size_t most = cuts_rows(m, n) ? PART_MOST : PART_MOST_COLUMNS, side = cuts_rows(m, n) ? m : n;
    size_t parts = 1;
    while (2 * parts <= most && 2 * parts * PART_LEAST <= side && (double)(2 * parts) <= work)
        parts *= 2;
    return parts;
}

void blas_gemm(bool ta, bool tb, real alpha, struct mat a, struct mat b, real beta, struct mat c)
{
    const size_t m = ta ? a.cols : a.rows, k = ta ? a.rows : a.cols, n = tb ? b.rows : b.cols;
    assert((tb ? b.cols : b.rows) == k && c.rows == m && c.cols == n);
    if (m == 0 || n == 0)
        return;
    if (k == 0) { /* a sum of nothing; OpenBLAS would return before it applies beta = 0 to a NaN */
        if (beta == 0)
            mat_zero(c);
        else
            mat_scale(beta, c, c);
        return;
    }
    if (thin_multiply(ta, tb, alpha, a, b, beta, c))
        return;
    struct gemm g = { .ta = ta ? CblasTrans : CblasNoTrans,
                      .tb = tb ? CblasTrans : CblasNoTrans,
                      .alpha = alpha,
                      .beta = beta,
                      .a = a,
                      .b = b,
                      .c = c,
                      .m = m,
                      .n = n,
                      .k = k,
                      .by_rows = cuts_rows(m, n) };
    team_run(g.by_rows ? m : n, gemm_parts(m, n, k), PART_STEP, gemm_part, &g);
}

#ifdef TPRUN_XSMM
#ifdef TPRUN_DOUBLE
typedef libxsmm_dmmfunction xsmm_function;
#define xsmm_dispatch libxsmm_dmmdispatch
#else
typedef libxsmm_smmfunction xsmm_function;
#define xsmm_dispatch libxsmm_smmdispatch
#endif

/* libxsmm is column-major: c^T (n, m) = b^T (n, k) a^T (k, m). */
static void (*generate(struct product p))(void)
{
    if (!product_is_small(p.m, p.n, p.k))
        return NULL;
    const int m = blas_int(p.m), n = blas_int(p.n), k = blas_int(p.k), flags = LIBXSMM_GEMM_FLAG_NONE;
    const real alpha = 1, beta = p.accumulate ? 1 : 0;
    return (void (*)(void))xsmm_dispatch(n, m, k, &n, &k, &n, &alpha, &beta, &flags, NULL);
}
#endif

/* Neither tiles nor generated code pack b, so they win while b stays in a core's second cache, or in the first one
 * where so many rows pass that packing pays; and while rows of c fill vectors. Measured on a Zen 3, GFLOP/s of
 * generated code and of OpenBLAS: 20 rows by 128 x 128 86 and 65, by 200 x 200 65 and 70; 128 rows by 80 x 80 93 and
 * 77, by 128 x 128 73 and 84, by 256 x 256 60 and 84. */
bool product_is_small(size_t m, size_t n, size_t k)
{
    enum { MAX_BYTES = 128 * 1024, MANY_ROWS = 33, MAX_BYTES_OF_MANY = 40 * 1024, MIN_COLS = 16 };
#if defined(TPRUN_XSMM) || defined(TPRUN_TILES)
    const bool has_way = true;
#else
    const bool has_way = false;
#endif
    size_t entries, bytes;
    return has_way && m > 0 && k > 0 && n >= MIN_COLS && m <= INT_MAX && !__builtin_mul_overflow(n, k, &entries) &&
           !__builtin_mul_overflow(entries, sizeof(real), &bytes) &&
           bytes <= (m < MANY_ROWS ? MAX_BYTES : MAX_BYTES_OF_MANY);
}

struct product product_plan(size_t m, size_t n, size_t k, bool accumulate)
{
    struct product p = { .m = m, .n = n, .k = k, .accumulate = accumulate, .tiled = tiles_suit(m, n, k) };
#ifdef TPRUN_XSMM
    if (!p.tiled)
        p.kernel = generate(p);
#endif
    return p;
}

void product_run(const struct product *p, const real *a, const real *b, real *c)
{
    /* a and b are only read; a view has no const. */
    const struct mat left = mat_of((real *)a, p->m, p->k), right = mat_of((real *)b, p->k, p->n);
    const real beta = p->accumulate ? 1 : 0;
    if (p->tiled) {
        tiles_multiply(false, 1, left, right, beta, mat_of(c, p->m, p->n));
        return;
    }
#ifdef TPRUN_XSMM
    if (p->kernel != NULL) {
        ((xsmm_function)p->kernel)(b, a, c);
        return;
    }
#endif
    blas_gemm(false, false, 1, left, right, beta, mat_of(c, p->m, p->n));
}
