/* Mistakes of one file, met in one trial after another: each is told once. */
#ifndef TPRUN_RUN_MISTAKES_H
#define TPRUN_RUN_MISTAKES_H

#include "base/arena.h"
#include "base/err.h"

enum { MISTAKES_MAX = 20 }; /* of one file: more are not looked for */

struct mistake {
    struct err messages;             /* an error and its notes */
    size_t n_variants, last_variant; /* that make it */
    const char *variant, *cell;      /* of the first trial that makes it; cell "" for the first cell */
};
struct mistakes {
    size_t n;
    struct mistake items[MISTAKES_MAX];
};

/* Takes over the errors of a trial; true if one of them is new. Names are copied to `a`. */
bool mistakes_add(struct mistakes *m, struct err *own, size_t variant, const char *name, const char *cell,
                  struct arena *a);
/* Gives all to e; where only some of n_variants make a mistake, or only some cells, a note says which. */
void mistakes_report(struct mistakes *m, size_t n_variants, struct err *e);

#endif
