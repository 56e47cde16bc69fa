/* Metrics of how well feedback matches its layer, against Jacobians by finite differences and inverses by elimination,
 * and where theory gives the answer (Bao 2024). */
#include "../check_main.h"
#include "fixture.h"

#define MATCHES "log: {metrics: [jml_transpose, jml_pseudo_inverse, jml_inverse, angle_transpose]}"
#define WEIGHTS "log: {metrics: [feedback_angle, feedback_distance]}"

/* A feedback that is learned, dense and of images; analytic feedback, which has no derivative of its own. */
static const struct {
    const char *data, *own;
} methods[] = {
    { "{dataset: {name: given, features: 4, outputs: 4}, train: {batch_size: 3}, network: {layers: [dense: {units: 4, "
      "activation: tanh}, dense: {units: 4, activation: tanh}, dense: {units: 6, activation: elu}, dense: {units: "
      "4}]}}",
      "{algorithm: {name: fwdtp, target_stepsize: 0.5, mapping: {bias: true, scale: 1}}, " MATCHES "}" },
    { "{dataset: {name: given, features: 32, image: [2, 4, 4], outputs: 3}, train: {batch_size: 2}, network: {layers: "
      "[conv: {channels: 4, kernel: 3, padding: 1, activation: elu}, unit: [conv: {channels: 3, kernel: 3, padding: 1, "
      "activation: elu}, max_pool: {kernel: 2}], spatial_mlp, channel_mlp: {hidden: 5}, unit: [flatten, dense: {units: "
      "3}]]}}",
      "{algorithm: {name: fwdtp, target_stepsize: 0.5}, " MATCHES "}" },
    { "{dataset: {name: given, features: 32, image: [2, 4, 4], outputs: 3}, train: {batch_size: 2}, network: {layers: "
      "[conv: {channels: 3, kernel: 3, padding: 1, activation: elu}, mixer: {hidden: 5}, global_average_pool, dense: "
      "{units: 3}]}}",
      "{algorithm: {name: tjml, mapping: {activation: hadamard}}, " MATCHES "}" },
    { "{dataset: {name: given, features: 4, outputs: 4}, network: {layers: [dense: {units: 4, activation: tanh}, "
      "dense: {units: 4, activation: tanh}, dense: {units: 4}]}}",
      "{algorithm: ijml, " MATCHES "}" },
};

static void step(struct fixture *f, struct records *r)
{
    struct err e = { 0 };
    *r = records_new();
    f->trial->references->wanted = true;
    must(step_train(f->trial, false, &e), &e);
    f->trial->step = 1;
    must(measure_all(f->trial, &r->sink, &e), &e);
}

static double value_of(const struct records *r, const char *name, size_t layer)
{
    char line[64];
    snprintf(line, sizeof line, "%s.%zu", name, layer);
    return records_value(r, line, 1);
}

static bool has_value(const struct records *r, const char *name, size_t layer)
{
    char line[64];
    snprintf(line, sizeof line, "%s.%zu 1 ", name, layer);
    return strstr(r->text.s, line) != NULL;
}

/* Central differences of a layer (forward) or of its feedback, for sample b: out[i * rows + j] = d to_i / d from_j. */
static void derivative(struct trial *t, size_t layer, size_t b, bool forward, double *out)
{
    struct err e = { 0 };
    const struct unit *u = &t->chain.units[layer];
    const struct at kept = t->pass.links[layer];
    const struct mat at = forward ? kept.in : kept.out;
    const size_t from = at.cols, to = forward ? u->out.n : u->in.n;
    const real eps = (real)BOUND(1e-5, 2e-3);
    struct mat moved = mat_new(&t->scratch, at.rows, from), result[2];
    struct at other;
    must(at_open(&other, u, at.rows, 1, AT_GRADIENTS, &t->scratch, &e), &e);
    for (size_t side = 0; side < 2; side++)
        result[side] = mat_new(&t->scratch, at.rows, to);
    for (size_t j = 0; j < from; j++) {
        for (size_t side = 0; side < 2; side++) {
            mat_copy(at, moved);
            moved.p[b * from + j] += side ? -eps : eps;
            if (forward) {
                other.in = moved;
                at_forward(u, other);
                mat_copy(other.out, result[side]);
            } else {
                must(mapping_of(&t->credit)
                         ->apply(&t->credit, &t->pass, &t->pass.links[layer], layer - 1, moved, result[side], &e),
                     &e);
            }
        }
        for (size_t i = 0; i < to; i++)
            out[i * from + j] = (double)(result[0].p[b * to + i] - result[1].p[b * to + i]) / (2 * (double)eps);
    }
}

