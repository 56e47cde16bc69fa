/* Epochs that train the feedback weights alone: when they come, on which samples and noise, what they leave alone, and
 * that a trial stopped anywhere among them goes on bit for bit. */
#include "../check_main.h"
#include "fixture.h"
#include "math/normal.h"

#define FAR (UINT64_C(1) << 63)
#define N_TRAIN 20 /* of BLOBS; 3 divides it not: 7 minibatches are an epoch */
#define PER_EPOCH 7

#define SCHEDULE                                                                                                       \
    "{train: {iterations: 16, optimizer: {name: adam, stepsize: 0.02}}, algorithm: {name: dtp, target_stepsize: 0.5, " \
    "feedback_loss: {name: %s, noise: 0.1}, feedback: {optimizer: {name: adam, stepsize: 0.01}, schedule: %s, steps: " \
    "%d, pretrain_epochs: 2, extra_epochs: 1}}, log: {every: 5, metrics: [train_loss, feedback_epoch_loss, "           \
    "displacement_norm, feedback_loss]}}"

static int run(struct fixture *f, struct records *r, const struct trial_control *control, struct trial_outcome *end,
               struct err *e)
{
    return trial_run(f->trial, &r->sink, control, end, e);
}

static void check_weights(const char *what, const struct trial *a, const struct trial *b)
{
    ck_assert_msg(memcmp(a->chain.weights, b->chain.weights, a->chain.n_vector * sizeof(real)) == 0, "%s: weights",
                  what);
    ck_assert_msg(
        memcmp(a->credit.feedback_weights, b->credit.feedback_weights, a->credit.n_feedback_vector * sizeof(real)) == 0,
        "%s: feedback weights", what);
}

/* ---- the schedule by a plain loop, on a trial whose own is not used ---- */

struct plain {
    struct trial *t;
    int64_t feedback_steps, minibatches; /* done */
    double loss[2][8];                   /* [feedback layer][epoch] */
};

static void plain_noise(struct trial *t, uint64_t item)
{
    for (size_t i = 0; i < t->credit.n_draws; i++) {
        struct rng r = rng_stream((uint64_t)t->config->seed, t->credit.draws[i].name);
        rng_seek(&r, item);
        normal_fill(&r, t->credit.draws[i].to);
    }
}

static void plain_epoch(struct plain *p, int epoch)
{
    struct trial *t = p->t;
    struct err e = { 0 };
    const struct optim_def *adam = (const struct optim_def *)t->config->algorithm.feedback.optimizer.items[0].part;
    for (int i = 0; i < PER_EPOCH; i++, p->minibatches++) {
        const uint64_t first = FAR / N_TRAIN * N_TRAIN + (uint64_t)p->minibatches * 3;
        t->dataset->fill(t->config->dataset.opts, t->dataset_state, SPLIT_TRAIN, first, &t->pass.batch);
        chain_forward(&t->pass);
        must(credit_head(&t->credit, &t->pass, t->config->loss, t->gradient, &e), &e);
        must(credit_refresh(&t->credit, &t->pass, &e), &e);
        must(credit_targets(&t->credit, &t->pass, &e), &e);
        plain_noise(t, FAR + (uint64_t)p->minibatches);
        must(credit_feedback(&t->credit, &t->pass, NULL, &e), &e);
        for (size_t k = 0; k < t->credit.n_feedback; k++) {
            const struct group *g = &t->feedback.groups[k];
            adam->step(t->config->algorithm.feedback.optimizer.items[0].opts, p->feedback_steps + 1, g->n,
                       t->feedback.weights + g->offset, t->feedback.gradient + g->offset, NULL, g->slots);
            p->loss[k][epoch] += t->credit.feedback[k].loss / PER_EPOCH;
        }
        p->feedback_steps++;
    }
}

