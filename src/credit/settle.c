#include "credit/settle.h"

#include <math.h>

/* Largest over the rows; NaN if there is one. */
static double largest_norm(struct mat a)
{
    double largest = 0;
    for (size_t i = 0; i < a.rows; i++) {
        const double squares = mat_sum_squares(mat_rows(a, i, 1));
        if (isnan(squares) || squares > largest) /* once it is NaN no row is larger */
            largest = squares;
    }
    return sqrt(largest);
}

static int move(struct settling *s, size_t k, struct err *e)
{
    struct settled *of = &s->of[k];
    if (s->factor != 1)
        mat_scale((real)s->factor, s->change[k], s->change[k]);
    mat_add(s->value[k], s->change[k], s->value[k]);
    of->before = of->last;
    of->last = largest_norm(s->change[k]);
    of->steps = s->t + 1;
    return s->sweep == SWEEP_TOP_DOWN && s->moved ? s->moved(s, k, e) : 0;
}

static int step(struct settling *s, struct err *e)
{
    for (size_t k = s->hi; k-- > s->lo;) {
        TRY(s->step(s, k, s->change[k], e));
        if (s->sweep == SWEEP_TOP_DOWN)
            TRY(move(s, k, e));
    }
    if (s->sweep == SWEEP_TOP_DOWN)
        return 0;
    for (size_t k = s->hi; k-- > s->lo;)
        TRY(move(s, k, e));
    for (size_t k = s->hi; s->moved && k-- > s->lo;)
        TRY(s->moved(s, k, e));
    return 0;
}

/* Whether the lowest link's values have come to rest, on all of its ways. */
static bool rests(const struct settling *s)
{
    const struct way *ways = s->c->ways;
    for (size_t k = s->lo; k < s->hi && ways[k].from == ways[s->lo].from; k++)
        if (!(s->of[k].last < s->precision))
            return false;
    return s->hi > s->lo;
}

int settle(struct settling *s, struct err *e)
{
    for (size_t k = s->lo; k < s->hi; k++)
        s->of[k] = (struct settled){ 0 };
    for (s->t = 0; s->t < s->steps; s->t++) {
        TRY(step(s, e));
        if (s->t + 1 >= s->first_test && rests(s))
            break;
    }
    return 0;
}
