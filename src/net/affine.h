/* The part of a layer that dense and rnn share: u = h W^T + ..., h' = a(u), its products and its regularized inverse.
 * For a product that is small enough for generated code W^T is packed once per step; W itself serves all the others. */
#ifndef TPRUN_NET_AFFINE_H
#define TPRUN_NET_AFFINE_H

#include "math/act.h"
#include "math/blas.h"
#include "math/pinv.h"
#include "math/solve.h"
#include "net/inverse.h"
#include "net/mirror.h"

struct affine {
    size_t in, out, rows;
    struct act act;
    struct mat w;            /* (out, in), in the weight vector */
    struct mat wt;           /* (in, out), packed for `up`; {NULL} if that is OpenBLAS, which packs for itself */
    struct product up, down; /* (rows, in) x wt, accumulating; (rows, out) x w */
    struct product back;     /* (rows, out) x m */
    struct mat m; /* (out, in): W (W^T W + r I)^-1, after affine_inverse_refresh; {NULL} before affine_inverse_open */
    struct mat scratch; /* (rows, out) */
    struct mat variant; /* (out, in): 2 I - W, if the options ask for it */
    struct ridge ridge;
    struct pinv pseudo; /* if the options ask for it, instead of ridge */
    bool transposed;    /* wt lies in the weight vector, and w is the packed one */
};

int affine_open(struct affine *f, struct mat w, struct act act, size_t rows, struct arena *a, struct err *e);
/* The same for a map whose weights are the transpose wt (in, out) of another one's. */
int affine_open_transposed(struct affine *f, struct mat wt, struct act act, size_t rows, struct arena *a,
                           struct err *e);
/* out += in W^T. */
void affine_add(const struct affine *f, struct mat in, struct mat out);
/* out = in W^T. */
void affine_linear(const struct affine *f, struct mat in, struct mat out);
/* offset (may be {NULL}): rows added to the pre-activation beside h W^T: x U^T, and bias (may be NULL) one row. */
void affine_inverse_apply(const struct affine *f, struct mat v, struct mat offset, const real *bias, real clamp,
                          struct mat out);

/* out = 2 I - W, both (out, in); see INVERT_TWO_EYE_MINUS_W. */
void affine_two_eye_minus(struct mat w, struct mat out);

/* Products of units (unit.h, inverse.h) whose state begins with a struct affine. */
void affine_refresh(struct unit *u);
/* at.out += at.in W^T, then at.out = a(at.out); what it was before is kept in at.cache[0] if that is there. */
void affine_forward(const struct unit *u, struct at at);
void affine_vjp(const struct unit *u, struct at at, struct mat s, struct mat dh);
void affine_jvp(const struct unit *u, struct at at, struct mat v, struct mat out);
extern const struct transpose_def affine_transpose;
double affine_flops(const struct unit *u, size_t rows, double *product);
/* From the state to the state of a recurrent one. */
int affine_mirror(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e);
int affine_inverse_open(struct unit *u, const struct inverse_options *o, struct err *e);
int affine_inverse_refresh(struct unit *u, const struct inverse_options *o, struct err *e);
void affine_inverse_difference(const struct unit *u, struct at at, struct mat d, const struct inverse_options *o,
                               struct mat out);
void affine_inverse_jvp(const struct unit *u, struct at at, struct mat d, const struct inverse_options *o,
                        struct mat out);

#endif
