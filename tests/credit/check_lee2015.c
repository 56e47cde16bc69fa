/* Lee et al. 2015 beyond P2 to P7 (check_lee.c): Proposition 1 (P1), and their discrete and stochastic networks (P9).
 */
#include "../check_main.h"
#include "fixture.h"

#include "credit/fbloss.h"

#include "math/solve.h"

enum { N = 6, LAYERS = 4 };

/* ---- P1, Proposition 1: with exact inverses the angle between the update and the gradient is bounded ---- */

/* The map x -> W x of the Jacobian of W_j s(.) at h_{j-1}: W_j s'(h_{j-1}). */
static struct mat jacobian(struct rig *r, size_t j)
{
    const struct unit *below = &r->net.chain.units[j - 1];
    const struct mat w = unit_param(&r->net.chain.units[j], 0, r->net.chain.weights), x = r->net.pass.links[j - 1].out;
    const struct mat out = mat_new(&r->net.arena, N, N), slope = mat_new(&r->net.arena, 1, N);
    for (size_t i = 0; i < N; i++)
        slope.p[i] = 1;
    act_times_slope(below->act, (struct mat){ 0 }, x, slope, slope);
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < N; k++)
            out.p[i * N + k] = w.p[i * N + k] * slope.p[k];
    return out;
}

static double cosine(struct mat a, struct mat b)
{
    return mat_dot(a, b) / sqrt(mat_sum_squares(a) * mat_sum_squares(b));
}

/* Networks h_i = W_i s(h_{i-1}), whose states are pre-activations: a displacement of ours divided by s' is one of h_i.
 * The last hidden layer is linear. linear: s is the identity, and the updates themselves are compared with those of
 * back-propagation. */
static size_t proposition_1(const char *activation, double std, bool linear)
{
    char net[256];
    struct rig r, bp;
    struct err e = { 0 };
    size_t checked = 0;
    snprintf(net, sizeof net,
             "{batch: 1, features: 6, outputs: 6, labels: real, loss: squared_error, layers: [{dense: {units: 6, "
             "activation: %s,"
             " bias: false}, repeat: 3}, {dense: {units: 6, bias: false}, repeat: 2}]}",
             activation);
    rig_open(&r, net, "tp",
             "{target_stepsize: 1e-9, head: 1, mapping: {regularization: 0, clamp: 1e-15}, propagate: difference}");
    rig_open(&bp, net, "bp", "{}");
    for (int draw = 0; draw < 200; draw++) {
        const struct arena_mark mark = arena_mark(&r.net.arena);
        net_normal(&r.net.rng, std, mat_of(r.net.chain.weights, 1, r.net.chain.n_vector));
        memcpy(bp.net.chain.weights, r.net.chain.weights, r.net.chain.n_vector * sizeof(real));
        rig_step(&r);
        rig_step(&bp);
        const struct mat l = r.credit.top;
        struct mat product = mat_new(&r.net.arena, N, N), up = mat_new(&r.net.arena, 1, N),
                   down = mat_new(&r.net.arena, 1, N);
        for (size_t i = 0; i < N; i++)
            product.p[i * N + i] = 1;
        for (size_t i = LAYERS - 1; i-- > 0;) { /* J = J_{M-1} ... J_{i+1} */
            const struct mat next = mat_new(&r.net.arena, N, N);
            double largest, smallest;
            blas_gemm(false, false, 1, product, jacobian(&r, i + 1), 0, next);
            product = next;
            must(solve_condition(product, &largest, &smallest, &e), &e);
            const double k = largest / smallest;
            if (!(k < 1e4))
                continue;
            /* h_i's displacement is -eta0 J^-1 l: J of it must be along l, and so its angle to J^T l is known */
            const struct mat x = r.net.pass.links[i].out, slope = mat_new(&r.net.arena, 1, N);
            for (size_t j = 0; j < N; j++)
                slope.p[j] = 1;
            act_times_slope(r.net.chain.units[i].act, (struct mat){ 0 }, x, slope, slope);
            for (size_t j = 0; j < N; j++)
                up.p[j] = -r.credit.d[i].p[j] / slope.p[j];
            blas_gemm(false, false, 1, l, product, 0, down); /* J^T l as a row */
            const struct mat inverse = mat_new(&r.net.arena, 1, N), back = mat_new(&r.net.arena, N, N);
            struct ridge ridge;
            must(ridge_init(&ridge, N, N, &r.net.arena, &e), &e);
            must(ridge_inverse(&ridge, product, 0, back, &e), &e); /* J^-T */
            blas_gemm(false, false, 1, l, back, 0, inverse);       /* J^-1 l as a row */
            const double formula = mat_sum_squares(l) / sqrt(mat_sum_squares(down) * mat_sum_squares(inverse));
            const double got = cosine(up, down);
            ck_assert_msg(fabs(got - formula) <= 1e-4, "%s, layer %zu: cosine %.9g, formula %.9g", activation, i, got,
                          formula);
            ck_assert_double_ge(got * k, 1);
            ck_assert_double_ge(got * (k + 1 / k) / 2, 1 - 1e-4); /* Kantorovich */
            if (linear)
                ck_assert_double_eq_tol(cosine(rig_updates(&r, i, i + 1), rig_updates(&bp, i, i + 1)), formula, 1e-4);
            checked++;
        }
        arena_rewind(&r.net.arena, mark);
    }
    rig_close(&r);
    rig_close(&bp);
    return checked;
}

