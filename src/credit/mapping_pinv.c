/* Gauss-Newton targets: from the last place under the head straight to each layer, per sample,
 *   g_k'(d) = J^T (J J^T + damping I)^-1 d,   J = d h_{n-1} / d h_k,
 * the pseudo-inverse J^+ where the damping is 0. Meulemans 2020, Condition 2 and Eq. (7). In the released code the
 * output layer's own target follows the same formula with J = I: its displacement is divided by 1 + damping, after the
 * others were made from it. */
#include "credit/credit.h"

#include "credit/jacobian.h"
#include "credit/mapping_pinv.h"
#include "math/pinv.h"
#include <math.h>

struct state {
    struct jacobian jacobian; /* refresh turns its matrices into the inverses' transposes, (C * B, n_k) */
    struct pinv *solvers;     /* [n - 1] */
};

static const struct option pinv_table[] = {
    { "damping", OPT_REALS, offsetof(struct pinv_options, damping), "0", 0, 1e300,
      .help = "lambda in J^T (J J^T + lambda I)^-1; 0: the pseudo-inverse. One number, or one per layer under the "
              "head; the last one, which may be left out, "
              "divides the displacement of the last layer's own target by 1 + lambda" },
    { 0 }
};

double damping_of(const struct reals *damping, size_t k)
{
    return damping->n == 1 ? damping->items[0] : k < damping->n ? damping->items[k] : 0;
}

static const struct reals *damping(const struct credit *c)
{
    return &pinv_options_of(c->choice.mapping)->damping;
}

static int shape(struct credit *c, struct arena *a, struct err *e)
{
    (void)a;
    const size_t n = damping(c)->n;
    TRY(jacobian_check(c->chain, c->n - 1, "algorithm.mapping: 'pinv'", e));
    if (c->choice.route != ROUTE_DIRECT)
        return err_about(e, "algorithm.route", "'pinv' reads the last target itself; use route: direct");
    if (n != 1 && n != c->n && n + 1 != c->n)
        return err_about(e, "algorithm.mapping.damping",
                         "%zu numbers; give one, or one for each of the %zu layers under the "
                         "head (the last may be left out)",
                         n, c->n);
    return 0;
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    struct state *s = c->mapping_state;
    TRY(jacobian_open(&s->jacobian, c->chain, c->n - 1, c->rows, false, a, e));
    s->solvers = arena_alloc(a, c->n, sizeof *s->solvers);
    if (!s->solvers)
        return err_set(e, ERR_MEMORY, "not enough memory for pseudo-inverses");
    for (size_t k = 0; k + 1 < c->n; k++)
        TRY(pinv_init(&s->solvers[k], s->jacobian.outputs, s->jacobian.state[k].cols, a, e));
    return 0;
}

static int refresh(struct credit *c, struct pass *p, struct err *e)
{
    struct state *s = c->mapping_state;
    jacobian_take(&s->jacobian, p);
    for (size_t k = 0; k + 1 < c->n; k++) {
        const struct mat j = s->jacobian.state[k];
        for (size_t b = 0; b < c->rows; b++) {
            real *sample = j.p + b * j.cols;
            const size_t stride = c->rows * j.cols;
            const int code =
                pinv_transposed(&s->solvers[k], damping_of(damping(c), k), sample, stride, sample, stride, e);
            if (code < 0) {
                c->bad_layer = (int64_t)k;
                return code;
            }
        }
    }
    return 0;
}

static int jvp(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat d, struct mat out,
               struct err *e)
{
    (void)p, (void)ref, (void)e;
    const struct state *s = c->mapping_state;
    const struct mat inverse = s->jacobian.state[k];
    mat_zero(out);
    for (size_t output = 0; output < d.cols; output++)
        for (size_t b = 0; b < d.rows; b++)
            mat_axpy(d.p[b * d.cols + output], mat_rows(inverse, output * d.rows + b, 1), mat_rows(out, b, 1));
    return 0;
}

static void own_target(struct credit *c)
{
    const double lambda = damping_of(damping(c), c->n - 1);
    mat_scale((real)(1 / (1 + lambda)), c->d[c->n - 1], c->d[c->n - 1]);
}

/* C reverse passes; and for each layer and sample, with n = max(n_k, C) and m = min(n_k, C), the Cholesky factor of
 * W^T W and two triangular solves, 3 n m^2 + m^3 / 3, or some six sweeps of Jacobi rotations, 6 m^2 / 2 (12 n + 6 m).
 */
static double flops(const struct credit *c, size_t rows)
{
    const double outputs = (double)c->chain->units[c->chain->unit_of[c->n - 1]].out.n;
    double n = 0, product;
    for (size_t k = 0; k + 1 < c->n; k++) {
        const struct unit *above = &c->chain->units[c->chain->unit_of[k + 1]];
        const double units = (double)above->in.n, longer = fmax(units, outputs), shorter = fmin(units, outputs);
        (void)above->def->flops(above, rows, &product);
        n += outputs * product;
        n += (double)rows * (damping_of(damping(c), k) > 0
                                 ? 3 * longer * shorter * shorter + shorter * shorter * shorter / 3
                                 : 3 * shorter * shorter * (12 * longer + 6 * shorter));
    }
    return n;
}

extern const struct mapping_def mapping_pinv;
const struct mapping_def mapping_pinv = {
    .part = { .name = "pinv",
              .help =
                  "pseudo-inverse of the Jacobian of everything above, per sample: Gauss-Newton targets; route direct",
              .ref = "Meulemans 2020, Condition 2",
              .options = pinv_table,
              .opts_size = sizeof(struct pinv_options),
              .state_size = sizeof(struct state),
              .gives = GIVES_JVP | GIVES_DIRECT },
    .shape = shape,
    .open = open,
    .refresh = refresh,
    .jvp = jvp,
    .own_target = own_target,
    .flops = flops,
};
