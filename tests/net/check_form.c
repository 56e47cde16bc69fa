/* network.form: activations in front of the layers' maps. */
#include "../check_main.h"
#include "fixture.h"

#include "net/inverse.h"
#include "net/mirror.h"
#include <stdio.h>

#define LAYERS                                                                                                         \
    "layers: [dense: {units: 5, activation: tanh}, dense: {units: 6, activation: leaky_relu}, dense: {units: 4, "      \
    "activation: sigmoid, bias: false}]"

static double act_value(const char *name, double v)
{
    return strcmp(name, "tanh") == 0 ? tanh(v) : strcmp(name, "sigmoid") == 0 ? 1 / (1 + exp(-v)) : v > 0 ? v : 0.2 * v;
}

/* W a(h) + b by hand. */
static void check_map(const struct unit *u, const char *act, struct mat in, struct mat out)
{
    const struct mat w = unit_param(u, 0, u->weights);
    for (size_t row = 0; row < out.rows; row++)
        for (size_t j = 0; j < out.cols; j++) {
            double v = u->n_params > 1 ? (double)u->weights[u->params[1].offset + j] : 0;
            for (size_t i = 0; i < in.cols; i++)
                v += (double)w.p[j * w.cols + i] * act_value(act, (double)in.p[row * in.cols + i]);
            ck_assert_double_eq_tol((double)out.p[row * out.cols + j], v, BOUND(1e-13, 1e-5));
        }
}

START_TEST(activations_are_on_what_layers_read)
{
    static const char *const acts[] = { "tanh", "leaky_relu", "sigmoid" };
    struct net f;
    net_open(&f, "{form: w_sigma, " LAYERS "}");
    chain_forward(&f.pass);
    ck_assert_uint_eq(f.chain.units[2].n_params, 1);
    for (size_t i = 0; i < 3; i++)
        check_map(&f.chain.units[i], acts[i], f.pass.links[i].in, f.pass.links[i].out);
    net_close(&f);
}
END_TEST

/* Names, shapes and initial weights are those of the other form. */
START_TEST(parameters_are_those_of_the_other_form)
{
    struct net a, b;
    net_open(&a, "{form: w_sigma, " LAYERS "}");
    net_open(&b, "{form: sigma_w, " LAYERS "}");
    ck_assert_uint_eq(a.chain.n_vector, b.chain.n_vector);
    ck_assert_int_eq(memcmp(a.chain.weights, b.chain.weights, a.chain.n_vector * sizeof(real)), 0);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < a.chain.units[i].n_params; j++) {
            char one[96], other[96];
            ck_assert_str_eq(unit_param_name(&a.chain.units[i], j, "layers", one, sizeof one),
                             unit_param_name(&b.chain.units[i], j, "layers", other, sizeof other));
        }
    net_close(&a);
    net_close(&b);
}
END_TEST

/* A layer without an activation is the same in both forms, whatever it is. */
START_TEST(layers_without_activation_stay)
{
    struct net f;
    net_open(
        &f,
        "{form: w_sigma, image: [2, 4, 4], features: 32, layers: [conv: {channels: 3, kernel: 3, activation: tanh}, "
        "max_pool: {kernel: 2}, flatten, activation: {activation: relu}, layer_norm, dense: {units: 4}]}");
    for (size_t i = 1; i < 6; i++)
        ck_assert_uint_eq(f.chain.units[i].n_inner, 0);
    ck_assert_uint_eq(f.chain.units[0].n_inner, 2);
    net_close(&f);
}
END_TEST

/* The feedback unit of a layer has the layer's activation on what it reads, unless it is told another. */
START_TEST(feedback_units_are_of_the_same_form)
{
    static const struct chosen given[] = { { NULL, NULL }, { &act_sigmoid.part, NULL } };
    static const char *const acts[] = { "leaky_relu", "sigmoid" };
    struct net f;
    net_open(&f, "{form: w_sigma, " LAYERS "}");
    for (size_t i = 0; i < 2; i++) {
        struct err e = { 0 };
        struct unit g = { .index = 0 };
        struct at at;
        size_t length = 0;
        const struct mirror m = { .common = { .bias = true }, .activation = given[i], .target = &f.chain.units[0] };
        must(f.chain.units[1].def->mirror(&f.chain.units[1], &g, &m, &f.arena, &e), &e);
        unit_place(&g, &length);
        real *weights = arena_need(&f.arena, length, sizeof *weights);
        net_normal(&f.rng, 0.5, mat_of(weights, 1, length));
        must(unit_open(&g, weights, 3, &f.arena, &e), &e);
        unit_refresh(&g);
        must(at_open(&at, &g, 3, 1, AT_INPUT, &f.arena, &e), &e);
        net_normal(&f.rng, 1, at.in);
        at_forward(&g, at);
        ck_assert_uint_eq(g.in.n, 6);
        ck_assert_uint_eq(g.out.n, 5);
        ck_assert_uint_eq(g.n_params, 2);
        check_map(&g, acts[i], at.in, at.out);
    }
    net_close(&f);
}
END_TEST

