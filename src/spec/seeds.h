/* Inside of the room: a number of seeds, a list of them, or {from, count}. */
#ifndef TPRUN_SPEC_SEEDS_H
#define TPRUN_SPEC_SEEDS_H

#include "spec/tree.h"
#include <stdint.h>

struct seeds {
    size_t n;
    int64_t *items;
};

/* Reads the key `seeds` of the map that path names ("" for the file itself); NULL: one seed. Mistakes are added to e;
 * after one there is one seed, so that the rest of the file can be checked. */
struct seeds seeds_read(const struct node *n, const char *path, struct arena *a, struct err *e);
bool seeds_have(const int64_t *seeds, size_t n, int64_t seed);

#endif
