/* Several studies as one: what Agarwal et al. 2021 ask of a comparison over tasks. */
#ifndef TPRUN_REPORT_COMPARE_STUDIES_H
#define TPRUN_REPORT_COMPARE_STUDIES_H

#include "report/compare_cells.h"

/* Two parts of a document: `aggregates`, interquartile means, means and the probability of improvement, and `profile`,
 * the share of seeds that are at least so good, each with the interval of a bootstrap inside every study and cell. What
 * is not known because seeds are missing is NULL. */
int compare_print_studies(const struct compare_cells *cells, enum compare_goal goal, enum query_format format,
                          FILE *out, struct err *e);

#endif
