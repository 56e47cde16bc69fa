/* Factorizations (GSL, in double whatever `real` is). */
#ifndef TPRUN_MATH_SOLVE_H
#define TPRUN_MATH_SOLVE_H

#include "base/err.h"
#include "math/mat.h"

/* The regularized inverse of a linear map z -> z W^T (W: out x in), Roulet & Harchaoui 2022, Eq. (1)-(2):
 *   R(z) = (W^T W + r I)^-1 W^T z,   as rows: Z -> Z M,   M = W (W^T W + r I)^-1   (out x in).
 * One Cholesky factorization; without r, of a W that is not wide, the same factor by QR of W: M is then exact to the
 * condition number of W, where W^T W has its square. The workspace lies in an arena. */
struct ridge {
    size_t out, in;
    void *w, *a, *tau; /* gsl_matrix * workspaces: W as double (out x in), A and its factor (in x in); a gsl_vector * */
};
int ridge_init(struct ridge *s, size_t out, size_t in, struct arena *a, struct err *e);
/* m (out x in) = W A^-1. ERR_SINGULAR if A is not positive definite or not finite; the message names r and W's shape.
 * No allocation of its own. */
int ridge_inverse(struct ridge *s, struct mat w, double r, struct mat m, struct err *e);
/* The lower Cholesky factor of A after ridge_inverse, entry (i, j), i >= j. */
double ridge_factor(const struct ridge *s, size_t i, size_t j);

/* Polar factor: out = P Q^T of a's thin SVD a = P S Q^T (rows x cols, any shape); all singular values become 1. */
int solve_polar(struct mat a, struct mat out, struct err *e);
/* Largest singular value. */
int solve_spectral_norm(struct mat a, double *norm, struct err *e);
/* Largest and smallest singular value. */
int solve_condition(struct mat a, double *largest, double *smallest, struct err *e);

#endif
