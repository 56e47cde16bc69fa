/* Initialisations: what each promises of its numbers, and that draws belong to (seed, parameter). */
#include "../check_main.h"
#include "fixture.h"

#include "math/solve.h"
#include <stdio.h>

static const struct init_def *find(const char *name)
{
    const struct init_def *d = (const struct init_def *)registry_find(&init_registry, name);
    ck_assert_msg(d != NULL, "no initialisation '%s'", name);
    return d;
}

/* A filled matrix in the arena; yaml: the initialisation as in a file. */
static struct mat fill(struct arena *a, const char *yaml, size_t rows, size_t cols, uint64_t seed)
{
    static const struct option option = { .name = "init", .type = OPT_PART, .registry = &init_registry };
    struct err e = { 0 };
    struct chosen choice = { 0 };
    must(bind_value(net_parse(yaml, a), &option, &choice, "init", a, &e), &e);
    struct rng r = rng_stream(seed, "init.test");
    const struct mat w = mat_new(a, rows, cols);
    must(((const struct init_def *)choice.part)->fill(choice.opts, &r, cols, rows, w, a, &e), &e);
    return w;
}

START_TEST(orthogonal_has_singular_values_of_1)
{
    static const size_t shapes[][2] = { { 6, 6 }, { 7, 3 }, { 3, 7 }, { 5, 1 }, { 1, 5 }, { 1, 1 } };
    struct arena a;
    arena_init(&a, 0);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct err e = { 0 };
        double largest, smallest;
        must(solve_condition(fill(&a, "orthogonal", shapes[i][0], shapes[i][1], 7), &largest, &smallest, &e), &e);
        ck_assert_double_eq_tol(largest, 1, BOUND(1e-13, 1e-6));
        ck_assert_double_eq_tol(smallest, 1, BOUND(1e-13, 1e-6));
    }
    arena_finish(&a);
}
END_TEST

/* Uniform in [-bound, bound]: no entry outside, mean square bound^2 / 3. */
static void check_uniform(const char *yaml, size_t rows, size_t cols, double bound)
{
    struct arena a;
    arena_init(&a, 0);
    const struct mat w = fill(&a, yaml, rows, cols, 11);
    ck_assert_msg((double)mat_max_abs(w) <= bound * (1 + 1e-6) && (double)mat_max_abs(w) > 0.98 * bound,
                  "%s: largest entry %g, bound %g", yaml, (double)mat_max_abs(w), bound);
    const double ratio = mat_sum_squares(w) / ((double)mat_n(w) * bound * bound / 3);
    ck_assert_msg(fabs(ratio - 1) < 0.05, "%s: mean square is %g of what it should be", yaml, ratio);
    arena_finish(&a);
}

START_TEST(uniform_bounds)
{
    check_uniform("{name: uniform, bound: 0.37}", 70, 50, 0.37);
    check_uniform("xavier", 70, 50, sqrt(6.0 / (70 + 50)));
    check_uniform("fan_in_uniform", 70, 50, 1 / sqrt(50.0));
}
END_TEST

/* A bias has the bound of the weights beside it: inputs of dense, units of rnn. */
static void check_bias(const char *yaml, size_t layer, double inputs)
{
    struct net f;
    net_open(&f, yaml);
    const struct unit *l = &f.chain.units[layer];
    const struct mat b = unit_param(l, l->n_params - 1, f.chain.weights);
    ck_assert(l->params[l->n_params - 1].is_bias && b.rows == 300);
    const double ratio = mat_sum_squares(b) / (300 / (3 * inputs)), largest = (double)mat_max_abs(b) * sqrt(inputs);
    ck_assert_msg(largest <= 1 + 1e-6 && largest > 0.97, "%s: largest entry is %g of the bound", yaml, largest);
    ck_assert_msg(fabs(ratio - 1) < 0.15, "%s: mean square is %g of what it should be", yaml, ratio);
    net_close(&f);
}

START_TEST(biases_have_the_bound_of_their_weights)
{
#define BIASES "{features: 7, weights: fan_in_uniform, biases: fan_in_uniform, "
    check_bias(BIASES "layers: [dense: {units: 300}, dense: {units: 4}]}", 0, 7);
    check_bias(BIASES "layers: [dense: {units: 2}, dense: {units: 300}, dense: {units: 4}]}", 1, 2);
    check_bias(BIASES "length: 3, layers: [rnn: {units: 300}, dense: {units: 4}]}", 0, 300);
}
END_TEST