/* a (n x n) x = b for m columns, by elimination with pivots; b becomes x. */
static void eliminate(size_t n, size_t m, double *a, double *b)
{
    for (size_t c = 0; c < n; c++) {
        size_t pivot = c;
        for (size_t r = c; r < n; r++)
            pivot = fabs(a[r * n + c]) > fabs(a[pivot * n + c]) ? r : pivot;
        for (size_t j = 0; j < n + m; j++) {
            double *row = j < n ? &a[c * n + j] : &b[c * m + j - n],
                   *of = j < n ? &a[pivot * n + j] : &b[pivot * m + j - n];
            const double kept = *row;
            *row = *of;
            *of = kept;
        }
        for (size_t r = 0; r < n; r++) {
            const double factor = r == c ? 0 : a[r * n + c] / a[c * n + c];
            for (size_t j = 0; j < n + m && factor != 0; j++)
                *(j < n ? &a[r * n + j] : &b[r * m + j - n]) -= factor * (j < n ? a[c * n + j] : b[c * m + j - n]);
        }
    }
    for (size_t r = 0; r < n; r++)
        for (size_t j = 0; j < m; j++)
            b[r * m + j] /= a[r * n + r];
}

/* J^+ (cols x rows) of a J of full rank: (J^T J)^-1 J^T or J^T (J J^T)^-1. */
static void pseudo_inverse(struct arena *a, size_t rows, size_t cols, const double *j, double *out)
{
    const bool tall = rows >= cols;
    const size_t n = tall ? cols : rows;
    double *gram = arena_doubles(a, n * n), *right = arena_doubles(a, rows * cols);
    for (size_t x = 0; x < n; x++)
        for (size_t y = 0; y < n; y++) {
            gram[x * n + y] = 0;
            for (size_t k = 0; k < (tall ? rows : cols); k++)
                gram[x * n + y] += tall ? j[k * cols + x] * j[k * cols + y] : j[x * cols + k] * j[y * cols + k];
        }
    for (size_t x = 0; x < n; x++) /* tall: J^T; else J, whose solution is (J^+)^T */
        for (size_t y = 0; y < (tall ? rows : cols); y++)
            right[x * (tall ? rows : cols) + y] = tall ? j[y * cols + x] : j[x * cols + y];
    eliminate(n, tall ? rows : cols, gram, right);
    for (size_t x = 0; x < cols; x++)
        for (size_t y = 0; y < rows; y++)
            out[x * rows + y] = tall ? right[x * rows + y] : right[y * cols + x];
}

struct expected {
    double transpose, pinv, degrees, largest; /* of J^+, for the bound */
};

static struct expected by_differences(struct trial *t, size_t layer)
{
    const struct unit *u = &t->chain.units[layer];
    const size_t rows = u->out.n, cols = u->in.n, b = t->pass.rows;
    struct expected x = { 0 };
    for (size_t i = 0; i < b; i++) {
        const struct arena_mark mark = arena_mark(&t->scratch);
        double *f = arena_doubles(&t->scratch, rows * cols), *g = arena_doubles(&t->scratch, rows * cols),
               *plus = arena_doubles(&t->scratch, rows * cols);
        derivative(t, layer, i, true, f);
        derivative(t, layer, i, false, g);
        pseudo_inverse(&t->scratch, rows, cols, f, plus);
        double apart = 0, apart_plus = 0, along = 0, of_f = 0, of_g = 0;
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < cols; c++) {
                const double a = f[r * cols + c], v = g[c * rows + r];
                apart += (v - a) * (v - a);
                apart_plus += (v - plus[c * rows + r]) * (v - plus[c * rows + r]);
                along += a * v;
                of_f += a * a;
                of_g += v * v;
                x.largest = fmax(x.largest, fabs(plus[c * rows + r]));
            }
        x.transpose += sqrt(apart) / (double)b;
        x.pinv += sqrt(apart_plus) / (double)b;
        x.degrees += acos(fmin(1, along / sqrt(of_f * of_g))) * 180 / M_PI / (double)b;
        arena_rewind(&t->scratch, mark);
    }
    return x;
}

static bool close_to(double value, double expected, double bound)
{
    return fabs(value - expected) <= bound * fmax(1, fabs(expected));
}

