/* linear: the identity */
#include "math/act_loop.h"

static void linear_apply(const void *o, struct mat u, struct mat h)
{
    (void)o;
    mat_copy(u, h);
}

static void linear_times_slope(const void *o, struct mat u, struct mat h, struct mat s, struct mat out)
{
    (void)o, (void)u;
    same_shape(h, s);
    mat_copy(s, out);
}

static void linear_times_slope_difference(const void *o, struct mat h, struct mat d, struct mat s, struct mat out)
{
    (void)o;
    same_shape(h, s);
    same_shape(h, d);
    mat_zero(out);
}

static void linear_difference(const void *o, struct mat u, struct mat h, struct mat w, struct mat out)
{
    (void)o;
    same_shape(u, h);
    mat_copy(w, out);
}

static void linear_inverse(const void *o, struct mat v, real clamp, struct mat out)
{
    (void)o, (void)clamp;
    mat_copy(v, out);
}

/* Both the derivative of the inverse times s and the difference of the inverse are the displacement itself. */
static void linear_displacement(const void *o, struct mat h, struct mat d, real clamp, struct mat out)
{
    (void)o, (void)clamp;
    same_shape(h, d);
    mat_copy(d, out);
}

static void linear_zeta(const void *o, struct mat t, struct mat out)
{
    (void)o;
    mat_copy(t, out);
}

static void linear_zeta_difference(const void *o, struct mat t, struct mat d, struct mat out)
{
    (void)o;
    same_shape(t, d);
    mat_copy(d, out);
}

const struct act_def act_linear = {
    .part = { .name = "linear", .help = "the identity" },
    .apply = linear_apply,
    .times_slope = linear_times_slope,
    .times_slope_difference = linear_times_slope_difference,
    .difference = linear_difference,
    .inverse = linear_inverse,
    .times_inverse_slope = linear_displacement,
    .inverse_difference = linear_displacement,
    .zeta = linear_zeta,
    .zeta_difference = linear_zeta_difference,
};
