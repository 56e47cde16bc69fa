/* Checkpoints: a restored trial goes on bit for bit as one that was never interrupted, and a file that is not its own
 * is refused without a trace. */
#include "../check_main.h"
#include "fixture.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Everything a trial carries from step to step. */
static void state_hash(const struct trial *t, char hex[65])
{
    struct hash h;
    hash_init(&h);
    hash_add_int(&h, t->step);
    hash_add(&h, t->chain.weights, t->chain.n_vector * sizeof(real));
    if (t->credit.n_feedback_vector)
        hash_add(&h, t->credit.feedback_weights, t->credit.n_feedback_vector * sizeof(real));
    const struct optimizer *const optimizers[] = { &t->forward, &t->feedback };
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < optimizers[i]->n_groups; j++)
            hash_add(&h, optimizers[i]->groups[j].slots,
                     optimizers[i]->groups[j].n *
                         ((const struct optim_def *)optimizers[i]->groups[j].choice.part)->n_slots * sizeof(real));
    hash_add_int(&h, t->feedback_only.done);
    for (size_t i = 0; t->feedback_only.loss_sum && i < t->credit.n_feedback; i++)
        hash_add_double(&h, t->feedback_only.loss_sum[i]);
    hash_add_double(&h, t->initial_loss);
    hash_add_double(&h, t->batch_loss_sum);
    hash_add_double(&h, t->batch_loss_count);
    hash_hex(&h, hex);
}

static void check_same(const char *what, const struct fixture *a, const struct fixture *b)
{
    char x[65], y[65];
    state_hash(a->trial, x);
    state_hash(b->trial, y);
    ck_assert_msg(strcmp(x, y) == 0, "%s: the states differ", what);
}

static void save(struct fixture *f, const char *folder, struct records *r)
{
    struct err e = { 0 };
    *r = records_new();
    must(checkpoint_write(f->trial, folder, KEY, &r->sink, &e), &e);
    ck_assert_int_eq(r->n_checkpoints, 1);
}

static void interrupted(const char *data, const char *own, const char *folder)
{
    struct fixture whole, before, after;
    struct records r;
    struct err e = { 0 };
    fixture_open(&whole, data, own);
    fixture_open(&before, data, own);
    fixture_open(&after, data, own);
    fixture_steps(&whole, 9);
    fixture_steps(&before, 4);
    save(&before, folder, &r);
    must(restore_from(after.trial, folder, r.checkpoint, r.sha256, &e), &e);
    check_same(own, &after, &before);
    ck_assert_int_eq(trial_step_number(after.trial), 4);
    fixture_steps(&after, 5);
    check_same(own, &after, &whole);
    fixture_close(&whole);
    fixture_close(&before);
    fixture_close(&after);
}

/* Forward per epoch, feedback per step, and a warm-up that ends after the interruption. */
#define SCHEDULED                                                                                                      \
    "{algorithm: {name: dtp, target_stepsize: 0.5, feedback_loss: {name: reconstruction, noise: 0.1}, feedback: "      \
    "{optimizer: {name: sgd, stepsize: 0.01, momentum: 0.9, schedule: {name: cosine, over: 8, per: step, warm_up: "    \
    "5}}, steps: 2}}, train: {optimizer: {name: sgd, stepsize: 0.02, momentum: 0.9, weight_decay: 0.01, schedule: "    \
    "{name: step, every: 1, factor: 0.5}}}}"

