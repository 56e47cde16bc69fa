/* Convolutions by taps against loops over the definition: values, transpose and gradient, for every border and for
 * images in several parts; and where they are used. */
#include "../check_main.h"
#include "../math/fixture.h"

#include "math/blas.h"
#include "net/taps.h"

struct example {
    size_t in, height, width, out, kernel, padding, images;
};
/* The last two have more positions than one part of the gradient. */
static const struct example examples[] = {
    { 1, 9, 9, 8, 2, 0, 1 },    { 3, 10, 11, 8, 3, 0, 2 },  { 3, 10, 9, 16, 3, 1, 2 },
    { 5, 9, 11, 11, 3, 2, 3 },  { 7, 12, 12, 9, 5, 2, 2 },  { 64, 8, 8, 64, 3, 1, 1 },
    { 17, 8, 13, 10, 4, 3, 2 }, { 2, 20, 20, 8, 3, 1, 13 }, { 3, 48, 48, 12, 3, 1, 2 },
};

static struct window window_of(const struct example *x)
{
    return (struct window){
        .in = { x->in * x->height * x->width, x->in, x->height, x->width },
        .kernel = x->kernel,
        .stride = 1,
        .padding = x->padding,
        .height = x->height + 2 * x->padding - x->kernel + 1,
        .width = x->width + 2 * x->padding - x->kernel + 1,
    };
}

/* Calls visit(argument, entry of the map, of the output, of the kernel) for every multiplication of one image. */
static void for_each_pair(const struct example *x, const struct window *w,
                          void (*visit)(void *argument, size_t map, size_t out, size_t kernel), void *argument)
{
    for (size_t y = 0; y < w->height; y++)
        for (size_t z = 0; z < w->width; z++)
            for (size_t ky = 0; ky < x->kernel; ky++)
                for (size_t kx = 0; kx < x->kernel; kx++) {
                    const size_t i = y + ky - x->padding, j = z + kx - x->padding; /* wraps around below 0 */
                    for (size_t c = 0; i < x->height && j < x->width && c < x->in; c++)
                        for (size_t o = 0; o < x->out; o++)
                            visit(argument, (i * x->width + j) * x->in + c, (y * w->width + z) * x->out + o,
                                  ((o * x->in + c) * x->kernel + ky) * x->kernel + kx);
                }
}

/* What is expected of one image, in double. */
struct wanted {
    const real *maps, *signal, *kernel;
    double *out, *back, *gradient;
};

static void add_pair(void *argument, size_t map, size_t out, size_t kernel)
{
    struct wanted *w = argument;
    w->out[out] += (double)w->maps[map] * (double)w->kernel[kernel];
    w->back[map] += (double)w->signal[out] * (double)w->kernel[kernel];
    w->gradient[kernel] += (double)w->maps[map] * (double)w->signal[out];
}

/* Sums of `terms` products of numbers below 1. */
static void expect(const char *what, const struct mat got, const double *want, double terms)
{
    for (size_t i = 0; i < mat_n(got); i++)
        ck_assert_msg(fabs((double)got.p[i] - want[i]) <= 4 * terms * REAL_ROUND, "%s, entry %zu: %.17g, not %.17g",
                      what, i, (double)got.p[i], want[i]);
}

static double *doubles(struct mat from)
{
    double *to = malloc(mat_n(from) * sizeof *to);
    if (!to)
        abort();
    for (size_t i = 0; i < mat_n(from); i++)
        to[i] = (double)from.p[i];
    return to;
}

