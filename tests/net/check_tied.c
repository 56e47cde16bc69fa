/* Tied dense layers: W^T of an earlier layer, whose gradient gathers both uses. */
#include "../check_main.h"
#include "fixture.h"

#define TIED                                                                                                           \
    "{features: 5, outputs: 5, labels: real, loss: squared_error, layers: [dense: {units: 4, activation: tanh}, "      \
    "dense: {units: 3, activation: sigmoid}, dense: {units: 4, activation: tanh, tied: 1}, dense: {units: 5, "         \
    "tied: 0}]}"

static int shape_error(const char *layers, char *message, size_t size)
{
    struct net f = { 0 };
    struct err e = { 0 };
    static const struct option table[] = { NET_OPTIONS(struct net_spec, ), { 0 } };
    arena_init(&f.arena, 0);
    must(bind_tree(net_parse(layers, &f.arena), table, &f.spec, "", &f.arena, &e), &e);
    const struct data_shape data = { .length = 1,
                                     .features = (size_t)f.spec.features,
                                     .outputs = (size_t)f.spec.outputs };
    const int code = chain_shape(&f.chain, &f.spec.layers, &data, NULL, &f.arena, &e);
    snprintf(message, size, "%s", err_first(&e));
    err_clear(&e);
    arena_finish(&f.arena);
    return code;
}

/* The same network with weights of its own that are copies of the transposes. */
START_TEST(a_tied_layer_is_the_transpose)
{
    struct net tied, own;
    net_open(&tied, TIED);
    net_open(
        &own,
        "{features: 5, outputs: 5, labels: real, loss: squared_error, layers: [dense: {units: 4, activation: tanh}, "
        "dense: {units: 3, activation: sigmoid}, dense: {units: 4, activation: tanh}, dense: {units: 5}]}");
    ck_assert_uint_eq(tied.chain.units[2].n_params, 1);
    ck_assert(tied.chain.units[2].params[0].is_bias);
    ck_assert_uint_eq(tied.chain.n_weights, 4 * 5 + 4 + 3 * 4 + 3 + 4 + 5);
    static const size_t source[4] = { 0, 1, 1, 0 };
    for (size_t i = 0; i < 4; i++) {
        const struct unit *l = &tied.chain.units[i], *copy = &own.chain.units[i];
        const struct mat w = unit_param(&tied.chain.units[source[i]], 0, tied.chain.weights),
                         to = unit_param(copy, 0, own.chain.weights);
        if (i < 2)
            mat_copy(w, to);
        else
            mat_transpose(w, to);
        mat_copy(unit_param(l, l->n_params - 1, tied.chain.weights), unit_param(copy, 1, own.chain.weights));
    }
    const double a = net_loss(&tied), b = net_loss(&own);
    ck_assert_double_eq_tol(a, b, BOUND(1e-14, 1e-5) * b);
    for (size_t i = 0; i < 4; i++) {
        const struct unit *l = &tied.chain.units[i], *copy = &own.chain.units[i];
        const struct mat s = net_matrix(&tied, 3, l->out.n), v = net_matrix(&tied, 3, l->in.n);
        const struct mat da = mat_new(&tied.arena, 3, l->in.n), db = mat_new(&tied.arena, 3, l->in.n);
        const struct mat ja = mat_new(&tied.arena, 3, l->out.n), jb = mat_new(&tied.arena, 3, l->out.n);
        l->def->vjp(l, tied.pass.links[i], s, da);
        copy->def->vjp(copy, own.pass.links[i], s, db);
        ck_assert_double_le(mat_relative_error(da, db), BOUND(1e-13, 1e-5));
        l->def->jvp(l, tied.pass.links[i], v, ja);
        copy->def->jvp(copy, own.pass.links[i], v, jb);
        ck_assert_double_le(mat_relative_error(ja, jb), BOUND(1e-13, 1e-5));
    }
    net_close(&tied);
    net_close(&own);
}
END_TEST

/* Back-propagation against central differences of the loss in every parameter: a shared weight moves both layers. */
START_TEST(gradients_gather_both_uses)
{
    struct net f;
    net_open(&f, TIED);
    const struct chain *c = &f.chain;
    real *g = arena_need(&f.arena, c->n_vector, sizeof *g);
    chain_refresh(&f.chain);
    chain_forward(&f.pass);
    chain_loss(&f.pass, f.spec.loss, true);
    struct mat s = f.pass.gradient;
    for (size_t k = c->n_links; k-- > 0;) {
        const struct unit *l = &c->units[k];
        const struct mat down = mat_new(&f.arena, 3, l->in.n);
        l->def->vjp(l, f.pass.links[k], s, down);
        l->def->grads(l, f.pass.links[k], 1, g);
        s = down;
    }
    const real step = (real)BOUND(1e-6, 1e-2);
    for (size_t i = 0; i < c->n_units; i++)
        for (size_t j = 0; j < unit_n_weights(&c->units[i]); j++) {
            real *w = layer_entry(&c->units[i], c->weights, j);
            const real kept = *w;
            *w = kept + step;
            const double above = net_loss(&f);
            *w = kept - step;
            const double below = net_loss(&f);
            *w = kept;
            ck_assert_double_eq_tol((above - below) / (2 * (double)step), (double)*layer_entry(&c->units[i], g, j),
                                    BOUND(1e-7, 5e-3));
        }
    net_close(&f);
}
END_TEST

START_TEST(what_cannot_be_tied)
{
    static const struct {
        const char *spec, *message;
    } bad[] = {
        { "{features: 5, outputs: 5, layers: [dense: {units: 4}, dense: {units: 5, tied: 1}]}",
          "network.layers.1.tied: 1 is no layer below this one; layers count from 0" },
        { "{features: 5, outputs: 5, layers: [dense: {units: 4}, dense: {units: 3}, dense: {units: 5, tied: 0}]}",
          "network.layers.2.tied: the transpose of network.layers.0 reads 4 values, but the layer gets 3" },
        { "{features: 5, outputs: 6, layers: [dense: {units: 4}, dense: {units: 6, tied: 0}]}",
          "network.layers.1.units: 6, but the transpose of network.layers.0 gives 5" },
        { "{features: 4, outputs: 4, layers: [dense: {units: 4}, dense: {units: 4, tied: 0}, dense: {units: 4, tied: "
          "1}]}",
          "network.layers.2.tied: network.layers.1 has no dense weights of its own" },
        { "{features: 5, outputs: 5, layers: [dense: {units: 4}, dense: {units: 5, tied: 0, weights_init: zeros}]}",
          "network.layers.1.weights_init: a tied layer has no weights to initialise" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char message[256];
        ck_assert_int_eq(shape_error(bad[i].spec, message, sizeof message), ERR_SPEC);
        ck_assert_str_eq(message, bad[i].message);
    }
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, a_tied_layer_is_the_transpose);
    tcase_add_test(tcase, gradients_gather_both_uses);
    tcase_add_test(tcase, what_cannot_be_tied);
}

CHECK_MAIN("tied", add_tests)
