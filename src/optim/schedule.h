/* How a stepsize changes in the course of training. It is a pure function of the time, so there is nothing to keep for
 * a trial that is resumed. */
#ifndef TPRUN_OPTIM_SCHEDULE_H
#define TPRUN_OPTIM_SCHEDULE_H

#include "base/part.h"

enum schedule_per { PER_EPOCH, PER_STEP };

/* First in every schedule's options. */
struct schedule_common {
    int per;         /* enum schedule_per: what time is counted in */
    int64_t warm_up; /* units of time before the schedule's own begin */
};

struct schedule_def {
    struct part part;
    /* The stepsize at time t >= 0 after the warm-up; stepsize: that of time 0. */
    double (*at)(const void *opts, double stepsize, int64_t t);
    /* The least stepsize that the schedule leads to, or NULL where the file names none. */
    double (*minimum)(const void *opts);
};

/* constant step linear cosine */
extern const struct registry schedule_registry;

static inline const struct schedule_common *schedule_common_of(struct chosen c)
{
    return c.opts;
}
/* The stepsize at `step` of `epoch`, both from 0: of the two, the one that the schedule counts in. */
double schedule_stepsize(struct chosen schedule, double stepsize, int64_t step, int64_t epoch);
/* The least stepsize that the file names; 0 where it names none. */
double schedule_minimum(struct chosen schedule);

#endif
