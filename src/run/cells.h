/* The cells of a study as its check found them: what its trials are queued from, so that none is composed twice.
 *
 * Trials of a study differ in little. A configuration is kept once for all that have it in common, with null for the
 * values that differ: those that the sweep names, the seed, and those that follow from them by a reference. A cell
 * keeps these values and the keys of its trials, some 300 bytes and 65 for each seed. */
#ifndef TPRUN_RUN_CELLS_H
#define TPRUN_RUN_CELLS_H

#include "run/plan.h"
#include "store/store.h"

struct cell_config {
    struct store_config stored;
    int64_t id; /* in the store; 0 before it was put */
    struct cell_config *next;
};

struct cell {
    struct cell_config *config; /* NULL: the file excludes it, or it is the same as another */
    const char *text;           /* "train.optimizer.stepsize=0.1, train.batch_size=16", "" without a sweep */
    const char *tuning;         /* the cell for which it may be chosen; NULL: the file does not tune */
    int64_t budget;             /* steps */
    double operations, memory_bytes;
    size_t n_params;
    struct store_param *params; /* what differs; params[0] is the seed */
    char (*keys)[65];           /* [n_seeds]; "": excluded */
};

struct cells {
    struct arena arena;
    size_t n;                   /* variants x cells of the sweep */
    struct cell *items;         /* numbered cell fastest, then variant */
    struct cell_config **slots; /* a hash table, by SHA-256 */
    struct cell_base *bases;
};

int cells_open(struct plan_study *s, struct err *e);
void cells_close(struct plan_study *s);
/* Records cell i of the study. key: of its trial with the first seed. scratch: for the time of the call. */
void cells_keep(struct plan_study *s, uint64_t i, const struct study_trial *t, struct config *c, const char *key,
                const struct trial_size *size, struct arena *scratch);
/* The swept values, as the column `cell` has them. */
const char *cells_text(const struct study_trial *t, struct arena *a);

/* The cell for which this one may be chosen: "tuned", and the swept values that are not chosen; NULL: the study does
 * not tune. */
const char *cells_tuning(const struct study *s, const struct study_trial *t, struct arena *a);

/* plan_study.sha256: of the specification, and of what this program makes of the first cell of each variant. */
void cells_begin_fingerprint(struct plan_study *s, const char *code);
void cells_fingerprint(struct plan_study *s, const struct config *c, int64_t budget);
/* plan_study.asked_sha256 */
void cells_end_fingerprint(struct plan_study *s);

#endif
