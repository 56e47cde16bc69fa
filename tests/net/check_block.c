/* Units of several layers: they are what the layers are one after the other, but one link of the chain, with one
 * target. */
#include "../check_main.h"
#include "fixture.h"

#include "net/inverse.h"

#define LAYERS "dense: {units: 5, activation: tanh}, dense: {units: 7, activation: elu}"

/* The same network twice, as links and as a unit, with the same weights and batch. */
static void open_both(struct net *links, struct net *unit)
{
    net_open(links, "{batch: 4, layers: [" LAYERS ", dense: {units: 4}]}");
    net_open(unit, "{batch: 4, layers: [unit: [" LAYERS "], dense: {units: 4}]}");
    ck_assert_uint_eq(links->chain.n_vector, unit->chain.n_vector);
    memcpy(unit->chain.weights, links->chain.weights, links->chain.n_vector * sizeof(real));
    memcpy(unit->pass.batch.x, links->pass.batch.x, 4 * 3 * sizeof(real));
    memcpy(unit->pass.batch.label, links->pass.batch.label, 4 * sizeof *links->pass.batch.label);
}

START_TEST(a_unit_is_one_link)
{
    struct net f;
    char name[64];
    net_open(&f, "{layers: [{unit: [" LAYERS ", dense: {units: 3}], repeat: 2}, dense: {units: 4}]}");
    ck_assert_uint_eq(f.chain.n_units, 3);
    ck_assert_uint_eq(f.chain.n_links, 3);
    ck_assert_uint_eq(f.chain.units[1].n_params, 6);
    ck_assert_uint_eq(f.chain.units[1].out.n, 3);
    ck_assert_str_eq(unit_param_name(&f.chain.units[1], 3, "layers", name, sizeof name), "layers.1.1.bias");
    ck_assert_str_eq(unit_param_name(&f.chain.units[1].inner[1], 1, "layers", name, sizeof name), "layers.1.1.bias");
    ck_assert_str_eq(unit_param_name(&f.chain.units[2], 0, "layers", name, sizeof name), "layers.2.weight");
    net_close(&f);
}
END_TEST

/* Output, gradients of the parameters and of the input: bit for bit. */
START_TEST(a_unit_is_its_layers)
{
    struct net links, unit;
    open_both(&links, &unit);
    ck_assert_double_eq(net_loss(&links), net_loss(&unit));
    chain_loss(&links.pass, links.spec.loss, true);
    chain_loss(&unit.pass, unit.spec.loss, true);
    real *g = arena_need(&links.arena, 2 * links.chain.n_vector, sizeof *g), *h = g + links.chain.n_vector;
    struct mat s = links.pass.gradient;
    for (size_t k = 3; k-- > 0;) {
        const struct unit *u = &links.chain.units[k];
        const struct mat down = net_matrix(&links, 4, u->in.n);
        u->def->vjp(u, links.pass.links[k], s, down);
        u->def->grads(u, links.pass.links[k], 1, g);
        s = down;
    }
    struct mat t = unit.pass.gradient;
    for (size_t k = 2; k-- > 0;) {
        const struct unit *u = &unit.chain.units[k];
        const struct mat down = net_matrix(&unit, 4, u->in.n);
        u->def->vjp(u, unit.pass.links[k], t, down);
        u->def->grads(u, unit.pass.links[k], 1, h);
        t = down;
    }
    ck_assert_mem_eq(g, h, links.chain.n_vector * sizeof *g);
    ck_assert_mem_eq(s.p, t.p, mat_n(s) * sizeof *s.p);
    net_close(&links);
    net_close(&unit);
}
END_TEST

/* The regularized inverse is that of the layers, from the last to the first; a difference is one of two of its values,
 * and the linearized inverse its derivative there, which is not where the forward pass was. */
START_TEST(an_inverse_is_its_layers)
{
    struct net links, unit;
    struct err e = { 0 };
    const struct inverse_options o = { .regularization = 0.3, .clamp = 1e-3 };
    const double h = BOUND(1e-6, 1e-2);
    open_both(&links, &unit);
    net_loss(&links);
    net_loss(&unit);
    struct mat d = net_matrix(&links, 4, 7), up = net_matrix(&links, 4, 7), between = net_matrix(&links, 4, 5),
               want = net_matrix(&links, 4, 3), got = net_matrix(&links, 4, 3), from = net_matrix(&links, 4, 3);
    for (size_t k = 0; k < 2; k++) {
        must(links.chain.units[k].def->inverse->open(&links.chain.units[k], &o, &e), &e);
        must(links.chain.units[k].def->inverse->refresh(&links.chain.units[k], &o, &e), &e);
    }
    struct unit *u = &unit.chain.units[0], *first = &links.chain.units[0], *second = &links.chain.units[1];
    const struct inverse_def *i = u->def->inverse;
    const struct at at = unit.pass.links[0];
    must(i->open(u, &o, &e), &e);
    must(i->refresh(u, &o, &e), &e);
    mat_scale((real)0.1, d, d);
    mat_add(at.out, d, up);
    second->def->inverse->apply(second, links.pass.links[1], up, &o, between);
    first->def->inverse->apply(first, links.pass.links[0], between, &o, want);
    i->apply(u, at, up, &o, got);
    ck_assert_mem_eq(got.p, want.p, mat_n(want) * sizeof *want.p);
    i->apply(u, at, at.out, &o, from);
    mat_sub(want, from, want);
    i->difference(u, at, d, &o, got);
    ck_assert_double_lt(mat_relative_error(got, want), BOUND(1e-11, 1e-4));
    i->jvp(u, at, d, &o, got);
    mat_scale((real)h, d, d);
    i->difference(u, at, d, &o, want);
    mat_scale((real)(1 / h), want, want);
    ck_assert_double_lt(mat_relative_error(got, want), BOUND(1e-5, 1e-2));
    net_close(&links);
    net_close(&unit);
}
END_TEST