START_TEST(p1_angle_to_the_gradient)
{
    if (!IS_DOUBLE)
        return; /* targets as near as 1e-9 */
    ck_assert_uint_ge(proposition_1("linear", 1, true), 500);
    ck_assert_uint_ge(proposition_1("tanh", 0.3, false), 300);
}
END_TEST

/* ---- discrete networks ---- */

#define LAYERS_OF(transmit)                                                                                            \
    "[dense: {units: 5, activation: tanh, transmit: " transmit "}, dense: {units: 6, activation: tanh}, dense: "       \
    "{units: 4}]"
#define NET(transmit) "{layers: " LAYERS_OF(transmit) "}"

/* P9: no gradient passes a sign, whatever carries it. */
START_TEST(p9_nothing_passes_a_sign)
{
    static const char *const own[] = { "{}", "{head: 1}", "{head: 2, update: {reduction: mean}}",
                                       "{update: {name: through_chain, reduction: half_sum}}", NULL };
    for (size_t i = 0; own[i]; i++) {
        struct rig r;
        rig_open(&r, NET("sign"), "bp", own[i]);
        rig_step(&r);
        const bool target_at_sign =
            i == 2; /* the first layer is the last one under the head: its target is made at what it sent */
        ck_assert_msg((mat_max_abs(rig_updates(&r, 0, 1)) == 0) != target_at_sign, "%s", own[i]);
        ck_assert(mat_max_abs(rig_updates(&r, 1, 2)) > 0);
        rig_close(&r);
    }
}
END_TEST

/* Straight through: the displacement is that of what was sent. */
START_TEST(straight_through_is_the_gradient_at_what_was_sent)
{
    static const char *const nets[] = { NET("{name: sign, straight_through: true}"), NET("bernoulli"), NULL };
    for (size_t i = 0; nets[i]; i++) {
        struct rig r;
        rig_open(&r, nets[i], "bp", "{}");
        if (r.net.pass.draws[0].p)
            net_normal(&r.net.rng, 0.5, r.net.pass.draws[0]);
        rig_step(&r);
        /* dL/ds by central differences of the loss in what is sent */
        struct pass *p = &r.net.pass;
        const struct mat s = p->sent[0], expected = mat_new(&r.net.arena, s.rows, s.cols);
        const real step = (real)BOUND(1e-5, 1e-2);
        for (size_t j = 0; j < mat_n(s); j++) {
            double loss[2];
            for (int side = 0; side < 2; side++) {
                const real kept = s.p[j];
                s.p[j] += side ? step : -step;
                for (size_t k = 1; k < 3; k++)
                    r.net.chain.units[k].def->forward(&r.net.chain.units[k], p->links[k]);
                loss[side] = chain_loss(p, r.net.spec.loss, false);
                s.p[j] = kept;
            }
            expected.p[j] = (real)(-r.credit.choice.target_stepsize * (loss[1] - loss[0]) / (2 * (double)step));
        }
        check_near(nets[i], r.credit.d[0], expected, BOUND(1e-8, 5e-3)); /* d = -beta dL/ds */
        rig_close(&r);
    }
}
END_TEST