START_TEST(losses_are_those_of_the_jacobians)
{
    for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
        struct fixture f;
        struct records r;
        struct err e = { 0 };
        struct expected expected[8];
        fixture_given(&f, methods[m].data, methods[m].own);
        struct trial *t = f.trial;
        chain_refresh(&t->chain);
        chain_forward(&t->pass);
        must(credit_refresh(&t->credit, &t->pass, &e), &e);
        for (size_t i = 1; i < t->chain.n_units; i++)
            expected[i] = by_differences(t, i);
        step(&f, &r);
        for (size_t i = 1; i < t->chain.n_units; i++) {
            const struct unit *u = &t->chain.units[i];
            const struct expected x = expected[i];
            ck_assert_msg(close_to(value_of(&r, "jml_transpose", i), x.transpose, BOUND(1e-6, 2e-2)),
                          "%s, layer %zu: %g instead of %g", methods[m].own, i, value_of(&r, "jml_transpose", i),
                          x.transpose);
            ck_assert_msg(close_to(value_of(&r, "angle_transpose", i), x.degrees, BOUND(1e-4, 3)),
                          "%s, layer %zu: %g degrees instead of %g", methods[m].own, i,
                          value_of(&r, "angle_transpose", i), x.degrees);
            if (x.largest < 100) /* well conditioned and of full rank */
                ck_assert_msg(close_to(value_of(&r, "jml_pseudo_inverse", i), x.pinv, BOUND(1e-4, 0.5)),
                              "%s, layer %zu: %g instead of %g", methods[m].own, i,
                              value_of(&r, "jml_pseudo_inverse", i), x.pinv);
            ck_assert_int_eq(has_value(&r, "jml_inverse", i), u->in.n == u->out.n);
        }
        ck_assert(!has_value(&r, "jml_transpose", 0));
        text_free(&r.text);
        fixture_close(&f);
    }
}
END_TEST

/* Where a condition holds its loss is 0: IJMC of the inverse, PJMC of the pseudo-inverse of each Jacobian, TJMC of the
 * analytic feedback of layers with their activation last. */