/* 2 epochs, 7 steps, 1 epoch, 7 steps, 1 epoch, 2 steps. */
static void check_schedule(const char *loss, const char *schedule, int steps)
{
    char own[640], what[96];
    struct fixture f, g;
    struct records r = records_new();
    struct trial_outcome end;
    struct err e = { 0 };
    const struct trial_control control = { 0 };
    snprintf(what, sizeof what, "%s, %s, steps %d", loss, schedule, steps);
    snprintf(own, sizeof own, SCHEDULE, loss, schedule, steps);
    fixture_open(&f, BLOBS, own);
    must(run(&f, &r, &control, &end, &e), &e);
    ck_assert_int_eq(end.step, 16);
    ck_assert_int_eq(f.trial->feedback_only.done, 4 * PER_EPOCH);

    snprintf(own, sizeof own, SCHEDULE, loss, schedule, steps);
    fixture_open(&g, BLOBS, own);
    struct plain p = { .t = g.trial };
    for (int epoch = 0, step = 0; epoch < 4; epoch++) {
        plain_epoch(&p, epoch);
        for (const int until = epoch == 0 ? 0 : epoch < 3 ? 7 * epoch : 16; step < until; step++) {
            g.trial->feedback_only.done = p.minibatches; /* the count of the feedback optimizer's steps */
            fixture_steps(&g, 1);
            p.feedback_steps += steps;
        }
    }
    check_weights(what, f.trial, g.trial);
    for (size_t k = 0; k < g.trial->credit.n_feedback; k++)
        for (int epoch = 0; epoch < 4; epoch++) {
            char name[64];
            snprintf(name, sizeof name, "feedback_epoch_loss.%zu", g.trial->credit.feedback[k].target);
            ck_assert_double_eq_tol(records_value(&r, name, epoch + 1), p.loss[k][epoch],
                                    1e-12 * (1 + p.loss[k][epoch]));
        }
    ck_assert_ptr_null(strstr(r.text.s, "feedback_epoch_loss.0 5 "));
    text_free(&r.text);
    fixture_close(&f);
    fixture_close(&g);
}

START_TEST(epochs_come_when_they_are_due)
{
    check_schedule("reconstruction", "first", 1);
    check_schedule("reconstruction", "first", 2);
    check_schedule("reconstruction", "first", 0);
    check_schedule("reconstruction", "joint", 1);
    check_schedule("inversion", "joint", 1);
    check_schedule("inversion", "first", 0); /* targets are there in feedback-only minibatches */
}
END_TEST

/* Training sees the samples it sees without such epochs, and its first log is of the initial weights. */
START_TEST(forward_weights_stay)
{
    struct fixture f, g;
    struct records r = records_new();
    struct trial_outcome end;
    struct err e = { 0 };
    const struct trial_control control = { 0 };
    fixture_open(&f, BLOBS,
                 "{train: {iterations: 0}, algorithm: {name: dtp, target_stepsize: 0.5, feedback_loss: {name: "
                 "reconstruction, noise: 0.1}, "
                 "feedback: {optimizer: {name: sgd, stepsize: 0.1}, pretrain_epochs: 20}}, log: {metrics: [train_loss, "
                 "feedback_epoch_loss]}}");
    fixture_open(&g, BLOBS,
                 "{algorithm: {name: dtp, target_stepsize: 0.5, feedback_loss: {name: reconstruction, noise: 0.1}, "
                 "feedback: {optimizer: "
                 "{name: sgd, stepsize: 0.1}}}}");
    must(run(&f, &r, &control, &end, &e), &e);
    ck_assert(memcmp(f.trial->chain.weights, g.trial->chain.weights, f.trial->chain.n_vector * sizeof(real)) == 0);
    ck_assert(memcmp(f.trial->credit.feedback_weights, g.trial->credit.feedback_weights,
                     f.trial->credit.n_feedback_vector * sizeof(real)) != 0);
    ck_assert_double_lt(records_value(&r, "feedback_epoch_loss.0", 20),
                        records_value(&r, "feedback_epoch_loss.0", 1) / 2);
    const struct evaluation *v;
    must(evaluate(g.trial, SPLIT_EVAL, &v, &e), &e);
    ck_assert_double_eq(records_value(&r, "train_loss", 0), v->loss);
    text_free(&r.text);
    fixture_close(&f);
    fixture_close(&g);
}
END_TEST

