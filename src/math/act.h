/* Activations, element-wise on whole matrices. Vectorised; NaN and infinities pass through as mathematics has it.
 * tanh in single: within 2 ulp of libm's tanhf over the whole range. */
#ifndef TPRUN_MATH_ACT_H
#define TPRUN_MATH_ACT_H

#include "math/mat.h"

struct act {
    const char *name, *help;
    /* h = a(u); out may alias u */
    void (*apply)(struct mat u, struct mat h);
    /* out = s * a'(u), from the output h = a(u) alone; out may alias s */
    void (*times_slope)(struct mat h, struct mat s, struct mat out);
    /* out = s * (a'(at the output h + d) - a'(at the output h)) without cancellation; out may alias s */
    void (*times_slope_difference)(struct mat h, struct mat d, struct mat s, struct mat out);
    /* out = a(u + w) - a(u) without cancellation, from h = a(u) and w; u is given for activations that need it (relu), out may alias w */
    void (*difference)(struct mat u, struct mat h, struct mat w, struct mat out);
    /* The inverse on the clipped range (clamp = tol: tanh clips to [-1+tol, 1-tol], sigmoid to [tol, 1-tol], relu to [0, inf), leaky_relu and linear not at all; NULL if the
     * activation has none). out may alias v. Roulet 2022 Sec. 2.1; sheet 3.3. */
    void (*inverse)(struct mat v, real clamp, struct mat out);
    /* out = s * dainv(h), the derivative of the inverse at the clipped h, not set to zero where the clip acts; relu: 1 if h > 0 else 0;
     * leaky_relu: 5 below 0. */
    void (*times_inverse_slope)(struct mat h, struct mat s, real clamp, struct mat out);
    /* out = inverse(h + d) - inverse(h) without cancellation; out may alias d */
    void (*inverse_difference)(struct mat h, struct mat d, real clamp, struct mat out);
};

/* w becomes a(u + w) - a(u), h = a(u), for every block of u.rows rows of w. */
void act_difference_blocks(const struct act *act, struct mat u, struct mat h, struct mat w);

/* tanh, sigmoid, relu, linear, leaky_relu; closed by NULL, in the order of act_names. An option table binds an index into both. */
enum act_index { ACT_TANH, ACT_SIGMOID, ACT_RELU, ACT_LINEAR, ACT_LEAKY_RELU };
extern const struct act *const act_all[];
extern const char *const act_names[];

#endif
