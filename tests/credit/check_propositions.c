/* Propositions 1 to 3 of Bao 2024 in the forms that hold (sheet bao2024, 1), of a layer F and its feedback G. Losses
 * are quadratic in the noise as it goes to 0, so their mean over normal noise is their sum over the unit vectors: every
 * expectation here is exact. */
#include "../check_main.h"
#include "fixture.h"

/* Without layer_norm, whose feedback is scaled by the deviation of the noisy pass: G itself moves with the noise. */
#define IMAGE "{batch: 2, image: [2, 4, 4], features: 32, layers: [conv: {channels: 3, kernel: 1}, "
static const char *const nets[] = {
    "{batch: 2, features: 5, layers: [dense: {units: 6, activation: tanh}, dense: {units: 4, activation: elu}, dense: "
    "{units: 4}]}",
    IMAGE "unit: [conv: {channels: 4, kernel: 3, padding: 1, activation: elu}, max_pool: {kernel: 3, stride: 2, "
          "padding: 1}], unit: [flatten, dense: {units: 4}]]}",
    IMAGE "unit: [conv: {channels: 4, kernel: 2, stride: 2, activation: leaky_relu}, max_pool: {kernel: 2, duplicates: "
          "sum}], unit: [flatten, dense: {units: 4}]]}",
    IMAGE "patches: {channels: 5, size: 2}, global_average_pool, unit: [dense: {units: 5, activation: sigmoid}, dense: "
          "{units: 4}]]}",
    IMAGE "unit: [avg_pool: {kernel: 2}, conv: {channels: 2, kernel: 2, activation: tanh}], unit: [flatten, dense: "
          "{units: 4}]]}",
    IMAGE "residual: [conv: {channels: 3, kernel: 3, padding: 1, activation: tanh}], unit: [flatten, dense: {units: "
          "4}]]}",
};

static void forward(struct rig *r)
{
    struct err e = { 0 };
    chain_refresh(&r->net.chain);
    chain_forward(&r->net.pass);
    must(credit_refresh(&r->credit, &r->net.pass, &e), &e);
}

/* |J_G - J_F^T|^2 and |J_F|^2 of layer k + 1, mean over the samples. */
static void jacobians(struct rig *r, size_t k, double *apart, double *of_f)
{
    struct credit *c = &r->credit;
    const struct unit *u = &r->net.chain.units[k + 1];
    const struct at *at = &r->net.pass.links[k + 1];
    const size_t b = at->out.rows;
    const struct mat e = mat_new(&r->net.arena, b, u->out.n), f = mat_new(&r->net.arena, b, u->in.n),
                     g = mat_new(&r->net.arena, b, u->in.n);
    *apart = *of_f = 0;
    for (size_t j = 0; j < u->out.n; j++) {
        mat_zero(e);
        for (size_t i = 0; i < b; i++)
            e.p[i * u->out.n + j] = 1;
        rig_map(r, mapping_of(c)->jvp, k, e, g);
        u->def->vjp(u, *at, e, f);
        *of_f += mat_sum_squares(f) / (double)b;
        mat_sub(g, f, g);
        *apart += mat_sum_squares(g) / (double)b;
    }
}

/* The feedback loss with unit vectors, one for each number of the state and of what is read, as draws. */
static double expectation(struct rig *r, size_t k)
{
    struct err e = { 0 };
    struct feedback *f = credit_feedback_of(&r->credit, k);
    const struct mat x = rig_draws(&r->credit, "noise.feedback.%zu", k),
                     y = rig_draws(&r->credit, "noise.feedback_source.%zu", k);
    const struct mat both[2] = { x, y };
    bool asked[8] = { false };
    double sum = 0;
    asked[f - r->credit.feedback] = true;
    for (size_t side = 0; side < 2 && both[side].p; side++)
        for (size_t j = 0; j < both[side].cols; j++) {
            mat_zero(x);
            if (y.p)
                mat_zero(y);
            for (size_t i = 0; i < both[side].rows; i++)
                both[side].p[i * both[side].cols + j] = 1;
            must(credit_feedback(&r->credit, &r->net.pass, asked, &e), &e);
            sum += f->loss;
        }
    return sum;
}

/* Proposition 3: E/sigma^2 of the released loss, twice the printed one, tends to |J_G - J_F^T|^2 - |J_F|^2: its minimum
 * is where the transposed derivative is matched, and is not 0. In single precision sigma is what rounding leaves. */
START_TEST(the_local_loss_is_about_the_transpose)
{
    const double sigma = BOUND(1e-6, 1e-2);
    for (size_t n = 0; n < sizeof nets / sizeof *nets; n++) {
        char own[128];
        struct rig r;
        snprintf(own, sizeof own, "{target_stepsize: 0.5, feedback_loss: {noise: %g}}", sigma);
        rig_open(&r, nets[n], "ldrl", own);
        forward(&r);
        for (size_t k = 0; k + 1 < r.credit.n; k++) {
            double apart, of_f;
            if (r.net.chain.units[k + 1].n_params == 0)
                continue;
            jacobians(&r, k, &apart, &of_f);
            const double value = expectation(&r, k) / (sigma * sigma), expected = apart - of_f;
            ck_assert_msg(fabs(value - expected) < BOUND(1e-4, 6e-2) * (apart + of_f),
                          "network %zu, layer %zu: %g instead of %g", n, k + 1, value, expected);
        }
        rig_close(&r);
    }
}
END_TEST