/* Several blocks of displacements at once are each one alone, and the difference of two values. */
START_TEST(a_difference_of_blocks)
{
    struct net f;
    net_open(&f, "{batch: 4, outputs: 7, layers: [unit: [" LAYERS "]]}");
    chain_forward(&f.pass);
    const struct unit *u = &f.chain.units[0];
    const struct at at = f.pass.links[0];
    struct err e = { 0 };
    struct at moved;
    must(at_open(&moved, u, 4, 1, AT_INPUT, &f.arena, &e), &e);
    struct mat d = net_matrix(&f, 8, 3), all = net_matrix(&f, 8, 7), one = net_matrix(&f, 4, 7);
    u->def->difference(u, at, d, all);
    for (size_t block = 0; block < 2; block++) {
        u->def->difference(u, at, mat_rows(d, 4 * block, 4), one);
        ck_assert_mem_eq(one.p, mat_rows(all, 4 * block, 4).p, mat_n(one) * sizeof *one.p);
        mat_add(at.in, mat_rows(d, 4 * block, 4), moved.in);
        at_forward(u, moved);
        mat_sub(moved.out, at.out, moved.out);
        ck_assert_double_lt(mat_relative_error(one, moved.out), BOUND(1e-13, 1e-5));
    }
    net_close(&f);
}
END_TEST

static const char *refusal(const char *layers, int length, char *message, size_t size)
{
    static const struct part sgd = { .name = "sgd" };
    static const struct part *const parts[] = { &sgd };
    static const struct registry optimizers = { "optimizer", parts, 1 };
    struct file {
        struct net_spec net;
        struct chosen optimizer;
    } file = { 0 };
    static const struct option table[] = { NET_OPTIONS(struct file, net.),
                                           { "optimizer", OPT_PART, offsetof(struct file, optimizer), NULL,
                                             .flags = OPTION_NULLABLE, .registry = &optimizers },
                                           { 0 } };
    struct net f = { 0 };
    struct err e = { 0 };
    char yaml[256];
    arena_init(&f.arena, 0);
    snprintf(yaml, sizeof yaml, "{layers: [%s]}", layers);
    must(bind_tree(net_parse(yaml, &f.arena), table, &file, "", &f.arena, &e), &e);
    const struct data_shape data = {
        .length = 1, .features = 3, .outputs = 4, .classes = true, .sequence = length > 0
    };
    ck_assert_int_eq(chain_shape(&f.chain, &file.net.layers, &data, NULL, &f.arena, &e), ERR_SPEC);
    snprintf(message, size, "%s", err_first(&e));
    err_clear(&e);
    arena_finish(&f.arena);
    return message;
}

START_TEST(what_a_unit_cannot_hold)
{
    static const char *const cases[][2] = {
        { "unit: [dense: {units: 5}, rnn: {units: 4}]",
          "network.layers.0: 'rnn' is a unit of its own and cannot stand inside of one" },
        { "dense: {units: 5}, unit: [dense: {units: 3, tied: 0}, dense: {units: 4}]",
          "network.layers.1.unit.0.tied: a layer inside of a unit has weights of its own" },
        { "unit: [dense: {units: 5, transmit: sign}, dense: {units: 4}]",
          "network.layers.0.unit.0.transmit: only the last layer of a unit sends something else than its state" },
        { "unit: [dense: {units: 5, optimizer: sgd}, dense: {units: 4}]",
          "network.layers.0.unit.0.optimizer: a unit has one optimizer; give it to the unit" },
        { "unit: [dense: {units: 4, bias: false, frozen: [bias]}]",
          "'dense' has no parameter 'bias' here; known: weight" },
        { "unit: []", "network.layers.0.unit: a unit needs at least one layer" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[256];
        ck_assert_msg(strstr(refusal(cases[i][0], 0, message, sizeof message), cases[i][1]) != NULL, "%s: %s",
                      cases[i][0], message);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, a_unit_is_one_link);
    tcase_add_test(t, a_unit_is_its_layers);
    tcase_add_test(t, an_inverse_is_its_layers);
    tcase_add_test(t, a_difference_of_blocks);
    tcase_add_test(t, what_a_unit_cannot_hold);
}
CHECK_MAIN("block", add_tests)
