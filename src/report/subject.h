/* A study as the figures and tables see it: its texts, its trials in the order of the file, its metrics. */
#ifndef TPRUN_REPORT_SUBJECT_H
#define TPRUN_REPORT_SUBJECT_H

#include "base/arena.h"
#include "base/text.h"
#include "report/labels.h"
#include "store/query.h"
#include <stdint.h>

/* Trials that differ in their seed only: one line of a figure, one row of a table. */
struct group {
    const char *variant, *cell; /* cell: "" without a sweep */
    const char *label;          /* short: variant, and the swept values without the folders of their keys */
    const char *shown;          /* the same as a figure tells it: with the names of `labels`, numbers in few digits */
    bool retrained;             /* by a file's `tune`: no cell of the sweep, but the chosen one with fresh seeds */
    size_t n_trials;            /* asked for; the rest is not finished: */
    size_t n_done, n_diverged, n_failed, n_outdated;
    size_t n_shorter; /* of n_done: see shorter.h */
};

struct group_trial {
    const char *id; /* of the table `trial`, as text: an argument of queries */
    size_t group;
    long long seed;
    bool done, diverged;
    bool outdated; /* a later trial of the group has other bytes or numerics: it is in no mean */
    bool ended;    /* done or diverged */
};

struct subject_unit {
    const char *metric, *unit;
};

struct subject {
    const char *name, *title, *paper, *locator, *path, *profile, *spec_sha256; /* "" where there is none */
    size_t n_groups, n_trials, n_metrics, n_variants;
    struct group *groups;
    struct group_trial *trials; /* the current ones, group by group */
    const char **metrics;       /* those that a current trial has logged, by name */
    const char **variants;      /* without repetition */
    size_t n_keys;
    const char **keys; /* of its cells, without repetition */
    size_t n_units;
    struct subject_unit *units; /* of all metrics that have one */
    struct labels labels;
};

/* Reads it; everything lies in the arena. An unknown name is an error that names the nearest study. */
int subject_read(struct subject *s, struct query *q, struct arena *a, const char *name, struct err *e);
/* Keeps the groups of these variants (n = 0: all) whose cell contains the text `cell` (NULL: any). */
int subject_filter(struct subject *s, const char *const *variants, size_t n, const char *cell, struct err *e);
int subject_check_metric(const struct subject *s, const char *metric, struct err *e);
/* "test_accuracy", or the nearest to it that the study has; NULL if it has logged nothing. */
const char *subject_main_metric(const struct subject *s);
/* The label of a group, or the variant if there is no such group. */
const char *subject_label(const struct subject *s, const char *variant, const char *cell);
/* The unit of a metric of trials or layers: "%", "°"; "" for pure numbers. */
const char *subject_unit(const struct subject *s, const char *metric);
/* " (%)", or nothing without a unit: as a name is followed by it. */
void subject_put_unit(struct text *out, const char *unit);
bool subject_percent(const char *unit);
/* Trials of a group that have not ended. */
size_t group_waiting(const struct group *g);
/* What a figure calls a variant, a metric, a key: its name of `labels`; else the name itself, of a key its last part,
 * or as many parts as tell it from the study's other keys. */
const char *subject_variant(const struct subject *s, const char *variant);
const char *subject_metric(const struct subject *s, const char *metric);
const char *subject_key(const struct subject *s, const char *key);
/* "tp stepsize=0.1", in these names and in few digits; variant "base" or "" is not told beside a cell. */
const char *subject_name(struct arena *a, const struct subject *s, const char *variant, const char *cell);

#endif
