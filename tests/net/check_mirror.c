/* Feedback units of every layer that has one, with an activation on what they yield and on what they read: their
 * products are derivatives of their forward map; with the forward weights they are transposes. */
#include "../check_main.h"
#include "fixture.h"

#include "net/mirror.h"
#include <stdio.h>

struct pair {
    struct net net;
    struct unit *u, g;
    struct at at; /* of g, with u's application of the pass as what it mirrors */
    real *weights;
    size_t n_vector;
    char name[96];
};

static bool open_pair(struct pair *x, const struct part *part, size_t k, const char *activation, bool on_argument)
{
    static const struct unit below = { .act = { .def = &act_tanh } };
    char options[64] = "", layer[256], yaml[512];
    struct err e = { 0 };
    if (activation)
        snprintf(options, sizeof options, ", activation: %s", activation);
    const char *network = layer_yaml(part, k, 3, 5, options, layer, sizeof layer);
    if (!network)
        return false;
    snprintf(yaml, sizeof yaml, "{%s, outputs: 4, weights: {name: normal, std: 0.45}, layers: [%s, dense: {units: 4}]}",
             network, layer);
    snprintf(x->name, sizeof x->name, "%s %zu%s, on_argument %d", part->name, k, options, on_argument);
    net_open(&x->net, yaml);
    chain_forward(&x->net.pass);
    x->u = &x->net.chain.units[0];
    struct arena *a = &x->net.arena;
    const struct mirror m = { .common = { .bias = true },
                              .target = on_argument ? NULL : &below,
                              .argument = on_argument };
    x->g = (struct unit){ 0 };
    x->n_vector = 0;
    if (!(unit_abilities(x->u) & CAN_MIRROR) || (strcmp(part->name, "activation") == 0 && !on_argument)) {
        x->g.def = NULL;
        return true;
    }
    must(x->u->def->mirror(x->u, &x->g, &m, a, &e), &e);
    unit_place(&x->g, &x->n_vector);
    x->weights = arena_need(a, x->n_vector ? x->n_vector : 1, sizeof *x->weights);
    net_normal(&x->net.rng, 0.5, mat_of(x->weights, 1, x->n_vector));
    must(unit_open(&x->g, x->weights, x->net.pass.rows, a, &e), &e);
    unit_refresh(&x->g);
    must(at_open(&x->at, &x->g, x->net.pass.rows, 1, AT_INPUT | AT_GRADIENTS | AT_KEPT, a, &e), &e);
    x->at.of = &x->net.pass.stacks[0];
    net_normal(&x->net.rng, 0.7, x->at.in);
    return true;
}

static void for_each_mirror(void (*test)(struct pair *x))
{
    for (size_t i = 0; i < layer_registry.n_parts; i++) {
        const struct part *part = layer_registry.parts[i];
        if (part->gives & GIVES_SEQUENCE)
            continue;
        const char *const activations[] = { "elu", "linear" };
        for (size_t j = 0; j < (has_option(part, "activation") ? 2 : 1); j++)
            for (int on_argument = 0; on_argument < 2; on_argument++) {
                struct pair x;
                for (size_t k = 0;
                     open_pair(&x, part, k, has_option(part, "activation") ? activations[j] : NULL, on_argument); k++) {
                    if (x.g.def)
                        test(&x);
                    net_close(&x.net);
                }
            }
    }
}

static void check_error(const struct pair *x, const char *what, double error, double bound)
{
    ck_assert_msg(error <= bound, "%s: %s: error %.3g exceeds %.3g", x->name, what, error, bound);
}

