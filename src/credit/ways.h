/* Ways back: which link's target comes from which link's. On route chain one for each edge of the network under the
 * head, on route direct one for each link, from the last. A link that feeds several has several ways, each with a
 * displacement that suffices for one of them alone; together they give the link's own. In a network without branches
 * way k is that of link k. */
#ifndef TPRUN_CREDIT_WAYS_H
#define TPRUN_CREDIT_WAYS_H

#include "net/chain.h"

struct credit;

struct way {
    size_t from, to; /* links: the target of `from` is made from that of `to` */
    size_t late;     /* steps of one way each that news of the loss take to `to` */
};

/* Layers that read others than the one below: whether each part takes them, and the head, which has none. ERR_SPEC at
 * the layer's place. */
int ways_check(const struct credit *c, struct err *e);
/* All ways of a credit that knows its chain, route and n. */
int ways_list(struct credit *c, struct arena *a, struct err *e);
/* Room for the displacements of each; d is there. */
int ways_open(struct credit *c, struct arena *a, struct err *e);
/* Once those of link k are there, d[k] from them.
 * add: their sum, as derivatives have it.
 * mix: each sample's mean, weighted by the inverse squares of their lengths; one that is 0 has no weight (Bengio 2020,
 * Eq. (44)). */
void ways_add(struct credit *c, size_t k);
void ways_mix(struct credit *c, size_t k);
/* What a step shows of them. */
void ways_shown(struct credit *c, const struct pass *p);
/* "2", or "2.5" of a link that has several ways, into buffer. */
const char *way_name(const struct credit *c, size_t w, char *buffer, size_t size);

#endif
