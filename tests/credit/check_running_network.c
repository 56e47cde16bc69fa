/* Bengio 2020, Sec. 10: propositions about the network that runs on (sheet, V8; 1, 2 and 6 are in check_bengio.c).
 * Double precision. */
#include "../check_main.h"
#include "bengio.h"

/* Two linear layers of 12, V = W^T (1 + E) with a symmetric E of eigenvalues from alpha down to -alpha. */
static void open_linear(struct rig *r, double alpha, double gamma, int steps)
{
    char own[192];
    snprintf(own, sizeof own,
             "{target_stepsize: 0.1, mapping: {transpose_gain: 1}, propagate: {gamma_min: %g, feedback_steps: %d}}",
             gamma, steps);
    rig_open(r,
             "{batch: 1, features: 12, outputs: 12, weights: orthogonal, layers: [dense: {units: 12}, dense: {units: "
             "12}]}",
             "cdtp", own);
    mapping_of(&r->credit)->start(&r->credit);
    const struct mat q = weight_of(r, 0), v = decoder_of(r, 0), qe = net_matrix(&r->net, 12, 12),
                     e = net_matrix(&r->net, 12, 12);
    for (size_t i = 0; i < 144; i++)
        qe.p[i] = (real)((double)q.p[i] * alpha * (1 - 2 * (double)(i % 12) / 11));
    blas_gemm(false, true, 1, qe, q, 0, e);
    blas_gemm(false, false, 1, rig_scaled(r, 1, v), e, 1, v);
    rig_step(r);
}

/* P3, P4: what the last mapping reads changes by the spectral radius of 1 - (1 - gamma) f'g' in every step: gamma + (1
 * - gamma) alpha here. At gamma = 0 no step exceeds that. */
START_TEST(it_comes_to_rest_at_the_rate_of_its_radius)
{
    static const double alphas[] = { 0.2, 0.5, 0.8 }, gammas[] = { 0, 0.2, 0.4, 0.6, 0.8 };
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 5; j++) {
            const double radius = gammas[j] + (1 - gammas[j]) * alphas[i];
            struct rig r;
            const int steps = (int)(log(1e-9) / log(radius));
            open_linear(&r, alphas[i], gammas[j], steps);
            const struct settled *s = &r.credit.settled[0];
            ck_assert_uint_eq(s->steps, (size_t)steps);
            ck_assert_msg(fabs(s->last / s->before / radius - 1) < 0.12, "alpha %g, gamma %g: %g, radius %g", alphas[i],
                          gammas[j], s->last / s->before, radius);
            rig_close(&r);
        }
    for (size_t i = 0; i < 3; i++)
        for (int steps = 2; steps < 20; steps++) {
            struct rig r;
            open_linear(&r, alphas[i], 0, steps);
            const struct settled *s = &r.credit.settled[0];
            ck_assert_msg(s->last / s->before <= alphas[i] * (1 + 1e-3), "alpha %g, step %d: %g", alphas[i], steps,
                          s->last / s->before);
            rig_close(&r);
        }
}
END_TEST

static double leaky(double x)
{
    return x > 0 ? x : 0.5 * x;
}

/* P5: the whole change of a layer is its displacement times n^T, n being what its weights read over the square of its
 * norm (and 1 for the bias). */
START_TEST(changes_add_up_to_the_displacement)
{
    struct rig r;
    open_step(&r, NET(3), "cdtp",
              "{target_stepsize: 0.1, mapping: {transpose_gain: 1.6}, propagate: {feedback_steps: 9, ramp_steps: 4}, "
              "update: unit}");
    for (size_t l = 0; l < r.credit.n; l++) {
        const struct mat read = l == 0 ? mat_of(r.net.pass.batch.x, 3, 24) : r.net.pass.links[l - 1].out,
                         change = net_matrix(&r.net, 24, 24);
        mat_zero(change);
        for (size_t b = 0; b < 3; b++) {
            double squares = 1;
            for (size_t j = 0; j < 24; j++)
                squares += pow(leaky((double)read.p[b * 24 + j]), 2);
            for (size_t i = 0; i < 24; i++)
                for (size_t j = 0; j < 24; j++)
                    change.p[i * 24 + j] -=
                        (real)((double)r.credit.d[l].p[b * 24 + i] * leaky((double)read.p[b * 24 + j]) / squares / 3);
        }
        check_near("change", unit_param(&r.net.chain.units[l], 0, r.g), change, 1e-12);
    }
    rig_close(&r);
}
END_TEST

