/* A study: one experiment file with its variants, sweep, profiles, claims and seeds, as a countable list of trials.
 *
 * Order of layers, later wins: the file it extends, the file, the profile, then for each trial: the variant, the sweep
 * cell, the overrides of the command line. A profile is a partial file, so it may change variants, sweep and claims as
 * well. An override may name anything a file may contain; one that names a swept key is an error that says so. `null`
 * in an overlay removes a key. Trials are numbered: seed fastest, then sweep cell, then variant; no list of them is
 * ever held, so a sweep of 10^12 costs nothing to count. */
#ifndef TPRUN_SPEC_STUDY_H
#define TPRUN_SPEC_STUDY_H

#include "base/part.h"
#include "spec/tree.h"
#include <stdint.h>

/* What `value` and `compare` are about. */
enum claim_at { CLAIM_LAST, CLAIM_BEST, CLAIM_SELECTED, CLAIM_STEP, CLAIM_FROM };
enum { CLAIM_AS_VALUE, CLAIM_AS_ERROR };
struct claim_quantity {
    const struct node *map;    /* for the places of its keys; NULL after a mistake */
    struct names better, than; /* value: better has its variant, than is empty */
    const char *metric, *cell; /* cell: as the column of the tables, or NULL */
    int at;                    /* enum claim_at */
    int64_t step;              /* CLAIM_STEP: the value there; CLAIM_FROM: the mean of what is logged from there on */
    int as;                    /* CLAIM_AS_ERROR: 100 less the metric */
    bool has_layer, has_margin;
    int64_t layer;
    double margin; /* compare: better by more than this */
};
enum claim_kind { CLAIM_MEASURE, CLAIM_VALUE, CLAIM_COMPARE };
struct study_claim {
    struct where where, what; /* what: of measure, value or compare */
    const char *path;         /* "claims.3", for messages */
    const char *id, *text;
    bool has_profile;    /* it names its profile */
    const char *profile; /* NULL: the file without one */
    enum claim_kind kind;
    const char *measure;
    struct claim_quantity quantity;
    bool has_reported, has_tolerance;
    double reported, reported_sd, tolerance;
    int64_t reported_n; /* 0: reported without sd and number of runs */
    int64_t min_seeds;
    struct where min_seeds_where; /* line 0: it is not given */
    bool has_low, has_high;       /* false: open */
    double low, high; /* where the number makes the claim true; compare with a margin: low itself does not */
};

/* What a report draws. The database keeps it in the specification's text; here it is checked. */
struct study_figure {
    struct where where;         /* of its metric, if it names one */
    const struct node *map;     /* for the places of its keys; NULL after mistakes */
    const char *metric, *title; /* or NULL */
    const char *x, *y, *cell;   /* or NULL */
    int kind, band;             /* indices of figure_kinds and figure_bands in figures.c */
    int64_t layer, step, rolling;
    double smooth;
    bool has_layer, has_step, log, log_x;
    struct names variants; /* n = 0: all */
};

/* How a cell of the sweep is chosen for each variant, and with which seeds it is then trained again. */
enum tune_goal { TUNE_AS_METRIC, TUNE_MIN, TUNE_MAX };
struct tune_key {
    const char *key;    /* swept */
    struct where where; /* where the file says that it is chosen */
    bool drawn;         /* at random: the largest draw is no border of what was looked through */
    bool varies;        /* it has more than one value */
};
struct study_tune {
    const struct node *map; /* for the places of its keys */
    const char *metric;
    enum tune_goal goal;
    size_t n_keys; /* that are chosen; for each value of the other swept keys there is a choice of its own */
    struct tune_key *keys;
    size_t n_seeds;
    int64_t *seeds; /* none of them is in the sweep */
};

/* A value of a metric; what it takes to reach it is asked for. */
struct study_target {
    struct where where, value_where; /* of its metric, and of its value */
    const char *metric;
    double value;
};

struct study_form;
struct study {
    struct arena *arena;
    const char *path;            /* of the file */
    const char *name;            /* experiment */
    const char *title;           /* or NULL */
    const char *paper, *locator; /* source, or NULL */
    const char *profile;
    bool in_memory;              /* path is a name, not a file */
    struct node *file;           /* as it was read */
    const struct node *profiles; /* a map, or NULL */
    struct node *base;           /* the trial part of the file: study keys removed */
    size_t n_seeds;
    int64_t *seeds;
    size_t n_spec_seeds; /* of the file with its profile, where the command line may ask for others */
    int64_t *spec_seeds;
    size_t n_file_seeds; /* of the file without its profile; 0 without one */
    int64_t *file_seeds;
    bool *asked;           /* [n_seeds] which are asked for; NULL: all. See study_widen. */
    size_t n_variants;     /* at least 1 */
    const char **variants; /* names; "base" when the file has none */
    struct node **variant_trees;
    struct node *overrides; /* or NULL */
    bool refers;            /* a value is or contains a ${reference} */
    size_t n_claims;
    struct study_claim *claims;
    size_t n_figures;
    struct study_figure *figures;
    const struct node *metric_labels; /* `labels.metrics`, or NULL */
    size_t n_targets;
    struct study_target *targets;
    struct study_tune *tune; /* or NULL */
    struct text text; /* canonical JSON of the file with its profile, without the command line; kept in the database */
    struct study_sweep *sweep;          /* opaque: axes, zips, samples, exclusions */
    bool sweeps_elsewhere;              /* a profile, or the command line, has a sweep of its own */
    const struct study_form *form;      /* NULL: every trial has every swept key */
    const struct option *trial_options; /* what a file may set of form->options */
    uint64_t n_cells;                   /* of the sweep, before exclusions: 1 without one */
    bool **fixed_keys; /* [n_variants] set by study_fit: which axes a trial has, [n_axes], where no axis chooses parts,
                        * so that it is the same in every cell; else NULL */
};

