/* The auto-encoder without back-propagation, Lee 2015, Sec. 3.4: h = s(W x + b), z = s(W^T h + c), t_z = x, t_h = h +
 * f(x) - f(z). */
#include "../check_main.h"
#include "fixture.h"

#define AUTOENCODER(activation)                                                                                        \
    "{features: 6, outputs: 6, labels: real, loss: squared_error, layers: [dense: {units: 5, activation: " activation  \
    "}, dense: {units: 6, activation: " activation ", tied: 0}]}"

/* Labels equal to the inputs. */
static void set_labels(struct rig *r)
{
    const struct batch *b = &r->net.pass.batch;
    mat_copy(mat_of(b->x, b->y.rows, b->y.cols), b->y);
}

/* P8: without noise and with linear units both local losses together have the exact gradient of |z - x|^2. */
START_TEST(p8_linear_update_is_the_gradient)
{
    struct rig r, bp;
    rig_open(&r, AUTOENCODER("linear"), "dtp_autoencoder", "{}");
    rig_open(&bp, AUTOENCODER("linear"), "bp", "{}");
    set_labels(&r);
    set_labels(&bp);
    rig_step(&r);
    rig_step(&bp);
    check_near("update and gradient", rig_all_updates(&r), rig_all_updates(&bp), BOUND(1e-12, 2e-5));
    rig_close(&r);
    rig_close(&bp);
}
END_TEST

/* f(v) = s(W v + b) by plain loops. */
static void encode(const struct rig *r, const real *v, double *out)
{
    const struct unit *l = &r->net.chain.units[0];
    const struct mat w = unit_param(l, 0, r->net.chain.weights);
    const real *b = r->net.chain.weights + l->params[1].offset;
    for (size_t k = 0; k < w.rows; k++) {
        double u = (double)b[k];
        for (size_t j = 0; j < w.cols; j++)
            u += (double)w.p[k * w.cols + j] * (double)v[j];
        out[k] = 1 / (1 + exp(-u));
    }
}

/* The formulas of the update with a corrupted input:
 *   q = (2/B)(z - x) z (1 - z):                                  dW += h q^T,             dc = sum q
 *   y = f(x + std e), u = (2/B)(y - t_h) y (1 - y):              dW += u (x + std e)^T,   db = sum u */
START_TEST(sigmoid_update_by_hand)
{
    enum { B = 3, D = 6, H = 5 };
    const double std = 0.4;
    struct rig r;
    rig_open(&r, AUTOENCODER("sigmoid"), "dtp_autoencoder", "{update: {input_noise: 0.4}}");
    set_labels(&r);
    const struct mat noise = rig_draws(&r.credit, "noise.input", 0);
    ck_assert(noise.rows == B && noise.cols == D);
    net_normal(&r.net.rng, 1, noise);
    rig_step(&r);
    const struct pass *p = &r.net.pass;
    double dw[H][D] = { { 0 } }, db[H] = { 0 }, dc[D] = { 0 };
    for (size_t n = 0; n < B; n++) {
        const real *x = p->batch.x + n * D, *h = p->links[0].out.p + n * H, *z = p->links[1].out.p + n * D;
        real corrupted[D];
        double fx[H], fz[H], y[H];
        for (size_t j = 0; j < D; j++)
            corrupted[j] = (real)((double)x[j] + std * (double)noise.p[n * D + j]);
        encode(&r, x, fx);
        encode(&r, z, fz);
        encode(&r, corrupted, y);
        for (size_t j = 0; j < D; j++) {
            const double q = 2.0 / B * ((double)z[j] - (double)x[j]) * (double)z[j] * (1 - (double)z[j]);
            dc[j] += q;
            for (size_t k = 0; k < H; k++)
                dw[k][j] += (double)h[k] * q;
        }
        for (size_t k = 0; k < H; k++) {
            const double t = (double)h[k] + fx[k] - fz[k], u = 2.0 / B * (y[k] - t) * y[k] * (1 - y[k]);
            ck_assert_double_eq_tol((double)r.credit.d[0].p[n * H + k], fx[k] - fz[k], BOUND(1e-14, 1e-6));
            db[k] += u;
            for (size_t j = 0; j < D; j++)
                dw[k][j] += u * (double)corrupted[j];
        }
    }
    const struct unit *l = r.net.chain.units;
    for (size_t k = 0; k < H; k++) {
        ck_assert_double_eq_tol((double)unit_param(&l[0], 1, r.g).p[k], db[k], BOUND(1e-14, 1e-6));
        for (size_t j = 0; j < D; j++)
            ck_assert_double_eq_tol((double)unit_param(&l[0], 0, r.g).p[k * D + j], dw[k][j], BOUND(1e-14, 2e-6));
    }
    for (size_t j = 0; j < D; j++)
        ck_assert_double_eq_tol((double)unit_param(&l[1], 0, r.g).p[j], dc[j], BOUND(1e-14, 1e-6));
    rig_close(&r);
}
END_TEST