/* steps: 0: training steps do not move the feedback weights. */
START_TEST(no_feedback_steps)
{
    static const char *const schedules[] = { "first", "joint" };
    for (size_t i = 0; i < 2; i++) {
        char own[256];
        struct fixture f, g;
        snprintf(own, sizeof own,
                 "{algorithm: {name: dtp, target_stepsize: 0.5, feedback: {optimizer: {name: sgd, stepsize: 0.1}, "
                 "steps: 0, pretrain_epochs: 1, schedule: %s}}}",
                 schedules[i]);
        fixture_open(&f, BLOBS, own);
        fixture_open(&g, BLOBS, own);
        fixture_steps(&f, 5);
        const size_t n = f.trial->credit.n_feedback_vector * sizeof(real);
        ck_assert(memcmp(f.trial->credit.feedback_weights, g.trial->credit.feedback_weights, n) == 0);
        ck_assert(memcmp(f.trial->chain.weights, g.trial->chain.weights, f.trial->chain.n_vector * sizeof(real)) != 0);
        fixture_close(&f);
        fixture_close(&g);
    }
}
END_TEST

/* A batch size that divides the training set: each feedback-only epoch has every training sample once, in an order of
 * its own. */
START_TEST(an_epoch_has_every_sample_once)
{
    enum { ROWS = 5, D = 3 };
    struct fixture f;
    fixture_open(&f, BLOBS,
                 "{train: {batch_size: 5, iterations: 0}, algorithm: {name: dtp, target_stepsize: 0.5, feedback: "
                 "{optimizer: {name: sgd, "
                 "stepsize: 0.1}, pretrain_epochs: 2}}}");
    struct trial *t = f.trial;
    struct records r = records_new();
    struct err e = { 0 };
    real seen[3][N_TRAIN][D];
    for (size_t b = 0; b < 2 * N_TRAIN / ROWS; b++) {
        must(feedback_only_minibatch(t, &r.sink, &e), &e);
        memcpy(seen[b * ROWS / N_TRAIN][b * ROWS % N_TRAIN], t->pass.batch.x, ROWS * D * sizeof(real));
    }
    for (size_t b = 0; b < N_TRAIN / ROWS; b++) {
        t->dataset->fill(f.config.dataset.opts, t->dataset_state, SPLIT_TRAIN, b * ROWS, &t->pass.batch);
        memcpy(seen[2][b * ROWS], t->pass.batch.x, ROWS * D * sizeof(real));
    }
    for (size_t a = 0; a < 3; a++) {
        const size_t b = (a + 1) % 3;
        ck_assert(memcmp(seen[a], seen[b], sizeof seen[a]) != 0);
        for (size_t i = 0; i < N_TRAIN; i++) {
            int n = 0;
            for (size_t j = 0; j < N_TRAIN; j++)
                n += memcmp(seen[a][i], seen[b][j], sizeof seen[a][i]) == 0;
            ck_assert_int_eq(n, 1);
        }
    }
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

/* ---- noise ---- */

#define NOISY                                                                                                          \
    "{network: {layers: [dense: {units: 5, activation: sigmoid, transmit: bernoulli}, dense: {units: 6, activation: "  \
    "sigmoid, transmit: bernoulli}, dense: {units: 4}], input_noise: {std: 0.3}}, algorithm: {name: dtp, "             \
    "target_stepsize: 0.5, mapping: {activation: tanh}, feedback_loss: {noise: 0.5}, feedback: {optimizer: {name: "    \
    "sgd, stepsize: 0.01}, steps: 1, pretrain_epochs: 2}}}"

/* Copies of what every stream has drawn last: of the input, of units that send random numbers, of feedback units. */
static size_t draws_of(struct fixture *f, struct mat *to)
{
    const struct noise *const all[] = { &f->trial->pass_noise, &f->trial->feedback_noise };
    size_t n = 0;
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < all[i]->n; j++, n++) {
            const struct mat from = all[i]->sources[j].to;
            to[n] = mat_new(&f->arena, from.rows, from.cols);
            mat_copy(from, to[n]);
        }
    return n;
}

