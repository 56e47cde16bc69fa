/* What layers send: values, memory, the kind of pass, derivatives; and the average of several predictions. */
#include "../check_main.h"
#include "fixture.h"

#include "net/transmit.h"

#define NET(transmit)                                                                                                  \
    "{layers: [dense: {units: 5, activation: sigmoid, transmit: " transmit "}, dense: {units: 6, activation: tanh}, "  \
    "dense: {units: 4}]}"

static void draw(struct net *f, size_t layer)
{
    const struct mat to = f->pass.draws[layer];
    for (size_t i = 0; i < mat_n(to); i++)
        to.p[i] = (real)rng_uniform(&f->rng);
}

START_TEST(identity_is_the_same_memory)
{
    struct net f;
    net_open(&f, NET("identity"));
    ck_assert_ptr_eq(f.pass.links[1].in.p, f.pass.links[0].out.p);
    ck_assert_ptr_null(f.pass.sent[0].p);
    ck_assert_ptr_null(f.pass.draws[0].p);
    net_close(&f);
}
END_TEST

static void is_sent(const char *net, bool training, double (*expected)(double h, double u))
{
    struct net f;
    net_open(&f, net);
    f.pass.training = training;
    draw(&f, 0);
    chain_forward(&f.pass);
    const struct mat h = f.pass.links[0].out, s = f.pass.sent[0], u = f.pass.draws[0];
    ck_assert_ptr_eq(f.pass.links[1].in.p, s.p);
    for (size_t i = 0; i < mat_n(h); i++)
        ck_assert_double_eq_tol((double)s.p[i], expected((double)h.p[i], u.p ? (double)u.p[i] : 0), BOUND(1e-15, 1e-6));
    net_close(&f);
}
static double as_sign(double h, double u)
{
    (void)u;
    return h > 0 ? 1 : -1;
}
static double as_step(double h, double u)
{
    (void)u;
    return h > 0 ? 1 : 0;
}
static double as_value(double h, double u)
{
    (void)u;
    return h;
}
static double as_sample(double h, double u)
{
    return u < h ? 1 : 0;
}
static double as_noisy(double h, double u)
{
    return h + 0.3 * u;
}

#define TANH(transmit) "{layers: [dense: {units: 5, activation: tanh, transmit: " transmit "}, dense: {units: 4}]}"

START_TEST(every_transmission_sends_what_it_says)
{
    for (int training = 0; training < 2; training++) {
        is_sent(TANH("sign"), training, as_sign);
        is_sent(TANH("step"), training, as_step);
        is_sent(TANH("{name: sign, training: continuous}"), training, training ? as_value : as_sign);
        is_sent(TANH("{name: step, training: continuous}"), training, training ? as_value : as_step);
        is_sent(NET("bernoulli"), training, as_sample);
        is_sent(TANH("{name: gaussian, std: 0.3}"), training, training ? as_noisy : as_value);
    }
}
END_TEST

/* Zero is not above zero. */
START_TEST(the_sign_of_zero)
{
    real in[3] = { 0, -1, 2 }, out[3];
    transmit_signs(mat_of(in, 1, 3), -1, mat_of(out, 1, 3));
    ck_assert(out[0] == -1 && out[1] == -1 && out[2] == 1);
    transmit_signs(mat_of(in, 1, 3), 0, mat_of(out, 1, 3));
    ck_assert(out[0] == 0 && out[1] == 0 && out[2] == 1);
}
END_TEST

