/* Pseudo-inverses as feedback: J^T (J J^T + damping I)^-1, which is J^+ where the damping is 0.
 *
 * of network: from the last place under the head straight to each layer, per sample, J = d h_{n-1} / d h_k:
 * Gauss-Newton targets (Meulemans 2020, Condition 2 and Eq. (7)). In the released code the output layer's own target
 * follows the same formula with J = I: its displacement is divided by 1 + damping, after the others were made from it.
 * of jacobian: of the layer above alone, per sample. of weights: g(t) = W^+ (a^-1(t) - b), one for all samples. Bao
 * 2024, PJML-DTP. */
#include "credit/credit.h"

#include "credit/jacobian.h"
#include "credit/mapping_pinv.h"
#include "math/pinv.h"
#include "net/inverse.h"
#include <math.h>

struct state {
    struct jacobian jacobian; /* of network */
    struct mat *inverse;      /* [n - 1]: J's rows, (C * B, n_k); refresh turns them into the inverses' transposes */
    struct pinv *solvers;     /* [n - 1] */
    struct inverse_options options; /* of weights */
};

static const char *const of_names[] = { "network", "weights", "jacobian", NULL };

static const struct option pinv_table[] = {
    { "damping", OPT_REALS, offsetof(struct pinv_options, damping), "0", 0, 1e300,
      .help = "lambda in J^T (J J^T + lambda I)^-1; 0: the pseudo-inverse. One number for all layers under the "
              "head, or one for each; that of the last one, which may be left out of the list, "
              "divides the displacement of the last layer's own target by 1 + lambda (of: network)" },
    { "of", OPT_ENUM, offsetof(struct pinv_options, of), "network", .flags = OPTION_NULLABLE, .names = of_names,
      .help = "what is inverted: the Jacobian of everything above, per sample (route direct); the weights of the layer "
              "above, or its Jacobian, per sample (route chain)" },
    { "clamp", OPT_REAL, offsetof(struct pinv_options, clamp), "1e-6", 0, 0.49, OPTION_NULLABLE | OPTION_ABOVE_MIN,
      .beside = "of", .idle = "!weights",
      .help =
          "of: weights; states and targets are clipped this far inside the activation's range before it is inverted" },
    { 0 }
};

static int of(const struct credit *c)
{
    return pinv_options_of(c->choice.mapping)->of;
}

static struct unit *above(const struct credit *c, size_t k)
{
    return &c->chain->units[c->chain->unit_of[k + 1]];
}

double damping_of(const struct reals *damping, size_t k)
{
    return damping->n == 1 ? damping->items[0] : k < damping->n ? damping->items[k] : 0;
}

static const struct reals *damping(const struct credit *c)
{
    return &pinv_options_of(c->choice.mapping)->damping;
}

/* A linear map has no value but its move. */
static int check_network(const struct credit *c, struct err *e)
{
    if (c->choice.route != ROUTE_DIRECT)
        return err_about(e, "algorithm.route", "'pinv' reads the last target itself; use route: direct");
    if (c->choice.propagate.part->needs & GIVES_APPLY)
        return err_about(e, "algorithm.propagate",
                         "'%s' needs values, and 'pinv' of the network is linear; use 'linear'",
                         c->choice.propagate.part->name);
    return 0;
}

static int check_layers(const struct credit *c, struct err *e)
{
    if (c->choice.route != ROUTE_CHAIN)
        return err_about(e, "algorithm.route", "'pinv' of '%s' goes layer by layer; use route: chain", of_names[of(c)]);
    for (size_t k = 0; of(c) == PINV_WEIGHTS && k + 1 < c->n; k++)
        TRY(unit_check(above(c, k), CAN_INVERT_VALUES, "algorithm.mapping: 'pinv' of weights", e));
    return 0;
}