/* Reads, composes and checks everything that is not part of a trial. profile may be NULL. Returns 0 or a code with
 * every mistake in e. After mistakes, study_is_readable tells whether each variant's first trial can still be built, so
 * that its mistakes are reported as well. */
int study_open(struct study *s, const char *path, const char *profile, const char *const *overrides, size_t n_overrides,
               struct arena *a, struct err *e);
/* The same for a text in memory, which cannot extend a file. For tests and fuzzing. */
int study_parse(struct study *s, const char *name, const char *text, size_t n, const char *profile,
                const char *const *overrides, size_t n_overrides, struct arena *a, struct err *e);
/* The same file, as it was read, with another profile (NULL: none) and other assignments of the command line. Lives in
 * the arena of s. */
int study_open_again(struct study *other, const struct study *s, const char *profile, const char *const *overrides,
                     size_t n_overrides, struct err *e);
/* Whether both have the same sweep, with `${}` resolved. */
bool study_same_sweep(const struct study *a, const struct study *b);
bool study_is_readable(const struct study *s);
/* From now on `seeds` has those of the file first, then those that only the command line asks for; `asked` tells which
 * the command line asks for. */
void study_widen(struct study *s);
void study_close(struct study *s);
/* Text that is the same if and only if the file, the profile and the overrides say the same of the trials, in the same
 * order: composed trees, names of variants, axes. */
void study_identity(const struct study *s, struct text *out);

/* What a trial may hold: option tables, and how its tree is completed (an algorithm's preset) before a key is looked up
 * in them; NULL if the tree has mistakes. */
struct study_form {
    const struct option *options;
    struct node *(*complete)(const struct node *tree, struct arena *a);
    /* Whether trials can log a metric of this name, and the names to advise otherwise; NULL: not checked. */
    bool (*can_log)(const char *metric, const struct registry **known);
    /* Whether it has a value for each layer; NULL: not checked. */
    bool (*of_layers)(const char *metric);
    /* Whether one value of it is logged at a time, of which more or less is better; none is below 0 or above most. */
    bool (*can_reach)(const char *metric, double *most);
    /* Whether a dotted path leads to what is no part of a trial's identity; NULL: nothing is known of that. */
    bool (*is_budget)(const char *path);
};
/* Whether trials can log this metric; if not, a mistake at `where`, which is PATH of the file. */
bool study_check_metric(const struct study *s, const struct study_form *form, struct where where, const char *path,
                        const char *metric, struct err *e);
/* From now on a swept key that a trial's parts do not have is left out of that trial, and cells that thereby become the
 * same trial are kept once, the others excluded. A key that no trial has is an error, and so is a figure or a
 * target of a metric that none can log. */
int study_fit(struct study *s, const struct study_form *form, struct err *e);

/* Number of trials before exclusions: variants x cells x seeds. Returns ERR_SPEC if it exceeds 2^64 (the message says
 * more than 1.8e19 and lists the axes), or if more than `limit` > 0 are left by exclusions and keys that trials do not
 * have (the message gives the count and the axes, and names --yes). */
int study_count(const struct study *s, uint64_t limit, uint64_t *n, struct err *e);

/* One swept value of a trial. */
struct coordinate {
    const char *key;  /* dotted path, or the name of a zip group's key */
    const char *text; /* as a file would say it */
    double number;    /* NAN if it is not a number */
};
struct study_trial {
    bool excluded;
    const char *variant;
    int64_t seed;
    struct node *tree; /* the trial's whole specification, without seed and study keys; the same for every seed */
    struct node *const *values; /* of the axes, NULL where it has none */
    size_t n_coordinates;
    struct coordinate *coordinates; /* swept keys that it has, in order of the file, random ones last */
};
/* What a key of another program's files is called here ("; ..."), or NULL. */
const char *study_foreign(const char *key);
/* Where the file says what is excluded; the sweep where it says nothing. */
struct where study_excludes_where(const struct study *s);
/* Builds trial i (0 <= i < count) in `a`. The tree of an excluded trial is NULL. */
int study_trial(const struct study *s, uint64_t i, struct study_trial *t, struct arena *a, struct err *e);
/* Builds cell i (0 <= i < variants x cells), numbered cell fastest, without a seed: what its trials have in common.
 * Excluded: with every seed. */
int study_cell(const struct study *s, uint64_t i, struct study_trial *t, struct arena *a, struct err *e);
/* Reports two cells of a variant (numbered as for study_cell) that would be one trial, on the first swept key in which
 * they differ. ERR_SPEC. */
int study_report_same(const struct study *s, uint64_t first, uint64_t second, struct arena *a, struct err *e);
/* The first cell of a variant with the first seed; also where the cells cannot be numbered. */
int study_first_trial(const struct study *s, size_t variant, struct study_trial *t, struct arena *a, struct err *e);
/* Whether the file excludes the cell's trial of seeds[seed]. */
bool study_excludes_seed(const struct study *s, const struct study_trial *t, size_t seed);

/* The JSON schema (draft-07) of a whole file; trial_options describe a trial. Its keys `experiment`, `variant` and
 * `seed` come from the study and are left out. */
void study_schema(const struct option *trial_options, struct text *out);

#endif