/* Every optimizer for both kinds of weights, on endless and on finite data. */
START_TEST(restored_trials_go_on_bit_for_bit)
{
    static const char *const data[] = { ORDER, ADDING, BLOBS, NULL };
    static const char *const algorithm[] = {
        "{algorithm: bp, train: {optimizer: {name: %s, stepsize: 0.02}}}",
        "{algorithm: {name: tp, target_stepsize: 0.5, update: through_chain}, train: {optimizer: {name: %s, stepsize: "
        "0.02}}}",
        "{algorithm: {name: dtp, target_stepsize: 0.5, feedback_loss: {name: reconstruction, noise: 0.1},"
        " feedback: {optimizer: {name: %s, stepsize: 0.01}, steps: 2}}, train: {optimizer: {name: %s, stepsize: "
        "0.02}}}",
        "{algorithm: {name: dfa}, train: {optimizer: {name: %s, stepsize: 0.02}}}",
        NULL,
    };
    char folder[64], own[512];
    scratch_make(folder);
    for (size_t i = 0; i < optim_registry.n_parts; i++)
        for (size_t j = 0; data[j]; j++)
            for (size_t k = 0; algorithm[k]; k++) {
                const char *name = optim_registry.parts[i]->name;
                snprintf(own, sizeof own, algorithm[k], name, name);
                interrupted(data[j], own, folder);
            }
    interrupted(ORDER, "{train: {optimizer: {name: sgd, stepsize: 0.02, momentum: 0.9, nesterov: true}}}", folder);
    interrupted(BLOBS,
                "{network: {layers: [unit: [dense: {units: 5, activation: gelu}, dense: {units: 6, activation: elu}], "
                "unit: [dense: {units: 5}, dense: "
                "{units: 4, activation: {name: leaky_relu, slope: 0.5}}], dense: {units: 4}]}, algorithm: {name: dtp, "
                "target_stepsize: 0.5, feedback_loss: "
                "{noise: [0.1]}, feedback: {optimizer: {name: adam, stepsize: 0.01}, stepsize: [0.02], steps: [3]}}}",
                folder);
    interrupted(BLOBS,
                "{network: {layers: [{dense: {units: 5, activation: elu}, repeat: 3}, dense: {units: 4}]}, algorithm: "
                "{name: dtp, target_stepsize: 0.5, "
                "feedback_loss: {noise: [0.1, 0.3]}, feedback: {optimizer: {name: adam, stepsize: 0.01}, stepsize: "
                "[0.02, 0.01], steps: [3, 1]}}}",
                folder);
    interrupted(BLOBS,
                "{network: {layers: [{dense: {units: 5}, repeat: 4}, dense: {units: 4}]}, algorithm: {name: dtp, "
                "target_stepsize: 0.5, feedback: {optimizer: [adam: {stepsize: 0.01}, sgd: {stepsize: 0.1}, {name: "
                "rmsprop, stepsize: 0.01, momentum: 0.5}], steps: [2, 1, 3]}}}",
                folder);
    interrupted(BLOBS, SCHEDULED, folder);
    interrupted(BLOBS,
                "{network: {layers: [dense: {units: 5, activation: elu}, {dense: {units: 6, activation: elu}, from: "
                "[0], repeat: 2}, {dense: {units: 4}, from: [0, 2, 1], join: concat}]}, algorithm: {name: idtp, "
                "feedback_loss: {noise: 0.1}, feedback: {optimizer: {name: adam, stepsize: 0.01}}}}",
                folder);
    interrupted(BLOBS, "{train: {optimizer: {name: rmsprop, stepsize: 0.001, centered: true, momentum: 0.5}}}", folder);
    interrupted(BLOBS,
                "{network: {layers: [dense: {units: 5, activation: sigmoid, transmit: bernoulli}, dense: {units: 6, "
                "activation: "
                "sigmoid, transmit: bernoulli}, dense: {units: 4}], input_noise: {std: 0.3}}, algorithm: {name: dtp, "
                "target_stepsize: "
                "0.5, mapping: {activation: tanh}, feedback_loss: {noise: 0.5, noise_decay: 2}, feedback: {optimizer: "
                "{name: sgd, stepsize: "
                "0.01}}}}",
                folder);
    scratch_remove(folder);
}
END_TEST

/* ---- trial_run: stopped and resumed at every step, records and all ---- */

struct stopper {
    const struct trial *trial;
    int64_t at;
};
static int stop_at(void *self)
{
    const struct stopper *s = self;
    return trial_step_number(s->trial) >= s->at ? TRIAL_STOP : TRIAL_CONTINUE;
}

#define RUN_OPTIONS RUN_TO("12")
#define RUN_TO(n)                                                                                                      \
    "train: {iterations: " n "}, log: {every: 3, metrics: [train_loss, test_loss, test_accuracy, batch_loss, "         \
    "update_norm, angle_bp]}, train.stop: {loss_above_initial: 50}"
#define RUN "{" RUN_OPTIONS "}"

