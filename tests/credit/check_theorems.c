/* The theorems of Meulemans et al. 2020 as numbers. Theorem 4 is about a feedback loss and is tested with it. */
#include "../check_main.h"
#include "credit/jacobian.h"
#include "fixture.h"
#include "math/pinv.h"

#define SQUARED "labels: real, loss: squared_error"

static double cosine(struct mat a, struct mat b)
{
    return mat_dot(a, b) / sqrt(mat_sum_squares(a) * mat_sum_squares(b));
}

/* Degrees between two vectors, exact for small angles. */
static double degrees(struct mat a, struct mat b)
{
    const double of_a = sqrt(mat_sum_squares(a)), of_b = sqrt(mat_sum_squares(b));
    double apart = 0;
    for (size_t i = 0; i < mat_n(a); i++)
        apart += pow((double)a.p[i] / of_a - (double)b.p[i] / of_b, 2);
    return 2 * asin(fmin(1, sqrt(apart) / 2)) * 180 / M_PI;
}

static struct mat weight(struct rig *r, size_t layer)
{
    return unit_param(&r->net.chain.units[layer], 0, r->net.chain.weights);
}

/* ---- Jacobians ---- */

/* J_i v and S_i against the chain's own derivatives in the other direction; and vjp of the whole against jvp of the
 * whole. */
START_TEST(jacobians_agree_with_forward_derivatives)
{
    struct rig r;
    rig_open(&r,
             "{layers: [dense: {units: 5, activation: tanh}, dense: {units: 6, activation: leaky_relu}, dense: {units: "
             "3, activation: sigmoid}, "
             "dense: {units: 4}]}",
             "bp", "{}");
    rig_step(&r);
    const struct chain *chain = &r.net.chain;
    for (size_t last = 0; last < chain->n_links; last++) {
        struct jacobian j;
        struct err e = { 0 };
        must(jacobian_open(&j, chain, last, 3, true, &r.net.arena, &e), &e);
        jacobian_take(&j, &r.net.pass);
        for (size_t i = 0; i < last; i++) {
            const size_t n = chain->units[i].out.n;
            const struct mat v = net_matrix(&r.net, 3, n), slope = net_matrix(&r.net, 3, n);
            struct mat along = v;
            for (size_t k = i + 1; k <= last; k++) {
                const struct mat next = net_matrix(&r.net, 3, chain->units[k].out.n);
                chain->units[k].def->jvp(&chain->units[k], r.net.pass.links[k], along, next);
                along = next;
            }
            const struct mat got = net_matrix(&r.net, 3, j.outputs);
            for (size_t c = 0; c < j.outputs; c++) {
                for (size_t b = 0; b < 3; b++)
                    got.p[b * j.outputs + c] = (real)mat_dot(mat_rows(j.state[i], c * 3 + b, 1), mat_rows(v, b, 1));
                act_times_slope(chain->units[i].act, (struct mat){ 0 }, r.net.pass.links[i].out,
                                mat_rows(j.state[i], c * 3, 3), slope);
                check_near("S = J a'", mat_rows(j.signal[i], c * 3, 3), slope, BOUND(1e-15, 1e-6));
            }
            check_near("J v", got, along, BOUND(1e-13, 1e-5));
        }
    }
    rig_close(&r);
}
END_TEST

/* A damped inverse solves its equation: J d + damping x = d_last, d = J^T x; and the last target itself is damped after
 * the others were made. */
START_TEST(damped_targets_solve_their_equation)
{
    struct rig r;
    rig_open(&r,
             "{layers: [dense: {units: 7, activation: tanh}, dense: {units: 2, activation: tanh}, dense: {units: 4}]}",
             "gnt", "{target_stepsize: 0.3, mapping: {damping: [0.5, 0.02, 3]}}");
    rig_step(&r);
    struct jacobian j;
    struct err e = { 0 };
    must(jacobian_open(&j, &r.net.chain, 2, 3, false, &r.net.arena, &e), &e);
    jacobian_take(&j, &r.net.pass);
    const double damping[] = { 0.5, 0.02 };
    const struct mat top = rig_scaled(&r, -0.3, r.credit.top), own = rig_scaled(&r, 4, r.credit.d[2]);
    check_near("the last displacement", own, top, BOUND(1e-15, 1e-6));
    for (size_t i = 0; i < 2; i++) { /* (J^T J + damping I) d = J^T d_last, per sample */
        const size_t n = r.credit.d[i].cols;
        for (size_t b = 0; b < 3; b++) {
            const struct mat left = rig_scaled(&r, damping[i], mat_rows(r.credit.d[i], b, 1)),
                             right = mat_new(&r.net.arena, 1, n);
            for (size_t c = 0; c < 4; c++) {
                const struct mat row = mat_rows(j.state[i], c * 3 + b, 1);
                mat_axpy((real)mat_dot(row, mat_rows(r.credit.d[i], b, 1)), row, left);
                mat_axpy(top.p[b * 4 + c], row, right);
            }
            check_near("normal equations", left, right, BOUND(1e-12, 2e-5));
        }
    }
    rig_close(&r);
}
END_TEST

