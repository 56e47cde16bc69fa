/* The chain: shapes that do not fit are refused with a message, and the pass is the composition of its layers. */
#include "../check_main.h"
#include "fixture.h"

static void refused(int64_t length, size_t outputs, const char *layers, const char *expected)
{
    static const struct option option = { .name = "layers", .type = OPT_PARTS, .registry = &layer_registry };
    struct arena a;
    arena_init(&a, 0);
    struct err e = { 0 };
    struct chosen_list list = { 0 };
    must(bind_value(net_parse(layers, &a), &option, &list, "layers", &a, &e), &e);
    const struct data_shape data = { .length = length ? (size_t)length : 1,
                                     .features = 3,
                                     .outputs = outputs,
                                     .classes = true,
                                     .sequence = length > 0 };
    struct chain c;
    ck_assert_int_eq(chain_shape(&c, &list, &data, NULL, &a, &e), ERR_SPEC);
    ck_assert_msg(strstr(err_first(&e), expected) != NULL, "%s: '%s' instead of '%s'", layers, err_first(&e), expected);
    err_clear(&e);
    arena_finish(&a);
}

START_TEST(shapes_that_do_not_fit)
{
    refused(0, 4, "[]", "a network needs at least one layer");
    refused(0, 4, "[dense: {units: 5}]", "network.layers.0: the last layer has 5 outputs, but the dataset needs 4");
    refused(0, 4, "[dense: {units: 5}, dense: {units: 3}]",
            "network.layers.1: the last layer has 3 outputs, but the dataset needs 4");
    for (size_t i = 0; i < layer_registry.n_parts; i++) {
        const struct part *part = layer_registry.parts[i];
        const char *name = part->name;
        const bool sequence = part->gives & GIVES_SEQUENCE;
        char layers[256];
        char layer[160];
        const char *options = strcmp(name, "activation") == 0 ? ", activation: tanh" : "";
        layer_yaml(part, 0, 3, 5, options, layer, sizeof layer);
        snprintf(layers, sizeof layers, "[%s, dense: {units: 4}]", layer);
        refused(sequence ? 0 : 3, 4, layers,
                sequence ? "reads sequences, but the dataset gives flat samples" : "the dataset gives sequences");
        snprintf(layers, sizeof layers, "[rnn: {units: 5}, %s: {units: 4}]", name);
        if (sequence)
            refused(3, 4, layers, "network.layers.1: ");
    }
}
END_TEST

/* Links and layers of a recurrent chain: T links of the first layer, then one of each. */
START_TEST(links_of_a_recurrent_chain)
{
    struct net f;
    net_open(&f, "{length: 4, layers: [rnn: {units: 5}, dense: {units: 6}, dense: {units: 4}]}");
    const struct chain *c = &f.chain;
    const size_t layer_of[] = { 0, 0, 0, 0, 1, 2 };
    ck_assert_uint_eq(c->n_links, 6);
    for (size_t k = 0; k < 6; k++)
        ck_assert_uint_eq(c->unit_of[k], layer_of[k]);
    ck_assert_uint_eq(c->first_link[2], 5);
    ck_assert_uint_eq(c->links_of[0], 4);
    ck_assert_uint_eq(c->n_weights, 5 * 3 + 5 * 5 + 5 + 6 * 5 + 6 + 4 * 6 + 4);
    for (size_t i = 0; i < c->n_units; i++)
        for (size_t j = 0; j < c->units[i].n_params; j++)
            ck_assert_uint_eq(c->units[i].params[j].offset * sizeof(real) % 64, 0);
    for (size_t k = 1; k < 6; k++)
        ck_assert_ptr_eq(f.pass.links[k].in.p, f.pass.links[k - 1].out.p);
    net_close(&f);
}
END_TEST

