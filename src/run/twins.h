/* Cells by the key of a trial: two with one key would be one trial. */
#ifndef TPRUN_RUN_TWINS_H
#define TPRUN_RUN_TWINS_H

#include "base/err.h"
#include <stdint.h>

struct twins {
    size_t n, capacity;
    struct twin {
        char key[33]; /* half of a SHA-256 */
        uint64_t cell;
    } * slots; /* key "": free */
};

/* Records a cell; *first is the one with the same key that was recorded before, or itself. ERR_MEMORY. */
int twins_find(struct twins *t, const char *key, uint64_t cell, uint64_t *first, struct err *e);
void twins_free(struct twins *t);

#endif