/* ---- Lemma 1, Theorem 2 ---- */

/* Exact inverses of an invertible network: (t - h) / eta -> -J^-1 e, which for square J is the Gauss-Newton target;
 * first order in eta. */
static double from_gauss_newton(const char *net, double eta)
{
    char own[128];
    struct rig tp, gnt;
    snprintf(own, sizeof own,
             "{head: 0, target_stepsize: %g, mapping: {regularization: 0, clamp: 1e-6}, propagate: difference}", eta);
    rig_open(&tp, net, "tp", own);
    rig_open(&gnt, net, "gnt", "{target_stepsize: 1}");
    rig_step(&tp);
    rig_step(&gnt);
    double worst = 0;
    for (size_t k = 0; k + 1 < tp.credit.n; k++)
        worst = fmax(worst, mat_relative_error(rig_scaled(&tp, 1 / eta, tp.credit.d[k]), gnt.credit.d[k]));
    rig_close(&tp);
    rig_close(&gnt);
    return worst;
}

START_TEST(exact_inverses_are_gauss_newton_targets)
{
    static const char net[] =
        "{features: 5, outputs: 5, batch: 1, " SQUARED
        ", weights: orthogonal, layers: [dense: {units: 5, activation: tanh}, "
        "dense: {units: 5, activation: tanh}, dense: {units: 5, activation: tanh}, dense: {units: 5}]}";
    static const char bent[] = "{features: 5, outputs: 5, batch: 1, " SQUARED
                               ", weights: {name: normal, std: 0.6}, layers: [dense: {units: 5, activation: "
                               "leaky_relu}, dense: {units: 5, activation: leaky_relu}, dense: {units: 5}]}";
    const double at = BOUND(1e-4, 1e-2), rough = from_gauss_newton(net, at), fine = from_gauss_newton(net, at / 4);
    ck_assert_double_lt(rough, 40 * at);
    ck_assert_double_gt(rough, 0.01 * at);
    ck_assert_double_eq_tol(rough / fine, 4, BOUND(0.02, 0.5));
    ck_assert_double_lt(from_gauss_newton(bent, at), BOUND(1e-10, 1e-3)); /* straight between its corners: exact */
}
END_TEST

/* ---- the limit of back-propagation ---- */

#define ORTHOGONAL_NET                                                                                                 \
    "{features: 5, outputs: 5, " SQUARED                                                                               \
    ", weights: orthogonal, layers: [dense: {units: 5}, dense: {units: 5}, dense: {units: 5}, dense: {units: 5}]}"

/* Feedback layer f becomes the exact inverse of what lies above its target: V = (W ..)^T, c = -V b. */
static void invert(struct rig *r, struct feedback *f)
{
    const bool chain = r->credit.choice.route == ROUTE_CHAIN;
    const size_t last = chain ? f->target + 1 : r->credit.n - 1;
    struct mat product = rig_scaled(r, 1, weight(r, f->target + 1));
    for (size_t i = f->target + 2; i <= last; i++) {
        const struct mat next = mat_new(&r->net.arena, 5, 5);
        blas_gemm(false, false, 1, weight(r, i), product, 0, next);
        product = next;
    }
    mat_transpose(product, unit_param(&f->unit, 0, r->credit.feedback_weights));
    if (f->unit.n_params > 1) {
        const struct unit *up = &r->net.chain.units[f->target + 1];
        blas_gemm(true, false, -1, weight(r, f->target + 1), unit_param(up, 1, r->net.chain.weights), 0,
                  unit_param(&f->unit, 1, r->credit.feedback_weights));
    }
}