START_TEST(runs_stopped_anywhere_give_the_same_records)
{
    char folder[64];
    scratch_make(folder);
    struct fixture whole;
    struct records all = records_new();
    struct trial_control control = { 0 };
    struct trial_outcome outcome;
    struct err e = { 0 };
    fixture_open(&whole, ORDER, RUN);
    must(trial_run(whole.trial, &all.sink, &control, &outcome, &e), &e);
    for (int64_t at = 0; at < 12; at++) {
        struct fixture first, second;
        struct records r = records_new();
        struct trial_outcome end;
        struct stopper s = { .at = at };
        control =
            (struct trial_control){ .poll = stop_at, .self = &s, .checkpoint_folder = folder, .checkpoint_key = KEY };
        fixture_open(&first, ORDER, RUN);
        s.trial = first.trial;
        ck_assert_int_eq(trial_run(first.trial, &r.sink, &control, &end, &e), ERR_STOPPED);
        err_clear(&e);
        ck_assert_int_eq(end.step, at);
        fixture_open(&second, ORDER, RUN);
        must(restore_from(second.trial, folder, r.checkpoint, r.sha256, &e), &e);
        control = (struct trial_control){ 0 };
        if (at == 0)
            text_clear(&r.text); /* the log of step 0 is written again */
        must(trial_run(second.trial, &r.sink, &control, &end, &e), &e);
        ck_assert_msg(strcmp(r.text.s, all.text.s) == 0, "stopped at step %lld:\n%s\ninstead of\n%s", (long long)at,
                      r.text.s, all.text.s);
        ck_assert_str_eq(end.weights_sha256, outcome.weights_sha256);
        text_free(&r.text);
        fixture_close(&first);
        fixture_close(&second);
    }
    text_free(&all.text);
    fixture_close(&whole);
    scratch_remove(folder);
}
END_TEST

/* Stopped at each step with a budget of 12, and resumed with one of 4: it goes on to its next log and ends there. */
START_TEST(an_end_behind_a_lowered_budget_is_logged)
{
    char folder[64];
    scratch_make(folder);
    struct err e = { 0 };
    for (int64_t at = 4; at < 12; at++) {
        struct fixture first, second;
        struct records r = records_new();
        struct trial_outcome end;
        struct stopper s = { .at = at };
        struct trial_control control = {
            .poll = stop_at, .self = &s, .checkpoint_folder = folder, .checkpoint_key = KEY
        };
        fixture_open(&first, ORDER, RUN);
        s.trial = first.trial;
        ck_assert_int_eq(trial_run(first.trial, &r.sink, &control, &end, &e), ERR_STOPPED);
        err_clear(&e);
        fixture_open(&second, ORDER, "{" RUN_TO("4") "}");
        must(restore_from(second.trial, folder, r.checkpoint, r.sha256, &e), &e);
        control = (struct trial_control){ 0 };
        must(trial_run(second.trial, &r.sink, &control, &end, &e), &e);
        ck_assert_int_eq(end.step, at == 4 ? at : (at + 2) / 3 * 3); /* log.every is 3 */
        if (at > 4)
            records_value(&r, "batch_loss", end.step);
        text_free(&r.text);
        fixture_close(&first);
        fixture_close(&second);
    }
    scratch_remove(folder);
}
END_TEST

/* A finished trial has nothing more to do, and says so without a record. */
#define KEPT "{" RUN_OPTIONS ", checkpoint: {keep: last}}"
START_TEST(a_finished_trial_stays_finished)
{
    char folder[64];
    scratch_make(folder);
    struct fixture f, again;
    struct records r = records_new(), none = records_new();
    struct trial_control control = { .checkpoint_folder = folder, .checkpoint_key = KEY };
    struct trial_outcome a, b;
    struct err e = { 0 };
    fixture_open(&f, ORDER, KEPT);
    must(trial_run(f.trial, &r.sink, &control, &a, &e), &e);
    ck_assert_int_ge(r.n_checkpoints, 1);
    fixture_open(&again, ORDER, KEPT);
    must(restore_from(again.trial, folder, r.checkpoint, r.sha256, &e), &e);
    must(trial_run(again.trial, &none.sink, &control, &b, &e), &e);
    ck_assert_ptr_null(none.text.s);
    ck_assert_str_eq(a.weights_sha256, b.weights_sha256);
    ck_assert_int_eq(b.step, 12);
    text_free(&r.text);
    fixture_close(&f);
    fixture_close(&again);
    scratch_remove(folder);
}
END_TEST

/* ---- files that are not this trial's ---- */

#define OWN                                                                                                            \
    "{algorithm: {name: dtp, target_stepsize: 0.5, feedback_loss: {name: reconstruction, noise: 0.1}, feedback: "      \
    "{optimizer: {name: adam, stepsize: 0.01}}},"                                                                      \
    " train: {optimizer: {name: adam, stepsize: 0.01}}}"

struct file {
    unsigned char *bytes;
    size_t n;
};

static struct file read_file(const char *path)
{
    struct err e = { 0 };
    uint64_t size;
    const int fd = file_open_regular(path, &size, &e);
    must(fd, &e);
    struct file f = { .bytes = malloc((size_t)size + 1) };
    must(file_read(fd, f.bytes, (size_t)size, &f.n, path, &e), &e);
    close(fd);
    return f;
}

static void write_file(const char *path, const unsigned char *bytes, size_t n)
{
    struct err e = { 0 };
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    must(file_write(fd, bytes, n, path, &e), &e);
    close(fd);
}

