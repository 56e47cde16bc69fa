/* Which samples of a training set are trained on, and which are held out. */
#ifndef TPRUN_DATA_SPLIT_H
#define TPRUN_DATA_SPLIT_H

#include "base/arena.h"
#include "base/err.h"
#include <stdint.h>

struct split_rule {
    const char *name;     /* of the set, for messages */
    size_t all, held_out; /* samples of the set, at most 2^32; held_out < all */
    bool last;            /* held out are the last ones, else those that the seed draws */
    uint64_t seed;        /* of the trial */
    size_t n_train;       /* at most all - held_out */
    bool subset;          /* they are drawn by subset_seed; else they are the first that are not held out */
    uint64_t subset_seed;
};

/* Places in the set, in its order; NULL: place = number. */
struct split_places {
    uint32_t *train, *valid;
};
int split_choose(const struct split_rule *rule, struct split_places *places, struct arena *a, struct err *e);

#endif
