/* Layers that read images, by hand: windows with padding and strides, ties, what does not fit, and the order of a map.
 */
#include "../check_main.h"
#include "fixture.h"

#include "net/inverse.h"
#include <limits.h>

/* The first unit of a network on rows x of its image, given pixel by pixel. */
static const struct unit *on(struct net *f, const char *yaml, size_t n, const real *x)
{
    net_open(f, yaml);
    ck_assert_uint_eq(mat_n(f->pass.links[0].in), n);
    memcpy(f->pass.links[0].in.p, x, n * sizeof *x);
    return &f->chain.units[0];
}

static void expect(struct mat got, size_t n, const real *want)
{
    ck_assert_uint_eq(mat_n(got), n);
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(fabs((double)got.p[i] - (double)want[i]) < BOUND(1e-14, 1e-6), "entry %zu: %.17g, not %.17g", i,
                      (double)got.p[i], (double)want[i]);
}

/* One channel in, two out, zeros around: the kernel is not turned. */
START_TEST(a_convolution)
{
    static const real x[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    struct net f;
    const struct unit *u =
        on(&f,
           "{batch: 1, image: [1, 3, 3], features: 9, outputs: 8, layers: [conv: {channels: 2, kernel: 3, stride: 2, "
           "padding: 1}]}",
           9, x);
    static const real weight[18] = { 1, 0, 0, 0, 10, 0, 0, 0, 100, 0, 1, 0, 0, 0, 0, 0, 0, 0 }, bias[2] = { 0.5, -1 };
    const size_t shape[4] = { 2, 1, 3, 3 };
    ck_assert_mem_eq(u->params[0].shape, shape, sizeof shape);
    memcpy(unit_param(u, 0, f.chain.weights).p, weight, sizeof weight);
    memcpy(unit_param(u, 1, f.chain.weights).p, bias, sizeof bias);
    chain_refresh(&f.chain);
    chain_forward(&f.pass);
    /* windows around pixels 1, 3, 7, 9; of each: channel 0, channel 1 (what lies above) */
    static const real out[8] = { 510.5, -1, 30.5, -1, 70.5, 3, 95.5, 5 };
    expect(pass_output(&f.pass), 8, out);
    static const real s[8] = { 1, 0, 0, 0, 0, 0, 0, 2 }; /* dL/dh' */
    static const real down[9] = { 10, 0, 0, 0, 100, 2, 0, 0, 0 };
    const struct mat dh = net_matrix(&f, 1, 9);
    u->def->vjp(u, f.pass.links[0], mat_of((real *)s, 1, 8), dh);
    expect(dh, 9, down);
    real *g = arena_need(&f.arena, f.chain.n_vector, sizeof *g);
    static const real gradient[18] = { 0, 0, 0, 0, 1, 2, 0, 4, 5, 10, 12, 0, 16, 18, 0, 0, 0, 0 };
    u->def->grads(u, f.pass.links[0], 1, g);
    expect(unit_param(u, 0, g), 18, gradient);
    net_close(&f);
}
END_TEST

/* Two channels in: weights are [out, in, height, width], the map is [row][column][channel]. */
START_TEST(channels_of_a_kernel)
{
    static const real x[8] = { 1, 10, 2, 20, 3, 30, 4, 40 };
    struct net f;
    const struct unit *u = on(&f,
                              "{batch: 1, image: [2, 2, 2], features: 8, outputs: 1, layers: [conv: {channels: 1, "
                              "kernel: 2, bias: false}]}",
                              8, x);
    static const real weight[8] = { 1, 0, 0, 2, 0, 3, 0, 0 }; /* 1 + 2 * 4 of channel 0, 3 * 20 of channel 1 */
    memcpy(unit_param(u, 0, f.chain.weights).p, weight, sizeof weight);
    chain_refresh(&f.chain);
    chain_forward(&f.pass);
    static const real out[1] = { 69 };
    expect(pass_output(&f.pass), 1, out);
    net_close(&f);
}
END_TEST

/* The padding never wins, though everything is negative; of equal ones the first, row by row; NaN wins. */
START_TEST(the_largest_of_a_window)
{
    static const real x[16] = { -5, -1, -1, -7, -1, -9, -1, -2, -3, -3, -8, -8, -3, -4, -8, -6 };
    static const real out[4] = { -1, -1, -1, -1 }, from[4] = { 1, 1, 4, 6 };
    struct net f;
    const struct unit *u = on(&f,
                              "{batch: 1, image: [1, 4, 4], features: 16, outputs: 4, layers: [max_pool: {kernel: 3, "
                              "stride: 2, padding: 1}]}",
                              16, x);
    chain_forward(&f.pass);
    expect(pass_output(&f.pass), 4, out);
    expect(f.pass.links[0].cache[0], 4, from);
    static const real s[4] = { 1, 2, 4, 8 };
    static const real down[16] = {
        0, 3, 0, 0, 4, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0
    }; /* one pixel, two windows: the sum */
    const struct mat dh = net_matrix(&f, 1, 16);
    u->def->vjp(u, f.pass.links[0], mat_of((real *)s, 1, 4), dh);
    expect(dh, 16, down);
    f.pass.links[0].in.p[15] = (real)NAN;
    f.pass.links[0].in.p[10] = 3;
    chain_forward(&f.pass);
    ck_assert(isnan(pass_output(&f.pass).p[3]));
    ck_assert_double_eq((double)pass_output(&f.pass).p[2], -1);
    net_close(&f);
}
END_TEST

START_TEST(the_mean_of_a_window)
{
    static const real x[8] = { 1, 10, 2, 20, 3, 30, 4, 40 };
    static const real out[8] = { 0.25, 2.5, 0.5, 5, 0.75, 7.5, 1, 10 }; /* zeros count */
    struct net f;
    on(&f, "{batch: 1, image: [2, 2, 2], features: 8, outputs: 8, layers: [avg_pool: {kernel: 2, padding: 1}]}", 8, x);
    chain_forward(&f.pass);
    expect(pass_output(&f.pass), 8, out);
    net_close(&f);
}
END_TEST

START_TEST(flat_is_channel_by_channel)
{
    static const real x[12] = { 1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60 };
    static const real out[12] = { 1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60 }, mean[2] = { 3.5, 35 };
    struct net f;
    on(&f, "{batch: 1, image: [2, 2, 3], features: 12, outputs: 12, layers: [flatten]}", 12, x);
    ck_assert(chain_reads_map(&f.chain));
    chain_forward(&f.pass);
    expect(pass_output(&f.pass), 12, out);
    net_close(&f);
    on(&f, "{batch: 1, image: [2, 2, 3], features: 12, outputs: 2, layers: [global_average_pool]}", 12, x);
    chain_forward(&f.pass);
    expect(pass_output(&f.pass), 2, mean);
    net_close(&f);
    net_open(&f, "{batch: 1, image: [2, 2, 3], features: 12, layers: [dense: {units: 4}]}");
    ck_assert(!chain_reads_map(&f.chain)); /* flat, as it lies in the data */
    net_close(&f);
}
END_TEST

/* The inverse of a coupling gives back what came in, and the displacement of what came in. */
START_TEST(a_coupling_runs_backwards)
{
    struct net f;
    struct err e = { 0 };
    const struct inverse_options o = { 0 };
    net_open(
        &f,
        "{batch: 3, image: [6, 2, 3], features: 36, outputs: 36, layers: [coupling: {hidden: 5, activation: elu}]}");
    chain_forward(&f.pass);
    struct unit *u = &f.chain.units[0];
    const struct at at = f.pass.links[0];
    const struct mat d = net_matrix(&f, 3, 36), up = net_matrix(&f, 3, 36), back = net_matrix(&f, 3, 36);
    ck_assert(unit_abilities(u) & CAN_INVERT_VALUES);
    must(u->def->inverse->open(u, &o, &e), &e);
    must(u->def->inverse->refresh(u, &o, &e), &e);
    u->def->inverse->apply(u, at, at.out, &o, back);
    ck_assert_double_lt(mat_relative_error(back, at.in), BOUND(1e-14, 1e-6));
    u->def->difference(u, at, d, up);
    u->def->inverse->difference(u, at, up, &o, back);
    ck_assert_double_lt(mat_relative_error(back, d), BOUND(1e-13, 1e-5));
    u->def->jvp(u, at, d, up);
    u->def->inverse->jvp(u, at, up, &o, back);
    ck_assert_double_lt(mat_relative_error(back, d), BOUND(1e-13, 1e-5));
    net_close(&f);
}
END_TEST

/* ---- what does not fit ---- */

static void refused(struct shape image, const char *layers, const char *expected)
{
    static const struct option option = { .name = "layers", .type = OPT_PARTS, .registry = &layer_registry };
    struct arena a;
    struct err e = { 0 };
    struct chain c;
    struct chosen_list list = { 0 };
    char yaml[512];
    arena_init(&a, 0);
    snprintf(yaml, sizeof yaml, "{layers: [%s]}", layers);
    const struct option table[] = { option, { 0 } };
    must(bind_tree(net_parse(yaml, &a), table, &list, "", &a, &e), &e);
    const struct data_shape data = { .length = 1, .features = image.n, .image = image, .outputs = 4, .classes = true };
    ck_assert_msg(chain_shape(&c, &list, &data, NULL, &a, &e) == ERR_SPEC, "%s: accepted", layers);
    ck_assert_msg(strstr(err_first(&e), expected) != NULL, "%s: '%s' instead of '%s'", layers, err_first(&e), expected);
    err_clear(&e);
    arena_finish(&a);
}

START_TEST(shapes_that_do_not_fit)
{
    const struct shape image = { 60, 2, 6, 5 }, huge = { 1u << 30, 1, 1u << 15, 1u << 15 }, flat = shape_flat(60),
                       odd = { 90, 3, 6, 5 }, single = { 30, 1, 6, 5 };
    static const struct {
        int which;
        const char *layers, *message;
    } cases[] = {
        { 0, "conv: {channels: 3, kernel: 6}",
          "network.layers.0: 'conv' with a kernel of 6 x 6 does not fit on 2 x 6 x 5 (channels, height, width) with "
          "padding 0" },
        { 0, "conv: {channels: 3, kernel: 3}, conv: {channels: 3, kernel: 4}",
          "network.layers.1: 'conv' with a kernel of 4 x 4 does not fit on 3 x 4 x 3" },
        { 0, "max_pool: {kernel: 2, padding: 2}",
          "network.layers.0: 'max_pool' with padding 2: windows of 2 x 2 would lie" },
        { 2, "conv: {channels: 3, kernel: 3}", "with padding 0: what the layer gets is no image" },
        { 1, "conv: {channels: 100, kernel: 3, padding: 1}",
          "network.layers.0: 'conv' gives 100 x 32768 x 32768 numbers a sample; there may be 2^31 - 1" },
        { 0, "conv: {channels: 1000000, kernel: 1}, conv: {channels: 1000, kernel: 5, padding: 2}",
          "network.layers.1: 'conv' has 1000 x 1000000 x 5 x 5 weights; there may be 2^31 - 1" },
        { 0, "conv: {channels: 1000000, kernel: 1}, conv: {channels: 1, kernel: 50, padding: 49}",
          "network.layers.1: 'conv' has windows of 1000000 x 50 x 50 numbers; there may be 2^31 - 1" },
        { 1, "max_pool: {kernel: 1}",
          "network.layers.0: 'max_pool' of maps of 32768 x 32768; there may be 2^24 pixels" },
        { 0, "patches: {channels: 3, size: 2}",
          "network.layers.0.size: patches of 2 x 2 do not fill an image of 6 x 5 (height, width)" },
        { 0, "residual: [conv: {channels: 2, kernel: 3}]",
          "network.layers.0: the layers of a residual give 2 x 4 x 3, but the skip adds 2 x 6 x 5" },
        { 3, "coupling: {hidden: 4}",
          "network.layers.0: 'coupling' halves the channels, and 3 channels have no two halves" },
        { 4, "layer_norm", "network.layers.0: 'layer_norm' of one channel is 0 everywhere" },
        { 0, "unit: [conv: {channels: 3, kernel: 3, frozen: [bias], bias: false}]",
          "'conv' has no parameter 'bias' here; known: weight" },
    };
    const struct shape shapes[] = { image, huge, flat, odd, single };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(shapes[cases[i].which], cases[i].layers, cases[i].message);
}
END_TEST

START_TEST(a_batch_of_one_has_no_deviation)
{
    struct net f;
    struct err e = { 0 };
    struct pass p;
    net_open(&f, "{batch: 2, layers: [unit: [dense: {units: 4}, batch_norm]]}");
    ck_assert_int_eq(pass_init(&p, &f.chain, 1, 0, &f.arena, &e), ERR_SPEC);
    ck_assert_ptr_nonnull(strstr(err_first(&e), "needs batches of at least 2 samples, in training and in evaluation"));
    err_clear(&e);
    net_close(&f);
}
END_TEST

/* fan_in of a kernel and of its bias: channels * height * width; fan_out likewise. */
START_TEST(what_initialisations_scale_by)
{
    struct net f;
    net_open(&f,
             "{image: [2, 5, 4], features: 40, layers: [conv: {channels: 3, kernel: 3}, flatten, dense: {units: 4}]}");
    const struct param *p = f.chain.units[0].params;
    ck_assert_uint_eq(p[0].fan_in, 18);
    ck_assert_uint_eq(p[0].fan_out, 27);
    ck_assert_uint_eq(p[1].fan_in, 18);
    net_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, a_convolution);
    tcase_add_test(t, channels_of_a_kernel);
    tcase_add_test(t, the_largest_of_a_window);
    tcase_add_test(t, the_mean_of_a_window);
    tcase_add_test(t, flat_is_channel_by_channel);
    tcase_add_test(t, a_coupling_runs_backwards);
    tcase_add_test(t, shapes_that_do_not_fit);
    tcase_add_test(t, a_batch_of_one_has_no_deviation);
    tcase_add_test(t, what_initialisations_scale_by);
}

CHECK_MAIN("image", add_tests)
