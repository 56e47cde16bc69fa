/* Analytic feedback, made of the forward weights at every step: the map whose derivative is the transposed derivative
 * of the unit above (`transpose`: Bao 2024, TJML-DTP), and the exact inverse of units that can be run backwards, with
 * that of the others (`reversible`). Nothing is trained. */
#include "credit/credit.h"

#include "net/inverse.h"
#include "net/transpose.h"

struct transpose_options {
    int activation; /* enum transposed_activation */
};

static const char *const activation_names[] = { "zeta", "hadamard", "jacobian", NULL };
static const struct option table[] = {
    { "activation", OPT_ENUM, offsetof(struct transpose_options, activation), "zeta", .names = activation_names,
      .help = "the feedback of an activation a: zeta, whose derivative at a(u) is a'(u); hadamard, a(a'(u) t), or "
              "jacobian, a'(u) t, u of the forward pass" },
    { 0 }
};

extern const struct mapping_def mapping_transpose, mapping_reversible;

static int activation_of(const struct credit *c)
{
    return ((const struct transpose_options *)c->choice.mapping.opts)->activation;
}

static const struct unit *above(const struct credit *c, size_t k)
{
    return &c->chain->units[c->chain->unit_of[k + 1]];
}

/* Its options are for inverses that are not exact. */
static const struct inverse_options none = { 0 };

static bool runs_backwards(const struct credit *c, const struct unit *u)
{
    return mapping_of(c) == &mapping_reversible && u->def->inverse && u->def->inverse->exact;
}

static int shape(struct credit *c, struct arena *a, struct err *e)
{
    (void)a;
    for (size_t k = 0; k + 1 < c->n; k++)
        if (!runs_backwards(c, above(c, k)))
            TRY(transpose_check(above(c, k), activation_of(c),
                                mapping_of(c) == &mapping_transpose ? "algorithm.mapping: 'transpose'"
                                                                    : "algorithm.mapping: 'reversible'",
                                e));
    return 0;
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    for (size_t i = 1; i < c->chain->n_units && c->chain->first_link[i] < c->n; i++) {
        struct unit *u = &c->chain->units[i];
        TRY(runs_backwards(c, u) ? u->def->inverse->open(u, &none, e) : transpose_open(u, a, e));
    }
    return 0;
}

static int apply(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat t, struct mat out,
                 struct err *e)
{
    (void)p, (void)e;
    const struct unit *u = above(c, k);
    if (runs_backwards(c, u))
        u->def->inverse->apply(u, *ref, t, &none, out);
    else
        transpose_apply(u, *ref, activation_of(c), t, out);
    return 0;
}

static int difference(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat d, struct mat out,
                      struct err *e)
{
    (void)p, (void)e;
    const struct unit *u = above(c, k);
    if (runs_backwards(c, u))
        u->def->inverse->difference(u, *ref, d, &none, out);
    else
        transpose_difference(u, *ref, activation_of(c), ref->out, d, out);
    return 0;
}

static double difference_flops(const struct credit *c, size_t k, size_t rows)
{
    const struct unit *u = above(c, k);
    return runs_backwards(c, u) ? unit_product(u, rows) : transpose_product(u, activation_of(c), rows);
}

const struct mapping_def mapping_transpose = {
    .part = { .name = "transpose",
              .help = "analytic feedback whose derivative is the transposed derivative of the layer above",
              .ref = "Bao 2024, TJML-DTP",
              .options = table,
              .opts_size = sizeof(struct transpose_options),
              .gives = GIVES_APPLY },
    .shape = shape,
    .open = open,
    .apply = apply,
    .difference = difference,
    .difference_flops = difference_flops,
};
const struct mapping_def mapping_reversible = {
    .part = { .name = "reversible",
              .help = "the exact inverse of layers that can be run backwards, and as `transpose` for the others",
              .ref = "Bao 2024, Table 4",
              .options = table,
              .opts_size = sizeof(struct transpose_options),
              .gives = GIVES_APPLY },
    .shape = shape,
    .open = open,
    .apply = apply,
    .difference = difference,
    .difference_flops = difference_flops,
};
