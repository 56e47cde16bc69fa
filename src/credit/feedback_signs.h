/* Feedback layers that read the signs of their argument, g(v) = a(V sgn(v) + c): only signs travel downward. Lee 2015,
 * Sec. 3.2. */
#ifndef TPRUN_CREDIT_FEEDBACK_SIGNS_H
#define TPRUN_CREDIT_FEEDBACK_SIGNS_H

#include "credit/credit.h"

/* For feedback layers of `rows` rows; low: what stands for a value that is not above 0, -1 or 0. */
int feedback_signs_open(const struct credit *c, struct feedback *f, real low, size_t rows, struct arena *a,
                        struct err *e);
/* What f's layer reads where its source has the value v: v itself, or its signs, in a matrix that the next call
 * overwrites. */
struct mat feedback_signs(const struct feedback *f, struct mat v);
/* How far that moves from `read`, its value at v, when the source moves from v to v + d: d itself, or a difference of
 * signs. */
struct mat feedback_sign_moves(const struct feedback *f, struct mat read, struct mat v, struct mat d);

#endif
