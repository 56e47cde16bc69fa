/* Where a trial's records go: to the parent over a socket, or into a list in a test. The trial never learns what a
 * database is. */
#ifndef TPRUN_BASE_SINK_H
#define TPRUN_BASE_SINK_H

#include "base/err.h"
#include <stdint.h>

struct sink {
    /* One value of a metric at a step (0 = before training). NaN and infinities are allowed. */
    int (*metric)(struct sink *s, const char *name, int64_t step, double value, struct err *e);
    /* One value per layer or time step. */
    int (*layer_metric)(struct sink *s, const char *name, int64_t step, int64_t layer, double value, struct err *e);
    /* Time spent in a phase since the attempt began ("train", "evaluate", "checkpoint", "log"). */
    int (*cost)(struct sink *s, const char *phase, int64_t wall_ns, int64_t cpu_ns, double flops, struct err *e);
    /* A remark kept with the trial: "diverged", "resumed". */
    int (*event)(struct sink *s, int64_t step, const char *kind, const char *text, struct err *e);
    /* A durable checkpoint file, by its bare name: everything recorded so far belongs to steps <= step. */
    int (*checkpoint)(struct sink *s, int64_t step, const char *name, const char *sha256, struct err *e);
};

#endif
