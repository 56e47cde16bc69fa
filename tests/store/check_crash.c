/* Killed while writing, and a disk that is full: no acknowledged row is lost, nothing is half there, and it goes on. */
#include "fixture.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <time.h>

/* Writes for ever: three metrics a step, a checkpoint row every 500 steps. Tells through the pipe how many steps are
 * acknowledged. */
static void write_for_ever(const char *path, int64_t from, int out)
{
    struct err e = { 0 };
    struct store *s;
    char key[65], old[4096], sha[65];
    snprintf(sha, sizeof sha, "%064d", 0);
    if (store_open(&s, path, &e) < 0)
        _exit(1);
    int64_t study, n;
    struct store_trial_row row;
    const struct store_study description = { .name = "demo", .spec = "{}" };
    const struct store_trial trial = { .key = key_of(1, key), .variant = "tp", .cell = "", .budget = 1 << 30 };
    if (store_recover(s, &n, &e) < 0 || store_put_study(s, &description, &study, &e) < 0)
        _exit(2);
    struct store_trial mine = trial;
    mine.study = study;
    if (store_put_config(s, &(struct store_config){ "00", "{}", 0, NULL }, &mine.config, &e) < 0 ||
        store_put_trial(s, &mine, &row, &e) < 0)
        _exit(3);
    const int64_t run = begin_run(s, row.id, from);
    uint64_t calls_before = 0;
    for (int64_t step = from;; step++) {
        int due;
        if (store_metric(s, row.id, run, "a", step, sin((double)step), &e) < 0 ||
            store_metric(s, row.id, run, "b", step, cos((double)step), &e) < 0 ||
            store_layer_metric(s, row.id, run, "c", step, 0, (double)step, &e) < 0 || store_tick(s, &due, &e) < 0)
            _exit(4);
        if (step % 500 == 499 && store_checkpoint(s, row.id, run, step, "file", sha, (struct spent){ 0 }, old, &e) < 0)
            _exit(5);
        const uint64_t acknowledged = store_acknowledged(s);
        if (acknowledged != calls_before && step % 500 == 499) { /* after a checkpoint all of them are */
            calls_before = acknowledged;
            if (write(out, &step, sizeof step) != sizeof step)
                _exit(6);
        }
    }
}

START_TEST(killed_at_any_instant)
{
    enum { KILLS = 12 };
    struct fixture f = fixture_folder();
    unsigned random = 12345;
    int64_t acknowledged = -1;
    for (int i = 0; i < KILLS; i++) {
        int reports[2];
        ck_assert_int_eq(pipe(reports), 0);
        const pid_t child = fork();
        if (child == 0) {
            close(reports[0]);
            /* from a checkpoint: some rows are computed again and compared */
            write_for_ever(f.path, acknowledged < 0 ? 0 : acknowledged - 100, reports[1]);
        }
        close(reports[1]);
        /* At an instant some time after its first to fourth report: so many rows there are, however slow the machine.
         */
        random = random * 1103515245u + 12345u;
        int64_t step;
        for (unsigned report = 0; report <= random / 65536 % 4; report++)
            if (read(reports[0], &step, sizeof step) == sizeof step)
                acknowledged = step;
        random = random * 1103515245u + 12345u;
        const struct timespec t = { 0, (long)(random / 65536 % 20000) * 1000L };
        nanosleep(&t, NULL);
        kill(child, SIGKILL);
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(WIFSIGNALED(status), "the writer failed: %d", WEXITSTATUS(status));
        while (read(reports[0], &step, sizeof step) == sizeof step)
            acknowledged = step;
        close(reports[0]);
        ck_assert_int_ge(acknowledged, 0);
        check_text(f.path, "PRAGMA integrity_check", "ok");
        char expected[64];
        snprintf(expected, sizeof expected, "%d", 1);
        char sql[256];
        snprintf(sql, sizeof sql, "SELECT min(n) > %lld FROM summary", (long long)acknowledged);
        check_text(f.path, sql, expected);
        /* whole groups: rows without a hole, and a summary that agrees with them */
        check_text(f.path,
                   "SELECT count(*) FROM summary s WHERE n <> end_step + 1 OR n <> (SELECT count(*) FROM metric m "
                   "WHERE m.trial_id = "
                   "s.trial_id AND m.key_id = s.key_id) OR last <> (SELECT value FROM metric m WHERE m.trial_id = "
                   "s.trial_id AND "
                   "m.key_id = s.key_id AND m.step = s.end_step)",
                   "0");
        check_text(f.path, "SELECT count(*) FROM checkpoint WHERE step > (SELECT min(end_step) FROM summary)", "0");
    }
    check_text(f.path, "SELECT count(*) - sum(state = 'interrupted') FROM run",
               "1"); /* the last one has not been recovered yet */
    fixture_remove(&f);
}
END_TEST