/* The inverse of a square layer with r = 0 leads back from what it gave, a difference is one of two values, and the
 * derivative is undone by that of the layer. Not of an activation that has none. */
START_TEST(an_inverse_goes_through_the_activation)
{
    static const char *const acts[] = { "tanh", "{name: leaky_relu, slope: 0.3}", "linear" };
    const struct inverse_options o = { .clamp = 1e-6 };
    for (size_t i = 0; i < 3; i++) {
        struct net f;
        struct err e = { 0 };
        char net[192];
        snprintf(net, sizeof net,
                 "{form: w_sigma, weights: orthogonal, features: 6, outputs: 6, layers: [dense: {units: 6}, dense: "
                 "{units: 6, "
                 "activation: %s}]}",
                 acts[i]);
        net_open(&f, net);
        chain_forward(&f.pass);
        struct unit *u = &f.chain.units[1];
        const struct at at = f.pass.links[1];
        const struct mat back = net_matrix(&f, 3, 6), d = net_matrix(&f, 3, 6), moved = net_matrix(&f, 3, 6),
                         up = net_matrix(&f, 3, 6);
        ck_assert(unit_abilities(u) & CAN_INVERT && unit_abilities(u) & CAN_INVERT_VALUES);
        must(u->def->inverse->open(u, &o, &e), &e);
        must(u->def->inverse->refresh(u, &o, &e), &e);
        u->def->inverse->apply(u, at, at.out, &o, back);
        ck_assert_double_le(mat_relative_error(back, at.in), BOUND(1e-12, 1e-4));
        mat_scale((real)0.05, d, d);
        mat_add(at.out, d, up);
        u->def->inverse->apply(u, at, up, &o, moved);
        mat_sub(moved, back, moved);
        u->def->inverse->difference(u, at, d, &o, up);
        ck_assert_double_le(mat_relative_error(up, moved), BOUND(1e-12, 1e-4));
        u->def->inverse->jvp(u, at, d, &o, back);
        u->def->jvp(u, at, back, up);
        ck_assert_double_le(mat_relative_error(up, d), BOUND(1e-12, 1e-4));
        net_close(&f);
    }
    struct net f;
    net_open(&f, "{form: w_sigma, layers: [dense: {units: 5}, dense: {units: 4, activation: gelu}]}");
    ck_assert(!(unit_abilities(&f.chain.units[1]) & (CAN_INVERT | CAN_INVERT_VALUES)));
    net_close(&f);
}
END_TEST

/* Layers whose activation does not stand behind one map. */
START_TEST(other_kinds_are_refused)
{
    static const char *const refused[][2] = {
        { "{length: 3, form: w_sigma, layers: [rnn: {units: 5}, dense: {units: 4}]}", "'rnn'" },
        { "{form: w_sigma, layers: [unit: [dense: {units: 5}, dense: {units: 4}]]}", "'unit'" },
        { "{form: w_sigma, features: 4, layers: [dense: {units: 5, activation: tanh}, dense: {units: 4, tied: 0}]}",
          "layers.1.tied" },
        { "{form: w_sigma, features: 32, image: [2, 4, 4], layers: [channel_mlp: {hidden: 5}, flatten, dense: {units: "
          "4}]}",
          "'channel_mlp'" },
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        static const struct option table[] = { NET_OPTIONS(struct net_spec, ), { 0 } };
        struct net f = { 0 };
        struct err e = { 0 };
        arena_init(&f.arena, 0);
        must(bind_tree(net_parse(refused[i][0], &f.arena), table, &f.spec, "", &f.arena, &e), &e);
        const struct net_spec *s = &f.spec;
        const struct data_shape data = { .length = s->length ? (size_t)s->length : 1,
                                         .features = (size_t)s->features,
                                         .image = s->image.n ? (struct shape){ 32, 2, 4, 4 } : (struct shape){ 0 },
                                         .outputs = 4,
                                         .classes = true,
                                         .sequence = s->length > 0 };
        ck_assert_int_eq(chain_shape_form(&f.chain, &s->layers, s->form, &data, NULL, &f.arena, &e), ERR_SPEC);
        ck_assert_msg(strstr(err_first(&e), "'w_sigma'") != NULL, "%s", err_first(&e));
        ck_assert_msg(strstr(err_first(&e), refused[i][1]) != NULL, "%s", err_first(&e));
        err_clear(&e);
        arena_finish(&f.arena);
    }
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, activations_are_on_what_layers_read);
    tcase_add_test(tcase, parameters_are_those_of_the_other_form);
    tcase_add_test(tcase, layers_without_activation_stay);
    tcase_add_test(tcase, feedback_units_are_of_the_same_form);
    tcase_add_test(tcase, an_inverse_goes_through_the_activation);
    tcase_add_test(tcase, other_kinds_are_refused);
}

CHECK_MAIN("form", add_tests)
