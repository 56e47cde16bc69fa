/* train.stop.metric: what ends a trial before its budget, a target or a plateau.
 *
 * Tests are evaluations at steps that the file gives, whatever is logged and however large the budget is: both are no
 * part of a trial's identity, so they must not decide where it ends. A value that is not finite is never better. */
#include "trial/measures.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

int64_t stop_every(const struct config *c, const struct data_shape *data)
{
    const struct config_stop *s = &c->train.stop;
    if (!s->metric)
        return 0;
    return s->every_epochs > 0 ? s->every_epochs * config_per_epoch(c, data) : s->every;
}

void stop_open(struct trial *t)
{
    t->stop = (struct stop){ .every = stop_every(t->config, &t->data), .best = NAN, .last = NAN };
    if (t->stop.every > 0)
        t->stop.metric = measure_find(t->config->train.stop.metric);
}

static bool is_goal_max(const struct stop *s)
{
    return strcmp(s->metric->goal, "max") == 0;
}

int stop_test(struct trial *t, struct err *e)
{
    const struct config_stop *o = &t->config->train.stop;
    struct stop *s = &t->stop;
    const double sign = is_goal_max(s) ? 1 : -1;
    double value;
    TRY(measure_evaluate(t, s->metric, &value, e));
    s->last = value;
    if (isfinite(value) && (isnan(s->best) || sign * (value - s->best) > o->min_delta)) {
        s->best = value;
        s->best_step = t->step;
        s->tests = 0;
    } else {
        s->tests++;
    }
    if (o->target >= 0 && sign * (value - o->target) >= 0)
        s->cause = STOP_TARGET;
    else if (o->patience > 0 && s->tests >= o->patience)
        s->cause = STOP_PLATEAU;
    return 0;
}

void stop_reason(const struct trial *t, char *reason, size_t size)
{
    const struct config_stop *o = &t->config->train.stop;
    const struct stop *s = &t->stop;
    if (s->cause == STOP_TARGET)
        snprintf(reason, size, "target: %s %.4g, asked for %.4g", o->metric, s->last, o->target);
    else if (s->cause == STOP_PLATEAU && isnan(s->best))
        snprintf(reason, size, "plateau: %s was not finite in %" PRId64 " tests", o->metric, s->tests);
    else if (s->cause == STOP_PLATEAU)
        snprintf(reason, size, "plateau: %s not better than %.4g of step %" PRId64 " in %" PRId64 " tests", o->metric,
                 s->best, s->best_step, s->tests);
    else
        reason[0] = 0;
}

void stop_save(const struct trial *t, double numbers[STOP_NUMBERS])
{
    const struct stop *s = &t->stop;
    const double all[STOP_NUMBERS] = { s->best, s->last, (double)s->best_step, (double)s->tests, (double)s->cause };
    memcpy(numbers, all, sizeof all);
}

static bool is_count(double x, double most)
{
    return x >= 0 && x <= most && x == floor(x);
}

bool stop_restore(struct trial *t, const double numbers[STOP_NUMBERS], bool apply)
{
    if (!is_count(numbers[2], 1e15) || !is_count(numbers[3], 1e15) || !is_count(numbers[4], STOP_PLATEAU))
        return false;
    if (apply) {
        t->stop.best = numbers[0];
        t->stop.last = numbers[1];
        t->stop.best_step = (int64_t)numbers[2];
        t->stop.tests = (int64_t)numbers[3];
        t->stop.cause = (enum stop_cause)numbers[4];
    }
    return true;
}