START_TEST(orthogonal_linear_networks_do_bp)
{
    static const char net[] = ORTHOGONAL_NET;
    static const struct {
        const char *preset, *own;
    } methods[] = {
        { "gnt", "{target_stepsize: 0.3, target: {gradient: per_sample}}" },
        { "tp", "{target_stepsize: 0.3, target: {gradient: per_sample}, head: 0, mapping: {regularization: 0}, update: "
                "{reduction: mean}}" },
        { "tp_vanilla",
          "{target_stepsize: 0.3, target: {gradient: per_sample}, head: 0, feedback_loss: {noise: 0.1}}" },
        { "dtp", "{target_stepsize: 0.3, target: {gradient: per_sample}, head: 0, feedback_loss: {noise: 0.1}}" },
        { "dfa", "{target_stepsize: 0.3, target: {gradient: per_sample}, update: {reduction: mean}}" },
    };
    struct rig bp;
    rig_open(&bp, net, "bp", "{}");
    rig_step(&bp);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct rig r;
        struct err e = { 0 };
        rig_open(&r, net, methods[i].preset, methods[i].own);
        for (size_t j = 0; j < r.credit.n_feedback; j++)
            invert(&r, &r.credit.feedback[j]);
        for (size_t j = 0; j < r.credit.n_feedback; j++)
            r.credit.feedback[j].unit.def->refresh(&r.credit.feedback[j].unit);
        rig_step(&r);
        check_near(methods[i].preset, rig_all_updates(&r), rig_scaled(&r, 2 * 0.3, rig_all_updates(&bp)),
                   BOUND(1e-12, 2e-4));
        must(credit_feedback(&r.credit, &r.net.pass, NULL, &e), &e);
        for (size_t j = 0; j < r.credit.n_feedback && r.credit.choice.route == ROUTE_CHAIN; j++)
            ck_assert_double_lt(r.credit.feedback[j].loss, BOUND(1e-25, 1e-9));
        rig_close(&r);
    }
    rig_close(&bp);
}
END_TEST

/* ---- Lemma 3 ---- */

/* Difference target propagation to first order: -eta times the product of the feedback layers' Jacobians, diag(1 - g^2)
 * V at g(h_{k+1}). */
static double from_product(double eta)
{
    char own[96];
    struct rig r;
    snprintf(own, sizeof own, "{target_stepsize: %g, head: 0, mapping: {activation: tanh}}", eta);
    rig_open(&r,
             "{batch: 2, layers: [dense: {units: 5, activation: tanh}, dense: {units: 6, activation: tanh}, dense: "
             "{units: 4}]}",
             "dtp", own);
    rig_step(&r);
    double worst = 0;
    struct mat d = rig_scaled(&r, 1 / eta, r.credit.d[2]);
    for (size_t k = 2; k-- > 0;) {
        const struct feedback *f = credit_feedback_of(&r.credit, k);
        const struct mat v = unit_param(&f->unit, 0, r.credit.feedback_weights),
                         next = mat_new(&r.net.arena, 2, v.rows);
        for (size_t b = 0; b < 2; b++)
            for (size_t i = 0; i < v.rows; i++) {
                const double g = (double)f->ref.out.p[b * v.rows + i];
                next.p[b * v.rows + i] = (real)((1 - g * g) * mat_dot(mat_rows(v, i, 1), mat_rows(d, b, 1)));
            }
        d = next;
        worst = fmax(worst, mat_relative_error(rig_scaled(&r, 1 / eta, r.credit.d[k]), d));
    }
    rig_close(&r);
    return worst;
}

START_TEST(difference_targets_to_first_order)
{
    const double at = BOUND(1e-4, 1e-1), rough = from_product(at);
    ck_assert_double_lt(rough, at);
    ck_assert_double_eq_tol(rough / from_product(at / 2), 2, BOUND(0.01, 0.2));
}
END_TEST

/* ---- Theorem 5 ---- */

#define CONTRACTING                                                                                                    \
    "{features: 12, outputs: 3, batch: 1, " SQUARED                                                                    \
    ", layers: [dense: {units: 10}, dense: {units: 8}, dense: {units: 6}, dense: {units: 3}]}"

