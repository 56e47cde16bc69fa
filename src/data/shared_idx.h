/* IDX files as memory that all workers share: plain ones are mapped; gzip ones are inflated once, into
 * $XDG_CACHE_HOME/tprun/<SHA-256 of the gzip file>.idx, which is mapped. */
#ifndef TPRUN_DATA_SHARED_IDX_H
#define TPRUN_DATA_SHARED_IDX_H

#include "base/arena.h"
#include "base/map.h"
#include "data/idx.h"

struct shared_idx {
    struct map map;       /* empty if the bytes lie in the arena */
    const uint8_t *bytes; /* want->size */
};

/* The file has the layout `want`; everything else is an error with file and offset. Without a cache that can be
 * written, the bytes are inflated into a, with a warning in e. Zero-initialise; give back with shared_idx_close. */
int shared_idx_open(struct shared_idx *f, const struct idx *want, const char *path, struct arena *a, struct err *e);
void shared_idx_close(struct shared_idx *f);

#endif