static void transposes(struct pair *x)
{
    const struct unit *g = &x->g;
    const size_t b = x->at.in.rows;
    at_forward(g, x->at);
    ck_assert_uint_eq(g->in.n, x->u->out.n);
    ck_assert_uint_eq(g->out.n, x->u->in.n);
    const struct mat s = net_matrix(&x->net, b, g->out.n), v = net_matrix(&x->net, b, g->in.n),
                     jv = net_matrix(&x->net, b, g->out.n), js = net_matrix(&x->net, b, g->in.n);
    g->def->jvp(g, x->at, v, jv);
    g->def->vjp(g, x->at, s, js);
    const double left = mat_dot(s, jv), right = mat_dot(js, v);
    check_error(x, "<s, Jv> and <J's, v>", fabs(left - right) / (1 + fabs(left)), BOUND(1e-12, 1e-5));
}

START_TEST(vjp_is_the_transpose_of_jvp)
{
    for_each_mirror(transposes);
}
END_TEST

/* A plan opens on memory that only counts. */
static void dry_run(struct pair *x)
{
    struct arena counting;
    struct err e = { 0 };
    struct unit g = x->g;
    struct at at;
    arena_init_counting(&counting);
    real *weights = arena_alloc(&counting, x->n_vector, sizeof *weights);
    must(unit_open(&g, weights, x->net.pass.rows, &counting, &e), &e);
    must(at_open(&at, &g, x->net.pass.rows, 1, AT_INPUT | AT_GRADIENTS | AT_KEPT, &counting, &e), &e);
    arena_finish(&counting);
}

START_TEST(a_plan_opens_every_mirror)
{
    for_each_mirror(dry_run);
}
END_TEST

static void differences(struct pair *x)
{
    const struct unit *g = &x->g;
    const size_t b = x->at.in.rows;
    struct err e = { 0 };
    struct at moved;
    must(at_open(&moved, g, b, 1, AT_INPUT, &x->net.arena, &e), &e);
    moved.of = x->at.of;
    at_forward(g, x->at);
    const struct mat d = net_matrix(&x->net, 2 * b, g->in.n), got = net_matrix(&x->net, 2 * b, g->out.n);
    g->def->difference(g, x->at, d, got);
    for (size_t block = 0; block < 2; block++) {
        mat_add(x->at.in, mat_rows(d, block * b, b), moved.in);
        at_forward(g, moved);
        mat_sub(moved.out, x->at.out, moved.out);
        check_error(x, "difference", mat_relative_error(mat_rows(got, block * b, b), moved.out), BOUND(1e-12, 1e-5));
    }
    mat_scale((real)1e-9, d, d);
    g->def->difference(g, x->at, mat_rows(d, 0, b), moved.out);
    g->def->jvp(g, x->at, mat_rows(d, 0, b), moved.in.p ? mat_rows(got, 0, b) : moved.out);
    check_error(x, "small difference and jvp", mat_relative_error(moved.out, mat_rows(got, 0, b)), BOUND(1e-7, 1e-5));
}

START_TEST(difference_is_of_two_values)
{
    for_each_mirror(differences);
}
END_TEST

static void gradients(struct pair *x)
{
    const struct unit *g = &x->g;
    const size_t b = x->at.in.rows, n = unit_n_weights(g);
    const double eps = BOUND(1e-5, 1e-2);
    if (n == 0)
        return;
    const struct mat s = net_matrix(&x->net, b, g->out.n);
    struct mat got = net_matrix(&x->net, 1, n), fd = net_matrix(&x->net, 1, n);
    real *gradient = arena_need(&x->net.arena, x->n_vector, sizeof *gradient);
    at_forward(g, x->at);
    g->def->vjp(g, x->at, s, (struct mat){ 0 });
    g->def->grads(g, x->at, (real)1.7, gradient);
    for (size_t i = 0; i < n; i++) {
        real *w = layer_entry(g, x->weights, i);
        const real kept = *w;
        double value[2];
        for (int side = 0; side < 2; side++) {
            *w = (real)(kept + (side ? -eps : eps));
            unit_refresh(&x->g);
            at_forward(g, x->at);
            value[side] = mat_dot(s, x->at.out);
        }
        *w = kept;
        got.p[i] = *layer_entry(g, gradient, i);
        fd.p[i] = (real)(1.7 * (value[0] - value[1]) / (2 * eps));
    }
    check_error(x, "grads and finite differences", mat_relative_error(got, fd), BOUND(1e-8, 1e-2));
}

