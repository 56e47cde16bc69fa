/* What is kept of a metric beside its rows, so that lists never scan them: table summary. Pure arithmetic. */
#ifndef TPRUN_STORE_SUMMARY_H
#define TPRUN_STORE_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

enum goal { GOAL_NONE, GOAL_MIN, GOAL_MAX };

/* Codes of values that are no numbers; 0 = finite. */
enum nonfinite { FINITE = 0, NONFINITE_NAN = 1, NONFINITE_PLUS_INF = 2, NONFINITE_MINUS_INF = 3 };
/* The code of *value; *value becomes 0 unless it is finite, and -0.0 becomes 0.0. */
enum nonfinite summary_normalize(double *value);

struct summary {
    int64_t n, n_nonfinite;
    int64_t end_step;                   /* of the last row; valid for n > 0 */
    int64_t last_step, best_step;       /* these and what follows: valid for n > n_nonfinite */
    double first, last, best, min, max; /* of the finite values; best as in the first with GOAL_NONE: not stored */
    double auc;                         /* sum of (step_i - step_i-1) (value_i + value_i-1) / 2 over finite rows */
};
/* Adds a row whose step is above end_step. The order of additions is that of the steps, so the sums are the same bits
 * after a resume. */
void summary_add(struct summary *s, int64_t step, double value, enum nonfinite nonfinite, enum goal goal);

#endif
