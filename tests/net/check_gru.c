/* The gated recurrent unit: its forward cell by plain loops, and its linearized inverse against the transposed Jacobian
 * (roulet2022 sheet 1.2, 3.6, 9.3 (7)). */
#include "../check_main.h"
#include "fixture.h"

#include "net/inverse.h"

#include "math/solve.h"

enum { N = 5, SIDE = 3, ROWS = 3 };

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

static double affine(struct mat w, const real *bias, size_t row, const real *in)
{
    double sum = (double)bias[row];
    for (size_t j = 0; j < w.cols; j++)
        sum += (double)w.p[row * w.cols + j] * (double)in[j];
    return sum;
}

/* PyTorch's cell; gates stacked r, z, n. */
START_TEST(forward_by_plain_loops)
{
    struct net f;
    net_open(&f, "{length: 4, weights: {name: normal, std: 0.5}, layers: [gru: {units: 5}, dense: {units: 4}]}");
    chain_forward(&f.pass);
    const struct unit *l = &f.chain.units[0];
    real *w = f.chain.weights;
    const struct mat ih = unit_param(l, 0, w), hh = unit_param(l, 1, w);
    const real *bi = unit_param(l, 2, w).p, *bh = unit_param(l, 3, w).p;
    for (size_t k = 0; k < 4; k++)
        for (size_t b = 0; b < ROWS; b++) {
            const struct at at = f.pass.links[k];
            const real *x = at.side.p + b * SIDE, *h = at.in.p + b * N;
            for (size_t i = 0; i < N; i++) {
                const double r = logistic(affine(ih, bi, i, x) + affine(hh, bh, i, h));
                const double z = logistic(affine(ih, bi, N + i, x) + affine(hh, bh, N + i, h));
                const double n = tanh(affine(ih, bi, 2 * N + i, x) + r * affine(hh, bh, 2 * N + i, h));
                ck_assert_double_eq_tol((double)at.out.p[b * N + i], (1 - z) * n + z * (double)h[i],
                                        BOUND(1e-14, 1e-6));
            }
        }
    net_close(&f);
}
END_TEST

/* 9.3 (7), gate by gate. The recurrent matrix of one gate is orthogonal, the others are 0, so that at r -> 0 the
 * regularized inverse of the first is its transpose and those of the others are 0. A gate's logistic is inverted, so
 * its factor s(1 - s) is divided by where the transposed Jacobian multiplies: displacements times s(1 - s) once for
 * each undo that, where the divisor's s is kept within [clamp, 1 - clamp]. The new gate's tanh is not inverted. */
static void gate_by_gate(size_t gate, double clamp)
{
    struct net f;
    struct err e = { 0 };
    net_open(&f, "{length: 4, weights: {name: normal, std: 0.5}, layers: [gru: {units: 5}, dense: {units: 4}]}");
    struct unit *l = &f.chain.units[0];
    const struct mat hh = unit_param(l, 1, f.chain.weights), random = net_matrix(&f, N, N);
    mat_zero(hh);
    must(solve_polar(random, mat_rows(hh, gate * N, N), &e), &e);
    chain_refresh(&f.chain);
    chain_forward(&f.pass);
    const struct inverse_options o = { .regularization = BOUND(1e-14, 1e-9), .clamp = clamp };
    must(l->def->inverse->open(l, &o, &e), &e);
    must(l->def->inverse->refresh(l, &o, &e), &e);
    const struct at at = f.pass.links[2];
    const struct mat d = net_matrix(&f, ROWS, N), scaled = net_matrix(&f, ROWS, N), got = net_matrix(&f, ROWS, N),
                     expected = net_matrix(&f, ROWS, N);
    for (size_t b = 0; b < ROWS; b++)
        for (size_t j = 0; j < N; j++) {
            const double s = (double)at.cache[0].p[b * 3 * N + gate * N + j], kept = fmin(fmax(s, clamp), 1 - clamp);
            const double factor = gate == 2 ? 1 : s * (1 - s) * kept * (1 - kept);
            scaled.p[b * N + j] = (real)((double)d.p[b * N + j] * factor);
        }
    l->def->inverse->jvp(l, at, scaled, &o, got);
    l->def->vjp(l, at, d, expected);
    for (size_t b = 0; b < ROWS; b++)
        for (size_t j = 0; j < N; j++) { /* what passes by the matrices: z times the displacement */
            const real z = at.cache[0].p[b * 3 * N + N + j];
            got.p[b * N + j] -= z * scaled.p[b * N + j];
            expected.p[b * N + j] -= z * d.p[b * N + j];
        }
    const double error = mat_relative_error(got, expected);
    ck_assert_msg(error < BOUND(1e-11, 2e-5), "gate %zu: %g", gate, error);
    net_close(&f);
}

START_TEST(matched_rule_is_the_cells_own)
{
    for (size_t gate = 0; gate < 3; gate++) {
        gate_by_gate(gate, 1e-9);
        gate_by_gate(gate, 0.47); /* most gates are below or above */
    }
}
END_TEST

/* matched = released on a cell whose update gate has the negated parameters. */
START_TEST(released_rule_exchanges_z)
{
    struct net a, b;
    struct err e = { 0 };
    static const char yaml[] =
        "{length: 4, weights: {name: normal, std: 0.5}, layers: [gru: {units: 5}, dense: {units: 4}]}";
    net_open(&a, yaml);
    net_open(&b, yaml);
    for (size_t p = 0; p < 4; p++) {
        const struct mat w = unit_param(&b.chain.units[0], p, b.chain.weights), z = mat_rows(w, N, N);
        mat_scale(-1, z, z);
    }
    chain_refresh(&b.chain);
    chain_forward(&a.pass);
    struct unit *la = &a.chain.units[0], *lb = &b.chain.units[0];
    const struct at at = a.pass.links[2];
    struct at bt = b.pass.links[2];
    mat_copy(at.in, bt.in);
    lb->def->prepare(lb, bt);
    lb->def->forward(lb, bt);
    const struct inverse_options matched = { .regularization = 0.4, .clamp = 1e-3, .gates = GATES_MATCHED };
    const struct inverse_options released = { .regularization = 0.4, .clamp = 1e-3, .gates = GATES_RELEASED };
    must(la->def->inverse->open(la, &matched, &e), &e);
    must(la->def->inverse->refresh(la, &matched, &e), &e);
    must(lb->def->inverse->open(lb, &released, &e), &e);
    must(lb->def->inverse->refresh(lb, &released, &e), &e);
    const struct mat d = net_matrix(&a, ROWS, N), x = net_matrix(&a, ROWS, N), y = net_matrix(&a, ROWS, N);
    la->def->inverse->jvp(la, at, d, &matched, x);
    lb->def->inverse->jvp(lb, bt, d, &released, y);
    ck_assert_double_lt(mat_relative_error(y, x), BOUND(1e-13, 1e-5));
    la->def->inverse->jvp(la, at, d, &released, y);
    ck_assert_double_gt(mat_relative_error(y, x), 0.1);
    net_close(&a);
    net_close(&b);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, forward_by_plain_loops);
    tcase_add_test(t, matched_rule_is_the_cells_own);
    tcase_add_test(t, released_rule_exchanges_z);
}

CHECK_MAIN("gru", add_tests)