/* The file is refused, with a message, and leaves the trial as it was. */
static void refused(struct fixture *f, const char *what, const char *folder, const char *name, const char *sha256,
                    const char *expected)
{
    char before[65], after[65];
    struct err e = { 0 };
    state_hash(f->trial, before);
    const int code = restore_from(f->trial, folder, name, sha256, &e);
    ck_assert_msg(code == ERR_FORMAT || code == ERR_IO, "%s: code %d", what, code);
    ck_assert_msg(strstr(err_first(&e), expected) != NULL, "%s: '%s' does not say '%s'", what, err_first(&e), expected);
    err_clear(&e);
    state_hash(f->trial, after);
    ck_assert_msg(strcmp(before, after) == 0, "%s: the trial has changed", what);
}

#define DAMAGED KEY ".9.safetensors"

struct damage {
    struct fixture saved, fresh;
    struct records records;
    struct file file;
    char folder[64], path[128];
};

static void damage_open(struct damage *d)
{
    scratch_make(d->folder);
    snprintf(d->path, sizeof d->path, "%s/" DAMAGED, d->folder);
    fixture_open(&d->saved, ORDER, OWN);
    fixture_open(&d->fresh, ORDER, OWN);
    fixture_steps(&d->saved, 3);
    fixture_steps(&d->fresh, 1);
    save(&d->saved, d->folder, &d->records);
    char whole[192];
    snprintf(whole, sizeof whole, "%s/%s", d->folder, d->records.checkpoint);
    d->file = read_file(whole);
}

static void damage_close(struct damage *d)
{
    struct err e = { 0 }; /* the whole file is still good */
    must(restore_from(d->fresh.trial, d->folder, d->records.checkpoint, d->records.sha256, &e), &e);
    check_same("the undamaged file", &d->fresh, &d->saved);
    free(d->file.bytes);
    fixture_close(&d->saved);
    fixture_close(&d->fresh);
    scratch_remove(d->folder);
}

START_TEST(truncated_files)
{
    struct damage d;
    damage_open(&d);
    for (size_t i = 0; i < 64; i++) {
        write_file(d.path, d.file.bytes, d.file.n * i / 64);
        refused(&d.fresh, "truncated", d.folder, DAMAGED, d.records.sha256, "SHA-256");
        refused(&d.fresh, "truncated, no hash", d.folder, DAMAGED, NULL, "");
    }
    d.file.bytes[d.file.n] = 0;
    write_file(d.path, d.file.bytes, d.file.n + 1);
    refused(&d.fresh, "one byte more", d.folder, DAMAGED, d.records.sha256, "SHA-256");
    refused(&d.fresh, "one byte more, no hash", d.folder, DAMAGED, NULL, "");
    damage_close(&d);
}
END_TEST

START_TEST(flipped_bits)
{
    struct damage d;
    damage_open(&d);
    struct rng r = rng_stream(1, "flip");
    for (int i = 0; i < 200; i++) {
        const size_t at = rng_below(&r, (uint32_t)d.file.n);
        const unsigned char bit = (unsigned char)(1u << rng_below(&r, 8));
        d.file.bytes[at] ^= bit;
        write_file(d.path, d.file.bytes, d.file.n);
        refused(&d.fresh, "flipped", d.folder, DAMAGED, d.records.sha256, "SHA-256");
        d.file.bytes[at] ^= bit;
    }
    damage_close(&d);
}
END_TEST

/* Header fields of the same length, changed; the hash would tell, but the fields alone must do. */
static void replace(struct damage *d, const char *from, const char *to, const char *expected)
{
    ck_assert_uint_eq(strlen(from), strlen(to));
    unsigned char *at = memmem(d->file.bytes, d->file.n, from, strlen(from));
    ck_assert_msg(at != NULL, "no '%s' in the file", from);
    memcpy(at, to, strlen(to));
    write_file(d->path, d->file.bytes, d->file.n);
    refused(&d->fresh, from, d->folder, DAMAGED, NULL, expected);
    memcpy(at, from, strlen(from));
}