/* The Jacobian of the 3 outputs with respect to a weight matrix, (3, n): in it alone the output is affine, so a step of
 * 1 gives it exactly. */
static struct mat weights_jacobian(struct rig *r, size_t layer)
{
    const struct mat w = weight(r, layer), out = pass_output(&r->net.pass), j = mat_new(&r->net.arena, 3, mat_n(w));
    real before[3];
    chain_forward(&r->net.pass);
    memcpy(before, out.p, sizeof before);
    for (size_t i = 0; i < mat_n(w); i++) {
        const real kept = w.p[i];
        w.p[i] = kept + 1;
        chain_refresh(&r->net.chain);
        chain_forward(&r->net.pass);
        for (size_t c = 0; c < 3; c++)
            j.p[c * mat_n(w) + i] = out.p[c] - before[c];
        w.p[i] = kept;
    }
    chain_refresh(&r->net.chain);
    chain_forward(&r->net.pass);
    return j;
}

/* Of one layer's update: the angle with the minimum-norm step J^+ e, the share in J's null space, and the angle of the
 * output's move with e. */
static void judge(struct rig *r, size_t layer, double *from_minimum, double *null_share, double *from_error)
{
    struct err e = { 0 };
    struct pinv pinv;
    const struct mat update = unit_param(&r->net.chain.units[layer], 0, r->g), d = mat_of(update.p, 1, mat_n(update));
    const struct mat j = weights_jacobian(r, layer), inverse = mat_new(&r->net.arena, 3, d.cols);
    must(pinv_init(&pinv, 3, d.cols, &r->net.arena, &e), &e);
    must(pinv_transposed(&pinv, 0, j.p, d.cols, inverse.p, d.cols, &e), &e);
    const struct mat error = r->net.pass.gradient, least = mat_new(&r->net.arena, 1, d.cols),
                     move = mat_new(&r->net.arena, 1, 3);
    blas_gemm(false, false, 1, error, inverse, 0, least);
    blas_gemm(false, true, 1, d, j, 0, move);
    *from_minimum = degrees(d, least);
    *from_error = degrees(move, error);
    const struct mat seen = mat_new(&r->net.arena, 1, d.cols); /* J^+ J d */
    blas_gemm(false, false, 1, move, inverse, 0, seen);
    mat_sub(d, seen, seen);
    *null_share = sqrt(mat_sum_squares(seen) / mat_sum_squares(d));
}

START_TEST(gauss_newton_targets_give_minimum_norm_steps)
{
    struct rig gnt, dtp;
    rig_open(&gnt, CONTRACTING, "gnt", "{}");
    rig_open(&dtp, CONTRACTING, "dtp", "{head: 0, target_stepsize: 1, mapping: {activation: linear, bias: false}}");
    for (size_t i = 0; i < 3; i++) { /* V_i = W_{i+1}^+ */
        struct err e = { 0 };
        struct pinv pinv;
        const struct unit *f = &dtp.credit.feedback[i].unit;
        const struct mat w = weight(&dtp, i + 1), transposed = mat_new(&dtp.net.arena, w.rows, w.cols);
        must(pinv_init(&pinv, w.rows, w.cols, &dtp.net.arena, &e), &e);
        must(pinv_transposed(&pinv, 0, w.p, w.cols, transposed.p, w.cols, &e), &e);
        mat_transpose(transposed, unit_param(f, 0, dtp.credit.feedback_weights));
        f->def->refresh((struct unit *)f);
    }
    rig_step(&gnt);
    rig_step(&dtp);
    for (size_t i = 0; i < 4; i++) {
        double from_minimum, null_share, from_error;
        judge(&gnt, i, &from_minimum, &null_share, &from_error);
        ck_assert_double_lt(from_minimum, BOUND(2e-6, 0.02));
        ck_assert_double_lt(null_share, BOUND(1e-12, 3e-4));
        ck_assert_double_lt(from_error, BOUND(2e-6, 0.02));
        judge(&dtp, i, &from_minimum, &null_share, &from_error);
        ck_assert_double_lt(from_error, BOUND(2e-6, 0.02));
        if (i < 2) /* more than one pseudo-inverse in a row is none of the product */
            ck_assert_double_gt(null_share, 0.1);
        else
            ck_assert_double_lt(null_share, BOUND(1e-12, 3e-4));
    }
    rig_close(&gnt);
    rig_close(&dtp);
}
END_TEST

