/* What a feedback unit of the learned mappings reads of its source.
 *
 * Without a hidden unit that is the source's value itself, or its signs. With one (Meulemans 2020, DDTP-RHL) it is
 * k(v), a fixed random expansion of the network's output v, the same for all feedback units but the last hidden
 * layer's, which reads v; `append_state` puts the targeted unit's own state beside it, [k(v), h]. Values and
 * displacements may hold several blocks of B rows, one below the other, that belong to the same B states. */
#ifndef TPRUN_CREDIT_FEEDBACK_H
#define TPRUN_CREDIT_FEEDBACK_H

#include "credit/credit.h"

/* The expansion k(v) = a(R v + r), its parameters "feedback.hidden.*" drawn once and never trained. */
struct hidden {
    struct unit unit;
    struct at ref, other; /* (B, units): at the source's true value, and at others */
    real *moves,
        *beside; /* blocks of displacements, and of what is read with the state beside it; for the current call only */
    bool moved_linear;
    const real *moved; /* the displacement that `moves` holds the image of since refresh, or NULL: the targets of all
                          units start from one */
};

/* How one feedback unit reads. */
struct reading {
    struct hidden *hidden; /* or NULL */
    size_t n_appended;     /* columns of the targeted unit's state */
    bool source_slope;     /* displacements are multiplied by the derivative of the source's activation first */
    struct mat signs;      /* work: the signs, where those are read; {NULL} where it is the value itself */
    real sign_low;         /* what stands for a value that is not above 0 */
};

/* What f reads where its source has the value v: v itself or a matrix that the next call overwrites. */
struct mat reading_of(const struct pass *p, const struct feedback *f, const struct reading *r, struct mat v);
/* How far that moves when the source, the output of link s, moves by d from its true value; linear: to first order. d
 * stays as it is from the mapping's refresh on. */
struct mat reading_moves(const struct credit *c, const struct pass *p, const struct reading *r, size_t s, struct mat d,
                         bool linear);
/* The same of signs, `read` being those at the source's true value v. */
struct mat reading_sign_moves(const struct reading *r, struct mat read, struct mat v, struct mat d);

/* blocks: of B rows, that a call may hold at most; widest: columns of what any feedback unit reads. */
int hidden_open(struct hidden *h, const struct credit *c, size_t blocks, size_t widest, struct arena *a, struct err *e);
/* Its value at the source's true one. */
void hidden_refresh(struct hidden *h, struct mat source);

#endif