/* Writes until an error, with room for `limit` bytes; the number of acknowledged metric rows. */
static int64_t fill(const char *path, struct err *e, int *code)
{
    struct store *s;
    int64_t study;
    char key[65];
    struct store_trial_row row;
    const struct store_study description = { .name = "demo", .spec = "{}" };
    *code = store_open(&s, path, e);
    if (*code < 0)
        return -1;
    *code = store_put_study(s, &description, &study, e);
    struct store_trial trial = { .key = key_of(1, key), .study = study, .variant = "tp", .cell = "", .budget = 1 };
    if (*code == 0)
        *code = store_put_config(s, &(struct store_config){ "00", "{}", 0, NULL }, &trial.config, e);
    if (*code == 0)
        *code = store_put_trial(s, &trial, &row, e);
    int64_t step = 0, acknowledged = 0;
    for (; *code == 0 && step < 200000; step++) {
        *code = store_metric(s, row.id, 0, "m", step, (double)step, e);
        if (*code == 0 && step % 100 == 99) {
            *code = store_flush(s, e);
            if (*code == 0)
                acknowledged = step + 1;
        }
    }
    struct err ignored = { 0 };
    store_close(s, &ignored);
    err_clear(&ignored);
    return acknowledged;
}

/* Space again: everything acknowledged is there, and writing goes on from it with equal rows. */
static void check_filled(const char *path, int64_t acknowledged)
{
    check_text(path, "PRAGMA integrity_check", "ok");
    ck_assert_int_ge((int64_t)plain_number(path, "SELECT count(*) FROM metric"), acknowledged);
    check_text(path, "SELECT max(step) + 1 - count(*) FROM metric", "0");
    struct err e = { 0 };
    struct store *s;
    OK(store_open(&s, path, &e));
    const int64_t t = put_trial(s, put_study(s, "demo", "{}"), 1, "tp", "", 0, 0, NULL).id;
    for (int64_t step = 0; step < acknowledged + 500; step++)
        OK(store_metric(s, t, 0, "m", step, (double)step, &e));
    OK(store_close(s, &e));
    ck_assert_int_eq((int64_t)plain_number(path, "SELECT count(*) FROM metric"), acknowledged + 500);
}

START_TEST(a_file_may_not_grow)
{
    struct fixture f = fixture_folder();
    int report[2];
    ck_assert_int_eq(pipe(report), 0);
    for (rlim_t size = 400000; size < 4000000; size = size * 3) {
        unlink(f.path);
        const pid_t child = fork();
        if (child == 0) {
            struct err e = { 0 };
            int code;
            signal(SIGXFSZ, SIG_IGN);
            const struct rlimit limit = { size, size };
            setrlimit(RLIMIT_FSIZE, &limit);
            const int64_t n = fill(f.path, &e, &code);
            if (code != ERR_STORAGE || !strstr(err_first(&e), f.path) || write(report[1], &n, sizeof n) != sizeof n)
                _exit(1);
            _exit(0);
        }
        int status;
        int64_t acknowledged;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
        ck_assert_int_eq(read(report[0], &acknowledged, sizeof acknowledged), sizeof acknowledged);
        ck_assert_int_gt(acknowledged, 0);
        check_filled(f.path, acknowledged);
        fixture_remove(&f);
        ck_assert_int_eq(mkdir(f.folder, 0700), 0);
    }
    fixture_remove(&f);
}
END_TEST

/* In a mount namespace of its own: 0, or why not. */
static int small_disk(const char *folder, const char *options)
{
    if (unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || mount("tprun-test", folder, "tmpfs", 0, options) != 0)
        return errno;
    return 0;
}

START_TEST(the_disk_is_full)
{
    struct fixture f = fixture_folder();
    const pid_t child = fork();
    if (child == 0) {
        const int reason = small_disk(f.folder, "size=1m");
        if (reason != 0) {
            fprintf(stderr, "skipped: no small disk: %s\n", strerror(reason));
            _exit(0);
        }
        struct err e = { 0 };
        int code;
        const int64_t n = fill(f.path, &e, &code);
        if (code != ERR_STORAGE || !strstr(err_first(&e), "the disk is full") || !strstr(err_first(&e), f.path) ||
            n <= 0) {
            fprintf(stderr, "%d: %s\n", code, err_first(&e));
            _exit(1);
        }
        if (mount("tprun-test", f.folder, "tmpfs", MS_REMOUNT, "size=16m") != 0)
            _exit(2);
        check_filled(f.path, n);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    fixture_remove(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, killed_at_any_instant);
    tcase_add_test(t, a_file_may_not_grow);
    tcase_add_test(t, the_disk_is_full);
}
CHECK_MAIN("crash", add_tests)
