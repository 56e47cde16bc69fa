/* Files of checkpoints against what the database names. */
#include "fixture.h"

static const char sha[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
#define A "0123456789abcdef.4.safetensors"
#define B "0123456789abcdef.8.safetensors"
#define C "fedcba9876543210.8.safetensors"
#define HALF A ".77.0123456789abcdef.tmp"

static bool absent(struct fixture *f, const char *newest, const char *previous)
{
    struct store_trial_row row = { 0 };
    snprintf(row.checkpoint_path, sizeof row.checkpoint_path, "%s", newest);
    snprintf(row.previous_path, sizeof row.previous_path, "%s", previous);
    return checkpoints_absent(&f->r, &row);
}

/* Absent: names, but no file of either, here or in the other folder. A name that is not ours is refused where it is
 * read, not taken for a loss. */
START_TEST(what_is_absent)
{
    struct fixture f;
    char other[96];
    struct err e = { 0 };
    fixture_folder(&f);
    fixture_begin(&f, NULL, NULL, false);
    ck_assert(!absent(&f, "", ""));
    ck_assert(absent(&f, B, ""));
    ck_assert(absent(&f, B, A));
    make_file(&f.r.own, A);
    ck_assert(!absent(&f, B, A)); /* the one before is there */
    ck_assert(!absent(&f, A, ""));
    ck_assert(!absent(&f, A, B));
    ck_assert(absent(&f, B, ""));
    ck_assert(!absent(&f, "../thesis.tex", ""));
    snprintf(other, sizeof other, "%s/other", f.folder);
    ck_assert_int_eq(mkdir(other, 0700), 0);
    must(checkpoint_folder_open(&f.r.other, other, false, &e), &e);
    ck_assert(absent(&f, C, ""));
    make_file(&f.r.other, C);
    ck_assert(!absent(&f, C, ""));
    fixture_end(&f);
    fixture_remove(&f);
}
END_TEST

START_TEST(the_folder_is_made_beside_the_database)
{
    struct fixture f;
    char path[128];
    struct stat found;
    fixture_folder(&f);
    fixture_begin(&f, NULL, NULL, false);
    snprintf(path, sizeof path, "%s.checkpoints", f.db);
    ck_assert_int_eq(stat(path, &found), 0);
    ck_assert(S_ISDIR(found.st_mode));
    ck_assert_int_eq(f.r.other.fd, -1);
    fixture_end(&f);
    f.options.checkpoints = "/tmp/tprun-no-such-folder";
    struct err e = { 0 };
    f.r.options = &f.options;
    ck_assert_int_lt(checkpoints_open(&f.r, &e), 0);
    ck_assert_ptr_nonnull(strstr(err_first(&e), "/tmp/tprun-no-such-folder"));
    err_clear(&e);
    checkpoints_close(&f.r);
    fixture_remove(&f);
}
END_TEST

/* Files of ours that no trial names go; what is named, and what is not ours, stays. */
START_TEST(the_sweep)
{
    static const char *const kept[] = { A, B, "thesis.tex", A ".bak", "0123456789abcdef.safetensors" };
    static const char *const gone[] = { C, HALF, "0123456789abcdef.12.safetensors" };
    struct fixture f;
    struct err e = { 0 };
    char old[4096];
    fixture_folder(&f);
    fixture_begin(&f, NULL, NULL, false);
    fixture_queue(&f);
    must(store_checkpoint(f.r.store, f.r.pending[0].trial, 0, 4, A, sha, (struct spent){ 0 }, old, &e), &e);
    must(store_checkpoint(f.r.store, f.r.pending[1].trial, 0, 8, B, sha, (struct spent){ 0 }, old, &e), &e);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        make_file(&f.r.own, kept[i]);
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        make_file(&f.r.own, gone[i]);
    for (int again = 0; again < 2; again++) {
        must(checkpoints_sweep(&f.r, &e), &e);
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
            ck_assert_msg(has_file(&f.r.own, kept[i]), "%s", kept[i]);
        for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
            ck_assert_msg(!has_file(&f.r.own, gone[i]), "%s", gone[i]);
    }
    fixture_end(&f);
    fixture_remove(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, what_is_absent);
    tcase_add_test(t, the_folder_is_made_beside_the_database);
    tcase_add_test(t, the_sweep);
}

CHECK_MAIN("checkpoints", add_tests)
