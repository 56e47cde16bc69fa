/* A network as a chain of links, h[k+1] = f_k(h[k]; x_k), k = 0 .. K-1.
 *
 * Feed-forward: one link per layer. Recurrent: layer 0 is applied T times with the sequence as its side input, from
 * h[0] = 0, and the other layers follow on the last state. The chain is data (unit_of[k]); nothing above this file
 * knows whether a network is recurrent.
 *
 * Where layers have `from`, the links stand in the same order but read others than the one below: edges. */
#ifndef TPRUN_NET_CHAIN_H
#define TPRUN_NET_CHAIN_H

#include "math/batch.h"
#include "net/edge.h"
#include "net/form.h"
#include "net/loss.h"
#include "net/transmit.h"

struct chain {
    int form; /* enum form */
    size_t n_units;
    struct unit *units;
    size_t n_links;
    size_t rows;        /* of a training batch, since chain_open */
    size_t per_step;    /* row blocks that the layers above a recurrent one see: T if it gives all its states, else 1 */
    size_t *unit_of;    /* [n_links] */
    size_t *first_link; /* [n_units] */
    size_t *links_of;   /* [n_units]: number of links: T for a recurrent layer, else 1 */
    struct reads *reads; /* [n_units] */
    size_t n_edges;
    struct edge *edges;           /* [n_edges], by their lower ends, then by their upper ends */
    size_t *first_edge;           /* [n_links + 1]: edges [first_edge[k], first_edge[k + 1]) lead up from link k */
    const struct unit *branching; /* the first that reads others than the one below; NULL: a chain. Such a network is
                                     feed-forward: link i is unit i */
    struct chosen_list layers;    /* as the file has them */
    size_t n_weights;             /* parameters */
    size_t n_vector; /* length of the vectors of weights and gradients: each parameter starts on a 64-byte boundary */
    real *weights;   /* [n_vector], gaps are zero */
    real *stepsize_factors; /* [n_vector], or NULL if all are 1 */
    struct data_shape data;
};

/* Shapes and parameters only: enough for `tprun plan`. where[i] is the place of layer i for messages, or NULL. */
int chain_shape(struct chain *c, const struct chosen_list *layers, const struct data_shape *data,
                const struct where *where, struct arena *a, struct err *e);
/* The same of another form than sigma_w. form: enum form. */
int chain_shape_form(struct chain *c, const struct chosen_list *layers, int form, const struct data_shape *data,
                     const struct where *where, struct arena *a, struct err *e);
/* Allocates weights and run-time state for passes whose training batch has `rows` rows. */
int chain_open(struct chain *c, size_t rows, struct arena *a, struct err *e);
/* stepsize_factors, if they are all 1 and not there yet. */
int chain_factors(struct chain *c, struct arena *a, struct err *e);
/* Draws all weights of `seed`. */
int chain_init(struct chain *c, struct chosen weights, struct chosen biases, uint64_t seed, struct arena *scratch,
               struct err *e);
/* The same for one layer, whose parameters are called "<prefix>.<index>.*": feedback layers use it. */
int chain_init_unit(struct unit *l, const char *prefix, struct chosen weights, struct chosen biases, uint64_t seed,
                    struct arena *scratch, struct err *e);
/* To be called after every change of the weights. */
void chain_refresh(struct chain *c);

/* Normal noise on the input of training passes (Lee 2015, Sec. 3.3: 0.3). */
struct input_noise {
    double std;
    struct mat draws; /* (B, D), standard normal, filled before the forward pass; {NULL} without noise */
    struct mat input; /* (B, D): x + std * draws, what the first link reads */
};

/* All values of one minibatch. links[k].out is the state of a link, what targets and losses are about; links[k + 1].in
 * is what it sent. */
struct pass {
    const struct chain *chain;
    size_t rows;        /* B */
    struct at *links;   /* [n_links] */
    struct at *stacks;  /* [n_units]: all links of a layer as one; of a layer that rolls, the last one alone */
    bool training;      /* not an evaluation: transmissions may differ */
    bool rolls;         /* AT_LAST: steps of the first layer write over those before the last */
    struct mat *sent;   /* [n_units]: what the layer's transmission makes of stacks[i].out; {NULL}: that itself */
    struct mat *draws;  /* [n_units]: its random numbers, filled before the forward pass; {NULL} if it takes none */
    struct mat *joined; /* [n_units]: what a unit reads of several others; {NULL}: of one, which is not copied */
    struct input_noise noise;
    struct batch batch;
    struct mat gradient; /* (B * per_step, outputs): dL/d output */
    double loss;
};
/* flags: AT_GRADIENTS for a training pass, which has deltas; AT_LAST for an evaluation. AT_KEPT where differences start
 * from its states, which would compute the same again without. */
int pass_init(struct pass *p, const struct chain *c, size_t rows, unsigned flags, struct arena *a, struct err *e);
/* Adds noise to the input of a pass over flat data. clean_gradient: the first layer's parameter gradient is taken at
 * the clean x, as in Lee's script of the stochastic baseline. */
int pass_add_input_noise(struct pass *p, double std, bool clean_gradient, struct arena *a, struct err *e);
/* Forward through all links. */
void chain_forward(struct pass *p);
/* Once more from what layer `from` sends, its state being kept: with new draws. */
void chain_forward_above(struct pass *p, size_t from);
/* Link k's delta from s = dL/dh_k, and down = dL/dh_{k-1} (may be {NULL}): the layer's own vjp goes to what it read,
 * this one on through the transmission of the link below. Of a link that reads several: down is of all that it reads
 * (edge_share). */
void chain_vjp(const struct pass *p, size_t k, struct mat s, struct mat down);
/* What a unit sends: its state, or what its transmission has made of it. */
static inline struct mat pass_sent(const struct pass *p, size_t i)
{
    return p->sent[i].p ? p->sent[i] : p->stacks[i].out;
}
/* The unit of layer i as it would be if it read `in` alone: shapes only. */
int chain_shape_alone(const struct chain *c, size_t i, struct shape in, struct unit *alone, struct arena *a,
                      struct err *e);
/* The first layer with random numbers to draw in evaluations; n_units if none has. */
size_t chain_first_random(const struct chain *c);
/* The loss of the output, and its gradient into p->gradient if wanted. */
double chain_loss(struct pass *p, struct chosen loss, bool gradient);
static inline struct mat pass_output(const struct pass *p)
{
    return p->links[p->chain->n_links - 1].out;
}
/* Whether the first unit reads an image as a map, pixel by pixel (math/shape.h), and not as it lies in the data,
 * channel by channel. */
static inline bool chain_reads_map(const struct chain *c)
{
    return shape_is_map(c->units[0].in);
}
/* Whether what a sample gives depends on the others of its batch. */
static inline bool chain_couples_rows(const struct chain *c)
{
    for (size_t i = 0; i < c->n_units; i++)
        if (c->units[i].min_rows > 1)
            return true;
    return false;
}
/* Whether a unit is applied more than once: the first one, step by step. */
static inline bool chain_is_recurrent(const struct chain *c)
{
    return unit_is_recurrent(&c->units[0]);
}
/* Reals of a row of an evaluation's pass. */
double chain_reals_per_row(const struct chain *c);
/* Floating-point operations of one forward pass. */
double chain_flops(const struct chain *c, size_t rows);

#endif
