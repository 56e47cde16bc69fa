/* Where a trial's records go: to the parent over a socket, or into a list in a test. The trial never learns what a
 * database is. */
#ifndef TPRUN_BASE_SINK_H
#define TPRUN_BASE_SINK_H

#include "base/err.h"
#include <stdint.h>

/* What the training of a trial has cost since its step 0, in the attempt at hand and in those before the checkpoints
 * that it went on from; evaluations and checkpoints do not count. NaN where an older version did not write it down. */
struct spent {
    double cpu_ns, flops;
};

/* How far a trial is at a logged step. epoch: passes over the training set; NaN for endless data. */
struct reached {
    int64_t step, samples;
    double epoch;
    struct spent spent;
};

struct sink {
    /* One value of a metric at a step (0 = before training). NaN and infinities are allowed. */
    int (*metric)(struct sink *s, const char *name, int64_t step, double value, struct err *e);
    /* One value per layer or time step. */
    int (*layer_metric)(struct sink *s, const char *name, int64_t step, int64_t layer, double value, struct err *e);
    /* Time spent in a phase since the attempt began ("train", "evaluate", "checkpoint", "log"). */
    int (*cost)(struct sink *s, const char *phase, int64_t wall_ns, int64_t cpu_ns, double flops, struct err *e);
    /* A remark kept with the trial: "diverged", "resumed"; a "warning" is shown too. May be NULL where a log alone is
     * taken. */
    int (*event)(struct sink *s, int64_t step, const char *kind, const char *text, struct err *e);
    /* A durable checkpoint file, by its bare name: everything recorded so far belongs to steps <= step. */
    int (*checkpoint)(struct sink *s, int64_t step, const char *name, const char *sha256, struct spent spent,
                      struct err *e);
    /* Once for each logged step, before its metrics. */
    int (*reached)(struct sink *s, const struct reached *p, struct err *e);
};

#endif
