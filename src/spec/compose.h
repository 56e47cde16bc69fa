/* Inside of the room: how files, profiles and the command line become one tree. */
#ifndef TPRUN_SPEC_COMPOSE_H
#define TPRUN_SPEC_COMPOSE_H

#include "spec/tree.h"

struct composition {
    struct node
        *root; /* the whole study: extends, profiles and study-level overrides applied, `${}` resolved in study keys */
    struct node *spec; /* the same without the command line, but for the name of the study; equal to root where that
                          changes nothing of it */
    struct node *base; /* its trial part, `${}` not resolved */
    struct node *overrides;        /* of trial keys, nulls kept; NULL if there are none */
    bool refers;                   /* a value of the study or of the command line is or contains a ${reference} */
    const struct node *file_seeds; /* `seeds` of the file without its profile, or NULL */
    const struct node *profiles;   /* of the file and those it extends, or NULL */
};

/* Is it a key of the study itself (study.c reads it), not of a trial? */
bool compose_is_study_key(const char *key);
/* May an assignment KEY=VALUE of the command line change which trials there are, or what they compute? Claims, figures,
 * titles and the like do not. */
bool compose_changes_trials(const char *assignment);
/* Is it a key of a trial that the study gives: experiment, variant, seed? A file does not set it. */
bool compose_gives_key(const char *key);
/* Their names without x-*, at most max of them; returns their number. */
size_t compose_study_keys(const char **names, size_t max);
/* path: the file that `file` was read from, where `extends` looks; NULL for a text in memory, which cannot extend
 * anything. */
int compose(struct composition *c, struct node *file, const char *path, const char *profile,
            const char *const *overrides, size_t n_overrides, struct arena *a, struct err *e);

/* Resolves `${a.b}` in a copy of n, looking in each of the roots in turn. A scalar that is nothing else takes the node
 * at the path, inside a longer string its text is inserted; `$${` stands for `${`. NULL after an error. */
struct node *interpolate(struct node *n, struct node *const *roots, size_t n_roots, struct arena *a, struct err *e);

#endif