START_TEST(grads_are_derivatives_along_the_weights)
{
    for_each_mirror(gradients);
}
END_TEST

/* A convolution's own weights in its feedback unit: the transpose of its derivative. */
START_TEST(with_the_same_kernel_it_is_the_transpose)
{
    static const char *const layers[] = { "conv: {channels: 3, kernel: 3, stride: 2, padding: 1, bias: false}",
                                          "conv: {channels: 4, kernel: 2, bias: false}",
                                          "conv: {channels: 4, kernel: 1, bias: false}" };
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        struct net f;
        struct err e = { 0 };
        struct unit g = { 0 };
        struct at at;
        char yaml[256];
        size_t n = 0;
        snprintf(yaml, sizeof yaml, "{image: [2, 5, 4], features: 40, layers: [%s, dense: {units: 4}]}", layers[i]);
        net_open(&f, yaml);
        chain_forward(&f.pass);
        const struct unit *u = &f.chain.units[0];
        must(u->def->mirror(u, &g, &(struct mirror){ .argument = true }, &f.arena, &e), &e);
        unit_place(&g, &n);
        must(unit_open(&g, f.chain.weights, 3, &f.arena, &e), &e);
        unit_refresh(&g);
        must(at_open(&at, &g, 3, 1, AT_INPUT, &f.arena, &e), &e);
        net_normal(&f.rng, 1, at.in);
        at_forward(&g, at);
        const struct mat want = net_matrix(&f, 3, 40);
        u->def->vjp(u, f.pass.links[0], at.in, want);
        ck_assert_double_lt(mat_relative_error(at.out, want), BOUND(1e-14, 1e-6));
        net_close(&f);
    }
}
END_TEST

/* Overlapping windows that share their largest number: the last one counts, or their sum. */
START_TEST(duplicates_of_a_pool)
{
    static const real x[5] = { 1, 9, 3, 4, 8 }, t[2] = { 10, 5 }, last[3] = { 0, 5, 0 }, sum[3] = { 0, 15, 0 };
    for (int summed = 0; summed < 2; summed++) {
        struct net f;
        struct err e = { 0 };
        struct unit g = { 0 };
        struct at at;
        char yaml[256];
        snprintf(yaml, sizeof yaml,
                 "{batch: 1, image: [1, 2, 3], features: 6, outputs: 2, layers: [max_pool: {kernel: 2, stride: 1, "
                 "duplicates: %s}]}",
                 summed ? "sum" : "last");
        net_open(&f, yaml);
        memcpy(f.pass.links[0].in.p, x, sizeof x); /* pixel 1 is the largest of both windows */
        f.pass.links[0].in.p[5] = 2;
        chain_forward(&f.pass);
        const struct unit *u = &f.chain.units[0];
        must(u->def->mirror(u, &g, &(struct mirror){ .argument = true }, &f.arena, &e), &e);
        must(unit_open(&g, NULL, 1, &f.arena, &e), &e);
        must(at_open(&at, &g, 1, 1, AT_INPUT, &f.arena, &e), &e);
        at.of = &f.pass.links[0];
        memcpy(at.in.p, t, sizeof t);
        at_forward(&g, at);
        ck_assert_mem_eq(at.out.p, summed ? sum : last, sizeof sum);
        net_close(&f);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, vjp_is_the_transpose_of_jvp);
    tcase_add_test(t, a_plan_opens_every_mirror);
    tcase_add_test(t, difference_is_of_two_values);
    tcase_add_test(t, grads_are_derivatives_along_the_weights);
    tcase_add_test(t, with_the_same_kernel_it_is_the_transpose);
    tcase_add_test(t, duplicates_of_a_pool);
}

CHECK_MAIN("mirror", add_tests)