START_TEST(conditions_that_hold)
{
    static const struct {
        const char *layers, *algorithm, *metric;
    } cases[] = {
        { "[dense: {units: 4, activation: tanh}, dense: {units: 4, activation: tanh}, dense: {units: 4}]", "ijml",
          "jml_inverse" },
        { "[dense: {units: 4, activation: tanh}, dense: {units: 7, activation: elu}, dense: {units: 4}]",
          "{name: pjml, mapping: {of: jacobian}}", "jml_pseudo_inverse" },
        { "[dense: {units: 9, activation: tanh}, dense: {units: 7}, dense: {units: 4}]", "pjml", "jml_pseudo_inverse" },
        { "[dense: {units: 4, activation: tanh}, dense: {units: 7, activation: elu}, dense: {units: 4, activation: "
          "sigmoid}]",
          "tjml", "jml_transpose" },
        { "[dense: {units: 4, activation: tanh}, dense: {units: 7, activation: elu}, dense: {units: 4, activation: "
          "sigmoid}]",
          "tjml", "angle_transpose" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char data[512], own[256];
        struct fixture f;
        struct records r;
        snprintf(data, sizeof data, "{dataset: {name: given, features: 4, outputs: 4}, network: {layers: %s}}",
                 cases[i].layers);
        snprintf(own, sizeof own, "{algorithm: %s, log: {metrics: [%s]}}", cases[i].algorithm, cases[i].metric);
        fixture_given(&f, data, own);
        step(&f, &r);
        for (size_t k = 1; k < 3; k++)
            ck_assert_msg(value_of(&r, cases[i].metric, k) < BOUND(1e-10, 1e-3), "%s: %g", own,
                          value_of(&r, cases[i].metric, k));
        text_free(&r.text);
        fixture_close(&f);
    }
}
END_TEST

/* V = scale W^T of every layer. */
static void set_feedback(struct trial *t, double scale)
{
    for (size_t i = 0; i < t->credit.n_feedback; i++) {
        const struct feedback *f = &t->credit.feedback[i];
        const struct unit *u = &t->chain.units[f->through], *g = &f->unit;
        for (size_t j = 0; j < u->n_params; j++)
            for (size_t k = 0; k < g->n_params; k++) {
                const struct param *w = &u->params[j], *v = &g->params[k];
                if (w->is_bias || v->is_bias ||
                    (w->rank == 2 ? w->rows != v->cols || w->cols != v->rows : w->rows != v->rows))
                    continue;
                for (size_t n = 0; n < w->rows * w->cols; n++)
                    g->weights[v->offset + (w->rank == 2 ? n % w->cols * v->cols + n / w->cols : n)] =
                        (real)scale * u->weights[w->offset + n];
            }
    }
}

START_TEST(feedback_weights_beside_the_weights)
{
    static const char data[] =
        "{dataset: {name: given, features: 32, image: [2, 4, 4], outputs: 3}, network: {layers: [conv: {channels: 4, "
        "kernel: 1}, unit: [conv: {channels: 3, kernel: 3, padding: 1, activation: elu}, max_pool: {kernel: 2}], "
        "spatial_mlp, channel_mlp: {hidden: 5}, mixer: {hidden: 6}, unit: [flatten, dense: {units: 3}]]}}";
    static const double scales[] = { 1, 0.5, -2 };
    for (size_t s = 0; s < 3; s++) {
        struct fixture f;
        struct records r;
        fixture_given(&f, data, "{algorithm: {name: fwdtp, target_stepsize: 0.5}, " WEIGHTS "}");
        set_feedback(f.trial, scales[s]);
        step(&f, &r);
        for (size_t i = 1; i < f.trial->chain.n_units; i++) {
            ck_assert_double_eq_tol(value_of(&r, "feedback_distance", i), fabs(1 - scales[s]), BOUND(1e-12, 1e-5));
            ck_assert_double_eq_tol(value_of(&r, "feedback_angle", i), scales[s] > 0 ? 0 : 180, BOUND(1e-5, 0.1));
        }
        ck_assert(!has_value(&r, "feedback_angle", 0));
        text_free(&r.text);
        fixture_close(&f);
    }
}
END_TEST

/* Against the formula, at the weights before the forward step and after the feedback's. */
START_TEST(feedback_weights_of_a_dense_layer)
{
    struct fixture f;
    struct records r;
    fixture_given(&f, GIVEN_FLAT,
                  "{algorithm: {name: ldrl, target_stepsize: 0.5, feedback: {optimizer: {name: sgd, stepsize: 0.1}, "
                  "steps: 3}}, " WEIGHTS "}");
    struct trial *t = f.trial;
    const struct mat w = unit_param(&t->chain.units[1], 0, t->chain.weights),
                     before = mat_new(&t->scratch, w.rows, w.cols);
    mat_copy(w, before);
    step(&f, &r);
    const struct mat v = unit_param(&t->credit.feedback[0].unit, 0, t->credit.feedback_weights);
    double along = 0, apart = 0;
    for (size_t i = 0; i < w.rows; i++)
        for (size_t j = 0; j < w.cols; j++) {
            const double a = (double)before.p[i * w.cols + j], b = (double)v.p[j * v.cols + i];
            along += a * b;
            apart += (a - b) * (a - b);
        }
    const double of_w = mat_sum_squares(before), of_v = mat_sum_squares(v);
    ck_assert(memcmp(before.p, w.p, mat_n(w) * sizeof(real)) != 0);
    ck_assert_double_eq_tol(value_of(&r, "feedback_angle", 1), acos(along / sqrt(of_w * of_v)) * 180 / M_PI,
                            BOUND(1e-9, 1e-3));
    ck_assert_double_eq_tol(value_of(&r, "feedback_distance", 1), sqrt(apart / of_w), BOUND(1e-12, 1e-5));
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

START_TEST(refused_with_a_reason)
{
    static const char *const cases[][3] = {
        { GIVEN_FLAT, "{algorithm: dfa, log: {metrics: [jml_transpose]}}", "it needs route: chain" },
        { GIVEN_FLAT, "{algorithm: bp, log: {metrics: [feedback_angle]}}",
          "'feedback_angle' is about feedback weights; mapping 'adjoint' has none" },
        { GIVEN_RECURRENT, "{algorithm: bp, log: {metrics: [jml_inverse]}}",
          "'jml_inverse' is defined for feed-forward networks; network.layers.0 is 'rnn'" },
        { GIVEN_FLAT, "{algorithm: {name: fwdtp_bn, target_stepsize: 0.1}, log: {metrics: [jml_transpose]}}",
          "'jml_transpose' takes a Jacobian for each sample" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a;
        struct config c;
        struct err e = { 0 };
        arena_init(&a, 0);
        ck_assert_int_eq(config_lines(&c, &a, &e, TRIAL_BASE, cases[i][0], cases[i][1], NULL), ERR_SPEC);
        ck_assert_msg(strstr(err_first(&e), cases[i][2]) != NULL, "%s", err_first(&e));
        err_clear(&e);
        arena_finish(&a);
    }
}
END_TEST

/* A plan counts memory that is not there. */
START_TEST(a_plan_opens_them)
{
    static const char *const own[] = { "{algorithm: {name: fwdtp, target_stepsize: 0.5}, " MATCHES "}",
                                       "{algorithm: {name: fwdtp, target_stepsize: 0.5}, " WEIGHTS "}",
                                       "{algorithm: {name: fwdtp_bn, target_stepsize: 0.5}, " WEIGHTS "}" };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        struct fixture f;
        struct trial_size size;
        struct err e = { 0 };
        fixture_bind(&f, GIVEN_FLAT, own[i]);
        must(trial_measure(&f.config, &size, &f.arena, &e), &e);
        ck_assert(size.memory_bytes > 0);
        arena_finish(&f.arena);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, losses_are_those_of_the_jacobians);
    tcase_add_test(t, conditions_that_hold);
    tcase_add_test(t, feedback_weights_beside_the_weights);
    tcase_add_test(t, feedback_weights_of_a_dense_layer);
    tcase_add_test(t, a_plan_opens_them);
    tcase_add_test(t, refused_with_a_reason);
}

CHECK_MAIN("feedback_match", add_tests)
