/* Keys that have no effect beside others: biases_init where there is no bias, permutation_seed where nothing is
 * permuted.
 *
 * In one trial that is no mistake: an ablation, a sweep or the command line may have changed what it stands beside. A
 * key that has no effect in any trial of a study is one. Which keys these are stands in the option tables
 * (option.beside). */
#ifndef TPRUN_SPEC_IDLE_H
#define TPRUN_SPEC_IDLE_H

#include "spec/bind.h"

struct idle_key {
    struct idle_key *next;
    struct where where;        /* of the key */
    const char *rule;          /* by which it may be idle: of option tables (NULL), or why */
    const char *path, *reason; /* "train.optimizer.nesterov", where it was met first; ", as momentum is 0" */
    bool has_effect;           /* in some trial, for all that the rule tells */
};
/* Filled by bind_tree_noting, and by whoever knows more. */
struct idle_keys {
    struct arena *arena;           /* that they are kept in; the sources of the trees live longer */
    struct idle_key *first, *last; /* in the order in which they were met */
};

/* Notes the keys of a map that has been bound to `in`: those that may be idle, and are not as by default. */
void idle_note(struct idle_keys *k, const struct node *map, const struct option *table, const void *in,
               const char *path);

/* Notes a key of which no option table tells. why: follows "has no effect", ", as no file is a CSV"; a constant. */
void idle_note_key(struct idle_keys *k, const struct node *key, const char *path, const char *why, bool idle);

/* Adds a mistake for each key without effect in all that was noted, if it stands in that source (NULL: none), there
 * within a map (NULL: anywhere), or in the command line. */
void idle_report(const struct idle_keys *k, const struct source *source, const struct node *within, struct err *e);

#endif