/* Noise of standard deviation 0 gives the update of rule "gradient", bit for bit. */
START_TEST(denoising_without_noise_is_gradient)
{
    struct rig a, b;
    rig_open(&a, AUTOENCODER("tanh"), "dtp_autoencoder", "{}");
    rig_open(&b, AUTOENCODER("tanh"), "dtp_autoencoder", "{update: {name: gradient, reduction: mean}}");
    ck_assert_ptr_null(rig_draws(&a.credit, "noise.input", 0).p);
    rig_step(&a);
    rig_step(&b);
    ck_assert_mem_eq(a.g, b.g, a.net.chain.n_vector * sizeof(real));
    rig_close(&a);
    rig_close(&b);
}
END_TEST

/* g(t), g(h + d) - g(h) and its derivative agree. */
START_TEST(encoder_is_one_mapping)
{
    struct rig r;
    rig_open(&r, AUTOENCODER("tanh"), "dtp_autoencoder", "{}");
    rig_step(&r);
    struct arena *a = &r.net.arena;
    const struct mapping_def *g = (const struct mapping_def *)registry_find(&mapping_registry, "encoder");
    struct pass *p = &r.net.pass;
    const struct mat z = p->links[1].out, d = net_matrix(&r.net, 3, 6), t = mat_new(a, 3, 6), above = mat_new(a, 3, 5),
                     below = mat_new(a, 3, 5), difference = mat_new(a, 3, 5), slope = mat_new(a, 3, 5);
    mat_add(z, d, t);
    rig_map(&r, g->apply, 0, t, above);
    rig_map(&r, g->apply, 0, z, below);
    mat_sub(above, below, above);
    rig_map(&r, g->difference, 0, d, difference);
    check_near("difference", difference, above, BOUND(1e-13, 1e-5));
    mat_scale((real)BOUND(1e-7, 1e-3), d, t);
    rig_map(&r, g->difference, 0, t, difference);
    rig_map(&r, g->jvp, 0, t, slope);
    check_near("derivative", slope, difference, BOUND(1e-6, 1e-2));
    rig_close(&r);
}
END_TEST

START_TEST(what_does_not_fit)
{
    static const struct {
        const char *net, *own, *message;
    } bad[] = {
        { "{features: 6, outputs: 4, layers: [dense: {units: 5}, dense: {units: 4}]}", "{}",
          "algorithm.mapping: 'encoder' applies network.layers.0 to the output of network.layers.1: it reads 6 values, "
          "but that gives 4" },
        { "{features: 6, outputs: 6, layers: [dense: {units: 5}, dense: {units: 5}, dense: {units: 6}]}", "{}",
          "algorithm.mapping: 'encoder' is the feedback of an auto-encoder: two layers under the head, the first one "
          "dense; here 3 are under "
          "the head, and the first one is 'dense'" },
        { "{features: 6, outputs: 4, length: 2, layers: [rnn: {units: 5}, dense: {units: 4}]}",
          "{mapping: adjoint, propagate: linear, update: {input_noise: 0.1}}",
          "algorithm.update.input_noise: 'denoising' corrupts the input of a flat first layer; network.layers.0 (rnn) "
          "reads "
          "sequences" },
        { "{features: 6, outputs: 6, layers: [dense: {units: 5}, dense: {units: 6}]}", "{route: direct}",
          "algorithm.route: 'direct' needs a mapping that reads the last target directly; 'encoder' does not" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rig r;
        struct err e = { 0 };
        ck_assert_int_eq(rig_try(&r, bad[i].net, "dtp_autoencoder", bad[i].own, &e), ERR_SPEC);
        ck_assert_str_eq(err_first(&e), bad[i].message);
        err_clear(&e);
        rig_close(&r);
    }
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, p8_linear_update_is_the_gradient);
    tcase_add_test(tcase, sigmoid_update_by_hand);
    tcase_add_test(tcase, denoising_without_noise_is_gradient);
    tcase_add_test(tcase, encoder_is_one_mapping);
    tcase_add_test(tcase, what_does_not_fit);
}

CHECK_MAIN("autoencoder", add_tests)
