/* What a file says of train.stop.metric, and what its tests cost. */
#include "trial/measures.h"

#include <math.h>
#include <string.h>

#define METRIC "train.stop.metric"

/* Metrics that may end a trial: losses and accuracies of data that it may look at while it trains. */
static bool may_end(const struct measure_def *m)
{
    return measure_is_evaluation(m) && m->split != SPLIT_TEST;
}

static const char *advice(const struct config *c, const struct data_shape *data, struct arena *a)
{
    const char **known = arena_need(a, measure_registry.n_parts, sizeof *known);
    size_t n = 0;
    for (size_t i = 0; i < measure_registry.n_parts; i++) {
        const struct measure_def *m = (const struct measure_def *)measure_registry.parts[i];
        if (may_end(m) && measure_is_defined(m, dataset_def_of(c->dataset), data))
            known[n++] = m->part.name;
    }
    return bind_advice(c->train.stop.metric, known, n, a);
}

static bool is_logged(const struct config *c)
{
    for (size_t i = 0; i < c->log.metrics.n; i++)
        if (strcmp(c->log.metrics.items[i], c->train.stop.metric) == 0)
            return true;
    return false;
}

static int check_metric(const struct config *c, const struct data_shape *data, struct arena *a, struct err *late)
{
    const char *name = c->train.stop.metric;
    const struct measure_def *m = measure_find(name);
    if (!m)
        return err_about(late, METRIC, "unknown metric '%s'%s", name, advice(c, data, a));
    if (measure_is_evaluation(m) && m->split == SPLIT_TEST)
        return err_about(late, METRIC,
                         "'%s' is of the test set, and to end a trial by it is to select on the test set; use a "
                         "metric of validation or training data%s",
                         name, data->valid_size ? ": valid_loss" : "");
    if (!may_end(m))
        return err_about(late, METRIC, "'%s' is no loss or accuracy of training or validation data%s", name,
                         advice(c, data, a));
    if (!measure_is_defined(m, dataset_def_of(c->dataset), data))
        return err_about(late, METRIC, "'%s' is not defined for dataset '%s'%s", name, c->dataset.part->name,
                         m->split == SPLIT_VALID && data->valid_size == 0 ? ", which holds out no samples" : "");
    if (!is_logged(c))
        return err_about(late, METRIC,
                         "'%s' is not logged, so that nobody would see why a trial ended; add it to "
                         "log.metrics",
                         name);
    if (m->accuracy && c->train.stop.target > 100)
        return err_about(late, "train.stop.target", "%g is out of reach: '%s' is in percent", c->train.stop.target,
                         name);
    return 0;
}

/* Keys that say something of a metric, where none is named. */
static int check_alone(const struct config_stop *s, struct err *late)
{
    const char *key = s->patience > 0       ? "train.stop.patience"
                      : s->target >= 0      ? "train.stop.target"
                      : s->min_delta > 0    ? "train.stop.min_delta"
                      : s->every_epochs > 0 ? "train.stop.every_epochs"
                                            : NULL;
    return key ? err_about(late, key, "of which metric? Name it: stop: {metric: valid_loss, ...}") : 0;
}

int stop_check(const struct config *c, const struct data_shape *data, struct arena *a, struct err *late)
{
    const struct config_stop *s = &c->train.stop;
    if (!s->metric)
        return check_alone(s, late);
    TRY(check_metric(c, data, a, late));
    if (s->patience == 0 && s->target < 0)
        return err_about(late, METRIC, "'%s' ends no trial without a patience or a target", s->metric);
    if (s->min_delta > 0 && s->patience == 0)
        return err_about(late, "train.stop.min_delta", "says what is better, which only patience asks");
    if (s->every_epochs > 0 && data->train_size == 0)
        return err_about(late, "train.stop.every_epochs",
                         "dataset '%s' draws fresh samples without end and has no epochs; use every",
                         c->dataset.part->name);
    if (c->log.samples > 1)
        return err_about(late, METRIC,
                         "evaluations average log.samples passes, which is no part of a trial's identity "
                         "and must not decide where it ends; use samples: 1");
    return 0;
}

static double greatest_common_divisor(double a, double b)
{
    while (b > 0) {
        const double rest = fmod(a, b);
        a = b;
        b = rest;
    }
    return a;
}

/* Multiples of `every` up to `steps` that are none of `log`: where a log is due too, its evaluation serves both. */
static double apart(double steps, double every, double log)
{
    return floor(steps / every) - floor(steps / (every / greatest_common_divisor(every, log) * log));
}

double stop_work(const struct config *c, const struct data_shape *data)
{
    const double steps = (double)config_budget(c, data), log = (double)c->log.every;
    const double tests = stop_every(c, data) ? apart(steps, (double)stop_every(c, data), log) : 0;
    const double checks = c->train.stop.loss_above_initial > 0 ? apart(steps, (double)c->train.stop.every, log) : 0;
    if (tests == 0 || data->eval_size == 0)
        return checks;
    const bool valid = measure_find(c->train.stop.metric)->split == SPLIT_VALID;
    return checks + tests * (valid ? (double)data->valid_size / (double)data->eval_size : 1);
}
