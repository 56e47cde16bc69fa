/* A database of the last program of schema 2 to 4 becomes what a new one is, and keeps its keys and rows. */
#include "fixture.h"
#include <signal.h>

static const struct old {
    const char *version, *checkpoints; /* how many, how many with a folder, the last one */
} olds[] = {
    { "2", "26 0 f1663aff797341db.6000.safetensors" },
    { "3", "25 0 f1663aff797341db.6000.safetensors" },
    { "4", "20 0 f1663aff797341db.6000.safetensors" },
};

/* Unpacks tests/data/old/schema<version>.db.gz to f->path. */
static struct fixture old_database(const struct old *old)
{
    struct fixture f = fixture_folder();
    char command[1024];
    ck_assert_ptr_nonnull(getenv("TPRUN_SOURCE"));
    snprintf(command, sizeof command, "gzip -dc '%s/tests/data/old/schema%s.db.gz' > '%s'", getenv("TPRUN_SOURCE"),
             old->version, f.path);
    ck_assert_int_eq(system(command), 0);
    return f;
}

static void copy(const char *from, const char *to)
{
    char command[600];
    snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
    ck_assert_int_eq(system(command), 0);
}

static void open_and_close(const char *path)
{
    struct err e = { 0 };
    struct store *s;
    OK(store_open(&s, path, &e));
    OK(store_close(s, &e));
}

/* Both databases have the same rows of these columns in this table (or what follows FROM). */
static void check_same(const char *path, const char *other, const char *columns, const char *table)
{
    char sql[1000], text[256];
    sqlite3 *db = plain_open(path);
    snprintf(sql, sizeof sql, "ATTACH '%s' AS other", other);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    for (int i = 0; i < 2; i++) {
        snprintf(sql, sizeof sql, "SELECT count(*) FROM (SELECT %s FROM %s.%s EXCEPT SELECT %s FROM %s.%s)", columns,
                 i ? "main" : "other", table, columns, i ? "other" : "main", table);
        ck_assert_msg(strcmp(plain_text(db, sql, text), "0") == 0, "%s: %s", sql, text);
    }
    sqlite3_close(db);
}

static void check_whole(const char *path, const char *before)
{
    static const char *const kept[][2] = {
        { "key, variant, cell, seed, state, step, budget, finished_budget, weights_sha256, generation", "trial" },
        { "*", "metric" },
        { "*", "layer_metric" },
        { "*", "summary" },
        { "id, trial_id, host_id, code_id, kernel, pid, from_step, started_ms, heartbeat_ms, ended_ms, state, reason",
          "run" },
        { "*", "cost" },
        { "*", "event" },
        { "id, name, title, paper, locator, path, profile, spec, spec_sha256, generation, created_ms, updated_ms",
          "study" },
        { "id, trial_id, run_id, step, sha256", "checkpoint" },
    };
    check_text(path, "PRAGMA integrity_check", "ok");
    check_text(path, "PRAGMA foreign_key_check", "(none)");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        check_same(path, before, kept[i][0], kept[i][1]);
}

START_TEST(becomes_what_a_new_one_is)
{
    struct fixture f = old_database(&olds[_i]);
    char before[200], new[200];
    snprintf(before, sizeof before, "%s.before", f.path);
    snprintf(new, sizeof new, "%s.new", f.path);
    copy(f.path, before);
    open_and_close(f.path);
    open_and_close(new);
    check_text(f.path, "PRAGMA user_version", "5");
    check_whole(f.path, before);
    check_same(f.path, new, "type, name, tbl_name, sql", "sqlite_master WHERE name <> 'study_old'");
    check_same(f.path, new, "*", "_doc WHERE \"table\" <> 'study_old'");
    check_text(f.path, "SELECT count(*) FROM _doc WHERE \"table\" = 'study_old'", "18");
    check_text(f.path, "SELECT count(*) FROM study_old", "12");
    check_text(f.path, "SELECT count(*) || ' ' || sum(path GLOB '*/*') || ' ' || max(path) FROM checkpoint",
               olds[_i].checkpoints);
    check_text(f.path,
               "SELECT group_concat(name || ' ' || goal || ' ' || unit || ' ' || followed || ' ' || split, ', ') "
               "FROM (SELECT * FROM metric_key ORDER BY name)",
               "test_accuracy max % 1 test, test_loss min  1 test, train_loss min  0 train");
    check_text(f.path, "SELECT count(*) FROM trial WHERE numerics_version = 1 AND inputs IS NULL", "16");
    check_text(f.path, "SELECT kind || coalesce(verdict, ' ') || (measure IS NULL) FROM claim", "measure 0");
    char version[256], again[256];
    sqlite3 *db = plain_open(f.path);
    plain_text(db, "PRAGMA schema_version", version);
    open_and_close(f.path); /* once is enough */
    ck_assert_str_eq(plain_text(db, "PRAGMA schema_version", again), version);
    sqlite3_close(db);
    fixture_remove(&f);
}
END_TEST

