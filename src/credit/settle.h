/* Settling: values of neighbouring links that are moved again and again, until they rest or their steps are done. A
 * rule says what one step adds to the value of a link, or of each way to it (ways.h): "link" stands for both here.
 * Iterated inverses, a network that runs continuously and predictive coding are such rules. */
#ifndef TPRUN_CREDIT_SETTLE_H
#define TPRUN_CREDIT_SETTLE_H

#include "credit/credit.h"

enum sweep {
    SWEEP_PARALLEL, /* every link from the values before the step */
    SWEEP_TOP_DOWN  /* one after the other from the top, each from values that have moved already */
};

/* How the value of one link came to rest. */
struct settled {
    size_t steps;
    double last, before; /* largest over the rows of |last change|, and of the one before it */
};

struct settling {
    struct credit *c;
    struct pass *p;
    size_t lo, hi;      /* links lo <= k < hi move */
    struct mat *value;  /* [n_ways] of them, by link */
    struct mat *change; /* [n_ways] work, of the same shapes */
    struct settled *of; /* [n_ways] what became of them */
    enum sweep sweep;
    double factor;     /* on every change */
    size_t steps;      /* at most */
    double precision;  /* less than this is rest, of link lo; 0: none is */
    size_t first_test; /* after which step, from 1, rest is looked for */
    size_t t;          /* the present step, from 0 */
    void *rule;        /* the rule's own */
    /* change = what step t adds to value k. */
    int (*step)(struct settling *s, size_t k, struct mat change, struct err *e);
    /* What follows from value k once it has moved; NULL: nothing does. */
    int (*moved)(struct settling *s, size_t k, struct err *e);
};
/* The values are what they start from. */
int settle(struct settling *s, struct err *e);

#endif