/* And reached at J_G = J_F^T: with a layer's weights transposed it is -|J_F|^2, and anywhere else larger. */
START_TEST(the_minimum_is_not_zero)
{
    static const char net[] = "{features: 5, layers: [dense: {units: 6}, dense: {units: 4}]}";
    struct rig r;
    double apart, of_f;
    rig_open(&r, net, "ldrl", "{target_stepsize: 0.5, feedback_loss: {noise: 1}}");
    const struct mat w = unit_param(&r.net.chain.units[1], 0, r.net.chain.weights),
                     v = unit_param(&r.credit.feedback[0].unit, 0, r.credit.feedback_weights);
    mat_transpose(w, v);
    forward(&r);
    jacobians(&r, 0, &apart, &of_f);
    const double least = expectation(&r, 0);
    ck_assert_double_le(apart, BOUND(1e-28, 1e-10));
    ck_assert_double_eq_tol(least, -of_f, BOUND(1e-12, 1e-4));
    ck_assert_double_lt(mat_max_abs(unit_param(&r.credit.feedback[0].unit, 0, r.credit.feedback_gradient)), 10);
    v.p[0] += (real)0.1;
    forward(&r);
    ck_assert_double_gt(expectation(&r, 0), least + 0.005);
    rig_close(&r);
}
END_TEST

/* Proposition 1: with G = F^-1 a corrupted state comes back for every noise. */
START_TEST(inverses_reconstruct_whatever_the_noise)
{
    struct rig r;
    rig_open(&r,
             "{features: 4, outputs: 4, weights: orthogonal, layers: [dense: {units: 4, activation: tanh}, dense: "
             "{units: 4, activation: elu}, dense: {units: 4}]}",
             "ijml", "{target_stepsize: 0.5, mapping: {clamp: 1e-9}}");
    forward(&r);
    for (size_t k = 0; k + 1 < r.credit.n; k++) {
        const struct unit *u = &r.net.chain.units[k + 1];
        const struct mat h = r.net.pass.links[k].out, noisy = net_matrix(&r.net, h.rows, h.cols),
                         back = mat_new(&r.net.arena, h.rows, h.cols);
        struct at at;
        struct err e = { 0 };
        must(at_open(&at, u, h.rows, 1, AT_KEPT, &r.net.arena, &e), &e);
        mat_add(h, noisy, noisy);
        at.in = noisy;
        at_forward(u, at);
        rig_map(&r, mapping_of(&r.credit)->apply, k, at.out, back);
        check_near("G(F(h + e))", back, noisy, BOUND(1e-10, 1e-3));
    }
    rig_close(&r);
}
END_TEST

/* Proposition 2: of a linear layer with a matrix W of full rank, E/sigma^2 of 1/2 |G~(F(h + e)) - (h + e)|^2 is 1/2
 * |W^+ W
 * - 1|^2: 0 with at least as many outputs as inputs, else (d_in - rank) / 2. */
START_TEST(pseudo_inverses_leave_what_is_lost)
{
    static const struct {
        int in, out;
        double left;
    } cases[] = { { 4, 7, 0 }, { 5, 5, 0 }, { 7, 4, 1.5 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char net[160];
        struct rig r;
        snprintf(net, sizeof net, "{features: 3, outputs: %d, layers: [dense: {units: %d}, dense: {units: %d}]}",
                 cases[i].out, cases[i].in, cases[i].out);
        rig_open(&r, net, "pjml", "{target_stepsize: 0.5}");
        forward(&r);
        const struct unit *u = &r.net.chain.units[1];
        const size_t b = r.net.pass.rows;
        const struct mat e = mat_new(&r.net.arena, b, u->in.n), up = mat_new(&r.net.arena, b, u->out.n),
                         back = mat_new(&r.net.arena, b, u->in.n);
        double sum = 0;
        for (size_t j = 0; j < u->in.n; j++) {
            mat_zero(e);
            for (size_t row = 0; row < b; row++)
                e.p[row * u->in.n + j] = 1;
            u->def->difference(u, r.net.pass.links[1], e, up); /* F(h + e) - F(h) */
            rig_map(&r, mapping_of(&r.credit)->difference, 0, up, back);
            mat_sub(back, e, back);
            sum += 0.5 * mat_sum_squares(back) / (double)b;
        }
        ck_assert_double_eq_tol(sum, cases[i].left, BOUND(1e-12, 1e-4));
        rig_close(&r);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, inverses_reconstruct_whatever_the_noise);
    tcase_add_test(t, pseudo_inverses_leave_what_is_lost);
    tcase_add_test(t, the_local_loss_is_about_the_transpose);
    tcase_add_test(t, the_minimum_is_not_zero);
}

CHECK_MAIN("propositions", add_tests)
