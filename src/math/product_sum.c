#include "math/product_sum.h"

#include <assert.h>
#include <limits.h>

#ifdef TPRUN_XSMM
#include <libxsmm.h>

#ifdef TPRUN_DOUBLE
typedef libxsmm_dmmfunction_reducebatch_offs sum_function;
#define sum_dispatch libxsmm_dmmdispatch_reducebatch_offs
#else
typedef libxsmm_smmfunction_reducebatch_offs sum_function;
#define sum_dispatch libxsmm_smmdispatch_reducebatch_offs
#endif

bool product_sums_exist(void)
{
    return libxsmm_get_target_archid() >= LIBXSMM_X86_AVX2;
}

/* libxsmm is column-major: c^T (n, m) += b^T (n, k) a^T (k, m). */
int product_sum_plan(struct product_sum *p, struct product_sum_shape shape, struct err *e)
{
    assert(shape.m <= INT_MAX && shape.n <= INT_MAX && shape.k <= INT_MAX && shape.stride <= INT_MAX);
    const int n = (int)shape.n, m = (int)shape.m, k = (int)shape.k, stride = (int)shape.stride;
    const int flags = shape.transposed ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE;
    const real one = 1;
    p->shape = shape;
    p->kernel = (void (*)(void))sum_dispatch(n, m, k, &n, &stride, &n, &one, &one, &flags, NULL);
    return p->kernel
               ? 0
               : err_set(e, ERR_MEMORY, "no code could be generated for products of %d x %d x %d numbers", m, n, k);
}

void product_sum_run(const struct product_sum *p, size_t count, const real *a, const product_place *a_at, const real *b,
                     const product_place *b_at, real *c)
{
    const unsigned long long n = count;
    ((sum_function)p->kernel)(b, a, c, &n, b_at, a_at);
}

#else

bool product_sums_exist(void)
{
    return false;
}

int product_sum_plan(struct product_sum *p, struct product_sum_shape shape, struct err *e)
{
    (void)p, (void)shape;
    return err_set(e, ERR_INTERNAL, "sums of products need libxsmm");
}

void product_sum_run(const struct product_sum *p, size_t count, const real *a, const product_place *a_at, const real *b,
                     const product_place *b_at, real *c)
{
    (void)p, (void)count, (void)a, (void)a_at, (void)b, (void)b_at, (void)c;
    assert(!"sums of products need libxsmm");
}

#endif
