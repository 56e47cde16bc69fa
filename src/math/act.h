/* Activations: parts with options, element-wise on whole matrices. Vectorised; NaN and infinities pass through as
 * mathematics has it. tanh in single: within 2 ulp of libm's tanhf over the whole range.
 *
 * A new one is one file with a struct act_def and one word in ACTIVATIONS: it is then known wherever an activation
 * stands. */
#ifndef TPRUN_MATH_ACT_H
#define TPRUN_MATH_ACT_H

#include "base/part.h"
#include "math/mat.h"

/* o: the bound options, NULL for an activation without. out may alias the matrix before it (the displacement, the
 * signal); h may alias u. */
struct act_def {
    struct part part;
    bool of_input; /* the slope does not follow from h: u must be kept */
    /* h = a(u) */
    void (*apply)(const void *o, struct mat u, struct mat h);
    /* out = s * a'(u), from h = a(u) alone unless of_input; u is {NULL} then where it was not kept. */
    void (*times_slope)(const void *o, struct mat u, struct mat h, struct mat s, struct mat out);
    /* out = s * (a' at the output h + d - a' at the output h) without cancellation. NULL with of_input. */
    void (*times_slope_difference)(const void *o, struct mat h, struct mat d, struct mat s, struct mat out);
    /* out = a(u + w) - a(u) without cancellation, from u, h = a(u) and w. */
    void (*difference)(const void *o, struct mat u, struct mat h, struct mat w, struct mat out);
    /* The same in place of w, entries [from, to) of every block of u.rows rows of w: of an activation whose blocks
     * share work. NULL: block by block. */
    void (*difference_blocks)(const void *o, struct mat u, struct mat w, size_t from, size_t to);
    /* out = the inverse on the clipped range (clamp = tol: tanh clips to [-1+tol, 1-tol], sigmoid to [tol, 1-tol], elu
     * to [-alpha+tol, inf), relu to [0, inf), the others not at all). This and the next two are NULL if the activation
     * has none. Roulet 2022 Sec. 2.1; sheet 3.3. */
    void (*inverse)(const void *o, struct mat v, real clamp, struct mat out);
    /* out = s * (the derivative of the inverse at the clipped h), not set to zero where the clip acts; relu: 1 if h > 0
     * else 0. */
    void (*times_inverse_slope)(const void *o, struct mat h, struct mat s, real clamp, struct mat out);
    /* out = inverse(h + d) - inverse(h) without cancellation */
    void (*inverse_difference)(const void *o, struct mat h, struct mat d, real clamp, struct mat out);
    /* The ends of the open range that the clamp keeps away from, infinite where there is none; NULL: the clamp moves
     * nothing. */
    void (*range)(const void *o, double *low, double *high);
    /* out = zeta(t), zeta' = a' as a function of the output, zeta(0) = 0, constant outside of the range of a: the
     * activation's feedback that has the transposed derivative. Bao 2024; NULL if a has no inverse. */
    void (*zeta)(const void *o, struct mat t, struct mat out);
    /* out = zeta(t + d) - zeta(t) without cancellation; there where zeta is. */
    void (*zeta_difference)(const void *o, struct mat t, struct mat d, struct mat out);
};

/* One that a file chose. def is NULL where a layer has none. */
struct act {
    const struct act_def *def;
    const void *opts;
};
static inline struct act act_of(struct chosen c)
{
    return (struct act){ (const struct act_def *)c.part, c.opts };
}
/* The functions of act_def; large matrices are shared among a team (base/team.h). */
void act_apply(struct act a, struct mat u, struct mat h);
void act_times_slope(struct act a, struct mat u, struct mat h, struct mat s, struct mat out);
void act_times_slope_difference(struct act a, struct mat h, struct mat d, struct mat s, struct mat out);
void act_difference(struct act a, struct mat u, struct mat h, struct mat w, struct mat out);
/* w becomes a(u + w) - a(u), h = a(u), for every block of u.rows rows of w. */
void act_difference_blocks(struct act a, struct mat u, struct mat h, struct mat w);

#define ACTIVATIONS(X) X(act_tanh) X(act_sigmoid) X(act_relu) X(act_linear) X(act_leaky_relu) X(act_elu) X(act_gelu)
#define ACT_EXTERN(name) extern const struct act_def name;
ACTIVATIONS(ACT_EXTERN)
#undef ACT_EXTERN
extern const struct registry act_registry;

#endif
