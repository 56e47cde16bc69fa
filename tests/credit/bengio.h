/* Networks on which the propositions of Bengio 2020 are tested (sheet, section 9). */
#ifndef TPRUN_TESTS_CREDIT_BENGIO_H
#define TPRUN_TESTS_CREDIT_BENGIO_H

#include "fixture.h"

#include "credit/inverse_steps.h"
#include "math/solve.h"

#define ACT "activation: {name: leaky_relu, slope: 0.5}"
#define LAYER(units) "dense: {units: " #units ", " ACT "}"
#define CHAIN                                                                                                          \
    "features: 24, outputs: 24, labels: real, weights: orthogonal, loss: squared_error, layers: [" LAYER(              \
        24) ", " LAYER(24) ", " LAYER(24) ", " LAYER(24) ", " LAYER(24) "]}"
#define NET(batch) "{form: w_sigma, batch: " #batch ", " CHAIN

/* A rig whose feedback weights start at a multiple of W^T, after one step. */
static inline void open_step(struct rig *r, const char *net, const char *preset, const char *own)
{
    rig_open(r, net, preset, own);
    if (mapping_of(&r->credit)->start)
        mapping_of(&r->credit)->start(&r->credit);
    rig_step(r);
}

static inline double norm(struct mat a)
{
    return sqrt(mat_sum_squares(a));
}

static inline struct mat weight_of(struct rig *r, size_t layer)
{
    return unit_param(&r->net.chain.units[layer], 0, r->net.chain.weights);
}
static inline struct mat decoder_of(struct rig *r, size_t k)
{
    return unit_param(&r->credit.feedback[k].unit, 0, r->credit.feedback_weights);
}

/* |f(h + d) - (h' + d')| / |d'| of the link above k. */
static inline double residual(struct rig *r, size_t k)
{
    const struct settling s = { .c = &r->credit, .p = &r->net.pass };
    const struct mat wanted = r->credit.d[k + 1], up = net_matrix(&r->net, wanted.rows, wanted.cols);
    inverse_up(&s, k, r->credit.d[k], up);
    mat_sub(up, wanted, up);
    return norm(up) / norm(wanted);
}

/* w <- w diag(u) of an orthogonal w, u from `low` to `high`; returns the inverse. */
static inline struct mat stretch(struct rig *r, struct mat w, double low, double high)
{
    const struct mat inverse = net_matrix(&r->net, w.cols, w.rows);
    for (size_t j = 0; j < w.cols; j++) {
        const double u = low * pow(high / low, rng_uniform(&r->net.rng));
        for (size_t i = 0; i < w.rows; i++) {
            inverse.p[j * w.rows + i] = (real)((double)w.p[i * w.cols + j] / u);
            w.p[i * w.cols + j] = (real)((double)w.p[i * w.cols + j] * u);
        }
    }
    return inverse;
}

/* The sheet's random chain: stretched weights, biases of 0.1, decoders 1.6 (W^-1 + an error of 0.15 |W^-1|), the last
 * displacement along a normal vector. */
static inline void standard_chain(struct rig *r)
{
    struct net *net = &r->net;
    struct err e = { 0 };
    for (size_t l = 0; l < r->credit.n; l++) {
        const struct mat inverse = stretch(r, weight_of(r, l), 0.7, 1.4),
                         error = net_matrix(net, inverse.rows, inverse.cols);
        double of_error, of_inverse;
        net_normal(&net->rng, 0.1, unit_param(&net->chain.units[l], 1, net->chain.weights));
        if (l == 0)
            continue;
        must(solve_spectral_norm(error, &of_error, &e), &e);
        must(solve_spectral_norm(inverse, &of_inverse, &e), &e);
        mat_axpy((real)(0.15 * of_inverse / of_error), error, inverse);
        mat_scale(1.6, inverse, decoder_of(r, l - 1));
    }
    net_normal(&net->rng, 1, mat_of(net->pass.batch.x, net->pass.rows, net->chain.data.features));
    chain_refresh(&net->chain);
    chain_forward(&net->pass);
    net_normal(&net->rng, 1, net->pass.batch.y);
    mat_add(net->pass.batch.y, pass_output(&net->pass), net->pass.batch.y);
}

/* All of the update at once, or of one layer alone, with the sign of a step. */
static inline void move_weights(struct rig *r, size_t from, size_t to, real sign)
{
    for (size_t l = from; l < to; l++)
        for (size_t j = 0; j < unit_n_weights(&r->net.chain.units[l]); j++)
            *layer_entry(&r->net.chain.units[l], r->net.chain.weights, j) -=
                sign * *layer_entry(&r->net.chain.units[l], r->g, j);
    chain_refresh(&r->net.chain);
    chain_forward(&r->net.pass);
}

/* What a part shows of the step, by name. */
static inline struct mat shown(const struct credit *c, const char *name, size_t i)
{
    char whole[64];
    snprintf(whole, sizeof whole, name, i);
    for (size_t k = 0; k < c->n_shown; k++)
        if (strcmp(c->shown[k].name, whole) == 0)
            return c->shown[k].values;
    ck_abort_msg("nothing is shown as %s", whole);
    return (struct mat){ 0 };
}

#endif
