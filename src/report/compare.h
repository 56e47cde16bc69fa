/* Two variants, paired by seed. Equal seeds see the same data, initial weights and noise, so their differences vary
 * less than either side. */
#ifndef TPRUN_REPORT_COMPARE_H
#define TPRUN_REPORT_COMPARE_H

#include "base/text.h"
#include "report/subject.h"

struct compare_side {
    const char *study, *variant;
};

/* Last values of the metric (NULL: the main one of A's study) of all current trials that have one, by cell. Trials are
 * paired that have the same cell and seed; by seed alone if each side has one cell. */
int compare_write(struct text *out, struct query *q, struct compare_side a, struct compare_side b, const char *metric,
                  struct err *e);

#endif
