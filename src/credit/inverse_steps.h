/* One step of an iterated inverse of a link, in displacements from the states, without cancellation. Link l goes up
 * from h[k] to h[l], l = k + 1; g is the mapping back. D g(d) = g(h[l] + d) - g(h[l]), D f(d) = f(h[k] + d) - h[l], and
 * the error of the mapping is r = g(h[l]) - h[k]. Bengio 2020, Sec. 5. Where links feed several others, k is a way, l
 * its upper end, and d[k] the way's own displacement: what l reads beside link k stays as it was. */
#ifndef TPRUN_CREDIT_INVERSE_STEPS_H
#define TPRUN_CREDIT_INVERSE_STEPS_H

#include "credit/settle.h"

/* For chains whose layers send their states and can tell how far they move; who: "algorithm.propagate: 'iterate'". */
int inverse_fits(const struct credit *c, const char *who, struct err *e);
/* out = D f(d) of the link above k. Uses scratch 4. */
void inverse_up(const struct settling *s, size_t k, struct mat d, struct mat out);
/* out = D g(d) of link k. */
int inverse_down(const struct settling *s, size_t k, struct mat d, struct mat out, struct err *e);
/* out = g(h[l]) - h[k]. */
int inverse_error(const struct settling *s, size_t k, struct mat out, struct err *e);
/* Output rule (Eq. 35): what is added to d[k]: D g(target) - D g(D f(d[k])). Uses scratch 2 to 4. */
int inverse_output_step(struct settling *s, size_t k, struct mat target, struct mat change, struct err *e);

/* A matrix for each way, of the shape of its upper end's state or of its lower one's. */
int inverse_alloc_ways(const struct credit *c, bool upper, struct mat **out, struct arena *a, struct err *e);

/* Input rule (Eq. 27): the argument h[l] + u of the mapping moves, and what it gives is h[k] + q. */
struct inverse_input {
    struct mat *value, *change; /* [n_ways] u and work: what settles */
    struct mat *q, *r;          /* [n_ways] */
    double share;               /* of q in d[k]: 1 - gamma */
};
int inverse_input_open(struct inverse_input *in, const struct credit *c, struct arena *a, struct err *e);
/* u as it stands; q, and d[k] = share * q. */
int inverse_input_moved(struct settling *s, size_t k, struct err *e);
/* What is added to u: the displacement above less D f(share * q). Uses scratch 2 and 4. */
int inverse_input_step(struct settling *s, size_t k, struct mat change, struct err *e);

#endif
