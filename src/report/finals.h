/* What each group came to: the last value of a metric, or the area under it, of every trial that is done. */
#ifndef TPRUN_REPORT_FINALS_H
#define TPRUN_REPORT_FINALS_H

#include "report/curves.h"

/* Where it is finite and the metric was logged to the end of the trial; an area also from the start, store/partial.h.
 */
enum finals_kind { FINALS_LAST, FINALS_AREA };

struct final {
    size_t n;
    double *values;           /* one for each trial that has it */
    double shortest, longest; /* steps where these trials ended; n > 0 */
};

struct finals {
    const char *metric, *unit, *shown;
    bool known_goal, largest; /* whether more or less of it is better, which one */
    struct final *of;         /* of each group */
};

int finals_read(struct finals *f, const struct subject *s, struct query *q, struct arena *a, const char *metric,
                enum finals_kind kind, struct err *e);
/* Mean and band over the seeds; n = 0 without a value. */
struct curve_point finals_point(const struct finals *f, size_t group, const struct curve_options *o);
/* Whether all trials of the group have a value. */
bool finals_whole(const struct finals *f, const struct subject *s, size_t group);
/* Groups with a value: whole ones first, each with the best first, ties in their order; where no goal is known the
 * largest. The number of them. */
size_t finals_rank(const struct finals *f, const struct subject *s, size_t *order, const struct curve_options *o,
                   struct arena *a);

#endif
