/* A runner without its loop: a plan of four short trials, two variants with two seeds, and a database in a folder of
 * its own. */
#ifndef TPRUN_TESTS_RUN_FIXTURE_H
#define TPRUN_TESTS_RUN_FIXTURE_H

#include "../check_main.h"

#include "run/cells.h"
#include "run/private.h"
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIALS = 4, BUDGET = 10 };

static const char study_text[] =
    "version: 1\nexperiment: small\ntitle: Four trials\nseeds: [1, 2]\n"
    "dataset: {name: temporal_order, length: 12, eval_size: 20, test_size: 20}\n"
    "network: {layers: [rnn: {units: 4}, dense: {units: 4}], init: {weights: orthogonal, biases: zeros}}\n"
    "loss: cross_entropy\ntrain: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 4, iterations: 10}\n"
    "log: {every: 10, metrics: [train_loss]}\nalgorithm: bp\n"
    "variants: {a: {train: {batch_size: 4}}, b: {train: {batch_size: 5}}}\n";

struct fixture {
    char folder[64], db[96], file[96];
    struct plan plan;
    struct run_options options;
    struct run_result result;
    struct runner r;
    struct attempt slot;
};

static inline void must(int code, const struct err *e)
{
    ck_assert_msg(code == 0, "%d: %s", code, err_first(e));
}

static inline void fixture_folder(struct fixture *f)
{
    *f = (struct fixture){ .folder = "/tmp/tprun-run-XXXXXX" };
    ck_assert_ptr_nonnull(mkdtemp(f->folder));
    snprintf(f->db, sizeof f->db, "%s/results.db", f->folder);
    snprintf(f->file, sizeof f->file, "%s/small.yaml", f->folder);
    FILE *out = fopen(f->file, "w");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_ge(fputs(study_text, out), 0);
    ck_assert_int_eq(fclose(out), 0);
}

/* A run on the folder begins: plan, database, folder of checkpoints. `with`: n overrides; force: --force. */
static inline void fixture_begin_with(struct fixture *f, const char *const *with, size_t n, const char *variant,
                                      bool force)
{
    struct err e = { 0 };
    const char *const paths[] = { f->file };
    const struct plan_options options = { .code = "test 1",
                                          .keep = true,
                                          .n_overrides = n,
                                          .overrides = with,
                                          .n_variants = variant != NULL,
                                          .variants = &variant };
    must(plan_open(&f->plan, paths, 1, &options, &e), &e);
    f->options = (struct run_options){ .db = f->db, .code = "test 1", .force = force, .quiet = true, .jobs = 1 };
    f->result = (struct run_result){ 0 };
    f->slot = (struct attempt){ .active = false };
    f->r = (struct runner){ .plan = &f->plan,
                            .options = &f->options,
                            .result = &f->result,
                            .own = { .fd = -1 },
                            .other = { .fd = -1 },
                            .n_slots = 1,
                            .n_allowed = 1,
                            .slots = &f->slot };
    progress_init(&f->r.progress, false, false, true);
    must(store_open(&f->r.store, f->db, &e), &e);
    must(checkpoints_open(&f->r, &e), &e);
}

/* with: one override or NULL. */
static inline void fixture_begin(struct fixture *f, const char *with, const char *variant, bool force)
{
    fixture_begin_with(f, &with, with != NULL, variant, force);
}

static inline void fixture_queue(struct fixture *f)
{
    struct err e = { 0 };
    must(queue_put_study(&f->r, 0, &e), &e);
    must(store_flush(f->r.store, &e), &e);
}

static inline void fixture_end(struct fixture *f)
{
    struct err e = { 0 };
    ends_free(&f->r);
    checkpoints_close(&f->r);
    must(store_close(f->r.store, &e), &e);
    free(f->r.pending);
    data_files_free(&f->r.data_files);
    plan_close(&f->plan);
}

static inline void fixture_remove(struct fixture *f)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", f->folder);
    ck_assert_int_eq(system(command), 0);
}

/* A file in a folder of checkpoints; nobody here reads what it holds. */
static inline void make_file(const struct checkpoint_folder *folder, const char *name)
{
    const int fd = openat(folder->fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    ck_assert_msg(fd >= 0, "%s", name);
    close(fd);
}

static inline bool has_file(const struct checkpoint_folder *folder, const char *name)
{
    return faccessat(folder->fd, name, F_OK, 0) == 0;
}

/* The stored row of a trial, and its key. */
static inline struct store_trial_row row_of(struct fixture *f, int64_t trial, char key[65])
{
    struct err e = { 0 };
    struct store_described d = { 0 };
    struct store_trial_row row;
    bool found;
    must(store_describe_trial(f->r.store, trial, &d, &e), &e);
    snprintf(key, 65, "%s", d.key);
    must(store_find_trial(f->r.store, key, &found, &row, &e), &e);
    ck_assert(found);
    store_free_described(&d);
    return row;
}

#endif
