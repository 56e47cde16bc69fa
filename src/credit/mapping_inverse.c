/* The regularized inverse of the forward layer, R(z) = (W^T W + r I)^-1 W^T z after the activation's inverse. Roulet & Harchaoui 2022, Eq. (1)-(2).
 * One factorization per layer and minibatch, whatever the number of links. */
#include "credit/credit.h"

static const char *const matrix_names[] = { "weights", "two_eye_minus_w", NULL };
static const char *const gates_names[] = { "matched", "released", NULL };

static const struct option inverse_table[] = {
    { "regularization", OPT_REAL, offsetof(struct inverse_options, regularization), "1", 0, 1e300, .help = "r in (W^T W + r I)^-1 W^T" },
    { "clamp", OPT_REAL, offsetof(struct inverse_options, clamp), "1e-3", 0, 0.49, OPTION_ABOVE_MIN,
      "states and targets are clipped this far inside the activation's range before it is inverted" },
    { "matrix", OPT_ENUM, offsetof(struct inverse_options, matrix), "weights", .names = matrix_names,
      .help = "what is inverted: W, or 2 I - W with r = 0 (the released code's optim_variant, not with propagate linear)" },
    { "gates", OPT_ENUM, offsetof(struct inverse_options, gates), "matched", .names = gates_names,
      .help = "gru: the rule that belongs to the forward cell, or the released code's, which exchanges z and 1 - z" },
    { 0 }
};

static const struct inverse_options *options_of(const struct credit *c)
{
    return c->choice.mapping.opts;
}

static int shape(struct credit *c, struct arena *a, struct err *e)
{
    (void)a;
    const bool variant = options_of(c)->matrix == INVERT_TWO_EYE_MINUS_W;
    if (variant && !(c->choice.propagate.part->needs & GIVES_APPLY))
        return err_set(e, ERR_SPEC, "algorithm.mapping.matrix: 'two_eye_minus_w' is defined for propagate 'difference' and 'plain' only");
    for (size_t k = 1; k < c->n; k++) {
        const struct layer *l = &c->chain->layers[c->chain->layer_of[k]];
        if (!(l->def->part.gives & GIVES_INVERSE) || (l->act.def && !l->act.def->inverse))
            return err_at(e, l->where, "algorithm.mapping: 'inverse' needs invertible layers; network.layers.%zu (%s%s%s) is not", l->index,
                          l->def->part.name, l->act.def ? ", " : "", l->act.def ? l->act.def->part.name : "");
        if (variant && l->n_in != l->n_out)
            return err_at(e, l->where, "algorithm.mapping.matrix: 'two_eye_minus_w' needs square layers; network.layers.%zu is %zu x %zu", l->index,
                          l->n_out, l->n_in);
        if ((c->choice.propagate.part->needs & GIVES_APPLY) && !l->def->inverse_apply)
            return err_at(e, l->where, "algorithm.propagate: '%s' needs the inverse itself, but that of '%s' is only linearized; use 'linear'",
                          c->choice.propagate.part->name, l->def->part.name);
    }
    return 0;
}

static int refresh(struct credit *c, struct pass *p, struct err *e)
{
    (void)p;
    for (size_t i = 0; i < c->chain->n_layers; i++) {
        struct layer *l = &c->chain->layers[i];
        const size_t last = c->chain->first_link[i] + c->chain->links_of[i] - 1;
        if (last < 1 || last >= c->n)
            continue;
        const int code = l->def->inverse_refresh(l, options_of(c), e);
        if (code < 0) {
            c->bad_layer = (int64_t)i;
            return code;
        }
    }
    return 0;
}

static void apply(struct credit *c, struct pass *p, size_t k, struct mat t, struct mat out)
{
    const struct layer *l = &c->chain->layers[c->chain->layer_of[k + 1]];
    l->def->inverse_apply(l, p->links[k + 1], t, options_of(c), out);
}

static void difference(struct credit *c, struct pass *p, size_t k, struct mat d, struct mat out)
{
    const struct layer *l = &c->chain->layers[c->chain->layer_of[k + 1]];
    l->def->inverse_difference(l, p->links[k + 1], d, options_of(c), out);
}

static void jvp(struct credit *c, struct pass *p, size_t k, struct mat d, struct mat out)
{
    const struct layer *l = &c->chain->layers[c->chain->layer_of[k + 1]];
    l->def->inverse_jvp(l, p->links[k + 1], d, options_of(c), out);
}

/* Layers with a link whose inverse is asked for. */
static bool is_inverted(const struct credit *c, size_t i)
{
    const size_t last = c->chain->first_link[i] + c->chain->links_of[i] - 1;
    return last >= 1 && last < c->n;
}

/* The inverse of a layer, and its factors in double precision, whatever that of the trial; a gru has three matrices. */
static double reals(const struct credit *c, size_t rows)
{
    (void)rows;
    const double wide = (double)sizeof(double) / (double)sizeof(real);
    double n = 0;
    for (size_t i = 0; i < c->chain->n_layers; i++) {
        const struct layer *l = &c->chain->layers[i];
        const double in = (double)(c->chain->links_of[i] > 1 ? l->n_out : l->n_in), out = (double)l->n_delta;
        if (is_inverted(c, i))
            n += out * in * (options_of(c)->matrix == INVERT_TWO_EYE_MINUS_W ? 2 : 1) + wide * (out * in + in * in);
    }
    return n;
}

/* W^T W, its Cholesky factor and the solution for W^T. */
static double flops(const struct credit *c, size_t rows)
{
    (void)rows;
    double n = 0;
    for (size_t i = 0; i < c->chain->n_layers; i++) {
        const struct layer *l = &c->chain->layers[i];
        const double in = (double)(c->chain->links_of[i] > 1 ? l->n_out : l->n_in), out = (double)l->n_delta;
        if (is_inverted(c, i))
            n += 3 * out * in * in + in * in * in / 3;
    }
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
    .refresh = refresh,
    .apply = apply,
    .difference = difference,
    .jvp = jvp,
    .reals = reals,
    .flops = flops,
};
