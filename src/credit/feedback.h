/* What the learned mappings and their losses share: what a feedback layer reads of its source.
 *
 * Without a hidden layer that is the source's value itself. With one (Meulemans 2020, DDTP-RHL) it is k(v), a fixed random expansion of the
 * network's output v, the same for all feedback layers but the last hidden layer's, which reads v; `append_state` puts the targeted layer's own
 * state beside it, [k(v), h].
 * Values and displacements may hold several blocks of B rows, one below the other, that belong to the same B states. */
#ifndef TPRUN_CREDIT_FEEDBACK_H
#define TPRUN_CREDIT_FEEDBACK_H

#include "credit/credit.h"
#include "net/layer_dense.h"

/* The expansion k(v) = a(R v + r), its parameters "feedback.hidden.*" drawn once and never trained. */
struct hidden {
    struct layer layer;
    size_t units;
    struct mat u, out;    /* (B, units): at the source's true value */
    real *work[2];        /* blocks of values or displacements; for the current call only */
    bool moved_linear;
    const real *moved;    /* the displacement that work[0] holds the image of since refresh, or NULL: the targets of all layers start from one */
};

/* What f's layer reads where its source has the value v: v itself, its signs, or its image in the hidden layer; a matrix that the next call overwrites. */
struct mat feedback_reads(const struct credit *c, const struct pass *p, const struct feedback *f, struct mat v);
/* d stays as it is from the mapping's refresh on. How far that moves when the source, the output of link s, moves by d from its true value; linear: to first order. */
struct mat feedback_moves(const struct credit *c, const struct pass *p, const struct feedback *f, size_t s, struct mat d, bool linear);

/* The hidden layer of `units` units on `n_source` outputs; its parameters follow those of the feedback layers. */
int feedback_hidden_shape(struct credit *c, const struct dense_options *options, size_t n_source, struct arena *a, struct err *e);
int feedback_hidden_open(struct credit *c, struct arena *a, struct err *e);
/* Its value at the source's true one. */
void feedback_hidden_refresh(struct credit *c, const struct pass *p);
void feedback_hidden_finish(struct credit *c);

#endif
