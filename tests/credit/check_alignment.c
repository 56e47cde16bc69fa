/* Rules beside back-propagation against their formulas, in plain loops: sign symmetry (Liao 2016), direct random target
 * projection (Frenkel 2021). */
#include "../check_main.h"
#include "fixture.h"

#define TANH_NET(loss)                                                                                                 \
    "{batch: 3, features: 4, outputs: 3, layers: [dense: {units: 6, activation: tanh}, dense: {units: 5, activation: " \
    "tanh}, dense: {units: 3}]" loss "}"

static double weight(struct rig *r, size_t layer, size_t i, size_t j)
{
    const struct mat w = unit_param(&r->net.chain.units[layer], 0, r->net.chain.weights);
    return (double)w.p[i * w.cols + j];
}

/* dL/dz of the last, linear layer. */
static void output_delta(struct rig *r, double delta[3][8])
{
    const struct mat top = r->net.pass.gradient;
    for (size_t b = 0; b < 3; b++)
        for (size_t i = 0; i < top.cols; i++)
            delta[b][i] = (double)top.p[b * top.cols + i];
}

/* Weights and biases of a layer whose pre-activations have these derivatives. */
static void check_layer(struct rig *r, const char *what, size_t layer, double delta[3][8])
{
    const struct unit *u = &r->net.chain.units[layer];
    const struct mat in = r->net.pass.links[layer].in, g = net_matrix(&r->net, 1, unit_n_weights(u));
    for (size_t i = 0; i < u->out.n; i++) {
        for (size_t j = 0; j < u->in.n; j++) {
            double sum = 0;
            for (size_t b = 0; b < 3; b++)
                sum += delta[b][i] * (double)in.p[b * in.cols + j];
            g.p[i * u->in.n + j] = (real)sum;
        }
        g.p[u->out.n * u->in.n + i] = (real)(delta[0][i] + delta[1][i] + delta[2][i]);
    }
    check_near(what, rig_updates(r, layer, layer + 1), g, BOUND(1e-12, 1e-5));
}

START_TEST(sign_symmetry_goes_back_through_signs)
{
    struct rig r;
    rig_open(&r, TANH_NET(""), "sign_symmetry", "{target_stepsize: 0.7, mapping: {scale: 0.3}}");
    rig_step(&r);
    double delta[3][8], below[3][8];
    output_delta(&r, delta);
    for (size_t layer = 3; layer-- > 0;) {
        check_layer(&r, "update", layer, delta);
        if (layer == 0)
            break;
        const struct mat h = r.net.pass.links[layer - 1].out;
        for (size_t b = 0; b < 3; b++)
            for (size_t j = 0; j < h.cols; j++) {
                const double value = (double)h.p[b * h.cols + j];
                below[b][j] = 0;
                for (size_t i = 0; i < r.net.chain.units[layer].out.n; i++)
                    below[b][j] += delta[b][i] * 0.3 * (weight(&r, layer, i, j) > 0 ? 1 : -1);
                below[b][j] *= 1 - value * value;
            }
        memcpy(delta, below, sizeof delta);
    }
    rig_close(&r);
}
END_TEST

/* Labels of classes and of a regression, of the mean loss and of each sample. */
START_TEST(target_projection_sends_the_label)
{
    static const char *const nets[] = { TANH_NET(""), TANH_NET(", labels: real, loss: squared_error") };
    for (size_t i = 0; i < 2; i++) {
        struct rig r;
        rig_open(&r, nets[i], "drtp", "{target_stepsize: 0.7}");
        rig_step(&r);
        double delta[3][8];
        output_delta(&r, delta);
        check_layer(&r, "output layer", 2, delta);
        for (size_t k = 0; k < 2; k++) {
            const struct mat h = r.net.pass.links[k].out,
                             b_k = unit_param(&r.credit.feedback[k].unit, 0, r.credit.feedback_weights);
            for (size_t b = 0; b < 3; b++)
                for (size_t j = 0; j < h.cols; j++) {
                    const double value = (double)h.p[b * h.cols + j];
                    delta[b][j] = 0;
                    for (size_t o = 0; o < 3; o++) {
                        const double y = r.net.pass.batch.label ? r.net.pass.batch.label[b] == (int64_t)o
                                                                : (double)r.net.pass.batch.y.p[b * 3 + o];
                        delta[b][j] -= (double)b_k.p[j * 3 + o] * y / 3;
                    }
                    delta[b][j] *= 1 - value * value;
                }
            check_layer(&r, "hidden layer", k, delta);
        }
        rig_close(&r);
    }
}
END_TEST

/* Nothing of the output reaches a hidden layer. */
START_TEST(target_projection_does_not_wait_for_the_output)
{
    struct rig a, b;
    rig_open(&a, TANH_NET(""), "drtp", "{}");
    rig_open(&b, TANH_NET(""), "drtp", "{}");
    const struct mat w = unit_param(&b.net.chain.units[2], 0, b.net.chain.weights);
    mat_scale(3, w, w);
    rig_step(&a);
    rig_step(&b);
    check_near("hidden layers", rig_updates(&b, 0, 2), rig_updates(&a, 0, 2), 0);
    ck_assert_double_gt(mat_relative_error(rig_updates(&b, 2, 3), rig_updates(&a, 2, 3)), 1e-3);
    rig_close(&a);
    rig_close(&b);
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    static const struct {
        const char *net, *preset, *own, *message;
    } cases[] = {
        { TANH_NET(""), "drtp", "{route: chain}", "needs route 'direct' and head 0" },
        { TANH_NET(""), "drtp", "{head: 1}", "needs route 'direct' and head 0" },
        { "{length: 4, layers: [rnn: {units: 5}, dense: {units: 4}]}", "sign_symmetry", "{}",
          "leads back through dense layers; network.layers.0 (rnn, tanh) is none" },
        { "{layers: [dense: {units: 5}, unit: [dense: {units: 5}], dense: {units: 4}]}", "sign_symmetry", "{}",
          "network.layers.1 (unit (dense, linear)) is none" },
        { TANH_NET(""), "sign_symmetry", "{route: direct}", "'direct' needs a mapping that" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig r;
        struct err e = { 0 };
        ck_assert_int_eq(rig_try(&r, cases[i].net, cases[i].preset, cases[i].own, &e), ERR_SPEC);
        ck_assert_msg(strstr(err_first(&e), cases[i].message) != NULL, "%s", err_first(&e));
        err_clear(&e);
        rig_close(&r);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, sign_symmetry_goes_back_through_signs);
    tcase_add_test(t, target_projection_sends_the_label);
    tcase_add_test(t, target_projection_does_not_wait_for_the_output);
    tcase_add_test(t, what_does_not_fit_is_refused);
}

CHECK_MAIN("alignment", add_tests)
