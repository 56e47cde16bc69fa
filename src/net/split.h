/* Feedback units that are linear behind their values, g(v) = A u(v) + b: all their weights are in one layer without an
 * activation, and what comes behind it is the same in every pass. Differences of g are then A times differences of u,
 * whatever passes their values come from, and b is in none of them. */
#ifndef TPRUN_NET_SPLIT_H
#define TPRUN_NET_SPLIT_H

#include "net/unit.h"

bool split_fits(const struct unit *g);
/* u(at.in), by the layers before the one with weights: at.in itself or memory of the application. */
struct mat split_front(const struct unit *g, struct at at);
/* out = A moved; work: as many numbers as the layer with weights gives. */
void split_back(const struct unit *g, struct at at, struct mat moved, real *work, struct mat out);
/* to += scale * d<s, A moved>/dA; s and the application's delta are used up. */
void split_grads(const struct unit *g, struct at at, struct mat moved, struct mat s, real *work, real scale, real *to);

#endif