/* t_1 = h_1 + g(sgn t_2) - g(sgn h_2), by plain loops; without a flipped sign it is h_1 exactly. */
START_TEST(discrete_feedback_by_plain_loops)
{
    static const struct {
        const char *mapping;
        double low;
        const char *eta;
    } cases[] = { { "sign", -1, "8" }, { "step", 0, "8" }, { "sign", -1, "1e-9" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int difference = 0; difference < 2; difference++) {
            char own[160];
            struct rig r;
            snprintf(own, sizeof own, "{target_stepsize: %s, mapping: {transmit: %s}}", cases[i].eta, cases[i].mapping);
            rig_open(&r, NET("sign"), difference ? "dtp" : "tp_vanilla", own);
            rig_step(&r);
            const struct feedback *f = &r.credit.feedback[0];
            const struct mat v = unit_param(&f->unit, 0, r.credit.feedback_weights), h = r.net.pass.links[1].out,
                             d = r.credit.d[1];
            const real *c = unit_param(&f->unit, 1, r.credit.feedback_weights).p;
            const struct mat expected = mat_new(&r.net.arena, 3, 5);
            size_t flips = 0;
            for (size_t b = 0; b < 3; b++)
                for (size_t j = 0; j < 5; j++) {
                    double at_t = (double)c[j], at_h = (double)c[j];
                    for (size_t k = 0; k < 6; k++) {
                        const real here = h.p[b * 6 + k], there = here + d.p[b * 6 + k];
                        flips += (here > 0) != (there > 0);
                        at_t += (double)v.p[j * 6 + k] * (there > 0 ? 1 : cases[i].low);
                        at_h += (double)v.p[j * 6 + k] * (here > 0 ? 1 : cases[i].low);
                    }
                    expected.p[b * 5 + j] =
                        (real)(tanh(at_t) - (difference ? tanh(at_h) : (double)r.net.pass.links[0].out.p[b * 5 + j]));
                }
            ck_assert((flips > 0) == (i < 2));
            if (i == 2 && difference)
                ck_assert(mat_max_abs(r.credit.d[0]) == 0);
            else
                check_near(own, r.credit.d[0], expected, BOUND(1e-13, 1e-5));
            rig_close(&r);
        }
}
END_TEST

START_TEST(signs_have_no_derivative_to_propagate)
{
    struct rig r;
    struct err e = { 0 };
    ck_assert_int_eq(rig_try(&r, NET("sign"), "dtp", "{mapping: {transmit: sign}, propagate: linear}", &e), ERR_SPEC);
    ck_assert_ptr_nonnull(strstr(err_first(&e), "algorithm.mapping.transmit: 'sign' has derivative 0"));
    err_clear(&e);
    rig_close(&r);
}
END_TEST

/* ---- feedback losses behind them ---- */

static void refresh(struct rig *r)
{
    struct err e = { 0 };
    must(credit_refresh(&r->credit, &r->net.pass, &e), &e);
    must(credit_feedback(&r->credit, &r->net.pass, NULL, &e), &e);
}

/* u = a(in W^T + b) */
static double unit(struct act act, struct mat w, const real *b, const double *in, size_t j)
{
    double sum = (double)b[j];
    for (size_t k = 0; k < w.cols; k++)
        sum += (double)w.p[j * w.cols + k] * in[k];
    real out = (real)sum;
    act_apply(act, mat_of(&out, 1, 1), mat_of(&out, 1, 1));
    return (double)out;
}

/* (1/B) sum |g(f(s)) - c|^2: c = h + noise and s what the layer sends of c; or c = s + noise, read as it is. */
START_TEST(reconstruction_behind_a_transmission)
{
    static const struct {
        const char *net, *own;
        int transmit; /* 0 sign, 1 bernoulli */
        bool of_sent, signs_down;
    } cases[] = {
        { NET("sign"), "{mapping: {transmit: sign}, feedback_loss: {noise: 0.4}}", 0, false, true },
        { NET("sign"), "{feedback_loss: {noise: 0.4, corrupts: sent}}", 0, true, false },
        { NET("bernoulli"), "{feedback_loss: {noise: 0.4}}", 1, false, false },
        { NET("bernoulli"), "{feedback_loss: {noise: 0.4, corrupts: sent}}", 1, true, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig r;
        rig_open(&r, cases[i].net, "dtp", cases[i].own);
        const struct feedback *f = &r.credit.feedback[0];
        const bool resends = cases[i].transmit == 1 && !cases[i].of_sent;
        const struct mat resend = rig_draws(&r.credit, "noise.feedback_uniform.%zu", f->target),
                         noise = rig_draws(&r.credit, "noise.feedback.%zu", f->target);
        ck_assert((resend.p != NULL) == resends);
        for (size_t j = 0; resends && j < mat_n(resend); j++)
            resend.p[j] = (real)rng_uniform(&r.net.rng);
        rig_step(&r);
        refresh(&r);
        const struct unit *up = &r.net.chain.units[1];
        const struct mat w = unit_param(up, 0, r.net.chain.weights),
                         v = unit_param(&f->unit, 0, r.credit.feedback_weights);
        const real *b = unit_param(up, 1, r.net.chain.weights).p,
                   *bv = unit_param(&f->unit, 1, r.credit.feedback_weights).p;
        const struct mat from = cases[i].of_sent ? r.net.pass.sent[0] : r.net.pass.links[0].out;
        double sum = 0;
        for (size_t row = 0; row < 3; row++) {
            double c[5], s[5], top[6];
            for (size_t j = 0; j < 5; j++) {
                c[j] = (double)from.p[row * 5 + j] + 0.4 * (double)noise.p[row * 5 + j];
                s[j] = cases[i].of_sent ? c[j] : resends ? (double)resend.p[row * 5 + j] < c[j] : c[j] > 0 ? 1 : -1;
            }
            for (size_t j = 0; j < 6; j++) {
                top[j] = unit(up->act, w, b, s, j);
                if (cases[i].signs_down)
                    top[j] = top[j] > 0 ? 1 : -1;
            }
            for (size_t j = 0; j < 5; j++) {
                const double error = unit(f->unit.act, v, bv, top, j) - c[j];
                sum += error * error / 3;
            }
        }
        ck_assert_double_eq_tol(f->loss, sum, BOUND(1e-12, 1e-4));
        rig_close(&r);
    }
}
END_TEST

/* Their gradients are the derivatives of the losses in V and c. */
START_TEST(feedback_gradients_behind_a_transmission)
{
    static const char *const own[] = { "{mapping: {transmit: sign}, feedback_loss: {noise: 0.4}}",
                                       "{mapping: {transmit: step}, feedback_loss: {name: inversion, noise: 0.4}}",
                                       "{feedback_loss: {noise: 0.4, corrupts: sent}}", NULL };
    static const char *const nets[] = { NET("{name: sign, training: continuous}"), NET("bernoulli"),
                                        NET("{name: gaussian, std: 0.2}"), NULL };
    for (size_t i = 0; nets[i]; i++)
        for (size_t j = 0; own[j]; j++) {
            if (i == 1 && j == 1)
                continue; /* samples of g(t) are steps of V: their straight-through gradient is not the derivative */
            struct rig r;
            rig_open(&r, nets[i], "dtp", own[j]);
            const struct mat resend = rig_draws(&r.credit, "noise.feedback_uniform.%zu", r.credit.feedback[0].target);
            if (resend.p)
                net_normal(&r.net.rng, 0.3, resend);
            rig_step(&r);
            refresh(&r);
            const struct unit *g = &r.credit.feedback[0].unit;
            const double step = BOUND(1e-6, 1e-2);
            for (size_t k = 0; k < unit_n_weights(g); k++) {
                const double gradient = (double)*layer_entry(g, r.credit.feedback_gradient, k);
                real *w = layer_entry(g, r.credit.feedback_weights, k);
                const real kept = *w;
                double loss[2];
                for (int side = 0; side < 2; side++) {
                    *w = kept + (real)(side ? step : -step);
                    refresh(&r);
                    loss[side] = r.credit.feedback[0].loss;
                }
                *w = kept;
                refresh(&r);
                ck_assert_double_eq_tol(gradient, (loss[1] - loss[0]) / (2 * step), BOUND(1e-7, 1e-2));
            }
            rig_close(&r);
        }
}
END_TEST

/* sigma(e) = noise / (1 + e / noise_decay), e from 1. */
START_TEST(noise_decays_by_epochs)
{
    struct rig r;
    rig_open(&r, NET("sign"), "dtp", "{feedback_loss: {noise: 0.5, noise_decay: 50}}");
    ck_assert_double_eq_tol(fbloss_noise(&r.credit, &r.credit.feedback[0]), 0.49019607843137253,
                            1e-16); /* the first epoch of the authors' script */
    r.credit.epoch = 50;
    ck_assert_double_eq(fbloss_noise(&r.credit, &r.credit.feedback[0]), 0.25);
    rig_close(&r);
    rig_open(&r, NET("sign"), "dtp", "{feedback_loss: {noise: 0.5}}");
    r.credit.epoch = 50;
    ck_assert_double_eq(fbloss_noise(&r.credit, &r.credit.feedback[0]), 0.5);
    rig_close(&r);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, p1_angle_to_the_gradient);
    tcase_add_test(t, p9_nothing_passes_a_sign);
    tcase_add_test(t, straight_through_is_the_gradient_at_what_was_sent);
    tcase_add_test(t, discrete_feedback_by_plain_loops);
    tcase_add_test(t, signs_have_no_derivative_to_propagate);
    tcase_add_test(t, reconstruction_behind_a_transmission);
    tcase_add_test(t, feedback_gradients_behind_a_transmission);
    tcase_add_test(t, noise_decays_by_epochs);
}

CHECK_MAIN("lee2015", add_tests)
