/* Trials, by their row ids. */
#ifndef TPRUN_CLI_IDS_H
#define TPRUN_CLI_IDS_H

#include "store/query.h"

/* Zero-initialise; ids_free. */
struct ids {
    size_t n, capacity;
    int64_t *items;
};
/* Adds the first column of each row. */
int ids_select(struct ids *ids, struct query *q, const char *sql, const char *const *arguments, size_t n_arguments,
               struct err *e);
void ids_free(struct ids *ids);

#endif