static void check(const struct example *x, struct rng *r)
{
    struct arena a;
    struct err e = { 0 };
    struct taps t;
    const struct window w = window_of(x);
    const size_t n_out = window_positions(&w) * x->out;
    ck_assert(taps_fit(&w, x->out));
    arena_init(&a, 0);
    ck_assert_msg(taps_open(&t, &w, x->out, x->images, &a, &e) == 0, "%s", err_first(&e));
    const struct mat maps = random_mat(r, x->images, w.in.n, 1), signal = random_mat(r, x->images, n_out, 1),
                     kernel = random_mat(r, x->out, window_n(&w), 1), out = random_mat(r, x->images, n_out, 1),
                     back = random_mat(r, x->images, w.in.n, 1), gradient = random_mat(r, x->out, window_n(&w), 1);
    double *want_out = doubles(out), *want_back = doubles(back), *want_gradient = doubles(gradient),
           *sums = doubles(gradient);
    for (size_t k = 0; k < mat_n(gradient); k++)
        sums[k] = 0;
    for (size_t i = 0; i < x->images; i++) {
        struct wanted want = { maps.p + i * maps.cols, signal.p + i * signal.cols, kernel.p,
                               want_out + i * n_out,   want_back + i * w.in.n,     sums };
        for_each_pair(x, &w, add_pair, &want);
    }
    for (size_t k = 0; k < mat_n(gradient); k++)
        want_gradient[k] += 0.5 * sums[k];
    taps_refresh(&t, kernel);
    for (size_t i = 0; i < x->images; i++) { /* one by one or all of them */
        taps_add(&t, 0, 1, maps.p + i * maps.cols, out.p + i * n_out);
        if (i == 0)
            taps_add_back(&t, 0, x->images, signal.p, back.p);
    }
    taps_add_gradient(&t, x->images, maps.p, signal.p, (real)0.5, gradient);
    expect("W * h", out, want_out, (double)window_n(&w));
    expect("W^T * s", back, want_back, (double)(x->kernel * x->kernel * x->out));
    expect("the gradient", gradient, want_gradient, (double)(x->images * window_positions(&w)));
    free(maps.p), free(signal.p), free(kernel.p), free(out.p), free(back.p), free(gradient.p);
    free(want_out), free(want_back), free(want_gradient), free(sums);
    arena_finish(&a);
}

START_TEST(taps_agree_with_the_definition)
{
    if (!product_sums_exist()) {
        printf("no sums of products in this build, or without AVX2: convolutions do not go by taps\n");
        return;
    }
    struct rng r = rng_stream(11, "taps");
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        check(&examples[i], &r);
}
END_TEST

/* Each for one reason; they have windows as rows. */
START_TEST(others_do_not_fit)
{
    static const struct example no[] = {
        { 3, 10, 10, 8, 1, 0, 1 },  { 3, 10, 9, 8, 3, 0, 1 },  { 65, 10, 10, 8, 3, 0, 1 },
        { 3, 10, 10, 65, 3, 0, 1 }, { 3, 10, 10, 7, 3, 0, 1 }, { 64, 30, 30, 64, 7, 0, 1 },
    };
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        struct window w = window_of(&no[i]);
        if (i == 1)
            ck_assert(w.width < 8);
        ck_assert_msg(!taps_fit(&w, no[i].out), "example %zu", i);
    }
    struct window w = window_of(&examples[1]);
    w.stride = 2;
    ck_assert(!taps_fit(&w, 8));
}
END_TEST

/* A column of NaN in the map reaches the outputs that see it and no others. */
START_TEST(not_a_number_stays)
{
    const struct example x = { 2, 9, 9, 8, 3, 1, 1 };
    const struct window w = window_of(&x);
    struct arena a;
    struct err e = { 0 };
    struct taps t;
    if (!taps_fit(&w, x.out))
        return; /* as above */
    struct rng r = rng_stream(11, "nan");
    arena_init(&a, 0);
    ck_assert_int_eq(taps_open(&t, &w, x.out, 1, &a, &e), 0);
    const struct mat map = random_mat(&r, 81, 2, 1), kernel = random_mat(&r, 8, 18, 1), out = random_mat(&r, 81, 8, 1);
    map.p[(4 * 9 + 4) * 2] = NAN;
    taps_refresh(&t, kernel);
    taps_add(&t, 0, 1, map.p, out.p);
    for (size_t i = 0; i < mat_n(out); i++) {
        const size_t y = i / 8 / 9, z = i / 8 % 9;
        ck_assert(isnan(out.p[i]) == (y >= 3 && y <= 5 && z >= 3 && z <= 5));
    }
    free(map.p), free(kernel.p), free(out.p);
    arena_finish(&a);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, taps_agree_with_the_definition);
    tcase_add_test(t, others_do_not_fit);
    tcase_add_test(t, not_a_number_stays);
}

CHECK_MAIN("taps", add_tests)
