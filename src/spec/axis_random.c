/* Random axes: distributions as a file writes them, and their draws. */
#include "base/rng.h"
#include "spec/axis.h"
#include <math.h>
#include <string.h>

static const char *const forms[] = { "uniform",    "loguniform", "choice",      "randint",
                                     "lograndint", "quniform",   "qloguniform", NULL };
static const char help[] = "{uniform|loguniform: [from, to]}, {randint|lograndint: [from, to]}, {quniform|qloguniform: "
                           "[from, to, q]} or {choice: [...]}";

const char *const *axis_random_forms(size_t *n, const char **text)
{
    *n = sizeof forms / sizeof *forms - 1;
    *text = help;
    return forms;
}

/* Values are multiples of q, both ends included as far as they are some. */
static int bind_quantum(struct axis *x, const struct node *list, const char *path, struct err *e)
{
    const double least = ceil(x->from / x->step - 1e-9), most = floor(x->to / x->step + 1e-9);
    if (!(least < most))
        return err_at(e, list->where, "%s: fewer than two multiples of %g between %s and %s", path, x->step,
                      list->items[0]->text, list->items[1]->text);
    if (!(fabs(least) < AXIS_MAX_COUNT && fabs(most) < AXIS_MAX_COUNT))
        return err_at(e, list->where, "%s: more values than can be counted", path);
    x->from = least * x->step;
    x->to = most * x->step;
    if (x->kind == AXIS_LOGUNIFORM && x->from == 0)
        return err_at(e, list->where, "%s: the logarithm has no end at 0", path);
    return 0;
}

int axis_bind_random(struct axis *x, const char *form, const struct node *list, const char *path, struct err *e)
{
    const bool quantum = form[0] == 'q', integer = strstr(form, "randint") != NULL;
    double v[3] = { 0 };
    if (strcmp(form, "choice") == 0) {
        x->kind = AXIS_CHOICE;
        x->list = list;
        if (list->n == 0 || list->n > TREE_MAX_NODES)
            return err_at(e, list->where, "%s: expected at least one value", path);
        return 0;
    }
    TRY(axis_read_numbers(list, v, quantum ? 3 : 2, path, e));
    x->kind = strstr(form, "log") ? AXIS_LOGUNIFORM : AXIS_UNIFORM;
    x->from = v[0];
    x->to = v[1];
    x->step = integer ? 1 : v[2];
    if (!(v[0] < v[1]))
        return err_at(e, list->where, "%s: expected [from, to] with from < to", path);
    if (!isfinite(v[1] - v[0]))
        return err_at(e, list->where, "%s: the distance between %s and %s is not finite", path, list->items[0]->text,
                      list->items[1]->text);
    if (x->kind == AXIS_LOGUNIFORM && !(v[0] > 0))
        return err_at(e, list->where, "%s: %s is between values, not exponents; both must be > 0", path, form);
    for (size_t i = 0; integer && i < 2; i++)
        if (v[i] != floor(v[i]))
            return err_at(e, list->items[i]->where, "%s: expected an integer, found %s", path, list->items[i]->text);
    if (quantum && !(x->step > 0))
        return err_at(e, list->items[2]->where, "%s: expected a step q > 0, found %s", path, list->items[2]->text);
    return quantum || integer ? bind_quantum(x, list, path, e) : 0;
}

/* Six digits: what a table of results shows is what ran, and no libm's last bit decides which trial it is. */
double axis_draw(const struct axis *x, struct rng *r)
{
    const double u = rng_uniform(r);
    if (x->step > 0 && x->kind == AXIS_UNIFORM) { /* every multiple is as likely as any other */
        const double n = round((x->to - x->from) / x->step) + 1;
        return axis_snap(x->from + fmin(floor(u * n), n - 1) * x->step, fmax(fabs(x->from), fabs(x->to)));
    }
    double v =
        x->kind == AXIS_UNIFORM ? x->from + (x->to - x->from) * u : exp(log(x->from) + (log(x->to) - log(x->from)) * u);
    v = x->step > 0 ? axis_snap(round(v / x->step) * x->step, 0) : axis_short_decimal(v);
    return fmin(fmax(v, x->from), x->to);
}
