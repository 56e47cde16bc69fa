/* One training step: the order of the layers' updates, the schedule of feedback learning, and how it ends where numbers
 * do. */
#include "../check_main.h"
#include "fixture.h"
#include "math/normal.h"

static double distance(size_t n, const real *a, const real *b)
{
    double most = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
        norm = fmax(norm, fabs((double)b[i]));
    }
    return most / norm;
}

static void step(struct fixture *f)
{
    struct err e = { 0 };
    must(step_train(f->trial, false, &e), &e);
}

/* theta - stepsize * update, for each weight. */
START_TEST(sgd_follows_the_update)
{
    struct fixture f;
    fixture_given(&f, GIVEN_RECURRENT, "{algorithm: {name: tp, target_stepsize: 0.5, update: through_chain}}");
    const struct trial *t = f.trial;
    const size_t n = t->chain.n_vector;
    real *before = arena_need(&f.arena, n, sizeof *before);
    memcpy(before, t->chain.weights, n * sizeof *before);
    step(&f);
    for (size_t i = 0; i < n; i++)
        ck_assert_double_eq((double)t->chain.weights[i], (double)(real)(before[i] - (real)0.05 * t->gradient[i]));
    ck_assert(mat_max_abs(mat_of(t->gradient, 1, n)) > 0);
    fixture_close(&f);
}
END_TEST

/* Whoever has weights has an optimizer for exactly these, and nobody else has. */
START_TEST(an_optimizer_for_each_unit)
{
    struct fixture f;
    fixture_given(
        &f, GIVEN_FLAT,
        "{algorithm: {name: dtp, target_stepsize: 0.7, feedback: {optimizer: {name: adam, stepsize: 0.02}}}}");
    const struct trial *t = f.trial;
    ck_assert_uint_eq(t->forward.n_groups, t->chain.n_units);
    ck_assert_uint_eq(t->feedback.n_groups, t->credit.n_feedback);
    ck_assert_uint_gt(t->credit.n_feedback, 0);
    for (size_t i = 0; i < t->forward.n_groups; i++)
        ck_assert_uint_ge(t->forward.groups[i].n, unit_n_weights(&t->chain.units[i]));
    for (size_t i = 0; i < t->feedback.n_groups; i++)
        ck_assert_uint_ge(t->feedback.groups[i].n, unit_n_weights(&t->credit.feedback[i].unit));
    fixture_close(&f);
}
END_TEST

