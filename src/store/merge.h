/* Merging databases: a set union keyed by content. Trials are known by their key, rows by their natural keys, so the
 * order does not matter, and what is there already changes nothing. Whatever both have must be equal, bit for bit. */
#ifndef TPRUN_STORE_MERGE_H
#define TPRUN_STORE_MERGE_H

#include "store/store.h"

struct merge_source {
    const char *copy; /* a private copy of it (copy.h), of the newest schema and checked: store_check */
    const char *name; /* as people know it */
    bool keep_both;   /* what was computed twice and differs is recorded, and does not end it */
    /* Brings a checkpoint file of this name and SHA-256 to where the store's lie. Negative: it is left out. */
    int (*bring)(void *self, const char *name, const char *sha256);
    void *self;
};
struct merge_counts {
    int64_t trials, rows; /* that are new */
    int64_t different;    /* values that were computed twice and differ */
    int64_t notes;        /* of which an earlier one made way for a later one */
};

/* Puts what the source has into s, in one transaction. ERR_CONFLICT, with the first values in notes, where something
 * was computed twice and differs, or on other data or by other numerics: nothing is changed then, and the store is
 * dead. */
int store_merge(struct store *s, const struct merge_source *source, struct merge_counts *counts, struct err *e);
/* Whether the database is whole: ERR_STORAGE with what is damaged. */
int store_check(struct store *s, struct err *e);
/* Calls visit with the id of every study. visit must not call the store. */
int store_visit_studies(struct store *s, int (*visit)(void *self, int64_t id), void *self, struct err *e);

#endif
