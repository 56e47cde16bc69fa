/* What `tprun run` prints of a study when its trials have ended: means over the seeds, of the test set or else of the
 * train loss. Cells stand in the order of a metric of validation where one was logged. */
#ifndef TPRUN_CLI_RUN_TABLE_H
#define TPRUN_CLI_RUN_TABLE_H

#include "store/query.h"

/* one_off: the trials that the command line made beside the specification. */
int run_table_print(struct query *q, const char *study, bool one_off, struct err *e);
/* The same rows of all studies for another program. */
int run_table_write(struct query *q, const char *const *studies, size_t n, bool one_off, enum query_format format,
                    struct err *e);

#endif