/* ---- Theorem 6 ---- */

START_TEST(linear_networks_descend)
{
    struct rng r = rng_stream(2385, "theorem 6");
    double worst = 1;
    for (int n = 0; n < 300; n++) {
        char net[512];
        size_t at = 0;
        const uint32_t depth = 2 + rng_below(&r, 4), outputs = 1 + rng_below(&r, 11);
        at += (size_t)snprintf(net + at, sizeof net - at,
                               "{seed: %d, features: %u, outputs: %u, batch: %u, " SQUARED ", layers: [", n + 1,
                               1 + rng_below(&r, 11), outputs, 1 + rng_below(&r, 8));
        for (uint32_t i = 0; i + 1 < depth; i++)
            at += (size_t)snprintf(net + at, sizeof net - at, "dense: {units: %u}, ", 1 + rng_below(&r, 11));
        snprintf(net + at, sizeof net - at, "dense: {units: %u}]}", outputs);
        struct rig gnt, bp;
        rig_open(&gnt, net, "gnt", "{}");
        rig_open(&bp, net, "bp", "{}");
        rig_step(&gnt);
        rig_step(&bp);
        for (size_t i = 0; i < depth; i++) {
            const struct mat a = unit_param(&gnt.net.chain.units[i], 0, gnt.g),
                             b = unit_param(&bp.net.chain.units[i], 0, bp.g);
            const double c = cosine(a, b);
            ck_assert_msg(c > BOUND(0, -1e-4), "%s, layer %zu: cosine %g", net, i, c);
            worst = fmin(worst, c);
        }
        rig_close(&gnt);
        rig_close(&bp);
    }
    ck_assert_double_lt(worst, 0.2); /* the bound is nearly reached */
}
END_TEST

/* The residual of the affine least-squares fit of the batch's labels. */
static double least_loss(struct rig *r)
{
    struct err e = { 0 };
    struct pinv pinv;
    const size_t rows = 12, cols = 5;
    const struct mat x = mat_new(&r->net.arena, rows, cols), inverse = mat_new(&r->net.arena, rows, cols);
    const struct mat y = r->net.pass.batch.y, fit = mat_new(&r->net.arena, cols, y.cols), rest = rig_scaled(r, 1, y);
    for (size_t i = 0; i < rows; i++) {
        memcpy(x.p + i * cols, r->net.pass.batch.x + i * (cols - 1), (cols - 1) * sizeof(real));
        x.p[i * cols + cols - 1] = 1;
    }
    must(pinv_init(&pinv, rows, cols, &r->net.arena, &e), &e);
    must(pinv_transposed(&pinv, 0, x.p, cols, inverse.p, cols, &e), &e);
    blas_gemm(true, false, 1, inverse, y, 0, fit);
    blas_gemm(false, false, -1, x, fit, 1, rest);
    return mat_sum_squares(rest) / (double)rows;
}

START_TEST(linear_networks_reach_least_squares)
{
    struct rig r;
    rig_open(&r,
             "{features: 4, outputs: 3, batch: 12, " SQUARED
             ", layers: [dense: {units: 6}, dense: {units: 5}, dense: {units: 3}]}",
             "gnt", "{target: {gradient: per_sample}, target_stepsize: 1}");
    double loss = INFINITY;
    for (int step = 0; step < 1500; step++) {
        rig_step(&r);
        ck_assert_msg(r.net.pass.loss <= loss * (1 + BOUND(1e-12, 1e-5)), "step %d: %g after %g", step, r.net.pass.loss,
                      loss);
        loss = r.net.pass.loss;
        mat_axpy((real)-0.01, mat_of(r.g, 1, r.net.chain.n_vector),
                 mat_of(r.net.chain.weights, 1, r.net.chain.n_vector));
    }
    ck_assert_double_lt(loss / least_loss(&r) - 1, 1e-3);
    ck_assert_double_gt(loss / least_loss(&r) - 1, -BOUND(1e-10, 1e-4));
    rig_close(&r);
}
END_TEST

/* ---- wide layers and damping ---- */

