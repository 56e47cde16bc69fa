#include "store/summary.h"

#include <assert.h>
#include <math.h>

enum nonfinite summary_normalize(double *value)
{
    if (isfinite(*value)) {
        if (*value == 0)
            *value = 0; /* -0.0 == 0.0: one bit pattern for one number */
        return FINITE;
    }
    const enum nonfinite code = isnan(*value) ? NONFINITE_NAN : *value > 0 ? NONFINITE_PLUS_INF : NONFINITE_MINUS_INF;
    *value = 0;
    return code;
}

void summary_add(struct summary *s, int64_t step, double value, enum nonfinite nonfinite, enum goal goal)
{
    assert(s->n == 0 || step > s->end_step);
    const bool first = s->n == s->n_nonfinite;
    s->n++;
    s->end_step = step;
    if (nonfinite) {
        s->n_nonfinite++;
        return;
    }
    if (first) {
        s->first = s->best = s->min = s->max = value;
        s->best_step = step;
    } else {
        /* Halves are added before the product: value + last may overflow where the mean does not. */
        s->auc += (0.5 * value + 0.5 * s->last) * ((double)step - (double)s->last_step);
        if (value < s->min)
            s->min = value;
        if (value > s->max)
            s->max = value;
        if (goal == GOAL_MIN ? value < s->best : goal == GOAL_MAX && value > s->best) {
            s->best = value;
            s->best_step = step;
        }
    }
    s->last = value;
    s->last_step = step;
}