/* A step ends with the weights packed anew: the next one is that of another trial which was given these weights. */
START_TEST(the_next_step_is_on_the_moved_weights)
{
    static const struct {
        const char *data, *own;
    } cases[] = {
        { GIVEN_FLAT, "{algorithm: {name: tp, target_stepsize: 0.7, update: {order: sequential}}}" },
        { GIVEN_RECURRENT, "{algorithm: bp}" },
        { GIVEN_RECURRENT, "{algorithm: {name: tp, target_stepsize: 0.7}}" },
        { GIVEN_RECURRENT, "{network: {layers: [gru: {units: 6}, dense: {units: 4}]}}" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture a, b;
        fixture_given(&a, cases[i].data, cases[i].own);
        fixture_given(&b, cases[i].data, cases[i].own);
        const size_t n = a.trial->chain.n_vector;
        step(&a);
        const double loss = a.trial->pass.loss;
        memcpy(b.trial->chain.weights, a.trial->chain.weights, n * sizeof(real));
        chain_refresh(&b.trial->chain);
        step(&a);
        step(&b);
        ck_assert_double_ne(a.trial->pass.loss, loss);
        ck_assert_double_eq(a.trial->pass.loss, b.trial->pass.loss);
        ck_assert_mem_eq(a.trial->chain.weights, b.trial->chain.weights, n * sizeof(real));
        fixture_close(&a);
        fixture_close(&b);
    }
}
END_TEST

/* ---- layers updated in turn ---- */

static const char *const in_turn[] = {
    "{algorithm: {name: dtp, target_stepsize: 0.7, feedback: {optimizer: {name: sgd, stepsize: 0.02}, schedule: "
    "joint}, update: {name: %s, order: %s}}}",
    "{algorithm: {name: tp, target_stepsize: 0.7, update: {name: %s, order: %s}}}",
    "{algorithm: {name: bp, update: {name: %s, order: %s}}}",
    /* nothing arrives at the lowest layer: its displacement is cut, but a kept target is none */
    "{algorithm: {name: tp, target_stepsize: 0.7, mapping: {regularization: 1e260}, head: 0, update: {name: %s, order: "
    "%s}}}",
    NULL,
};

/* The same by a plain loop over layers, on a trial whose own step is not used. */
static void manual(struct fixture *f, bool kept)
{
    struct trial *t = f->trial;
    struct err e = { 0 };
    struct credit *c = &t->credit;
    const struct chosen loss = f->config.loss;
    const struct optim_def *sgd = (const struct optim_def *)f->config.train.optimizer.part;
    struct mat *target = arena_need(&f->arena, c->n, sizeof *target);
    for (size_t i = 0; i < t->chain.n_units; i++) {
        chain_refresh(&t->chain);
        chain_forward(&t->pass);
        must(credit_head(c, &t->pass, loss, t->gradient, &e), &e);
        if (i == 0 || !kept) {
            must(credit_refresh(c, &t->pass, &e), &e);
            must(credit_targets(c, &t->pass, &e), &e);
        }
        for (size_t k = 0; k < c->n; k++) {
            if (i == 0) {
                target[k] = mat_new(&f->arena, c->d[k].rows, c->d[k].cols);
                mat_add(t->pass.links[k].out, c->d[k], target[k]);
            } else if (kept) {
                mat_sub(target[k], t->pass.links[k].out, c->d[k]);
            }
        }
        c->first_nonzero = 0;
        c->has_deltas &= i == 0 || !kept; /* those of the first pass are of other displacements */
        must(credit_update(c, &t->pass, t->gradient, &e), &e);
        const struct unit *l = &t->chain.units[i];
        for (size_t j = 0; j < l->n_params; j++) {
            const struct param *p = &l->params[j];
            sgd->step(f->config.train.optimizer.opts, 1, p->rows * p->cols, t->chain.weights + p->offset,
                      t->gradient + p->offset, NULL, NULL);
        }
    }
}

static void check_order(const char *algorithm, const char *rule, const char *order)
{
    char own[256];
    struct fixture a, b, c;
    snprintf(own, sizeof own, algorithm, rule, order);
    fixture_given(&a, GIVEN_FLAT, own);
    fixture_given(&b, GIVEN_FLAT, own);
    snprintf(own, sizeof own, algorithm, rule, "simultaneous");
    fixture_given(&c, GIVEN_FLAT, own);
    const size_t n = a.trial->chain.n_vector;
    const double first_loss = (chain_forward(&a.trial->pass), chain_loss(&a.trial->pass, a.config.loss, false));
    step(&a);
    manual(&b, strcmp(order, "sequential_kept") == 0);
    step(&c);
    ck_assert_msg(distance(n, a.trial->chain.weights, b.trial->chain.weights) <= BOUND(1e-14, 1e-6),
                  "%s %s %s: weights differ by %g", algorithm, rule, order,
                  distance(n, a.trial->chain.weights, b.trial->chain.weights));
    const bool top_alone = strstr(algorithm, "1e260") && strcmp(rule, "through_chain") != 0;
    ck_assert_msg(top_alone || distance(n, a.trial->chain.weights, c.trial->chain.weights) > 1e-6,
                  "%s %s: no difference to simultaneous", rule, order);
    /* the gradient left behind holds every layer's own, and the loss is that of the minibatch before any update */
    real *moved = arena_need(&a.arena, n, sizeof *moved);
    for (size_t i = 0; i < n; i++)
        moved[i] =
            (real)(c.trial->chain.weights[i] + (real)0.05 * c.trial->gradient[i] - (real)0.05 * a.trial->gradient[i]);
    ck_assert_msg(distance(n, moved, a.trial->chain.weights) <= BOUND(1e-14, 1e-6),
                  "%s %s: update directions left behind", rule, order);
    ck_assert_msg(a.trial->pass.loss == first_loss, "%s %s: loss %.17g is not that of the first pass, %.17g", rule,
                  order, a.trial->pass.loss, first_loss);
    fixture_close(&a);
    fixture_close(&b);
    fixture_close(&c);
}

START_TEST(layers_in_turn)
{
    for (size_t i = 0; in_turn[i]; i++)
        for (size_t j = 0; j < update_registry.n_parts; j++) {
            check_order(in_turn[i], update_registry.parts[j]->name, "sequential");
            check_order(in_turn[i], update_registry.parts[j]->name, "sequential_kept");
        }
}
END_TEST

/* ---- feedback learning ---- */

#define DTP                                                                                                            \
    "{algorithm: {name: dtp, target_stepsize: 0.7, feedback_loss: {name: reconstruction, noise: 0.1}, feedback: "      \
    "{optimizer: {name: sgd, stepsize: %g}, schedule: %s, steps: %d}}}"

/* joint: forward updates do not see the feedback step; first: they do. */
START_TEST(schedules)
{
    char own[256];
    struct fixture still, joint, first, twice;
    snprintf(own, sizeof own, DTP, 0.0, "first", 1);
    fixture_given(&still, GIVEN_RECURRENT, own);
    snprintf(own, sizeof own, DTP, 0.3, "joint", 1);
    fixture_given(&joint, GIVEN_RECURRENT, own);
    snprintf(own, sizeof own, DTP, 0.3, "first", 1);
    fixture_given(&first, GIVEN_RECURRENT, own);
    snprintf(own, sizeof own, DTP, 0.3, "first", 2);
    fixture_given(&twice, GIVEN_RECURRENT, own);
    step(&still);
    step(&joint);
    step(&first);
    step(&twice);
    const size_t n = still.trial->chain.n_vector, m = still.trial->credit.n_feedback_vector;
    const size_t size = n * sizeof(real);
    ck_assert(memcmp(joint.trial->chain.weights, still.trial->chain.weights, size) == 0);
    ck_assert(memcmp(first.trial->chain.weights, still.trial->chain.weights, size) != 0);
    ck_assert(memcmp(first.trial->credit.feedback_weights, joint.trial->credit.feedback_weights, m * sizeof(real)) ==
              0);
    ck_assert(memcmp(first.trial->credit.feedback_weights, still.trial->credit.feedback_weights, m * sizeof(real)) !=
              0);
    /* with this noise held, two steps go further down the loss */
    ck_assert_double_lt(twice.trial->credit.feedback[0].loss, first.trial->credit.feedback[0].loss);
    fixture_close(&still);
    fixture_close(&joint);
    fixture_close(&first);
    fixture_close(&twice);
}
END_TEST

#define UNITS(steps, stepsize, noise)                                                                                  \
    "{algorithm: {name: dtp, target_stepsize: 0.7, feedback_loss: {name: reconstruction, noise: " noise                \
    "}, feedback: "                                                                                                    \
    "{optimizer: {name: adam, stepsize: 0.1}, stepsize: " stepsize ", steps: " steps                                   \
    "}}, network: {layers: [dense: {units: 5, activation: "                                                            \
    "tanh}, dense: {units: 6, activation: elu}, dense: {units: 5, activation: tanh}, dense: {units: 4}]}}"

/* The feedback weights of unit i after three minibatches. */
static void weights_after(const char *own, size_t i, real *out, size_t n)
{
    struct fixture f;
    fixture_open(&f, "{dataset: {name: gaussian, features: 3, classes: 4, train_size: 20, eval_size: 7, test_size: 3}}",
                 own);
    fixture_steps(&f, 3);
    const struct unit *u = &f.trial->credit.feedback[i].unit;
    ck_assert_uint_eq(f.trial->credit.n_feedback, 2);
    ck_assert_uint_le(n, unit_n_weights(u));
    memcpy(out, f.trial->credit.feedback_weights + u->params[0].offset, n * sizeof *out);
    fixture_close(&f);
}

/* A list with one value for all is that value, and each unit goes its own way: its steps, its stepsize and its noise.
 */
START_TEST(a_schedule_for_each_unit)
{
    static const char *const same[][2] = { { UNITS("2", "null", "0.3"), UNITS("[2, 2]", "[0.1, 0.1]", "[0.3, 0.3]") },
                                           { UNITS("2", "0.02", "0.3"), UNITS("[2, 2]", "[0.02, 0.02]", "0.3") } };
    static const char *const own[] = { UNITS("[2, 1]", "[0.02, 0.05]", "[0.3, 0.1]"), UNITS("2", "0.02", "0.3"),
                                       UNITS("1", "0.05", "0.1") };
    enum { N = 25 };
    real a[N], b[N];
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < 2; i++) {
            weights_after(same[k][0], i, a, N);
            weights_after(same[k][1], i, b, N);
            ck_assert_mem_eq(a, b, sizeof a);
        }
    weights_after(UNITS("[0, 1]", "0.05", "0.1"), 0, a, N); /* no step: as drawn */
    weights_after(UNITS("[0, 4]", "0.07", "0.2"), 0, b, N);
    ck_assert_mem_eq(a, b, sizeof a);
    /* the first minibatch's forward weights are the same for all, so a unit's schedule shows there alone */
    for (size_t i = 0; i < 2; i++) {
        struct fixture f, g;
        fixture_open(&f,
                     "{dataset: {name: gaussian, features: 3, classes: 4, train_size: 20, eval_size: 7, test_size: 3}}",
                     own[0]);
        fixture_open(&g,
                     "{dataset: {name: gaussian, features: 3, classes: 4, train_size: 20, eval_size: 7, test_size: 3}}",
                     own[1 + i]);
        fixture_steps(&f, 1);
        fixture_steps(&g, 1);
        const struct param *p = &f.trial->credit.feedback[i].unit.params[0];
        if (i == 0) /* noise is a function of the most steps of any unit: two in both */
            ck_assert_mem_eq(f.trial->credit.feedback_weights + p->offset, g.trial->credit.feedback_weights + p->offset,
                             p->rows * p->cols * sizeof(real));
        else
            ck_assert(memcmp(f.trial->credit.feedback_weights + p->offset, g.trial->credit.feedback_weights + p->offset,
                             N * sizeof(real)) == 0);
        fixture_close(&f);
        fixture_close(&g);
    }
}
END_TEST