/* Mean angle between the displacements of two rules at the first layer, over its samples. */
static double apart(const char *net, const char *preset, const char *own)
{
    struct rig a, b;
    rig_open(&a, net, "gnt", own);
    rig_open(&b, net, preset, "{}");
    rig_step(&a);
    rig_step(&b);
    double sum = 0;
    for (size_t i = 0; i < a.credit.rows; i++)
        sum += degrees(mat_rows(a.credit.d[0], i, 1), mat_rows(b.credit.d[0], i, 1));
    sum /= (double)a.credit.rows;
    rig_close(&a);
    rig_close(&b);
    return sum;
}

START_TEST(wide_layers_bring_gauss_newton_to_bp)
{
    static const int widths[] = { 16, 64, 256, 1024 };
    double before = 90, angle = 90;
    for (size_t i = 0; i < 4; i++) {
        char net[256];
        snprintf(net, sizeof net,
                 "{outputs: 10, batch: 8, weights: {name: normal, std: 1}, layers: [dense: {units: %d, activation: "
                 "tanh}, dense: {units: 10}]}",
                 widths[i]);
        angle = apart(net, "bp", "{}");
        ck_assert_double_lt(angle, before);
        before = angle;
        if (i == 0)
            ck_assert_double_gt(angle, 30);
    }
    ck_assert_double_lt(angle, 12);
}
END_TEST

START_TEST(damping_goes_from_pseudo_inverse_to_bp)
{
    static const char net[] =
        "{layers: [dense: {units: 7, activation: tanh}, dense: {units: 6, activation: tanh}, dense: {units: 4}]}";
    ck_assert_double_lt(apart(net, "bp", "{mapping: {damping: 1e9}}"), BOUND(1e-5, 0.05));
    ck_assert_double_lt(apart(net, "gnt", "{mapping: {damping: 1e-9}}"), BOUND(1e-3, 0.1));
    const double from_bp = apart(net, "bp", "{mapping: {damping: 0.1}}"),
                 from_pinv = apart(net, "gnt", "{mapping: {damping: 0.1}}");
    ck_assert(from_bp > 0.5 && from_pinv > 0.5 && from_bp < apart(net, "bp", "{}"));
}
END_TEST

/* ---- where it is not defined ---- */

static void refused(const char *net, const char *own, const char *why)
{
    struct rig r;
    struct err e = { 0 };
    ck_assert_int_lt(rig_try(&r, net, "gnt", own, &e), 0);
    ck_assert_msg(strstr(err_first(&e), why) != NULL, "%s", err_first(&e));
    err_clear(&e);
    rig_close(&r);
}

START_TEST(pinv_says_what_it_needs)
{
    static const char flat[] = "{layers: [dense: {units: 5}, dense: {units: 5}, dense: {units: 4}]}";
    refused("{length: 4, layers: [rnn: {units: 5}, dense: {units: 4}]}", "{}", "network.layers.0 (rnn) is recurrent");
    refused(flat, "{route: chain}", "use route: direct");
    refused(flat, "{mapping: {damping: [1, 2, 3, 4]}}", "4 numbers");
    refused(flat, "{head: 2, mapping: {damping: [1, 2]}}", "2 numbers");
    refused(flat, "{propagate: difference}", "'pinv' of the network is linear");
    refused(flat, "{mapping: {of: weights}}", "goes layer by layer; use route: chain");
    refused(flat, "{mapping: {of: weights, damping: [1, 2]}, route: chain}", "2 numbers; 'pinv' of weights takes one");
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, jacobians_agree_with_forward_derivatives);
    tcase_add_test(t, damped_targets_solve_their_equation);
    tcase_add_test(t, exact_inverses_are_gauss_newton_targets);
    tcase_add_test(t, orthogonal_linear_networks_do_bp);
    tcase_add_test(t, difference_targets_to_first_order);
    tcase_add_test(t, gauss_newton_targets_give_minimum_norm_steps);
    tcase_add_test(t, linear_networks_descend);
    tcase_add_test(t, linear_networks_reach_least_squares);
    tcase_add_test(t, wide_layers_bring_gauss_newton_to_bp);
    tcase_add_test(t, damping_goes_from_pseudo_inverse_to_bp);
    tcase_add_test(t, pinv_says_what_it_needs);
}
CHECK_MAIN("theorems", add_tests)
