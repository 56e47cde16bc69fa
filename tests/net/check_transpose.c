/* The analytic feedback of every layer that has one, with every feedback of an activation. */
#include "../check_main.h"
#include "fixture.h"

#include "net/transpose.h"
#include <stdio.h>

struct subject {
    struct net net;
    const struct unit *u;
    struct at at;
    int how;
    char name[96];
};

static const char *const hows[] = { "zeta", "hadamard", "jacobian" };

static bool open_subject(struct subject *x, const struct part *part, size_t k, const char *activation, int how)
{
    char options[64] = "", layer[256], yaml[512];
    struct err e = { 0 };
    if (activation)
        snprintf(options, sizeof options, ", activation: %s", activation);
    const char *network = layer_yaml(part, k, 3, 5, options, layer, sizeof layer);
    if (!network)
        return false;
    snprintf(yaml, sizeof yaml, "{%s, outputs: 4, weights: {name: normal, std: 0.45}, layers: [%s, dense: {units: 4}]}",
             network, layer);
    snprintf(x->name, sizeof x->name, "%s %zu%s, %s", part->name, k, options, hows[how]);
    net_open(&x->net, yaml);
    chain_forward(&x->net.pass);
    x->u = &x->net.chain.units[0];
    x->at = x->net.pass.links[0];
    x->how = how;
    if (transpose_check(x->u, how, "a test", &e) < 0)
        x->u = NULL;
    err_clear(&e);
    return true;
}

static size_t for_each(void (*test)(struct subject *x))
{
    size_t n = 0;
    for (size_t i = 0; i < layer_registry.n_parts; i++) {
        const struct part *part = layer_registry.parts[i];
        if (part->gives & GIVES_SEQUENCE)
            continue;
        const bool has = has_option(part, "activation");
        for (size_t j = 0; j < (has ? act_registry.n_parts : 1); j++)
            for (int how = 0; how < 3; how++) {
                struct subject x;
                for (size_t k = 0; open_subject(&x, part, k, has ? act_registry.parts[j]->name : NULL, how); k++) {
                    if (x.u) {
                        test(&x);
                        n++;
                    }
                    net_close(&x.net);
                }
            }
    }
    return n;
}

static void check_error(const struct subject *x, const char *what, double error, double bound)
{
    ck_assert_msg(error <= bound, "%s: %s: error %.3g exceeds %.3g", x->name, what, error, bound);
}

/* At values and moves of every size, which cross 0 and the ends of ranges. */
static void differences(struct subject *x)
{
    const size_t b = x->at.out.rows;
    const struct mat t = net_matrix(&x->net, b, x->u->out.n), d = net_matrix(&x->net, b, x->u->out.n),
                     got = net_matrix(&x->net, b, x->u->in.n), from = net_matrix(&x->net, b, x->u->in.n),
                     to = net_matrix(&x->net, b, x->u->in.n);
    transpose_difference(x->u, x->at, x->how, t, d, got);
    transpose_apply(x->u, x->at, x->how, t, from);
    mat_add(t, d, d);
    transpose_apply(x->u, x->at, x->how, d, to);
    mat_sub(to, from, to);
    check_error(x, "difference", mat_relative_error(got, to), BOUND(1e-12, 3e-5));
}

START_TEST(differences_are_those_of_values)
{
    ck_assert_uint_ge(for_each(differences), 60);
}
END_TEST

/* A move that is lost beside the value: what comes back is still in proportion. */
static void small_moves(struct subject *x)
{
    const size_t b = x->at.out.rows;
    const struct mat d = net_matrix(&x->net, b, x->u->out.n), one = net_matrix(&x->net, b, x->u->in.n),
                     half = net_matrix(&x->net, b, x->u->in.n);
    mat_scale((real)BOUND(1e-12, 1e-8), d, d);
    transpose_difference(x->u, x->at, x->how, x->at.out, d, one);
    mat_scale((real)0.5, d, d);
    transpose_difference(x->u, x->at, x->how, x->at.out, d, half);
    mat_scale(2, half, half);
    check_error(x, "a small move", mat_relative_error(half, one), BOUND(1e-9, 1e-5));
}

START_TEST(small_moves_do_not_cancel)
{
    ck_assert_uint_ge(for_each(small_moves), 60);
}
END_TEST

/* Norms hold their deviation, and pools that keep the last of several do not sum. */
static bool is_derivative(const struct subject *x)
{
    static const char *const other[] = {
        "layer_norm", "spatial_mlp", "channel_mlp", "mixer", "max_pool 0", "residual 1"
    };
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (strncmp(x->name, other[i], strlen(other[i])) == 0)
            return false;
    return x->how == TRANSPOSE_JACOBIAN;
}

