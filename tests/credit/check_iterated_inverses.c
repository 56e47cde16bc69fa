/* Bengio 2020, Sec. 5: at which rate iterated inverses come to rest, and where they cannot (sheet, V1, V3). Double
 * precision. */
#include "../check_main.h"
#include "bengio.h"

/* V = W^T (1 + Q diag(e) Q^T), Q the first layer's orthogonal matrix, e from alpha down to -alpha. Returns the first
 * eigenvector. */
static struct mat set_error(struct rig *r, double alpha)
{
    const struct mat q = weight_of(r, 0), v = decoder_of(r, 0), e = net_matrix(&r->net, 32, 32),
                     qe = net_matrix(&r->net, 32, 32), first = net_matrix(&r->net, 1, 32);
    for (size_t a = 0; a < 32; a++)
        for (size_t b = 0; b < 32; b++)
            qe.p[a * 32 + b] = (real)(q.p[a * 32 + b] * alpha * (1 - 2 * (double)b / 31));
    for (size_t a = 0; a < 32; a++)
        first.p[a] = q.p[a * 32];
    blas_gemm(false, true, 1, qe, q, 0, e);
    blas_gemm(false, false, 1, rig_scaled(r, 1, v), e, 1, v);
    return first;
}

/* After one step, with as many sweeps. */
static void open_linear(struct rig *r, const char *preset, int iterations, double alpha, struct mat *first)
{
    char own[160];
    snprintf(own, sizeof own,
             "{target_stepsize: 0.1, mapping: {transpose_gain: 1}, propagate: {sweep: layer, iterations: %d}}",
             iterations);
    rig_open(r,
             "{batch: 1, features: 32, outputs: 32, weights: orthogonal, layers: [dense: {units: 32}, dense: {units: "
             "32}]}",
             preset, own);
    mapping_of(&r->credit)->start(&r->credit);
    *first = set_error(r, alpha);
    rig_step(r);
}

/* V1: what the output rule leaves of the target above shrinks by alpha at least in every sweep, down to 1e-12 of it;
 * along the dominant eigenvector by alpha. */
START_TEST(residuals_shrink_by_the_error_of_the_inverse)
{
    static const double alphas[] = { 0.1, 0.3, 0.5, 0.7, 0.9 };
    for (size_t i = 0; i < 5; i++)
        for (int dominant = 0; dominant < 2; dominant++) {
            struct rig r;
            struct mat first;
            struct err e = { 0 };
            open_linear(&r, "idtp", 0, alphas[i], &first);
            struct credit *c = &r.credit;
            struct settling s = { .c = c, .p = &r.net.pass, .value = c->d };
            const struct mat change = net_matrix(&r.net, 1, 32);
            if (dominant)
                mat_copy(first, c->d[1]);
            mat_zero(c->d[0]);
            double before = residual(&r, 0);
            ck_assert_double_eq_tol(before, 1, 1e-12);
            int sweeps = 0;
            while (before > 1e-12) {
                must(inverse_output_step(&s, 0, c->d[1], change, &e), &e);
                mat_add(c->d[0], change, c->d[0]);
                const double after = residual(&r, 0), ratio = after / before / alphas[i];
                if (after < 1e-13) /* rounding */
                    break;
                ck_assert_msg(ratio <= 1 + 1e-3, "alpha %g, sweep %d: %g", alphas[i], sweeps, ratio);
                if (dominant && after > 1e-11)
                    ck_assert_msg(fabs(ratio - 1) <= 1e-4, "alpha %g, sweep %d: %g", alphas[i], sweeps, ratio);
                before = after;
                ck_assert_int_lt(sweeps++, 400);
            }
            ck_assert_int_ge(sweeps, 11);
            rig_close(&r);
        }
}
END_TEST

