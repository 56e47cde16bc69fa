/* One side of `tprun diff`: the configurations of a trial, a variant, a study or a file, as sets of values. */
#ifndef TPRUN_CLI_DIFF_SIDE_H
#define TPRUN_CLI_DIFF_SIDE_H

#include "cli/cli.h"

struct diff_value {
    const char *variant, *key, *value;
};
struct diff_side {
    struct arena *arena;
    bool is_trial;   /* one of the database */
    bool by_variant; /* a study or a file */
    size_t n, capacity;
    struct diff_value *items; /* sorted, each once */
};

/* name: a file, at least 4 digits of a trial's key, STUDY, STUDY:VARIANT, or STUDY:VARIANT:CELL:SEED. */
int diff_side_read(struct diff_side *s, const struct cli *c, const char *name, struct err *e);
/* From now on the variants do not matter. */
void diff_side_merge(struct diff_side *s);

#endif