/* Draws are a function of the step: feedback step s of step t is item t * steps + s of the layer's stream. */
START_TEST(noise_belongs_to_the_feedback_step)
{
    char own[256];
    struct fixture f;
    snprintf(own, sizeof own, DTP, 0.01, "first", 3);
    fixture_open(&f, ORDER, own);
    fixture_steps(&f, 5);
    const struct mat noise = f.trial->credit.draws[0].to;
    struct rng r = rng_stream((uint64_t)f.config.seed, "noise.feedback.0");
    rng_seek(&r, 4 * 3 + 2);
    const struct mat drawn = mat_new(&f.trial->scratch, noise.rows, noise.cols);
    normal_fill(&r, drawn);
    ck_assert(memcmp(noise.p, drawn.p, mat_n(noise) * sizeof *noise.p) == 0);
    fixture_close(&f);
}
END_TEST

START_TEST(feedback_learns_to_reconstruct)
{
    char own[256];
    struct fixture f;
    snprintf(own, sizeof own, DTP, 0.05, "first", 1);
    fixture_given(&f, GIVEN_FLAT, own);
    struct err e = { 0 };
    must(step_train(f.trial, false, &e), &e);
    const double before = f.trial->credit.feedback[0].loss;
    for (int i = 0; i < 200; i++)
        must(step_train(f.trial, false, &e), &e);
    ck_assert_double_lt(f.trial->credit.feedback[0].loss, before / 3);
    fixture_close(&f);
}
END_TEST