START_TEST(readers_name_what_brings_it_up_to_date)
{
    struct fixture f = old_database(&olds[_i]);
    struct err e = { 0 };
    struct query *q;
    bool empty = true;
    FAILS(ERR_STORAGE, "tprun claims --db", query_open(&q, f.path, &e));
    OK(query_check(f.path, &empty, &e));
    ck_assert(!empty);
    check_text(f.path, "PRAGMA user_version", olds[_i].version); /* it was not touched */
    fixture_remove(&f);
}
END_TEST

START_TEST(a_hostile_old_one_is_refused_before_it_is_migrated)
{
    struct fixture f = old_database(&olds[_i]);
    struct err e = { 0 };
    sqlite3 *db = plain_open(f.path);
    ck_assert_int_eq(sqlite3_exec(db, "CREATE TRIGGER evil AFTER UPDATE ON checkpoint BEGIN DELETE FROM metric; END",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    FAILS(ERR_STORAGE, "'evil'", store_open(&f.s, f.path, &e));
    check_text(f.path, "PRAGMA user_version", olds[_i].version);
    fixture_remove(&f);
}
END_TEST

/* Kills the process at the n-th statement on a file (0: counts them). */
static int statements, kill_at;

static int traced(unsigned what, void *self, void *stmt, void *sql)
{
    (void)what;
    (void)self;
    (void)sql;
    const char *file = sqlite3_db_filename(sqlite3_db_handle(stmt), "main");
    if (file && *file && ++statements == kill_at)
        raise(SIGKILL);
    return 0;
}

static int trace(sqlite3 *db, char **message, const void *api)
{
    (void)message;
    (void)api;
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, traced, NULL);
}

/* Opens the database in a child that dies at the n-th statement; true if it lived. */
static bool open_until(const char *path, int n, int *counted)
{
    int pipes[2], status;
    ck_assert_int_eq(pipe(pipes), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct err e = { 0 };
        struct store *s;
        kill_at = n;
        if (sqlite3_auto_extension((void (*)(void))trace) != SQLITE_OK || store_open(&s, path, &e) < 0 ||
            store_close(s, &e) < 0)
            _exit(1);
        _exit(write(pipes[1], &statements, sizeof statements) != sizeof statements);
    }
    close(pipes[1]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    const bool lived = WIFEXITED(status);
    ck_assert_msg(lived ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGKILL, "statement %d: status %x", n,
                  (unsigned)status);
    if (lived)
        ck_assert_int_eq(read(pipes[0], counted, sizeof *counted), sizeof *counted);
    close(pipes[0]);
    return lived;
}

START_TEST(killed_at_any_statement_it_is_the_old_or_the_new)
{
    struct fixture f = old_database(&olds[_i]);
    char before[200], done[200], text[256], version[256];
    int n = 0, old = 0, new = 0;
    snprintf(before, sizeof before, "%s.before", f.path);
    snprintf(done, sizeof done, "%s.done", f.path);
    copy(f.path, before);
    copy(f.path, done);
    ck_assert(open_until(done, 0, &n));
    ck_assert_int_gt(n, 100);
    for (int at = 1; at <= n; at += at < 40 || at > n - 40 ? 1 : 9) { /* in the middle _doc is filled row by row */
        int ignored;
        copy(before, f.path);
        ck_assert(!open_until(f.path, at, &ignored));
        sqlite3 *db = plain_open(f.path);
        plain_text(db, "PRAGMA user_version", version);
        ck_assert_str_eq(plain_text(db, "PRAGMA integrity_check", text), "ok");
        sqlite3_close(db);
        const bool is_new = strcmp(version, "5") == 0;
        ck_assert(is_new || strcmp(version, olds[_i].version) == 0);
        check_same(f.path, is_new ? done : before, "type, name, tbl_name, sql", "sqlite_master");
        check_same(f.path, is_new ? done : before, "*", "checkpoint");
        check_same(f.path, is_new ? done : before, "*", "_doc");
        *(is_new ? &new : &old) += 1;
    }
    ck_assert_int_gt(old, 50);
    ck_assert_int_gt(new, 0);
    open_and_close(f.path);
    check_whole(f.path, before);
    fixture_remove(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    const int n = sizeof olds / sizeof *olds;
    tcase_add_loop_test(t, becomes_what_a_new_one_is, 0, n);
    tcase_add_loop_test(t, readers_name_what_brings_it_up_to_date, 0, n);
    tcase_add_loop_test(t, a_hostile_old_one_is_refused_before_it_is_migrated, 0, n);
    tcase_add_loop_test(t, killed_at_any_statement_it_is_the_old_or_the_new, 0, n);
}
CHECK_MAIN("migrate", add_tests)