/* V1: the input rule's changes shrink so too. */
START_TEST(changes_shrink_by_the_error_of_the_inverse)
{
    static const double alphas[] = { 0.1, 0.3, 0.5, 0.7, 0.9 };
    for (size_t i = 0; i < 5; i++)
        for (int sweeps = 2; sweeps < 12; sweeps++) {
            struct rig r;
            struct mat first;
            open_linear(&r, "idtp_input", sweeps, alphas[i], &first);
            const struct settled *s = &r.credit.settled[0];
            ck_assert_uint_eq(s->steps, (size_t)sweeps);
            ck_assert_msg(s->last / s->before <= alphas[i] * (1 + 1e-3) && s->last / s->before > 0.4 * alphas[i],
                          "alpha %g: %g in sweep %d", alphas[i], s->last / s->before, sweeps);
            rig_close(&r);
        }
}
END_TEST

static const struct {
    const char *propagate;
    bool stays; /* near the state */
} rules[] = {
    { "{iterations: 400, sweep: layer}", true },
    { "{iterations: 400, sweep: parallel}", true },
    { "{iterations: 400, sweep: layer, start: decoder}", false },
    { "{iterations: 400, sweep: layer, refinement: input}", false },
    { "{iterations: 400, sweep: layer, refinement: input_then_correct}", false },
    { "{iterations: 400, sweep: layer, refinement: output_from_input, output_iterations: 50}", false },
};

/* One displacement of 1e-2 through a layer of another size. */
static void open_unequal(struct rig *r, const char *net, const char *propagate)
{
    char own[224];
    snprintf(own, sizeof own, "{target_stepsize: 1, mapping: {transpose_gain: 1.6}, propagate: %s}", propagate);
    rig_open(r, net, "idtp", own);
    mapping_of(&r->credit)->start(&r->credit);
    rig_step(r);
    r->credit.choice.target_stepsize = 1e-2 / norm(r->credit.d[1]);
    rig_step(r);
    ck_assert_double_eq_tol(norm(r->credit.d[1]), 1e-2, 1e-12);
}

/* V3: through a layer that narrows every rule reaches the target above. Those that begin anywhere but at the state end
 * far from it. */
START_TEST(a_narrowing_layer_has_many_inverses)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct rig r;
        open_unequal(&r,
                     "{form: w_sigma, batch: 1, features: 32, outputs: 10, weights: orthogonal, layers: [" LAYER(
                         32) ", " LAYER(10) "]}",
                     rules[i].propagate);
        const double moved = norm(r.credit.d[0]);
        ck_assert_msg(residual(&r, 0) <= 1e-12, "%s: residual %g", rules[i].propagate, residual(&r, 0));
        ck_assert_msg(rules[i].stays ? moved < 0.05 : moved > 1, "%s: %g from the state", rules[i].propagate, moved);
        rig_close(&r);
    }
}
END_TEST

/* V3: through one that widens no rule reaches it, and none goes astray. */
START_TEST(a_widening_layer_has_no_inverse)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct rig r;
        open_unequal(&r,
                     "{form: w_sigma, batch: 1, features: 32, outputs: 32, weights: orthogonal, layers: [" LAYER(
                         10) ", " LAYER(32) "]}",
                     rules[i].propagate);
        ck_assert_msg(residual(&r, 0) > 0.5, "%s: residual %g", rules[i].propagate, residual(&r, 0));
        ck_assert_msg(norm(r.credit.d[0]) < 10, "%s: %g from the state", rules[i].propagate, norm(r.credit.d[0]));
        rig_close(&r);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    if (!IS_DOUBLE)
        return; /* the bounds are of double precision */
    tcase_add_test(t, residuals_shrink_by_the_error_of_the_inverse);
    tcase_add_test(t, changes_shrink_by_the_error_of_the_inverse);
    tcase_add_test(t, a_narrowing_layer_has_many_inverses);
    tcase_add_test(t, a_widening_layer_has_no_inverse);
}

CHECK_MAIN("iterated_inverses", add_tests)
