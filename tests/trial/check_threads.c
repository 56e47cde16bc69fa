/* Threads inside a trial: the same bits for any number of them, on nets that are large enough to be shared. */
#include "../check_main.h"
#include "fixture.h"

#include "base/hash.h"
#include "base/team.h"
#include <stdatomic.h>

static atomic_size_t shared; /* loops that were cut into parts */

void __real_team_run(size_t n, size_t parts, size_t step, team_part *part, void *work);
void __wrap_team_run(size_t n, size_t parts, size_t step, team_part *part, void *work);
void __wrap_team_run(size_t n, size_t parts, size_t step, team_part *part, void *work)
{
    shared += parts > 1;
    __real_team_run(n, parts, step, part, work);
}

static const char dense[] =
    "{dataset: {name: given, features: 530, outputs: 10}, network: {layers: [dense: {units: 520, activation: tanh}, "
    "dense: {units: 516, activation: elu}, dense: {units: 10}]}, train: {batch_size: 40, optimizer: {name: adam, "
    "stepsize: 0.001}}}";
static const char taps[] =
    "{dataset: {name: given, features: 784, image: [1, 28, 28], outputs: 10}, network: {layers: [unit: [conv: "
    "{channels: 8, kernel: 5, padding: 2, activation: elu}, max_pool: {kernel: 3, stride: 2, padding: 1}], unit: "
    "[conv: {channels: 9, kernel: 3, padding: 1, activation: tanh}, avg_pool: {kernel: 2}], unit: [flatten, dense: "
    "{units: 30, activation: elu}], dense: {units: 10}]}, train: {batch_size: 41, optimizer: {name: momentum, "
    "stepsize: 0.01}}}";
static const char windows[] =
    "{dataset: {name: given, features: 768, image: [3, 16, 16], outputs: 10}, network: {layers: [conv: {channels: 70, "
    "kernel: 5, padding: 2, activation: tanh}, conv: {channels: 12, kernel: 3, stride: 2, activation: tanh}, unit: "
    "[flatten, dense: {units: 10}]]}, train: {batch_size: 9, optimizer: {name: rmsprop, stepsize: 0.001}}}";
static const char recurrent[] =
    "{dataset: {name: given, length: 6, features: 40, outputs: 10}, network: {layers: [rnn: {units: 520}, dense: "
    "{units: 10}]}, train: {batch_size: 60, optimizer: {name: adagrad, stepsize: 0.001}}}";
static const char gated[] =
    "{dataset: {name: given, length: 6, features: 40, outputs: 10}, network: {layers: [gru: {units: 200}, dense: "
    "{units: 10}]}, train: {batch_size: 60}}";

#define LEARNS "feedback: {optimizer: {name: sgd, stepsize: 0.01}}"
static const struct {
    const char *net, *algorithm;
} cases[] = {
    { dense, "bp" },
    { dense, "{name: tp, target_stepsize: 0.5, mapping: {regularization: 1}}" },
    { dense, "{name: dtp_drl, target_stepsize: 0.5, feedback_loss: {noise: 0.1}, " LEARNS "}" },
    { dense, "{name: ddtp_linear, target_stepsize: 0.5, feedback_loss: {noise: 0.1}, " LEARNS "}" },
    { dense, "{name: dtp, target_stepsize: 0.5, feedback_loss: {noise: 0.1}, " LEARNS "}" },
    { taps, "bp" },
    { taps, "{name: tjml, target_stepsize: 0.5}" },
    { taps, "{name: dtp, target_stepsize: 0.5, feedback_loss: {noise: 0.1}, " LEARNS "}" },
    { windows, "bp" },
    { windows, "{name: ldrl, target_stepsize: 0.5, feedback_loss: {noise: 0.1}, " LEARNS "}" },
    { recurrent, "bp" },
    { recurrent, "{name: tp, target_stepsize: 0.5, mapping: {regularization: 1}}" },
    { gated, "bp" },
};

static void add_optimizer(struct hash *h, const struct optimizer *o)
{
    for (size_t i = 0; i < o->n_groups; i++)
        hash_add(h, o->groups[i].slots, o->groups[i].n * optim_def_of(o->groups[i].choice)->n_slots * sizeof(real));
}

/* What three steps leave, and an evaluation of the batch after them. */
static void train(const char *net, const char *algorithm, char hex[65])
{
    char own[480];
    struct fixture f;
    struct err e = { 0 };
    struct hash h;
    snprintf(own, sizeof own, "{algorithm: %s}", algorithm);
    fixture_given(&f, net, own);
    struct trial *t = f.trial;
    for (int i = 0; i < 3; i++, t->step++)
        must(step_train(t, false, &e), &e);
    chain_forward(&t->pass);
    hash_init(&h);
    hash_add(&h, t->chain.weights, t->chain.n_vector * sizeof(real));
    hash_add(&h, t->gradient, t->chain.n_vector * sizeof(real));
    if (t->credit.n_feedback_vector)
        hash_add(&h, t->credit.feedback_weights, t->credit.n_feedback_vector * sizeof(real));
    add_optimizer(&h, &t->forward);
    add_optimizer(&h, &t->feedback);
    const struct mat out = t->pass.links[t->chain.n_links - 1].out;
    ck_assert(mat_all_finite(out));
    hash_add(&h, out.p, mat_n(out) * sizeof(real));
    hash_hex(&h, hex);
    fixture_close(&f);
}