static int shape(struct credit *c, struct arena *a, struct err *e)
{
    (void)a;
    const size_t n = damping(c)->n;
    if (of(c) != PINV_WEIGHTS)
        TRY(jacobian_check(c->chain, c->n - 1, "algorithm.mapping: 'pinv'", e));
    TRY(of(c) == PINV_NETWORK ? check_network(c, e) : check_layers(c, e));
    if (of(c) == PINV_WEIGHTS && n != 1)
        return err_about(e, "algorithm.mapping.damping", "%zu numbers; 'pinv' of weights takes one", n);
    if (n != 1 && n != c->n && n + 1 != c->n)
        return err_about(e, "algorithm.mapping.damping",
                         "%zu numbers; give one, or one for each of the %zu layers under the "
                         "head (the last may be left out)",
                         n, c->n);
    return 0;
}

static int open_weights(struct credit *c, struct err *e)
{
    struct state *s = c->mapping_state;
    s->options = (struct inverse_options){ .regularization = damping_of(damping(c), 0),
                                           .clamp = pinv_options_of(c->choice.mapping)->clamp,
                                           .matrix = INVERT_PSEUDO };
    for (size_t k = 0; k + 1 < c->n; k++)
        TRY(above(c, k)->def->inverse->open(above(c, k), &s->options, e));
    return 0;
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    struct state *s = c->mapping_state;
    if (of(c) == PINV_WEIGHTS)
        return open_weights(c, e);
    if (of(c) == PINV_NETWORK)
        TRY(jacobian_open(&s->jacobian, c->chain, c->n - 1, c->rows, false, a, e));
    s->solvers = arena_alloc(a, c->n, sizeof *s->solvers);
    s->inverse = arena_alloc(a, c->n, sizeof *s->inverse);
    if (!s->solvers || !s->inverse)
        return err_set(e, ERR_MEMORY, "not enough memory for pseudo-inverses");
    for (size_t k = 0; k + 1 < c->n; k++) {
        const size_t outputs = of(c) == PINV_NETWORK ? s->jacobian.outputs : above(c, k)->out.n;
        s->inverse[k] = of(c) == PINV_NETWORK ? s->jacobian.state[k] : mat_new(a, outputs * c->rows, above(c, k)->in.n);
        if (!s->inverse[k].p)
            return err_set(e, ERR_MEMORY, "not enough memory for the Jacobians of layer %zu", above(c, k)->index);
        TRY(pinv_init(&s->solvers[k], outputs, s->inverse[k].cols, a, e));
    }
    return 0;
}

/* The rows of the Jacobian of link k + 1 alone. */
static void take_layer(struct credit *c, struct pass *p, size_t k)
{
    const struct state *s = c->mapping_state;
    const struct unit *u = above(c, k);
    const struct mat seed = mat_of(c->scratch[0], c->rows, u->out.n);
    for (size_t output = 0; output < u->out.n; output++) {
        mat_zero(seed);
        for (size_t b = 0; b < c->rows; b++)
            seed.p[b * seed.cols + output] = 1;
        u->def->vjp(u, p->links[k + 1], seed, mat_rows(s->inverse[k], output * c->rows, c->rows));
    }
}

static int invert(struct credit *c, size_t k, struct err *e)
{
    struct state *s = c->mapping_state;
    const struct mat j = s->inverse[k];
    for (size_t b = 0; b < c->rows; b++) {
        real *sample = j.p + b * j.cols;
        const size_t stride = c->rows * j.cols;
        TRY(pinv_transposed(&s->solvers[k], damping_of(damping(c), k), sample, stride, sample, stride, e));
    }
    return 0;
}

static int refresh(struct credit *c, struct pass *p, struct err *e)
{
    struct state *s = c->mapping_state;
    if (of(c) == PINV_NETWORK)
        jacobian_take(&s->jacobian, p);
    for (size_t k = 0; k + 1 < c->n; k++) {
        if (of(c) == PINV_JACOBIAN)
            take_layer(c, p, k);
        const int code =
            of(c) == PINV_WEIGHTS ? above(c, k)->def->inverse->refresh(above(c, k), &s->options, e) : invert(c, k, e);
        if (code < 0) {
            c->bad_layer = (int64_t)k;
            return code;
        }
    }
    return 0;
}

