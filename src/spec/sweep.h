/* Inside of the room: `sweep:` as dimensions of a table whose cells are counted, never listed. */
#ifndef TPRUN_SPEC_SWEEP_H
#define TPRUN_SPEC_SWEEP_H

#include "spec/axis.h"
#include "spec/bind.h"
#include "spec/study.h"

/* Axes that move together: one of a grid, those of a zip group, the random ones. */
struct dimension {
    const char *name;
    size_t first, n_axes;
    uint64_t n;
};

enum { CONDITION_VARIANT = -1, CONDITION_SEED = -2 };
struct condition {
    long axis;                /* index, or one of the two above */
    const struct node *value; /* a scalar, or a list: any of them */
};
struct exclusion {
    size_t n;
    struct condition *conditions; /* all must hold */
};

/* Which random draws have the values of an earlier one, on the axes that a trial has. */
struct draws {
    struct draws *next;
    const bool *has; /* [n_axes of the dimension] */
    uint64_t n, n_different;
    bool *repeats; /* [n], or NULL: there are too many to be looked at */
};

/* A key that is null where nothing is swept that it could take back. */
struct null_key {
    struct null_key *next;
    const char *key;
    const struct where *name_where; /* of each name of the key */
};

struct study_sweep {
    struct where where; /* of the key `sweep` */
    struct arena *arena;
    size_t n_axes, n_dimensions, n_exclusions;
    struct axis *axes;
    struct dimension *dimensions; /* the last one varies fastest */
    uint64_t random_seed;
    struct where random_where; /* of the number of draws */
    struct draws *draws;       /* those that were looked at */
    struct exclusion *exclusions;
    struct null_key *nulls;
    struct where exclude_where;
    bool overflow;     /* more than 2^64 cells */
    bool incomplete;   /* a swept key has no value at all: trials cannot be checked */
    struct node *root; /* of the composed file, for `${}` */
};

/* Reads the map under `sweep` (NULL = none). s has its variants and seeds already; sets s->sweep and s->n_cells. */
int sweep_open(struct study *s, const struct node *sweep, struct where where, struct node *root, struct err *e);
/* Checks that no override names a swept key or what contains one. */
int sweep_check_overrides(const struct study *s, struct err *e);
/* Index of the value that axis x takes in a cell. */
uint64_t sweep_index(const struct study_sweep *w, size_t axis, uint64_t cell);
/* "sweep.grid.train.batch_size": what an axis is called in the file. */
const char *sweep_axis_path(const struct study *s, size_t axis);
/* The draws of a random dimension. has: one per axis of the sweep. */
const struct draws *sweep_draws(struct study_sweep *w, const struct dimension *d, const bool *has);
/* The same for a trial that has all keys; NULL without random draws. */
const struct draws *sweep_all_draws(struct study_sweep *w);
/* Reads the list under `sweep.exclude`, once the axes are known. */
int exclude_open(struct study *s, const struct node *list, struct err *e);
/* values: one node per axis, NULL for one that the trial does not have. */
bool sweep_excludes(const struct study_sweep *w, const struct study_trial *t, struct node *const *values);
/* Of cells that differ only in keys that the trial does not have (has: one per axis), and of equal draws, one is kept:
 * false for it, true for the others. */
bool sweep_repeats(struct study_sweep *w, uint64_t cell, const bool *has);

/* A node per axis: its value in a cell. */
struct node **cell_values(const struct study_sweep *w, uint64_t cell, struct arena *a);
/* Which axes a variant's trial has, by study->trial_options. chooses: set for those that choose parts, so that with
 * other values of theirs a trial may have others; why: set for those it has not. */
void cell_find_keys(const struct study *s, size_t variant, struct node *const *values, bool *has, bool *chooses,
                    struct bind_missing *why, struct arena *a);

/* Whether the first cell of a variant has a key; why: set if not. */
bool cell_has_key(const struct study *s, size_t variant, const char *key, struct bind_missing *why, struct arena *a);

/* Trials that exclusions and keys without meaning leave, counted up to limit + 1. searched: cells that were looked at;
 * beyond CELL_MAX_SEARCHED of them (some ten seconds) the count is taken to be above the limit. */
enum { CELL_MAX_SEARCHED = 500000 };
uint64_t cell_count_kept(const struct study *s, uint64_t limit, uint64_t *searched);

/* The number of swept keys that end in these words, as "network.layers.0.rnn.units" does in "units"; axis: one of them.
 */
size_t sweep_find_ending(const struct study_sweep *w, const char *end, const struct axis **axis);

#endif