START_TEST(files_of_others)
{
    struct damage d;
    damage_open(&d);
    replace(&d, "\"precision\":\"" REAL_NAME "\"", IS_DOUBLE ? "\"precision\":\"single\"" : "\"precision\":\"double\"",
            "precision is");
    replace(&d, "tprun checkpoint 1", "tprun checkpoint 9", "format is");
    replace(&d, "\"step\":\"3\"", "\"step\":\"-\"", "not a checkpoint of this version");
    replace(&d, "\"step\":\"3\"", "\"stop\":\"3\"", "not a checkpoint of this version");
    replace(&d, "layers.0.bias", "layers.9.bias", "no tensor 'layers.0.bias'");
    replace(&d, "feedback.0.weight", "feedback.7.weight", "no tensor 'feedback.0.weight'");
    replace(&d, "\"numbers\"", "\"numbars\"", "not a checkpoint of this version");
    /* another seed, another algorithm, another width */
    static const char *const others[] = { "{seed: 7}", "{algorithm: {name: tp, target_stepsize: 0.5}}",
                                          "{network.layers.0.rnn.units: 7}", NULL };
    for (size_t i = 0; others[i]; i++) {
        struct fixture other;
        fixture_open(&other, ORDER, others[i]);
        refused(&other, others[i], d.folder, d.records.checkpoint, d.records.sha256, "trial is");
        fixture_close(&other);
    }
    refused(&d.fresh, "absent", d.folder, KEY ".7.safetensors", NULL, "No such file");
    refused(&d.fresh, "absent, hash", d.folder, KEY ".7.safetensors", d.records.sha256, "No such file");
    refused(&d.fresh, "no folder", "/tmp/tprun-no-such-folder", d.records.checkpoint, NULL, "No such file");
    damage_close(&d);
}
END_TEST

/* The tensors and metadata of the whole file, and one more tensor if there is a name for it. */
static void copy_with(struct damage *d, const char *extra)
{
    static const char *const metadata[] = { "format", "trial", "precision", "step" };
    const size_t shape[1] = { 3 };
    const double values[3] = { 1, 2, 3 };
    struct safetensors f = { 0 };
    struct safetensors_writer w = { 0 };
    struct err e = { 0 };
    must(safetensors_parse(&f, d->file.bytes, d->file.n, "whole", &e), &e);
    ck_assert_uint_eq(f.n_metadata, sizeof metadata / sizeof *metadata);
    for (size_t i = 0; i < f.n_tensors; i++)
        safetensors_add(&w, f.tensors[i].name, f.tensors[i].dtype, f.tensors[i].rank, f.tensors[i].shape,
                        f.tensors[i].data);
    for (size_t i = 0; i < f.n_metadata; i++)
        safetensors_add_metadata(&w, metadata[i], safetensors_metadata(&f, metadata[i]));
    if (extra)
        safetensors_add(&w, extra, DTYPE_F64, 1, shape, values);
    must(safetensors_write(&w, d->path, NULL, &e), &e);
    safetensors_writer_free(&w);
    safetensors_close(&f);
}

/* All that this trial has is there, but the file is another one's if it holds more. */
START_TEST(a_tensor_too_many)
{
    static const char *const names[] = { "layers.2.weight", "layers.0.weight_hh_l1", "feedback_only.done", "a", "zzz" };
    struct damage d;
    struct err e = { 0 };
    damage_open(&d);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        copy_with(&d, names[i]);
        refused(&d.fresh, names[i], d.folder, DAMAGED, NULL, "holds tensors that this trial has not");
    }
    copy_with(&d, NULL);
    must(restore_from(d.fresh.trial, d.folder, DAMAGED, NULL, &e), &e);
    check_same("a copy with nothing more", &d.fresh, &d.saved);
    damage_close(&d);
}
END_TEST

/* Budget and log are not part of a trial's identity: a checkpoint serves a longer budget. */
START_TEST(a_longer_budget_goes_on)
{
    struct damage d;
    struct fixture longer;
    struct err e = { 0 };
    damage_open(&d);
    fixture_bind(&longer, ORDER, OWN);
    longer.config.train.iterations = 4000;
    longer.config.log.every = 7;
    longer.config.checkpoint.seconds = 3;
    must(trial_open(&longer.trial, &longer.config, &e), &e);
    must(restore_from(longer.trial, d.folder, d.records.checkpoint, d.records.sha256, &e), &e);
    check_same("a longer budget", &longer, &d.saved);
    fixture_close(&longer);
    damage_close(&d);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, restored_trials_go_on_bit_for_bit);
    tcase_add_test(t, runs_stopped_anywhere_give_the_same_records);
    tcase_add_test(t, a_finished_trial_stays_finished);
    tcase_add_test(t, an_end_behind_a_lowered_budget_is_logged);
    tcase_add_test(t, truncated_files);
    tcase_add_test(t, flipped_bits);
    tcase_add_test(t, files_of_others);
    tcase_add_test(t, a_tensor_too_many);
    tcase_add_test(t, a_longer_budget_goes_on);
}

CHECK_MAIN("resume", add_tests)
