/* What a study that tunes has chosen, what it reaches with fresh seeds, and what choosing took: views `tuned` and
 * `tuning_costs`, as tables print them. */
#ifndef TPRUN_REPORT_TUNED_ROWS_H
#define TPRUN_REPORT_TUNED_ROWS_H

#include "store/query.h"
#include <stdbool.h>

/* Columns of the views as texts, for the time of the visit; NULL where they are. Those up to n_trials are there. */
struct tuned_row {
    const char *variant, *cell, *metric, *n, *n_asked, *n_trials;
    const char *chosen; /* a cell of the sweep; "": the only one */
    const char *value, *accuracy, *accuracy_sd, *loss, *loss_sd, *n_cells, *steps, *cpu_s, *flops, *note, *border;
    const char *best;    /* "largest" or "smallest" */
    const char *of_cell; /* the values that were not chosen among; NULL: there are none */
    bool complete;       /* no fresh seed is missing */
    bool hopeless;       /* all of the sweep has ended, and there is nothing to choose */
};
/* In the order of the file. Nothing for a study that does not tune. */
int tuned_rows(struct query *q, const char *study, int (*visit)(void *self, const struct tuned_row *r), void *self,
               struct err *e);

#endif