/* Of weights: one of the three products of the layer's inverse. */
typedef void inverse_product(const struct unit *u, struct at at, struct mat v, const struct inverse_options *o,
                             struct mat out);

static int product(struct credit *c, const struct at *ref, size_t k, struct mat d, struct mat out,
                   inverse_product *of_weights)
{
    const struct state *s = c->mapping_state;
    if (of(c) == PINV_WEIGHTS) {
        of_weights(above(c, k), *ref, d, &s->options, out);
        return 0;
    }
    const struct mat inverse = s->inverse[k];
    mat_zero(out);
    for (size_t output = 0; output < d.cols; output++)
        for (size_t b = 0; b < d.rows; b++)
            mat_axpy(d.p[b * d.cols + output], mat_rows(inverse, output * d.rows + b, 1), mat_rows(out, b, 1));
    return 0;
}

static const struct inverse_def *inverse_of(const struct credit *c, size_t k)
{
    static const struct inverse_def none = { 0 };
    return of(c) == PINV_WEIGHTS ? above(c, k)->def->inverse : &none;
}

static int apply(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat t, struct mat out,
                 struct err *e)
{
    (void)p, (void)e;
    return product(c, ref, k, t, out, inverse_of(c, k)->apply);
}

static int difference(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat d, struct mat out,
                      struct err *e)
{
    (void)p, (void)e;
    return product(c, ref, k, d, out, inverse_of(c, k)->difference);
}

static int jvp(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat d, struct mat out,
               struct err *e)
{
    (void)p, (void)e;
    return product(c, ref, k, d, out, inverse_of(c, k)->jvp);
}

static void own_target(struct credit *c)
{
    if (of(c) != PINV_NETWORK)
        return;
    const double lambda = damping_of(damping(c), c->n - 1);
    mat_scale((real)(1 / (1 + lambda)), c->d[c->n - 1], c->d[c->n - 1]);
}

/* The Cholesky factor of W^T W and two triangular solves, 3 n m^2 + m^3 / 3, or some six sweeps of Jacobi rotations,
 * 6 m^2 / 2 (12 n + 6 m), with n the longer and m the shorter side. */
static double flops_of_one(double rows, double cols, bool damped)
{
    const double longer = fmax(rows, cols), shorter = fmin(rows, cols);
    return damped ? 3 * longer * shorter * shorter + shorter * shorter * shorter / 3
                  : 3 * shorter * shorter * (12 * longer + 6 * shorter);
}

/* C reverse passes; and for each layer and sample (of weights: each layer) one of those. */
static double flops(const struct credit *c, size_t rows)
{
    double n = 0, product;
    for (size_t k = 0; k + 1 < c->n; k++) {
        const struct unit *u = above(c, k);
        const double outputs =
            (double)(of(c) == PINV_NETWORK ? c->chain->units[c->chain->unit_of[c->n - 1]].out.n : u->out.n);
        const double one = flops_of_one((double)u->in.n, outputs, damping_of(damping(c), k) > 0);
        (void)u->def->flops(u, rows, &product);
        n += of(c) == PINV_WEIGHTS ? one : outputs * product + (double)rows * one;
    }
    return n;
}

extern const struct mapping_def mapping_pinv;
const struct mapping_def mapping_pinv = {
    .part = { .name = "pinv",
              .help = "pseudo-inverse of the Jacobian of everything above, per sample: Gauss-Newton targets; or of one "
                      "layer's "
                      "weights or Jacobian",
              .ref = "Meulemans 2020, Condition 2; Bao 2024, PJML-DTP",
              .options = pinv_table,
              .opts_size = sizeof(struct pinv_options),
              .state_size = sizeof(struct state),
              .gives = GIVES_APPLY | GIVES_JVP | GIVES_DIRECT },
    .shape = shape,
    .open = open,
    .refresh = refresh,
    .apply = apply,
    .difference = difference,
    .jvp = jvp,
    .own_target = own_target,
    .flops = flops,
};
