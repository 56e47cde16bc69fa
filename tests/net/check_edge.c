/* Layers that read several others: which numbers stand where, and who reads whom. What is refused: tests/spec/bad. */
#include "../check_main.h"
#include "fixture.h"

#include "spec/tree.h"

static size_t edge_of(const struct chain *c, size_t from, size_t to)
{
    for (size_t k = 0; k < c->n_edges; k++)
        if (c->edges[k].from == from && c->edges[k].to == to)
            return k;
    ck_abort_msg("no edge from %zu to %zu", from, to);
    return 0;
}

START_TEST(without_from_each_layer_reads_the_one_below)
{
    static const char *const nets[] = {
        "{layers: [dense: {units: 5}, dense: {units: 6}, dense: {units: 4}]}",
        "{layers: [dense: {units: 5}, {dense: {units: 6}, from: [0]}, {dense: {units: 4}, from: [1], join: add}]}",
        "{length: 4, layers: [rnn: {units: 5}, dense: {units: 6}, dense: {units: 4}]}",
        "{length: 1, layers: [gru: {units: 5}, dense: {units: 4}]}",
    };
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        struct net f;
        net_open(&f, nets[i]);
        const struct chain *c = &f.chain;
        ck_assert_ptr_null(c->branching);
        ck_assert_uint_eq(c->n_edges, c->n_links - 1);
        for (size_t k = 0; k < c->n_edges; k++) {
            ck_assert_uint_eq(c->edges[k].from, k);
            ck_assert_uint_eq(c->edges[k].to, k + 1);
            ck_assert_uint_eq(c->first_edge[k], k);
            ck_assert(edge_is_whole(&c->edges[k]));
        }
        for (size_t j = 0; j < c->n_units; j++)
            ck_assert_ptr_null(f.pass.joined[j].p);
        net_close(&f);
    }
}
END_TEST

START_TEST(edges_are_listed_by_their_lower_ends)
{
    struct net f;
    net_open(&f, "{layers: [dense: {units: 5}, {dense: {units: 5}, from: [0], repeat: 2}, {dense: {units: 5}, from: "
                 "[2, 0]}, {dense: {units: 4}, from: [3, 1], join: concat}]}");
    static const size_t expected[][2] = { { 0, 1 }, { 0, 2 }, { 0, 3 }, { 1, 4 }, { 2, 3 }, { 3, 4 } },
                        first[] = { 0, 3, 4, 5, 6, 6 };
    const struct chain *c = &f.chain;
    ck_assert_ptr_eq(c->branching, &c->units[2]);
    ck_assert_uint_eq(c->n_edges, 6);
    for (size_t k = 0; k < 6; k++) {
        ck_assert_uint_eq(c->edges[k].from, expected[k][0]);
        ck_assert_uint_eq(c->edges[k].to, expected[k][1]);
        ck_assert_uint_eq(c->first_edge[k], first[k]);
    }
    ck_assert_uint_eq(c->units[4].in.n, 10);
    ck_assert_uint_eq(c->edges[edge_of(c, 3, 4)].before, 0);
    ck_assert_uint_eq(c->edges[edge_of(c, 1, 4)].before, 5);
    net_close(&f);
}
END_TEST

START_TEST(a_sum_is_a_sum)
{
    struct net f;
    net_open(&f, "{layers: [dense: {units: 5, activation: tanh}, dense: {units: 5, activation: tanh}, {dense: {units: "
                 "5, activation: tanh}, from: [0]}, {dense: {units: 4}, from: [1, 0, 2]}]}");
    chain_forward(&f.pass);
    const struct mat in = f.pass.links[3].in;
    for (size_t i = 0; i < mat_n(in); i++) {
        double sum = 0;
        for (size_t k = 0; k < 3; k++)
            sum += (double)f.pass.links[k].out.p[i];
        ck_assert_double_eq_tol((double)in.p[i], sum, BOUND(1e-15, 1e-6));
    }
    ck_assert_ptr_eq(f.pass.links[2].in.p, f.pass.links[0].out.p); /* one is not copied */
    net_close(&f);
}
END_TEST