/* h_t = tanh(W h + U x + b) by plain loops, from h_0 = 0; then V h + c. */
START_TEST(forward_by_plain_loops)
{
    struct net f;
    net_open(&f, "{length: 4, layers: [rnn: {units: 5}, dense: {units: 4}]}");
    chain_forward(&f.pass);
    const struct unit *l = f.chain.units;
    real *w = f.chain.weights;
    const struct mat ih = unit_param(&l[0], 0, w), hh = unit_param(&l[0], 1, w), v = unit_param(&l[1], 0, w);
    const real *b = unit_param(&l[0], 2, w).p, *bv = unit_param(&l[1], 1, w).p;
    for (size_t row = 0; row < 3; row++) {
        double h[5] = { 0 };
        for (size_t t = 0; t < 4; t++) {
            double next[5];
            for (size_t i = 0; i < 5; i++) {
                double u = (double)b[i];
                for (size_t j = 0; j < 5; j++)
                    u += (double)hh.p[i * 5 + j] * h[j];
                for (size_t j = 0; j < 3; j++)
                    u += (double)ih.p[i * 3 + j] * (double)f.pass.batch.x[(t * 3 + row) * 3 + j];
                next[i] = tanh(u);
                ck_assert_double_eq_tol((double)f.pass.links[t].out.p[row * 5 + i], next[i], BOUND(1e-14, 1e-6));
            }
            memcpy(h, next, sizeof h);
        }
        for (size_t i = 0; i < 4; i++) {
            double o = (double)bv[i];
            for (size_t j = 0; j < 5; j++)
                o += (double)v.p[i * 5 + j] * h[j];
            ck_assert_double_eq_tol((double)pass_output(&f.pass).p[row * 4 + i], o, BOUND(1e-14, 1e-6));
        }
    }
    net_close(&f);
}
END_TEST

/* A pass of other rows, as an evaluation makes it, gives the same values for the same samples, each time: one that
 * keeps the last state alone begins at the initial one. */
START_TEST(another_pass_gives_the_same_values)
{
    static const struct {
        const char *own;
        size_t length;
    } nets[] = { { "{length: 4, batch: 3, layers: [rnn: {units: 5}, dense: {units: 4}]}", 4 },
                 { "{length: 5, batch: 3, layers: [rnn: {units: 5}, dense: {units: 4}]}", 5 },
                 { "{length: 2, batch: 3, layers: [gru: {units: 5}, dense: {units: 4}]}", 2 },
                 { "{length: 7, batch: 3, layers: [gru: {units: 5}, dense: {units: 4}]}", 7 } };
    for (size_t i = 0; i < 2 * sizeof nets / sizeof *nets; i++) {
        struct net f;
        struct pass one;
        struct err e = { 0 };
        const unsigned flags = i % 2 ? AT_LAST : 0;
        const size_t length = nets[i / 2].length;
        net_open(&f, nets[i / 2].own);
        chain_forward(&f.pass);
        must(pass_init(&one, &f.chain, 1, flags, &f.arena, &e), &e);
        ck_assert_uint_eq(one.rolls, flags != 0);
        for (size_t t = 0; t < length; t++)
            memcpy(one.batch.x + t * 3, f.pass.batch.x + (t * 3 + 2) * 3, 3 * sizeof(real));
        for (int time = 0; time < 2; time++) {
            chain_forward(&one);
            ck_assert_double_lt(mat_relative_error(pass_output(&one), mat_rows(pass_output(&f.pass), 2, 1)),
                                BOUND(1e-14, 1e-6));
        }
        net_close(&f);
    }
}
END_TEST

/* length * rows * features is 2^64, which a size_t takes for 0 */
START_TEST(sizes_beyond_memory_are_refused)
{
    struct arena a;
    arena_init(&a, (size_t)1 << 24);
    struct err e = { 0 };
    const struct data_shape data = {
        .length = (size_t)1 << 40, .features = (size_t)1 << 22, .outputs = 4, .sequence = true
    };
    const struct chain c = { .data = data };
    struct pass p;
    ck_assert_int_eq(pass_init(&p, &c, 4, 0, &a, &e), ERR_MEMORY);
    err_clear(&e);
    arena_finish(&a);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, shapes_that_do_not_fit);
    tcase_add_test(t, links_of_a_recurrent_chain);
    tcase_add_test(t, forward_by_plain_loops);
    tcase_add_test(t, another_pass_gives_the_same_values);
    tcase_add_test(t, sizes_beyond_memory_are_refused);
}

CHECK_MAIN("chain", add_tests)
