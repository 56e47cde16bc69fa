/* Merging the databases of shards into one, with their checkpoints: `tprun merge`. */
#ifndef TPRUN_RUN_MERGE_H
#define TPRUN_RUN_MERGE_H

#include "store/merge.h"
#include "store/query.h"

struct merge_options {
    const char *output; /* a database, which may be there already and then takes part */
    size_t n_inputs;
    const char *const *inputs; /* databases, or folders of them (*.db) */
    bool keep_both, quiet, color;
    struct query_limits limits; /* of the measures of claims */
};
struct merge_result {
    size_t n_databases;
    int64_t checkpoints; /* that were brought */
    struct merge_counts counts;
};

/* All or nothing: the inputs are copied, checked and merged into a database of their own in a temporary folder, and
 * that into the output in one transaction. The inputs are only read, whatever else happens to them meanwhile. Errors:
 * ERR_CONFLICT (store/merge.h), ERR_STORAGE naming every input that is damaged or no database of tprun, ERR_LOCKED. */
int merge_databases(const struct merge_options *o, struct merge_result *result, struct err *e);

#endif