/* Of maps pixel by pixel, the channels of the first before those of the second. */
START_TEST(maps_stand_side_by_side_along_channels)
{
    struct net f;
    net_open(&f, "{image: [2, 2, 3], features: 12, layers: [conv: {channels: 2, kernel: 1, activation: tanh}, conv: "
                 "{channels: 3, kernel: 1, activation: tanh}, {conv: {channels: 1, kernel: 1}, from: [1, "
                 "0], join: concat}, dense: {units: 4}]}");
    chain_forward(&f.pass);
    const struct mat in = f.pass.links[2].in, a = f.pass.links[1].out, b = f.pass.links[0].out;
    ck_assert_uint_eq(f.chain.units[2].in.channels, 5);
    for (size_t row = 0; row < in.rows; row++)
        for (size_t pixel = 0; pixel < 6; pixel++)
            for (size_t c = 0; c < 5; c++) {
                const real expected = c < 3 ? a.p[row * a.cols + pixel * 3 + c] : b.p[row * b.cols + pixel * 2 + c - 3];
                ck_assert(in.p[row * in.cols + pixel * 5 + c] == expected);
            }
    net_close(&f);
}
END_TEST

/* What is read is what was sent, and a sign that lets no gradient pass lets none pass here. */
START_TEST(what_was_sent_is_read)
{
    struct net f;
    net_open(&f, "{layers: [dense: {units: 5, activation: tanh, transmit: sign}, dense: {units: 5, activation: tanh}, "
                 "{dense: {units: 4}, from: [0, 1], join: concat}]}");
    chain_forward(&f.pass);
    const struct chain *c = &f.chain;
    const struct mat in = f.pass.links[2].in, sent = f.pass.sent[0], s = net_matrix(&f, 3, 4),
                     all = net_matrix(&f, 3, 10), below = net_matrix(&f, 3, 5);
    for (size_t row = 0; row < in.rows; row++)
        for (size_t j = 0; j < 5; j++)
            ck_assert(in.p[row * 10 + j] == sent.p[row * 5 + j]);
    chain_vjp(&f.pass, 2, s, all);
    edge_share(c, &c->edges[edge_of(c, 0, 2)], all, below);
    ck_assert(mat_sum_squares(below) == 0);
    edge_share(c, &c->edges[edge_of(c, 1, 2)], all, below);
    ck_assert(mat_sum_squares(below) > 0);
    net_close(&f);
}
END_TEST

/* Taking, putting and moving one of several are about the same numbers. */
START_TEST(one_of_several)
{
    static const char *const nets[] = {
        "{layers: [dense: {units: 5, activation: tanh}, dense: {units: 3, activation: tanh}, {dense: {units: 4}, from: "
        "[1, 0], join: concat}]}",
        "{layers: [dense: {units: 5, activation: tanh}, dense: {units: 5, activation: tanh}, {dense: {units: 4}, from: "
        "[1, 0]}]}",
    };
    for (size_t i = 0; i < 2; i++) {
        struct net f;
        net_open(&f, nets[i]);
        chain_forward(&f.pass);
        const struct chain *c = &f.chain;
        const struct mat in = f.pass.links[2].in;
        for (size_t from = 0; from < 2; from++) {
            const struct edge *edge = &c->edges[edge_of(c, from, 2)];
            const size_t n = c->units[from].out.n;
            const struct mat d = net_matrix(&f, 3, n), back = net_matrix(&f, 3, n), value = net_matrix(&f, 3, n),
                             work = net_matrix(&f, 3, in.cols), other = net_matrix(&f, 3, in.cols);
            const struct mat moves = edge_moves(c, edge, d, work.p);
            edge_take(edge, moves, back);
            ck_assert_mem_eq(back.p, d.p, mat_n(d) * sizeof(real));
            ck_assert_double_eq_tol(mat_sum_squares(moves), mat_sum_squares(d), 1e-5);
            mat_add(f.pass.links[from].out, d, value);
            const struct mat read = edge_read_with(&f.pass, edge, value, other.p);
            for (size_t j = 0; j < mat_n(in); j++)
                ck_assert_double_eq_tol((double)read.p[j], (double)in.p[j] + (double)moves.p[j], BOUND(1e-14, 1e-6));
        }
        net_close(&f);
    }
}
END_TEST

/* Trees are laid over each other where nobody knows of layers. */
START_TEST(words_beside_a_layer_are_known_to_trees)
{
    for (const struct option *o = layer_registry.beside->options; o->type != OPT_END; o++)
        ck_assert(tree_stands_beside(o->name));
    ck_assert(tree_stands_beside("repeat"));
    for (size_t i = 0; i < layer_registry.n_parts; i++)
        ck_assert(!tree_stands_beside(layer_registry.parts[i]->name));
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, without_from_each_layer_reads_the_one_below);
    tcase_add_test(t, edges_are_listed_by_their_lower_ends);
    tcase_add_test(t, a_sum_is_a_sum);
    tcase_add_test(t, maps_stand_side_by_side_along_channels);
    tcase_add_test(t, what_was_sent_is_read);
    tcase_add_test(t, one_of_several);
    tcase_add_test(t, words_beside_a_layer_are_known_to_trees);
}

CHECK_MAIN("edge", add_tests)