/* No minibatch, of training or of feedback alone, has the noise of another one. */
START_TEST(no_noise_is_used_twice)
{
    enum { EACH = 9, STREAMS = 5 };
    struct fixture f;
    struct records r = records_new();
    struct err e = { 0 };
    struct mat draws[2 * EACH][STREAMS];
    fixture_open(&f, BLOBS, NOISY);
    ck_assert_uint_eq(f.trial->pass_noise.n + f.trial->feedback_noise.n, STREAMS);
    for (size_t i = 0; i < EACH; i++) {
        must(feedback_only_minibatch(f.trial, &r.sink, &e), &e);
        draws_of(&f, draws[2 * i]);
        fixture_steps(&f, 1);
        draws_of(&f, draws[2 * i + 1]);
    }
    for (size_t s = 0; s < STREAMS; s++)
        for (size_t i = 0; i < 2 * EACH; i++)
            for (size_t j = 0; j < i; j++)
                ck_assert_msg(memcmp(draws[i][s].p, draws[j][s].p, mat_n(draws[i][s]) * sizeof(real)) != 0,
                              "stream %zu: minibatches %zu and %zu", s, j, i);
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

/* ---- stopped and resumed ---- */

struct stopper {
    int polls, at;
};
static int stop_at_poll(void *self)
{
    struct stopper *s = self;
    return s->polls++ == s->at ? TRIAL_STOP : TRIAL_CONTINUE;
}

/* There are 16 training steps and 28 feedback-only minibatches to be stopped before. */
START_TEST(stopped_anywhere)
{
    char own[640], folder[64];
    struct fixture whole;
    struct records all = records_new();
    struct trial_outcome outcome;
    struct err e = { 0 };
    const struct trial_control plain = { 0 };
    scratch_make(folder);
    snprintf(own, sizeof own, SCHEDULE, "reconstruction", "first", 1);
    fixture_open(&whole, BLOBS, own);
    must(run(&whole, &all, &plain, &outcome, &e), &e);
    for (int at = 0; at < 16 + 4 * PER_EPOCH; at++) {
        struct fixture first, second;
        struct records r = records_new();
        struct trial_outcome end;
        struct stopper s = { .at = at };
        const struct trial_control stopping = {
            .poll = stop_at_poll, .self = &s, .checkpoint_folder = folder, .checkpoint_key = KEY
        };
        fixture_open(&first, BLOBS, own);
        fixture_open(&second, BLOBS, own);
        ck_assert_int_eq(run(&first, &r, &stopping, &end, &e), ERR_STOPPED);
        err_clear(&e);
        ck_assert_int_eq(first.trial->step + first.trial->feedback_only.done, at);
        must(restore_from(second.trial, folder, r.checkpoint, r.sha256, &e), &e);
        ck_assert_int_eq(second.trial->feedback_only.done, first.trial->feedback_only.done);
        if (at == 0)
            text_clear(&r.text); /* the log of step 0 is written again */
        must(run(&second, &r, &plain, &end, &e), &e);
        ck_assert_msg(strcmp(r.text.s, all.text.s) == 0, "stopped at %d:\n%s\ninstead of\n%s", at, r.text.s,
                      all.text.s);
        ck_assert_str_eq(end.weights_sha256, outcome.weights_sha256);
        check_weights("resumed", second.trial, whole.trial);
        text_free(&r.text);
        fixture_close(&first);
        fixture_close(&second);
    }
    text_free(&all.text);
    fixture_close(&whole);
    scratch_remove(folder);
}
END_TEST

/* Two checkpoints of one step are two files: the first is whole as long as the database may name it. */
START_TEST(checkpoints_of_a_step_have_files_of_their_own)
{
    char own[640], folder[64], before[CHECKPOINT_NAME_SIZE], sha256[65];
    struct fixture f, g;
    struct records r = records_new();
    struct err e = { 0 };
    scratch_make(folder);
    snprintf(own, sizeof own, SCHEDULE, "reconstruction", "first", 1);
    fixture_open(&f, BLOBS, own);
    fixture_open(&g, BLOBS, own);
    must(feedback_only_minibatch(f.trial, &r.sink, &e), &e);
    must(checkpoint_write(f.trial, folder, KEY, &r.sink, &e), &e);
    snprintf(before, sizeof before, "%s", r.checkpoint);
    snprintf(sha256, sizeof sha256, "%s", r.sha256);
    must(feedback_only_minibatch(f.trial, &r.sink, &e), &e);
    must(checkpoint_write(f.trial, folder, KEY, &r.sink, &e), &e);
    ck_assert_str_ne(before, r.checkpoint);
    must(restore_from(g.trial, folder, before, sha256, &e), &e);
    ck_assert_int_eq(g.trial->feedback_only.done, 1);
    text_free(&r.text);
    fixture_close(&f);
    fixture_close(&g);
    scratch_remove(folder);
}
END_TEST

/* A longer budget gives what it gives in one go. */
START_TEST(a_longer_budget)
{
    char own[640], folder[64];
    struct fixture whole, first, second;
    struct records r = records_new(), ignored = records_new();
    struct trial_outcome end;
    struct err e = { 0 };
    const struct trial_control plain = { 0 };
    scratch_make(folder);
    const struct trial_control saving = { .checkpoint_folder = folder, .checkpoint_key = KEY };
    snprintf(own, sizeof own, SCHEDULE, "reconstruction", "first", 1);
    fixture_open(&whole, BLOBS, own);
    fixture_open(&first, BLOBS, own);
    fixture_open(&second, BLOBS, own);
    first.config.checkpoint.keep = KEEP_LAST;
    first.trial->budget = 7; /* one epoch: the feedback-only one after it belongs to it */
    must(run(&first, &r, &saving, &end, &e), &e);
    ck_assert_int_eq(first.trial->feedback_only.done, 3 * PER_EPOCH);
    must(restore_from(second.trial, folder, r.checkpoint, r.sha256, &e), &e);
    must(run(&second, &ignored, &plain, &end, &e), &e);
    must(run(&whole, &ignored, &plain, &end, &e), &e);
    check_weights("longer", second.trial, whole.trial);
    text_free(&r.text);
    text_free(&ignored.text);
    fixture_close(&whole);
    fixture_close(&first);
    fixture_close(&second);
    scratch_remove(folder);
}
END_TEST

/* ---- where numbers end ---- */

START_TEST(diverging_feedback)
{
    struct fixture f;
    struct records r = records_new();
    struct trial_outcome end;
    struct err e = { 0 };
    const struct trial_control plain = { 0 };
    fixture_open(&f, BLOBS,
                 "{algorithm: {name: dtp, target_stepsize: 0.5, mapping: {activation: linear}, feedback: {optimizer: "
                 "{name: sgd, stepsize: 1e20}, "
                 "pretrain_epochs: 9}}}");
    ck_assert_int_eq(run(&f, &r, &plain, &end, &e), ERR_DIVERGED);
    ck_assert_ptr_nonnull(strstr(err_first(&e), "the loss of feedback layer 0 is not finite"));
    err_clear(&e);
    ck_assert_str_eq(end.tensor, "feedback.0");
    ck_assert_int_eq(end.layer, 0);
    ck_assert_int_eq(end.step, 0);
    ck_assert(isnan(records_value(&r, "train_loss", 1)));
    ck_assert_ptr_nonnull(strstr(r.text.s, "diverged 1: "));
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

/* ---- what it takes ---- */

START_TEST(the_plan_counts_them)
{
    char own[640];
    struct fixture f;
    struct trial_size size;
    struct err e = { 0 };
    snprintf(own, sizeof own, SCHEDULE, "reconstruction", "first", 1);
    fixture_bind(&f, BLOBS, own);
    must(trial_measure(&f.config, &size, &f.arena, &e), &e);
    ck_assert_double_eq(size.n_feedback, 4 * PER_EPOCH);
    ck_assert_double_gt(size.flops_per_feedback, 0);
    ck_assert_double_lt(size.flops_per_feedback, size.flops_per_step);
    arena_finish(&f.arena);
    fixture_bind(&f, BLOBS, "{algorithm: bp}");
    must(trial_measure(&f.config, &size, &f.arena, &e), &e);
    ck_assert_double_eq(size.n_feedback, 0);
    arena_finish(&f.arena);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, epochs_come_when_they_are_due);
    tcase_add_test(t, forward_weights_stay);
    tcase_add_test(t, no_feedback_steps);
    tcase_add_test(t, an_epoch_has_every_sample_once);
    tcase_add_test(t, no_noise_is_used_twice);
    tcase_add_test(t, stopped_anywhere);
    tcase_add_test(t, checkpoints_of_a_step_have_files_of_their_own);
    tcase_add_test(t, a_longer_budget);
    tcase_add_test(t, diverging_feedback);
    tcase_add_test(t, the_plan_counts_them);
}

CHECK_MAIN("feedback_only", add_tests)
