#include "trial/measures.h"

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

double degrees_between(double apart, double a, double b)
{
    const double lengths = sqrt(a) - sqrt(b), chord = (apart - lengths * lengths) / sqrt(a * b);
    return isnan(chord) ? NAN : 2 * atan2(sqrt(fmax(chord, 0)), sqrt(fmax(4 - chord, 0))) * 180 / M_PI;
}

bool angle_of_layer(struct trial *t, size_t layer, bool biases, real *other, double *degrees)
{
    const struct unit *u = &t->chain.units[layer];
    const struct arena_mark mark = arena_mark(&t->scratch);
    struct mat *a = arena_need(&t->scratch, u->n_params, sizeof *a),
               *b = arena_need(&t->scratch, u->n_params, sizeof *b);
    size_t n = 0;
    for (size_t j = 0; j < u->n_params; j++)
        if (u->params[j].is_bias == biases) {
            a[n] = unit_param(u, j, trial_direction(t));
            b[n++] = unit_param(u, j, other);
        }
    const bool defined = angle_between(n, a, b, degrees);
    arena_rewind(&t->scratch, mark);
    return defined;
}
