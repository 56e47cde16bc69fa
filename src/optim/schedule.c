/* The schedules of a stepsize s, at time t counted from 0 in epochs or in training minibatches.
 *
 * A warm-up of W rises in equal parts, s (t + 1) / (W + 1) for t < W, so that the first step moves and time W has s;
 * the schedule's own time begins there. */
#include "optim/schedule.h"

#include <math.h>

static const char *const per_names[] = { "epoch", "step", NULL };

struct falling {
    struct schedule_common common;
    int64_t over;
    double minimum;
};
struct stairs {
    struct schedule_common common;
    int64_t every;
    double factor;
};

#define COMMON                                                                                                         \
    { "per",   OPT_ENUM,           offsetof(struct schedule_common, per),                                              \
      "epoch", .names = per_names, .help = "unit of time: epochs, or training minibatches" },                          \
    {                                                                                                                  \
        "warm_up", OPT_INT, offsetof(struct schedule_common, warm_up), "0", 0, 1e12,                                   \
            .help = "so many units the stepsize rises in equal parts; then the schedule begins"                        \
    }

static const struct option constant_options[] = { COMMON, { 0 } };
static const struct option step_options[] = {
    COMMON,
    { "every", OPT_INT, offsetof(struct stairs, every), NULL, 1, 1e12, OPTION_REQUIRED,
      "units of time between two steps" },
    { "factor", OPT_REAL, offsetof(struct stairs, factor), "0.1", 0, 1,
      .help = "multiplies the stepsize at each of them" },
    { 0 },
};
#define FALLING_OPTIONS(over_help)                                                                                     \
    {                                                                                                                  \
        COMMON, { "over", OPT_INT, offsetof(struct falling, over), NULL, 1, 1e12, OPTION_REQUIRED, over_help },        \
            { "minimum", OPT_REAL, offsetof(struct falling, minimum), "0", 0, 1e30, .help = "stepsize at that time" }, \
            { 0 },                                                                                                     \
    }
static const struct option linear_options[] = FALLING_OPTIONS("units of time to the minimum, which then stays");
static const struct option cosine_options[] =
    FALLING_OPTIONS("units of time to the minimum; from there the cosine rises again");

static double constant_at(const void *opts, double stepsize, int64_t t)
{
    (void)opts;
    (void)t;
    return stepsize;
}

static double step_at(const void *opts, double stepsize, int64_t t)
{
    const struct stairs *o = opts;
    return stepsize * pow(o->factor, (double)(t / o->every));
}

static double linear_at(const void *opts, double stepsize, int64_t t)
{
    const struct falling *o = opts;
    return t >= o->over ? o->minimum : stepsize + (o->minimum - stepsize) * ((double)t / (double)o->over);
}

/* t modulo the period, so that the argument stays small. */
static double cosine_at(const void *opts, double stepsize, int64_t t)
{
    static const double pi = 3.14159265358979323846;
    const struct falling *o = opts;
    return o->minimum + (stepsize - o->minimum) * (1 + cos(pi * (double)(t % (2 * o->over)) / (double)o->over)) / 2;
}

static double minimum(const void *opts)
{
    return ((const struct falling *)opts)->minimum;
}

#define SCHEDULE(name_, help_, ref_, type, ...)                                                                        \
    static const struct schedule_def schedule_##name_ = { .part = { .name = #name_,                                    \
                                                                    .help = help_,                                     \
                                                                    .ref = ref_,                                       \
                                                                    .options = name_##_options,                        \
                                                                    .opts_size = sizeof(struct type) },                \
                                                          .at = name_##_at,                                            \
                                                          __VA_ARGS__ }
SCHEDULE(constant, "the stepsize as it is, after the warm-up", NULL, schedule_common, .minimum = NULL);
SCHEDULE(step, "multiplied by a factor again and again", NULL, stairs, .minimum = NULL);
SCHEDULE(linear, "falls in equal parts", NULL, falling, .minimum = minimum);
SCHEDULE(cosine, "falls along half a cosine", "Loshchilov 2017, Eq. (5), without restarts; Ernoult 2022, code", falling,
         .minimum = minimum);

static const struct part *const parts[] = { &schedule_constant.part, &schedule_step.part, &schedule_linear.part,
                                            &schedule_cosine.part };
const struct registry schedule_registry = { .kind = "schedule",
                                            .parts = parts,
                                            .n_parts = sizeof parts / sizeof *parts };

double schedule_stepsize(struct chosen schedule, double stepsize, int64_t step, int64_t epoch)
{
    const struct schedule_common *common = schedule_common_of(schedule);
    const int64_t t = common->per == PER_STEP ? step : epoch;
    if (t < common->warm_up)
        return stepsize * ((double)(t + 1) / (double)(common->warm_up + 1));
    return ((const struct schedule_def *)schedule.part)->at(schedule.opts, stepsize, t - common->warm_up);
}

double schedule_minimum(struct chosen schedule)
{
    const struct schedule_def *def = (const struct schedule_def *)schedule.part;
    return def->minimum ? def->minimum(schedule.opts) : 0;
}
