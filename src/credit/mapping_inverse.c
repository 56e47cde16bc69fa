/* The regularized inverse of the forward layer, R(z) = (W^T W + r I)^-1 W^T z after the activation's inverse. Roulet &
 * Harchaoui 2022, Eq. (1)-(2). One factorization per layer and minibatch, whatever the number of links. */
#include "credit/credit.h"

#include "net/inverse.h"

static const char *const matrix_names[] = { "weights", "two_eye_minus_w", NULL };
static const char *const gates_names[] = { "matched", "released", NULL };

static const struct option inverse_table[] = {
    { "regularization", OPT_REAL, offsetof(struct inverse_options, regularization), "1", 0, 1e300,
      .help = "r in (W^T W + r I)^-1 W^T", .beside = "matrix", .idle = "two_eye_minus_w" },
    { "clamp", OPT_REAL, offsetof(struct inverse_options, clamp), "1e-3", 0, 0.49, OPTION_ABOVE_MIN,
      "states and targets are clipped this far inside the activation's range before it is inverted" },
    { "matrix", OPT_ENUM, offsetof(struct inverse_options, matrix), "weights", .names = matrix_names,
      .help =
          "what is inverted: W, or 2 I - W with r = 0 (the released code's optim_variant, not with propagate linear)" },
    { "gates", OPT_ENUM, offsetof(struct inverse_options, gates), "matched", .names = gates_names,
      .help = "gru: the rule that belongs to the forward cell, or the released code's, which exchanges z and 1 - z" },
    { 0 }
};

static const struct inverse_options *options_of(const struct credit *c)
{
    return c->choice.mapping.opts;
}

/* The first of a unit's layers that has more inputs than outputs, or NULL. As deep as the file. */
static const struct unit *find_narrow(const struct unit *u)
{
    const struct unit *found = !u->n_inner && u->out.n < u->in.n ? u : NULL;
    for (size_t j = 0; j < u->n_inner && !found; j++)
        found = find_narrow(&u->inner[j]);
    return found;
}

static int shape(struct credit *c, struct arena *a, struct err *e)
{
    (void)a;
    const struct part *propagate = c->choice.propagate.part;
    const bool variant = options_of(c)->matrix == INVERT_TWO_EYE_MINUS_W;
    char text[96];
    if (variant && !(propagate->needs & GIVES_APPLY))
        return err_about(e, "algorithm.mapping.matrix",
                         "'two_eye_minus_w' is defined for propagate 'difference' and 'plain' only");
    for (size_t k = 1; k < c->n; k++) {
        const struct unit *u = &c->chain->units[c->chain->unit_of[k]];
        if (!(unit_abilities(u) & CAN_INVERT))
            return err_at(e, u->where,
                          "algorithm.mapping: 'inverse' needs invertible layers; network.layers.%zu (%s) is not",
                          u->index, unit_text(u, text, sizeof text));
        const struct unit *narrow = u->def->inverse->exact ? NULL : find_narrow(u);
        if (options_of(c)->regularization == 0 && !variant && narrow)
            return err_at(e, u->where,
                          "algorithm.mapping.regularization: 0 needs layers with at least as many outputs as inputs; "
                          "%snetwork.layers.%zu is %zu x %zu",
                          narrow == u ? "" : "one of ", u->index, narrow->out.n, narrow->in.n);
        if (variant && (u->n_inner || u->in.n != u->out.n))
            return err_at(
                e, u->where,
                "algorithm.mapping.matrix: 'two_eye_minus_w' needs square layers; network.layers.%zu is %zu x %zu",
                u->index, u->out.n, u->in.n);
        if ((propagate->needs & GIVES_APPLY) && !(unit_abilities(u) & CAN_INVERT_VALUES))
            return err_at(
                e, u->where,
                "algorithm.propagate: '%s' needs the inverse itself, but that of '%s' is only linearized; use 'linear'",
                propagate->name, u->def->part.name);
    }
    return 0;
}

/* Units with a link whose inverse is asked for. */
static bool is_inverted(const struct credit *c, size_t i)
{
    const size_t last = c->chain->first_link[i] + c->chain->links_of[i] - 1;
    return last >= 1 && last < c->n;
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    (void)a;
    for (size_t i = 0; i < c->chain->n_units; i++)
        if (is_inverted(c, i))
            TRY(c->chain->units[i].def->inverse->open(&c->chain->units[i], options_of(c), e));
    return 0;
}

static int refresh(struct credit *c, struct pass *p, struct err *e)
{
    (void)p;
    for (size_t i = 0; i < c->chain->n_units; i++) {
        struct unit *l = &c->chain->units[i];
        if (!is_inverted(c, i))
            continue;
        const int code = l->def->inverse->refresh(l, options_of(c), e);
        if (code < 0) {
            c->bad_layer = (int64_t)i;
            return code;
        }
    }
    return 0;
}

static const struct unit *above(const struct credit *c, size_t k)
{
    return &c->chain->units[c->chain->unit_of[k + 1]];
}

static int apply(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat t, struct mat out,
                 struct err *e)
{
    (void)p, (void)e;
    above(c, k)->def->inverse->apply(above(c, k), *ref, t, options_of(c), out);
    return 0;
}

static int difference(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat d, struct mat out,
                      struct err *e)
{
    (void)p, (void)e;
    above(c, k)->def->inverse->difference(above(c, k), *ref, d, options_of(c), out);
    return 0;
}

static int jvp(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat d, struct mat out,
               struct err *e)
{
    (void)p, (void)e;
    above(c, k)->def->inverse->jvp(above(c, k), *ref, d, options_of(c), out);
    return 0;
}

/* W^T W, its Cholesky factor and the solution for W^T, of each layer with weights. */
static double factor_flops(const struct unit *l)
{
    const double in = (double)l->in.n, out = (double)l->n_delta;
    double n = out > 0 ? 3 * out * in * in + in * in * in / 3 : 0;
    for (size_t j = 0; j < l->n_inner; j++)
        n += factor_flops(&l->inner[j]);
    return n;
}

static double flops(const struct credit *c, size_t rows)
{
    (void)rows;
    double n = 0;
    for (size_t i = 0; i < c->chain->n_units; i++)
        if (is_inverted(c, i))
            n += factor_flops(&c->chain->units[i]);
    return n;
}

extern const struct mapping_def mapping_inverse;
const struct mapping_def mapping_inverse = {
    .part = { .name = "inverse",
              .help = "regularized inverse of the forward layer, factorized once per minibatch",
              .ref = "Roulet 2022, Eq. (1)-(2)",
              .options = inverse_table,
              .opts_size = sizeof(struct inverse_options),
              .gives = GIVES_APPLY | GIVES_JVP },
    .shape = shape,
    .open = open,
    .refresh = refresh,
    .apply = apply,
    .difference = difference,
    .jvp = jvp,
    .flops = flops,
};