START_TEST(bits_do_not_depend_on_threads)
{
    static const size_t threads[] = { 1, 2, 3, 16 };
    const char *net = cases[_i].net, *algorithm = cases[_i].algorithm;
    char without[65], with[65];
    shared = 0;
    train(net, algorithm, without);
    ck_assert_msg(shared > 0, "%s, %s: nothing is shared", net, algorithm);
    for (size_t k = 0; k < sizeof threads / sizeof *threads; k++) {
        struct team *team;
        struct err e = { 0 };
        must(team_open(&team, threads[k], &e), &e);
        train(net, algorithm, with);
        ck_assert_msg(!strcmp(with, without), "%s, %s: other numbers with %zu threads", net, algorithm, threads[k]);
        team_close(team);
    }
}
END_TEST

/* A batch of images, scaled, and noise. */
START_TEST(what_a_trial_reads_does_not_depend_on_threads)
{
    char first[65];
    for (size_t threads = 0; threads <= 3; threads++) {
        struct team *team = NULL;
        struct err e = { 0 };
        struct hash h;
        char hex[65];
        struct rng r[2] = { rng_stream(1, "a"), rng_stream(1, "b") };
        real *p = malloc(2 * 10000 * sizeof *p);
        ck_assert_ptr_nonnull(p);
        struct noise_source sources[2] = { { r[0], DRAWS_NORMAL, mat_of(p, 100, 100) },
                                           { r[1], DRAWS_UNIFORM, mat_of(p + 10000, 100, 100) } };
        struct noise noise = { .n = 2, .sources = sources };
        if (threads)
            must(team_open(&team, threads, &e), &e);
        shared = 0;
        noise_draw(&noise, 7);
        ck_assert_uint_eq(shared, 1);
        hash_init(&h);
        hash_add(&h, p, 2 * 10000 * sizeof *p);
        hash_hex(&h, threads ? hex : first);
        ck_assert(threads == 0 || !strcmp(hex, first));
        free(p);
        team_close(team);
    }
}
END_TEST

START_TEST(threads_are_no_part_of_the_identity)
{
    static const char *const given[] = { "{}", "{train: {threads: 1}}", "{train: {threads: 16}}",
                                         "{train: {threads: auto}}" };
    static const int64_t threads[] = { 1, 1, 16, THREADS_AUTO };
    char key[65], shape[65], other[65];
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        struct fixture f;
        struct text json = { 0 };
        fixture_bind(&f, GIVEN_FLAT, given[i]);
        ck_assert_int_eq(f.config.train.threads, threads[i]);
        config_key(&f.config, i ? other : key);
        ck_assert(i == 0 || !strcmp(key, other));
        config_shape(&f.config, i ? other : shape);
        ck_assert(i == 0 || !strcmp(shape, other));
        config_json(&f.config, &json);
        ck_assert((strstr(json.s, "threads") != NULL) == (i > 1));
        ck_assert(i != 3 || strstr(json.s, "\"threads\":\"auto\""));
        text_free(&json);
        arena_finish(&f.arena);
    }
    ck_assert(config_is_budget("train.threads", NULL));
}
END_TEST

START_TEST(threads_that_are_none)
{
    static const char *const wrong[][2] = {
        { "0", "train.threads: 0 is out of range; expected an integer >= 1 and <= 64, or auto" },
        { "-1", "train.threads: -1 is out of range; expected an integer >= 1 and <= 64, or auto" },
        { "65", "train.threads: 65 is out of range; expected an integer >= 1 and <= 64, or auto" },
        { "1.5", "train.threads: expected an integer, or auto, found " },
        { "all", "train.threads: expected an integer, or auto, found a string 'all'" },
        { "[2]", "train.threads: expected an integer, or auto, found a list" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char own[64];
        struct arena a;
        struct config c;
        struct err e = { 0 };
        arena_init(&a, 0);
        snprintf(own, sizeof own, "{train: {threads: %s}}", wrong[i][0]);
        ck_assert_int_eq(config_lines(&c, &a, &e, TRIAL_BASE, GIVEN_FLAT, own, NULL), ERR_SPEC);
        ck_assert_msg(strstr(err_first(&e), wrong[i][1]) != NULL, "%s", err_first(&e));
        err_clear(&e);
        arena_finish(&a);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_loop_test(t, bits_do_not_depend_on_threads, 0, sizeof cases / sizeof *cases);
    tcase_add_test(t, what_a_trial_reads_does_not_depend_on_threads);
    tcase_add_test(t, threads_are_no_part_of_the_identity);
    tcase_add_test(t, threads_that_are_none);
}

CHECK_MAIN("threads", add_tests)
