/* Roulet & Harchaoui 2022, Lemma 3.1, as sheet 9.2 states it: how far target propagation can be from back-propagation.
 * 200 random recurrent networks of 5 units, one sample, T = 2 .. 11, r = 1e-2 .. 10, target_stepsize 1, detached
 * update. Norms of matrices are spectral, of directions Euclidean. */
#include "../check_main.h"
#include "fixture.h"

#include "math/solve.h"

enum { H = 5, NETS = 200 };

static double spectral(struct mat a)
{
    struct err e = { 0 };
    double norm;
    must(solve_spectral_norm(a, &norm, &e), &e);
    return norm;
}

/* The map of link k from gradients or displacements above it to those below, column by column. */
static struct mat matrix_of(struct rig *r, size_t k, rig_product *map)
{
    const struct mat out = mat_new(&r->net.arena, H, H), unit = mat_new(&r->net.arena, 1, H),
                     column = mat_new(&r->net.arena, 1, H);
    for (size_t j = 0; j < H; j++) {
        mat_zero(unit);
        unit.p[j] = 1;
        rig_map(r, map, k, unit, column);
        for (size_t i = 0; i < H; i++)
            out.p[i * H + j] = column.p[i];
    }
    return out;
}

/* |W| ( |D - D'| + |I - A^-1| |D'| ), with D = diag a'(u) and D' = diag of the inverse's derivative at h, both of link
 * k. */
static double second_bound(struct rig *r, size_t k, double regularization)
{
    const struct unit *l = &r->net.chain.units[0];
    const struct mat w = unit_param(l, 1, r->net.chain.weights), h = r->net.pass.links[k].out;
    struct mat one = mat_new(&r->net.arena, 1, H), slope = mat_new(&r->net.arena, 1, H),
               inverse = mat_new(&r->net.arena, 1, H);
    for (size_t i = 0; i < H; i++)
        one.p[i] = 1;
    act_times_slope(l->act, (struct mat){ 0 }, h, one, slope);
    l->act.def->times_inverse_slope(l->act.opts, h, one, (real)1e-3, inverse);
    mat_sub(slope, inverse, slope);
    /* eigenvalues of I - A^-1 are 1 - 1/(s^2 + r) over the singular values s of W: the largest magnitude is at one of
     * the ends */
    struct err e = { 0 };
    double largest, smallest;
    must(solve_condition(w, &largest, &smallest, &e), &e);
    const double shrink =
        fmax(fabs(1 - 1 / (largest * largest + regularization)), fabs(1 - 1 / (smallest * smallest + regularization)));
    return largest * ((double)mat_max_abs(slope) + shrink * (double)mat_max_abs(inverse));
}

static void check_net(int seed, int length, double regularization)
{
    char net[256], own[128];
    snprintf(net, sizeof net,
             "{seed: %d, batch: 1, length: %d, features: 3, weights: {name: normal, std: 0.4}, layers: [rnn: {units: "
             "5}, dense: {units: 4}]}",
             seed, length);
    snprintf(own, sizeof own, "{target_stepsize: 1, mapping: {regularization: %.17g}}", regularization);
    struct rig tp, bp;
    rig_open(&tp, net, "tp", own);
    rig_open(&bp, net, "bp", "{head: 1}");
    rig_step(&tp);
    rig_step(&bp);
    const struct mapping_def *inverse = (const struct mapping_def *)tp.credit.choice.mapping.part;
    const struct mapping_def *adjoint = (const struct mapping_def *)bp.credit.choice.mapping.part;
    double alpha = 0, beta = 0, epsilon = 0, share = 0;
    for (size_t k = 0; k < (size_t)length; k++) {
        const struct at at = tp.net.pass.links[k];
        struct mat one = mat_new(&tp.net.arena, 1, H), slope = mat_new(&tp.net.arena, 1, H);
        for (size_t i = 0; i < H; i++)
            one.p[i] = 1;
        act_times_slope(tp.net.chain.units[0].act, (struct mat){ 0 }, at.out, one, slope);
        share = fmax(share, (double)mat_max_abs(slope) * sqrt(mat_sum_squares(at.in) + mat_sum_squares(at.side) + 1));
        if (k == 0)
            continue;
        const struct mat j = matrix_of(&bp, k - 1, adjoint->jvp), m = matrix_of(&tp, k - 1, inverse->jvp);
        alpha = fmax(alpha, spectral(j));
        beta = fmax(beta, spectral(m));
        mat_sub(j, m, j);
        const double distance = spectral(j), bound = second_bound(&tp, k, regularization);
        ck_assert_msg(distance <= bound * (1 + BOUND(1e-10, 1e-4)), "net %d, T = %d, r = %g: second bound: %g > %g",
                      seed, length, regularization, distance, bound);
        epsilon = fmax(epsilon, distance);
    }
    double c = 0; /* to t = T - 1 is enough */
    for (int t = 1; t < length; t++)
        for (int s = 0; s < t; s++)
            c += pow(alpha, s) * pow(beta, t - 1 - s);
    struct mat difference = rig_updates(&tp, 0, 1);
    mat_sub(difference, rig_updates(&bp, 0, 1), difference);
    const double left = sqrt(mat_sum_squares(difference)),
                 right = share * sqrt(mat_sum_squares(tp.credit.top)) * c * epsilon;
    ck_assert_msg(left <= right * (1 + BOUND(1e-10, 1e-4)), "net %d, T = %d, r = %g: %g > %g", seed, length,
                  regularization, left, right);
    rig_close(&tp);
    rig_close(&bp);
}

START_TEST(lemma_3_1)
{
    struct rng r = rng_stream(3, "lemma");
    for (int i = 0; i < NETS; i++)
        check_net(i, 2 + i % 10, pow(10, 3 * rng_uniform(&r) - 2));
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, lemma_3_1);
}

CHECK_MAIN("lemma", add_tests)
