#include "trial/private.h"

#include <math.h>

/* With unit vectors x and y: 2 atan2(|x - y|, |x + y|) (Kahan), exact to rounding also where a cosine is 1 to rounding.
 */
bool angle_between(size_t n, const struct mat *a, const struct mat *b, double *degrees)
{
    double of_a = 0, of_b = 0, apart = 0, together = 0;
    for (size_t i = 0; i < n; i++) {
        of_a += mat_sum_squares(a[i]);
        of_b += mat_sum_squares(b[i]);
    }
    if (of_a == 0 || of_b == 0)
        return false;
    const double scale_a = 1 / sqrt(of_a), scale_b = 1 / sqrt(of_b);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < mat_n(a[i]); j++) {
            const double x = scale_a * (double)a[i].p[j], y = scale_b * (double)b[i].p[j];
            apart += (x - y) * (x - y);
            together += (x + y) * (x + y);
        }
    *degrees = 2 * atan2(sqrt(apart), sqrt(together)) * 180 / M_PI;
    return true;
}

bool angle_of_layer(struct trial *t, size_t layer, bool biases, real *other, double *degrees)
{
    const struct layer *l = &t->chain.layers[layer];
    struct mat a[LAYER_MAX_PARAMS], b[LAYER_MAX_PARAMS];
    size_t n = 0;
    for (size_t j = 0; j < l->n_params; j++)
        if (l->params[j].is_bias == biases) {
            a[n] = layer_param(l, j, trial_direction(t));
            b[n++] = layer_param(l, j, other);
        }
    return angle_between(n, a, b, degrees);
}
