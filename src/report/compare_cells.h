/* The pairs of a comparison, cell by cell, and what they say. */
#ifndef TPRUN_REPORT_COMPARE_CELLS_H
#define TPRUN_REPORT_COMPARE_CELLS_H

#include "report/compare_values.h"
#include "stat/aggregate.h"
#include "stat/moments.h"

struct compare_pair {
    const struct compare_value *a, *b;
    enum compare_end end; /* COMPARE_FINISHED if both are; else what is the matter with one of them */
};

struct compare_cell {
    const char *study, *name;        /* of A; name: with B's, where that is another */
    const struct compare_what *what; /* which metric, which layer */
    size_t n_asked;                  /* seeds that both sides are asked for */
    struct compare_pair *pairs;      /* n_asked */
    size_t n[COMPARE_ENDS];          /* of pairs; n[COMPARE_FINISHED] enter what follows */
    size_t n_shorter;                /* of these: a trial of them has fewer steps than others of its cell */
    size_t n_unequal;                /* of these: A's trial and B's were asked for different numbers of steps */
    size_t n_partial;                /* of n_asked: a trial of them has no value, as its log had the metric later */
    double *a, *b;                   /* their values */
    struct moments of_a, of_b, difference;
    /* NaN unless all that were asked for have finished: survivors are not a mean. */
    struct bootstrap bootstrap;      /* of the mean difference; two pairs at least */
    double p, p_permutation, p_holm; /* paired t, sign flips; p corrected for the number of cells */
    double effect;                   /* Cohen's d of the pairs */
    double improvement;              /* probability that A is better; NaN without a goal */
    size_t n_needed;                 /* pairs for a power of 80 %; 0: more than PAIRED_MOST, or not known */
};

static inline bool compare_complete(const struct compare_cell *c)
{
    return c->n[COMPARE_FINISHED] == c->n_asked && c->n_asked > 0;
}

struct compare_cells {
    struct arena *arena;
    size_t n, capacity;
    struct compare_cell *items;
    size_t n_unpaired[2]; /* trials of A and of B without a partner */
};

enum compare_goal { COMPARE_NO_GOAL, COMPARE_MIN, COMPARE_MAX };
/* Appends the cells that both sides have a seed of, with all but p_holm. */
int compare_cells_add(struct compare_cells *cells, struct query *q, const char *study, const struct compare_what *what,
                      enum compare_goal goal, const struct compare_values *a, const struct compare_values *b,
                      struct err *e);
/* Holm's correction over all of them. */
int compare_cells_correct(struct compare_cells *cells, struct err *e);

#endif