/* ---- where numbers end ---- */

/* A step that must diverge: the outcome names a layer and a tensor. */
static void diverges(struct fixture *f, const char *tensor, int64_t layer)
{
    struct err e = { 0 };
    struct trial *t = f->trial;
    real *before = arena_need(&f->arena, t->chain.n_vector, sizeof *before);
    memcpy(before, t->chain.weights, t->chain.n_vector * sizeof *before);
    chain_refresh(&t->chain);
    const int code = step_train(t, false, &e);
    ck_assert_msg(code == ERR_DIVERGED || code == ERR_SINGULAR, "%s: code %d", tensor, code);
    ck_assert_str_eq(t->bad_tensor, tensor);
    ck_assert_int_eq(t->bad_layer, layer);
    ck_assert_msg(err_first(&e)[0] != 0, "no message");
    ck_assert_msg(memcmp(before, t->chain.weights, t->chain.n_vector * sizeof *before) == 0, "the weights moved");
    err_clear(&e);
}

static const char *const algorithms[] = {
    "{algorithm: bp}",
    "{algorithm: {name: tp, target_stepsize: 0.5}}",
    "{algorithm: {name: tp, target_stepsize: 0.5, propagate: difference, update: through_chain}}",
    "{algorithm: {name: dtp, target_stepsize: 0.5, feedback: {optimizer: {name: sgd, stepsize: 0.01}}}}",
    NULL,
};