/* Down through a transmission: the layer's own vjp, times 1 or 0. */
START_TEST(derivatives_are_one_or_zero)
{
    static const struct {
        const char *net;
        bool passes;
    } cases[] = {
        { NET("identity"), true },
        { NET("sign"), false },
        { NET("{name: sign, straight_through: true}"), true },
        { NET("{name: step, training: continuous}"), true },
        { NET("bernoulli"), true },
        { NET("{name: bernoulli, straight_through: false}"), false },
        { NET("{name: gaussian, std: 0.3}"), true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct net f;
        net_open(&f, cases[i].net);
        draw(&f, 0);
        chain_forward(&f.pass);
        const struct unit *l = &f.chain.units[1];
        const struct mat s = net_matrix(&f, 3, 6), down = net_matrix(&f, 3, 5), own = net_matrix(&f, 3, 5);
        l->def->vjp(l, f.pass.links[1], s, own);
        chain_vjp(&f.pass, 1, s, down);
        if (cases[i].passes)
            ck_assert(mat_relative_error(down, own) == 0);
        else
            ck_assert(mat_max_abs(down) == 0);
        ck_assert(mat_max_abs(own) > 0);
        net_close(&f);
    }
}
END_TEST

/* The layers above see new samples; the state that they are samples of stays. */
START_TEST(forward_above_is_the_rest_of_a_pass)
{
    struct net a, b;
    net_open(&a, NET("bernoulli"));
    net_open(&b, NET("bernoulli"));
    ck_assert_uint_eq(chain_first_random(&a.chain), 0);
    draw(&a, 0);
    chain_forward(&a.pass);
    draw(&a, 0);
    mat_copy(a.pass.draws[0], b.pass.draws[0]);
    chain_forward_above(&a.pass, 0);
    chain_forward(&b.pass);
    ck_assert(mat_relative_error(pass_output(&a.pass), pass_output(&b.pass)) == 0);
    net_close(&a);
    net_close(&b);
}
END_TEST

START_TEST(noise_of_the_input)
{
    for (int clean = 0; clean < 2; clean++) {
        struct net f;
        struct err e = { 0 };
        net_open(&f, NET("identity"));
        must(pass_add_input_noise(&f.pass, 0.3, clean, &f.arena, &e), &e);
        net_normal(&f.rng, 1, f.pass.noise.draws);
        chain_forward(&f.pass);
        const struct mat x = mat_of(f.pass.batch.x, 3, 3), noisy = mat_new(&f.arena, 3, 3), g = mat_new(&f.arena, 5, 3);
        mat_copy(x, noisy);
        mat_axpy((real)0.3, f.pass.noise.draws, noisy);
        ck_assert(mat_relative_error(f.pass.links[0].in, noisy) == 0);
        /* the outer product of the gradient reads the one or the other */
        const struct unit *l = &f.chain.units[0];
        const struct mat s = net_matrix(&f, 3, 5);
        real *gradient = arena_need(&f.arena, f.chain.n_vector, sizeof *gradient);
        l->def->vjp(l, f.pass.stacks[0], s, (struct mat){ 0 });
        l->def->grads(l, f.pass.stacks[0], 1, gradient);
        blas_gemm(true, false, 1, f.pass.stacks[0].delta, clean ? x : noisy, 0, g);
        ck_assert(mat_relative_error(unit_param(l, 0, gradient), g) <= BOUND(1e-14, 1e-6));
        net_close(&f);
    }
}
END_TEST

START_TEST(the_last_layer_sends_nothing)
{
    struct net f = { 0 };
    struct err e = { 0 };
    static const struct option table[] = { NET_OPTIONS(struct net_spec, ), { 0 } };
    arena_init(&f.arena, 0);
    must(bind_tree(net_parse("{layers: [dense: {units: 4, transmit: sign}]}", &f.arena), table, &f.spec, "", &f.arena,
                   &e),
         &e);
    const struct data_shape data = { .length = 1, .features = 3, .outputs = 4, .classes = true };
    ck_assert_int_eq(chain_shape(&f.chain, &f.spec.layers, &data, NULL, &f.arena, &e), ERR_SPEC);
    ck_assert_ptr_nonnull(strstr(err_first(&e), "network.layers.0.transmit: the last layer sends nothing on"));
    err_clear(&e);
    arena_finish(&f.arena);
}
END_TEST

static void softmax(struct mat out, size_t row, double *p)
{
    double z = 0;
    for (size_t j = 0; j < out.cols; j++)
        z += p[j] = exp((double)out.p[row * out.cols + j]);
    for (size_t j = 0; j < out.cols; j++)
        p[j] /= z;
}

/* softmax(mean) is the mean of the softmaxes, also where a probability is far below the smallest number. */
START_TEST(averages_of_predictions)
{
    const struct loss_def *ce = (const struct loss_def *)registry_find(&loss_registry, "cross_entropy");
    const struct loss_def *se = (const struct loss_def *)registry_find(&loss_registry, "squared_error");
    struct rng r = rng_stream(7, "test");
    real values[3][8], mean_of_classes[8], mean_of_values[8];
    const struct mat classes = mat_of(mean_of_classes, 2, 4), reals = mat_of(mean_of_values, 2, 4);
    double sum[2][4] = { { 0 } }, plain[8] = { 0 }, p[4];
    for (size_t m = 0; m < 3; m++) {
        const struct mat out = mat_of(values[m], 2, 4);
        for (size_t i = 0; i < 8; i++) {
            values[m][i] = (real)(3 * rng_normal(&r));
            plain[i] += (double)values[m][i] / 3;
        }
        ce->average(NULL, out, m, classes);
        se->average(NULL, out, m, reals);
        for (size_t i = 0; i < 2; i++) {
            softmax(out, i, p);
            for (size_t j = 0; j < 4; j++)
                sum[i][j] += p[j] / 3;
        }
    }
    for (size_t i = 0; i < 2; i++) {
        softmax(classes, i, p);
        for (size_t j = 0; j < 4; j++) {
            ck_assert_double_eq_tol(p[j], sum[i][j], BOUND(1e-14, 1e-6));
            ck_assert_double_eq_tol((double)reals.p[i * 4 + j], plain[i * 4 + j], BOUND(1e-14, 1e-5));
        }
    }
    real far[2] = { 0, -1000 };
    const struct mat out = mat_of(far, 1, 2), mean = mat_of(mean_of_classes, 1, 2);
    for (size_t m = 0; m < 5; m++)
        ce->average(NULL, out, m, mean);
    ck_assert_double_eq_tol((double)mean.p[1] - (double)mean.p[0], -1000, BOUND(1e-9, 1e-3));
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, identity_is_the_same_memory);
    tcase_add_test(t, every_transmission_sends_what_it_says);
    tcase_add_test(t, the_sign_of_zero);
    tcase_add_test(t, derivatives_are_one_or_zero);
    tcase_add_test(t, forward_above_is_the_rest_of_a_pass);
    tcase_add_test(t, noise_of_the_input);
    tcase_add_test(t, the_last_layer_sends_nothing);
    tcase_add_test(t, averages_of_predictions);
}

CHECK_MAIN("transmit", add_tests)
