/* GSL's matrices and vectors in an arena; NULL if memory is out. */
#ifndef TPRUN_MATH_WORKSPACE_H
#define TPRUN_MATH_WORKSPACE_H

#include "base/arena.h"
#include <gsl/gsl_matrix.h>

static inline gsl_matrix *workspace_matrix(struct arena *a, size_t rows, size_t cols)
{
    size_t n;
    gsl_matrix *m = arena_alloc(a, 1, sizeof *m);
    double *p = m && !__builtin_mul_overflow(rows, cols, &n) ? arena_doubles(a, n) : NULL;
    if (p)
        *m = gsl_matrix_view_array(p, rows, cols).matrix;
    return p ? m : NULL;
}

static inline gsl_vector *workspace_vector(struct arena *a, size_t n)
{
    gsl_vector *v = arena_alloc(a, 1, sizeof *v);
    double *p = v ? arena_doubles(a, n) : NULL;
    if (p)
        *v = gsl_vector_view_array(p, n).vector;
    return p ? v : NULL;
}

#endif