/* A NaN in the weights is found in the step that meets it, and named. */
/* Feedback that does not learn stays as drawn, whatever optimizer is left beside it. */
START_TEST(fixed_feedback_stays)
{
    static const char *const mapping[] = { "{name: dfa, ", "{name: fa, ",
                                           "{name: dtp, target_stepsize: 0.5, mapping: fixed, feedback_loss: none, " };
    for (size_t i = 0; i < sizeof mapping / sizeof *mapping; i++) {
        struct fixture f, plain;
        char own[256], without[256];
        snprintf(own, sizeof own,
                 "{algorithm: %sfeedback: {optimizer: {name: sgd, stepsize: 0.1, weight_decay: 0.5}}}}", mapping[i]);
        snprintf(without, sizeof without, "{algorithm: %s}}", mapping[i]);
        fixture_open(&f, BLOBS, own);
        fixture_open(&plain, BLOBS, without);
        const size_t n = f.trial->credit.n_feedback_vector * sizeof(real);
        ck_assert_uint_gt(n, 0);
        fixture_steps(&f, 3);
        fixture_steps(&plain, 3);
        ck_assert(memcmp(f.trial->credit.feedback_weights, plain.trial->credit.feedback_weights, n) == 0);
        ck_assert(memcmp(f.trial->chain.weights, plain.trial->chain.weights, f.trial->chain.n_weights * sizeof(real)) ==
                  0);
        fixture_close(&f);
        fixture_close(&plain);
    }
}
END_TEST

START_TEST(nan_in_a_weight)
{
    static const char *const data[] = { GIVEN_FLAT, GIVEN_RECURRENT, NULL };
    for (size_t i = 0; data[i]; i++)
        for (size_t j = 0; algorithms[j]; j++)
            for (size_t layer = 0; layer < 2; layer++) {
                struct fixture f;
                fixture_given(&f, data[i], algorithms[j]);
                const struct unit *l = &f.trial->chain.units[layer];
                const size_t last = l->n_params - 1;
                char tensor[64];
                unit_param(l, last, f.trial->chain.weights).p[1] = NAN;
                unit_param_name(l, last, "layers", tensor, sizeof tensor);
                diverges(&f, tensor, (int64_t)layer);
                fixture_close(&f);
            }
}
END_TEST

START_TEST(infinite_input)
{
    struct fixture f;
    fixture_given(&f, "{dataset: {name: given, features: 3, outputs: 4}, network: {layers: [dense: {units: 4}]}}",
                  "{algorithm: bp}");
    f.trial->pass.batch.x[1] = INFINITY;
    diverges(&f, "loss", -1);
    fixture_close(&f);
}
END_TEST

/* Sheet 11.11: a small r and saturated states multiply displacements by up to 500 / (2 sqrt r) each step. */
START_TEST(overflow_of_displacements)
{
    for (int update = 0; update < 2; update++) {
        struct fixture f;
        char own[256];
        snprintf(own, sizeof own,
                 "{algorithm: {name: tp, target_stepsize: 1, mapping: {regularization: 1e-6}, update: %s}}",
                 update_registry.parts[update]->name);
        fixture_given(&f,
                      "{dataset: {name: given, length: 250, features: 3, outputs: 4}, network: {layers: [rnn: {units: "
                      "6}, dense: {units: 4}],"
                      " init: {weights: {name: normal, std: 1}}}}",
                      own);
        diverges(&f, "layers.0.weight_ih", 0);
        fixture_close(&f);
    }
}
END_TEST