/* a'(u) t everywhere: back-propagation. */
static void transposes(struct subject *x)
{
    if (!is_derivative(x))
        return;
    const size_t b = x->at.out.rows;
    const struct mat s = net_matrix(&x->net, b, x->u->out.n), got = net_matrix(&x->net, b, x->u->in.n),
                     right = net_matrix(&x->net, b, x->u->in.n);
    transpose_difference(x->u, x->at, x->how, x->at.out, s, got);
    x->u->def->vjp(x->u, x->at, s, right);
    check_error(x, "vjp", mat_relative_error(got, right), BOUND(1e-13, 1e-5));
}

START_TEST(with_the_jacobian_it_is_the_transpose)
{
    ck_assert_uint_ge(for_each(transposes), 60);
}
END_TEST

/* Whether an output lies at a corner of zeta, which has no derivative there, as where relu is off: of an activation
 * that has one, forth and back are not opposite. */
static bool is_at_corner(struct subject *x)
{
    const size_t n = mat_n(x->at.out);
    const struct mat s = net_matrix(&x->net, 1, n), forth = net_matrix(&x->net, 1, n), back = net_matrix(&x->net, 1, n),
                     h = mat_of(x->at.out.p, 1, n);
    if (!x->u->act.def || !act_has_corner(&x->u->act.def->part))
        return false;
    mat_scale((real)BOUND(1e-9, 1e-6), s, s);
    x->u->act.def->zeta_difference(x->u->act.opts, h, s, forth);
    mat_scale(-1, s, s);
    x->u->act.def->zeta_difference(x->u->act.opts, h, s, back);
    mat_scale(-1, back, back);
    return mat_relative_error(back, forth) > 1e-2;
}

/* At the layer's own output. */
static void zetas(struct subject *x)
{
    if (x->how != TRANSPOSE_ZETA || x->u->n_inner || is_at_corner(x))
        return;
    struct subject y = *x;
    y.how = TRANSPOSE_JACOBIAN;
    if (!is_derivative(&y))
        return;
    const size_t b = x->at.out.rows;
    const struct mat s = net_matrix(&x->net, b, x->u->out.n), got = net_matrix(&x->net, b, x->u->in.n),
                     right = net_matrix(&x->net, b, x->u->in.n);
    mat_scale((real)BOUND(1e-9, 1e-6), s, s);
    transpose_difference(x->u, x->at, x->how, x->at.out, s, got);
    x->u->def->vjp(x->u, x->at, s, right);
    check_error(x, "vjp of a small signal", mat_relative_error(got, right), BOUND(1e-6, 1e-3));
}

START_TEST(zeta_has_the_transposed_derivative)
{
    ck_assert_uint_ge(for_each(zetas), 60);
}
END_TEST

static void expect_refusal(const char *yaml, int how, const char *message)
{
    struct net net;
    struct err e = { 0 };
    net_open(&net, yaml);
    ck_assert_int_eq(transpose_check(&net.chain.units[0], how, "algorithm.mapping: 'transpose'", &e), ERR_SPEC);
    ck_assert_msg(strstr(e.messages[0].text, message) != NULL, "%s: %s", yaml, e.messages[0].text);
    err_clear(&e);
    net_close(&net);
}

START_TEST(layers_without_it_are_named)
{
    expect_refusal("{features: 3, layers: [dense: {units: 4, activation: gelu}, dense: {units: 4}]}", TRANSPOSE_ZETA,
                   "'zeta' needs an activation with an inverse; that of network.layers.0 (dense, gelu) has none");
    expect_refusal("{image: [4, 2, 3], features: 24, layers: [coupling: {hidden: 3}, dense: {units: 4}]}",
                   TRANSPOSE_JACOBIAN, "needs units that have an analytic feedback; network.layers.0");
    expect_refusal("{image: [2, 4, 4], features: 32, layers: [unit: [conv: {channels: 2, kernel: 3, activation: gelu},"
                   " max_pool: {kernel: 2, duplicates: sum_after}], dense: {units: 4}]}",
                   TRANSPOSE_HADAMARD, "duplicates 'sum_after' needs the slope of 'gelu'");
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, differences_are_those_of_values);
    tcase_add_test(t, small_moves_do_not_cancel);
    tcase_add_test(t, with_the_jacobian_it_is_the_transpose);
    tcase_add_test(t, zeta_has_the_transposed_derivative);
    tcase_add_test(t, layers_without_it_are_named);
}

CHECK_MAIN("transpose", add_tests)