/* The gradient that the decoders' steps up to this one give. */
static struct mat decoder_gradient(struct rig *r, double gamma, int steps, const char *teacher)
{
    char own[256];
    struct err e = { 0 };
    snprintf(own, sizeof own,
             "{target_stepsize: 0.1, mapping: {transpose_gain: 1.6}, feedback_loss: {normalised: false, teacher: %s}, "
             "propagate: {gamma_min: %g, feedback_steps: %d}}",
             teacher, gamma, steps);
    open_step(r, NET(3), "cdtp", own);
    must(credit_feedback(&r->credit, &r->net.pass, NULL, &e), &e);
    return mat_of(r->credit.feedback_gradient, 1, r->credit.n_feedback_vector);
}

/* That of step number `steps` alone. */
static struct mat gradient_of_step(struct rig *r, double gamma, int steps, const char *teacher)
{
    struct rig before;
    const struct mat sum = decoder_gradient(r, gamma, steps, teacher),
                     up_to = decoder_gradient(&before, gamma, steps - 1, teacher), own = rig_scaled(r, 1, sum);
    mat_sub(own, up_to, own);
    rig_close(&before);
    return own;
}

/* P7: at rest with gamma = 0.5 a decoder learns by the gradient of |f^-1(t) - g(u)|^2 / 2; with gamma = 0 nothing from
 * targets, but something from states. */
START_TEST(at_rest_decoders_learn_the_inverse)
{
    struct rig r;
    const struct mat own = gradient_of_step(&r, 0.5, 201, "target");
    for (size_t k = 0; k + 1 < r.credit.n; k++) {
        const struct unit *g = &r.credit.feedback[k].unit, *f = &r.net.chain.units[k + 1];
        const struct mat u = shown(&r.credit, "decoder_input.%zu", k), t = net_matrix(&r.net, 3, 24),
                         back = net_matrix(&r.net, 3, 24), read = net_matrix(&r.net, 3, 24),
                         expected = net_matrix(&r.net, 24, 24);
        mat_add(r.net.pass.links[k + 1].out, r.credit.d[k + 1], t);
        for (size_t i = 0; i < mat_n(t); i++)
            t.p[i] -= unit_param(f, 1, r.net.chain.weights).p[i % 24];
        blas_gemm(false, false, 1, t, weight_of(&r, k + 1), 0, back); /* W^-1 is W^T */
        for (size_t i = 0; i < mat_n(t); i++) {
            back.p[i] = (real)(back.p[i] > 0 ? (double)back.p[i] : (double)back.p[i] / 0.5);
            read.p[i] = (real)leaky((double)u.p[i]);
        }
        const struct mat error = net_matrix(&r.net, 3, 24);
        blas_gemm(false, true, 1, read, decoder_of(&r, k), 0, error);
        for (size_t i = 0; i < mat_n(t); i++)
            error.p[i] += unit_param(g, 1, r.credit.feedback_weights).p[i % 24] - back.p[i];
        blas_gemm(true, false, (real)(1.0 / 3), error, read, 0, expected);
        check_near("step", unit_param(g, 0, own.p), expected, 1e-9);
        ck_assert_double_gt(norm(expected), 1e-4);
    }
    rig_close(&r);
    ck_assert_double_eq(norm(gradient_of_step(&r, 0, 101, "target")), 0);
    rig_close(&r);
    ck_assert_double_gt(norm(gradient_of_step(&r, 0, 101, "state")), 1e-3);
    rig_close(&r);
}
END_TEST

/* P8: towards targets is gamma times towards states, at every moment. */
START_TEST(targets_teach_gamma_times_what_states_do)
{
    static const double gammas[] = { 0.2, 0.5, 0.9 };
    for (size_t i = 0; i < 3; i++)
        for (int steps = 2; steps < 6; steps++) {
            struct rig a, b;
            const struct mat of_target = gradient_of_step(&a, gammas[i], steps, "target"),
                             of_state = gradient_of_step(&b, gammas[i], steps, "state");
            check_near("moment", of_target, rig_scaled(&b, gammas[i], of_state), 1e-12);
            rig_close(&a);
            rig_close(&b);
        }
}
END_TEST

static void add_tests(TCase *t)
{
    if (!IS_DOUBLE)
        return; /* the bounds are of double precision */
    tcase_add_test(t, it_comes_to_rest_at_the_rate_of_its_radius);
    tcase_add_test(t, changes_add_up_to_the_displacement);
    tcase_add_test(t, at_rest_decoders_learn_the_inverse);
    tcase_add_test(t, targets_teach_gamma_times_what_states_do);
}

CHECK_MAIN("running_network", add_tests)