START_TEST(singular_matrix)
{
    struct fixture f;
    fixture_given(&f, GIVEN_RECURRENT, "{algorithm: {name: tp, target_stepsize: 1, mapping: {regularization: 0}}}");
    const struct mat w = unit_param(&f.trial->chain.units[0], 1, f.trial->chain.weights);
    for (size_t j = 0; j < w.cols; j++)
        w.p[j] = 2 * w.p[w.cols + j];
    struct err e = { 0 };
    chain_refresh(&f.trial->chain);
    ck_assert_int_eq(step_train(f.trial, false, &e), ERR_SINGULAR);
    err_clear(&e);
    fixture_close(&f);
}
END_TEST

/* stop.nonfinite false lets a trial go on. */
START_TEST(nonfinite_may_be_allowed)
{
    struct fixture f;
    fixture_given(&f, GIVEN_FLAT, "{train: {stop: {nonfinite: false}}}");
    f.trial->chain.weights[0] = NAN;
    chain_refresh(&f.trial->chain);
    step(&f);
    fixture_close(&f);
}
END_TEST

/* Whether any weight of a feedback unit has moved. */
static bool has_moved(const struct unit *g, real *before, real *after)
{
    bool moved = false;
    for (size_t j = 0; j < g->n_params; j++)
        moved |= memcmp(unit_param(g, j, before).p, unit_param(g, j, after).p,
                        g->params[j].rows * g->params[j].cols * sizeof(real)) != 0;
    return moved;
}

/* A feedback unit without weights takes its place in lists of one entry for each. */
START_TEST(steps_of_units_beside_one_without_weights)
{
    struct fixture f;
    fixture_open(&f, "{dataset: {name: gaussian, features: 3, classes: 4, train_size: 20, eval_size: 7, test_size: 3}}",
                 "{network: {layers: [dense: {units: 6, activation: tanh}, global_average_pool, dense: {units: 5, "
                 "activation: tanh}, dense: {units: 4}]}, algorithm: {name: dtp, target_stepsize: 0.5, feedback_loss: "
                 "{noise: 0.1}, head: 0, feedback: {optimizer: {name: sgd, stepsize: 0.1}, steps: [3, 1, 0]}}}");
    struct credit *c = &f.trial->credit;
    ck_assert_uint_eq(c->n_feedback, 3);
    ck_assert_uint_eq(c->feedback[0].unit.n_params, 0);
    real *before = arena_need(&f.arena, c->n_feedback_vector, sizeof *before);
    memcpy(before, c->feedback_weights, c->n_feedback_vector * sizeof *before);
    fixture_steps(&f, 1);
    ck_assert(has_moved(&c->feedback[1].unit, before, c->feedback_weights));
    ck_assert(!has_moved(&c->feedback[2].unit, before, c->feedback_weights));
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, steps_of_units_beside_one_without_weights);
    tcase_add_test(t, sgd_follows_the_update);
    tcase_add_test(t, an_optimizer_for_each_unit);
    tcase_add_test(t, the_next_step_is_on_the_moved_weights);
    tcase_add_test(t, layers_in_turn);
    tcase_add_test(t, schedules);
    tcase_add_test(t, a_schedule_for_each_unit);
    tcase_add_test(t, noise_belongs_to_the_feedback_step);
    tcase_add_test(t, feedback_learns_to_reconstruct);
    tcase_add_test(t, fixed_feedback_stays);
    tcase_add_test(t, nan_in_a_weight);
    tcase_add_test(t, infinite_input);
    tcase_add_test(t, overflow_of_displacements);
    tcase_add_test(t, singular_matrix);
    tcase_add_test(t, nonfinite_may_be_allowed);
}

CHECK_MAIN("step", add_tests)
