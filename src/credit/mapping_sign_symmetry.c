/* Sign symmetry: back-propagation with the signs of the weights in the place of the weights, d_k = scale (slope d_l)
 * sign(W), l = k + 1. Liao, Leibo & Poggio 2016. */
#include "credit/mapping_learned.h"

#include "math/blas.h"

struct sign_options {
    double scale;
};

struct sign_state {
    struct mat *signs; /* [n_units] scale * sign(W) of those that are led back through; else {NULL} */
};

static const struct option table[] = { { "scale", OPT_REAL, offsetof(struct sign_options, scale), "1", 0, 1e12,
                                         OPTION_ABOVE_MIN, "factor on the signs" },
                                       { 0 } };

/* One matrix behind one activation: signs of anything else would have to be summed as it is used. */
static bool has_signs(const struct unit *u)
{
    const struct param *w = learned_matrix(u);
    return w && !u->n_inner && w->rows == u->out.n && w->cols == u->in.n && (unit_abilities(u) & CAN_SLOPE);
}

static int shape(struct credit *c, struct arena *a, struct err *e)
{
    (void)a;
    for (size_t k = 1; k < c->n; k++) {
        const struct unit *u = &c->chain->units[c->chain->unit_of[k]],
                          *below = &c->chain->units[c->chain->unit_of[k - 1]];
        char text[96];
        if (!has_signs(u))
            return err_at(e, u->where,
                          "algorithm.mapping: 'sign_symmetry' leads back through dense layers; network.layers.%zu (%s) "
                          "is none, or has no weights of its own",
                          u->index, unit_text(u, text, sizeof text));
        if (below->transmit.part)
            return err_at(e, below->where,
                          "algorithm.mapping: 'sign_symmetry' needs layers that send their states: "
                          "network.layers.%zu.transmit",
                          below->index);
    }
    return 0;
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    struct sign_state *s = c->mapping_state;
    s->signs = arena_alloc(a, c->chain->n_units, sizeof *s->signs);
    for (size_t i = 1; s->signs && i < c->n; i++) {
        s->signs[i] = mat_new(a, c->chain->units[i].out.n, c->chain->units[i].in.n);
        if (!s->signs[i].p)
            return err_set(e, ERR_MEMORY, "not enough memory for the signs of layer %zu", i);
    }
    return s->signs ? 0 : err_set(e, ERR_MEMORY, "not enough memory for signs");
}

static int refresh(struct credit *c, struct pass *p, struct err *e)
{
    (void)p, (void)e;
    const struct sign_state *s = c->mapping_state;
    const real scale = (real)((const struct sign_options *)c->choice.mapping.opts)->scale;
    for (size_t i = 1; i < c->n; i++) {
        const struct unit *u = &c->chain->units[i];
        const real *w = u->weights + learned_matrix(u)->offset;
        for (size_t j = 0; j < mat_n(s->signs[i]); j++)
            s->signs[i].p[j] = w[j] > 0 ? scale : w[j] < 0 ? -scale : w[j]; /* NaN stays */
    }
    return 0;
}

static int jvp(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat d, struct mat out,
               struct err *e)
{
    (void)ref, (void)e;
    const struct sign_state *s = c->mapping_state;
    chain_vjp(p, k + 1, d, (struct mat){ 0 }); /* leaves slope * d */
    blas_gemm(false, false, 1, p->links[k + 1].delta, s->signs[c->chain->unit_of[k + 1]], 0, out);
    return 0;
}

extern const struct mapping_def mapping_sign_symmetry;
const struct mapping_def mapping_sign_symmetry = {
    .part = { .name = "sign_symmetry",
              .help = "back-propagation with the signs of the forward weights in their place",
              .ref = "Liao, Leibo & Poggio 2016",
              .options = table,
              .opts_size = sizeof(struct sign_options),
              .state_size = sizeof(struct sign_state),
              .gives = GIVES_JVP },
    .leaves_deltas = true,
    .shape = shape,
    .open = open,
    .refresh = refresh,
    .jvp = jvp,
};