START_TEST(normal_has_its_standard_deviation)
{
    struct arena a;
    arena_init(&a, 0);
    const struct mat w = fill(&a, "{name: normal, std: 0.37}", 80, 60, 3);
    double sum = 0;
    for (size_t i = 0; i < mat_n(w); i++)
        sum += (double)w.p[i];
    ck_assert_double_eq_tol(sqrt(mat_sum_squares(w) / (double)mat_n(w)), 0.37, 0.02);
    ck_assert_double_eq_tol(sum / (double)mat_n(w), 0, 0.02);
    ck_assert(mat_sum_squares(fill(&a, "zeros", 8, 6, 3)) == 0);
    arena_finish(&a);
}
END_TEST

/* Glorot & Bengio 2010: variance 2 / (inputs + outputs), 80 and 60 here; the gain multiplies the standard deviation. */
START_TEST(glorot_normal_has_its_standard_deviation)
{
    struct arena a;
    arena_init(&a, 0);
    const struct mat w = fill(&a, "glorot_normal", 80, 60, 3),
                     three = fill(&a, "{name: glorot_normal, gain: 3}", 80, 60, 3);
    double sum = 0;
    for (size_t i = 0; i < mat_n(w); i++) {
        sum += (double)w.p[i];
        ck_assert_double_eq_tol((double)three.p[i], 3 * (double)w.p[i], 1e-6);
    }
    const double std = sqrt(2.0 / (80 + 60)), largest = (double)mat_max_abs(w);
    ck_assert_double_eq_tol(sqrt(mat_sum_squares(w) / (double)mat_n(w)) / std, 1, 0.03);
    ck_assert_double_eq_tol(sum / (double)mat_n(w), 0, 0.05 * std);
    ck_assert(largest > 3 * std && largest < 6 * std); /* normal, not uniform */
    arena_finish(&a);
}
END_TEST

/* Every initialisation that needs no option: the same seed gives the same weights, another one others, and so does
 * another parameter of the same shape; for biases, too. */
static void weights_of(const char *init, int seed, struct net *f)
{
    char yaml[256];
    snprintf(yaml, sizeof yaml,
             "{seed: %d, features: 5, outputs: 5, weights: %s, biases: %s, layers: [{dense: {units: 5}, repeat: 2}]}",
             seed, init, init);
    net_open(f, yaml);
}

START_TEST(draws_belong_to_seed_and_parameter)
{
    for (size_t i = 0; i < init_registry.n_parts; i++) {
        const char *name = init_registry.parts[i]->name;
        char yaml[64];
        snprintf(yaml, sizeof yaml, has_option(init_registry.parts[i], "bound") ? "{name: %s, bound: 0.4}" : "%s",
                 name);
        struct net a, b, c;
        weights_of(yaml, 5, &a);
        weights_of(yaml, 5, &b);
        weights_of(yaml, 6, &c);
        const size_t bytes = a.chain.n_vector * sizeof(real);
        ck_assert_msg(memcmp(a.chain.weights, b.chain.weights, bytes) == 0, "%s: one seed, two sets of weights", name);
        if (find(name) != find("zeros")) {
            const struct unit *l = a.chain.units;
            ck_assert_msg(memcmp(a.chain.weights, c.chain.weights, bytes) != 0, "%s: two seeds, one set of weights",
                          name);
            for (size_t j = 0; j < 2; j++)
                ck_assert_msg(memcmp(unit_param(&l[0], j, a.chain.weights).p, unit_param(&l[1], j, a.chain.weights).p,
                                     5 * sizeof(real)) != 0,
                              "%s: two layers share parameter %zu", name, j);
        }
        net_close(&a);
        net_close(&b);
        net_close(&c);
    }
}
END_TEST

START_TEST(a_layer_may_have_its_own)
{
    struct net f;
    net_open(&f, "{weights: zeros, biases: {name: uniform, bound: 0.5}, layers: [{dense: {units: 5, weights_init: "
                 "orthogonal, biases_init: zeros}},"
                 " {dense: {units: 4}}]}");
    const struct unit *l = f.chain.units;
    ck_assert_double_eq_tol(mat_sum_squares(unit_param(&l[0], 0, f.chain.weights)), 3,
                            1e-5); /* three singular values of 1 */
    ck_assert(mat_sum_squares(unit_param(&l[0], 1, f.chain.weights)) == 0);
    ck_assert(mat_sum_squares(unit_param(&l[1], 0, f.chain.weights)) == 0);
    ck_assert(mat_sum_squares(unit_param(&l[1], 1, f.chain.weights)) > 0);
    net_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, orthogonal_has_singular_values_of_1);
    tcase_add_test(t, uniform_bounds);
    tcase_add_test(t, biases_have_the_bound_of_their_weights);
    tcase_add_test(t, normal_has_its_standard_deviation);
    tcase_add_test(t, glorot_normal_has_its_standard_deviation);
    tcase_add_test(t, draws_belong_to_seed_and_parameter);
    tcase_add_test(t, a_layer_may_have_its_own);
}

CHECK_MAIN("init", add_tests)
