/* Inside of the store: a claim while it is judged. docs/claims.md tells how. */
#ifndef TPRUN_STORE_CLAIMS_H
#define TPRUN_STORE_CLAIMS_H

#include "base/text.h"
#include "stat/verdict.h"
#include "store/bounded.h"
#include "store/writer.h"

enum claim_kind { CLAIM_OF_MEASURE, CLAIM_OF_VALUE, CLAIM_OF_COMPARE };

struct claim {
    /* columns of the table, and members of its quantity; texts are NULL where there is none */
    char *id, *measure, *metric, *at, *cell, *profile;
    enum claim_kind kind;
    bool of_file;  /* the file was read by a program that knew profiles: quantity is not NULL */
    bool apart;    /* the trials of its profile are others than those of the study */
    bool error;    /* 100 less the metric */
    bool above;    /* a comparison by more than a margin, not with a reported difference */
    bool of_layer; /* `layer` of a layer metric */
    int64_t step, layer;
    bool bounded; /* there is a region */
    struct region region;
    struct reported reported; /* n = 0: as a number, or not at all */
    size_t min_seeds;
    /* what it comes to */
    bool measured, has_interval;
    double value, sd; /* sd: of n >= 2 */
    size_t n;         /* seeds with a value; 0: a measure of one number */
    size_t n_asked;   /* seeds; 0: not known */
    /* Trials of its variants, of both sides; a measure may read any trial, so nothing is known of its own. */
    bool counted;
    size_t n_diverged, n_unfinished, n_failed;
    struct interval interval;
    bool held;    /* undecided, whatever the interval: the note says why */
    bool doubted; /* not reproduced, whatever the interval */
    enum verdict verdict;
    struct text note;
};

/* Why it is undecided whatever was measured; why it is no more than undecided, as it may be true of what learned
 * nothing; or something to know beside the verdict. Joined by "; ". */
void claim_hold(struct claim *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void claim_doubt(struct claim *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void claim_remark(struct claim *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* claim_values.c: the value of each seed of one variant. */
struct claim_value {
    int64_t seed;
    bool found;
    double value;
    double first; /* before training; NAN: not logged */
};
struct claim_side {
    char *variant;
    size_t n_trials, n_diverged, n_failed, n_waiting, n_outdated;
    size_t n_partial;          /* done, and what is asked for is not known: see store/partial.h */
    size_t n;                  /* trials with a value */
    struct claim_value *items; /* [n_trials], by seed */
    bool larger;               /* is better */
    bool by_test;              /* the step was selected on the test set */
    bool mixed;                /* trials of other data or other numerics */
    int64_t numerics;
    char *inputs;
};
int claim_side_read(struct store *s, int64_t study, struct claim *c, const char *variant, struct claim_side *side,
                    struct err *e);
void claim_side_free(struct claim_side *side);

/* What is said of n trials that are outdated. */
const char *claim_outdated(size_t n);

/* The smallest chance of being wrong that counts: intervals are of 95 %. */
#define CLAIM_ALPHA 0.05

/* claim_judge.c: from values to a verdict. */
void claim_judge_value(struct claim *c, const struct claim_side *side);
/* Pairs a[i] and b[i] of variants. */
void claim_judge_pairs(struct claim *c, const struct claim_side *a, const struct claim_side *b, size_t n);
void claim_set_result(struct claim *c, const struct moments *m, struct interval interval);
/* Undecided with fewer seeds than it needs. */
void claim_check_seeds(struct claim *c);

/* claim_measure.c: from what SQL gives to a verdict. */
struct claim_seed {
    int64_t seed;
    bool fresh; /* of a cell that was chosen: the file tunes */
    bool found; /* the measure at hand gives its value */
};
/* The seeds that were asked for: of the trials of the present specification. */
struct claim_seeds {
    size_t n;
    struct claim_seed *items; /* [n], ascending */
};
int claim_seeds_read(struct store *s, int64_t study, struct claim_seeds *seeds, struct err *e);
void claim_seeds_free(struct claim_seeds *seeds);
void claim_judge_measure(struct claim *c, const struct bounded_answer *answer, const struct claim_seeds *seeds);

#endif
