/* A database in a folder of its own, and short names for what the tests of the store do again and again. */
#ifndef TPRUN_TESTS_STORE_FIXTURE_H
#define TPRUN_TESTS_STORE_FIXTURE_H

#include "base/hash.h"
/* The measures of claims start this program again. */
#define CHECK_BEFORE(argc, argv)                                                                                       \
    if (bounded_is_reader(argc, argv))                                                                                 \
    return bounded_read(argv)

#include "check_main.h"
#include "store/bounded.h"
#include "store/query.h"
#include "store/store.h"
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Fails the test with the error's text. */
#define OK(call)                                                                                                       \
    do {                                                                                                               \
        const int ok_code = (call);                                                                                    \
        ck_assert_msg(ok_code == 0, "%s: %d: %s", #call, ok_code, err_first(&e));                                      \
    } while (0)
/* The call fails with this code and a message that has this text. */
#define FAILS(code_wanted, words, call)                                                                                \
    do {                                                                                                               \
        err_clear(&e);                                                                                                 \
        const int fails_code = (call);                                                                                 \
        ck_assert_msg(fails_code == (code_wanted), "%s: %d: %s", #call, fails_code, err_first(&e));                    \
        ck_assert_msg(strstr(err_first(&e), words) != NULL, "'%s' has no '%s'", err_first(&e), words);                 \
        err_clear(&e);                                                                                                 \
    } while (0)

struct fixture {
    char folder[64];
    char path[128];
    struct store *s;
    int64_t study;
};

static inline struct fixture fixture_folder(void)
{
    struct fixture f = { .folder = "/tmp/tprun-store-XXXXXX" };
    ck_assert_ptr_nonnull(mkdtemp(f.folder));
    snprintf(f.path, sizeof f.path, "%s/results.db", f.folder);
    return f;
}

static inline int64_t put_study(struct store *s, const char *name, const char *spec)
{
    struct err e = { 0 };
    int64_t id = 0;
    const struct store_study study = {
        .name = name, .title = "A title", .paper = "roulet2022", .path = "a.yaml", .spec = spec
    };
    OK(store_put_study(s, &study, &id, &e));
    ck_assert_int_gt(id, 0);
    return id;
}

static inline void put_facts(struct store *s, const char *name, const char *goal, const char *unit, bool followed,
                             const char *split)
{
    struct err e = { 0 };
    const struct store_facts facts = { name, goal, unit, followed, split };
    OK(store_put_facts(s, &facts, &e));
}

/* Those of the metrics that the tests write: what has a best value. */
static inline void put_usual_facts(struct store *s)
{
    put_facts(s, "test_accuracy", "max", "%", true, "test");
    put_facts(s, "valid_accuracy", "max", "%", false, "valid");
    put_facts(s, "test_loss", "min", "", true, "test");
    put_facts(s, "train_loss", "min", "", false, "train");
    put_facts(s, "m", "min", "", false, "");
}

/* Opens a database with the study "demo". */
static inline struct fixture fixture_open(void)
{
    struct fixture f = fixture_folder();
    struct err e = { 0 };
    OK(store_open(&f.s, f.path, &e));
    f.study = put_study(f.s, "demo", "{}");
    return f;
}

static inline void fixture_remove(struct fixture *f)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    ck_assert_int_eq(system(command), 0);
}

static inline void fixture_close(struct fixture *f)
{
    struct err e = { 0 };
    OK(store_close(f->s, &e));
    fixture_remove(f);
}

/* A key of 64 digits from a number. */
static inline const char *key_of(int n, char key[65])
{
    snprintf(key, 65, "%016x%048x", (unsigned)n * 2654435761u, (unsigned)n);
    return key;
}

/* A configuration that leaves out these parameters. */
static inline int64_t put_config(struct store *s, size_t n_params, const struct store_param *params)
{
    struct err e = { 0 };
    struct store_param own[16];
    char sha256[65];
    int64_t id = 0;
    struct hash h;
    hash_init(&h);
    ck_assert_uint_le(n_params, 16);
    for (size_t i = 0; i < n_params; i++) {
        hash_add_string(&h, params[i].key);
        own[i] = (struct store_param){ .key = params[i].key, .number = (double)NAN };
    }
    hash_hex(&h, sha256);
    const struct store_config config = { sha256, "{}", n_params, own };
    OK(store_put_config(s, &config, &id, &e));
    ck_assert_int_gt(id, 0);
    return id;
}

static inline struct store_trial_row put_trial(struct store *s, int64_t study, int n, const char *variant,
                                               const char *cell, int64_t seed, size_t n_params,
                                               const struct store_param *params)
{
    struct err e = { 0 };
    char key[65];
    struct store_trial_row row;
    const struct store_trial trial = { .key = key_of(n, key),
                                       .study = study,
                                       .position = n,
                                       .variant = variant,
                                       .cell = cell,
                                       .seed = seed,
                                       .config = put_config(s, n_params, params),
                                       .budget = 1000,
                                       .n_params = n_params,
                                       .params = params };
    OK(store_put_trial(s, &trial, &row, &e));
    ck_assert_int_gt(row.id, 0);
    return row;
}

static inline int64_t begin_run(struct store *s, int64_t trial, int64_t from_step)
{
    struct err e = { 0 };
    int64_t id = 0;
    const struct store_run run = {
        .trial = trial, .host = "host", .code = "0.1.0", .kernel = "SkylakeX", .pid = getpid(), .from_step = from_step
    };
    OK(store_begin_run(s, &run, &id, &e));
    return id;
}

static inline void end_run(struct store *s, int64_t trial, int64_t run, enum trial_state state, int64_t step)
{
    struct err e = { 0 };
    const struct store_end end = { .run = run, .trial = trial, .state = state, .step = step, .layer = -1 };
    OK(store_end_run(s, &end, &e));
    OK(store_flush(s, &e));
}

/* A plain connection, as any other program has: no function of ours, no extension. */
static inline sqlite3 *plain_open(const char *path)
{
    sqlite3 *db = NULL;
    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    return db;
}

/* The first column of the first row; "(none)" without a row, "(null)" for NULL. */
static inline const char *plain_text(sqlite3 *db, const char *sql, char text[256])
{
    sqlite3_stmt *stmt = NULL;
    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
    const int rc = sqlite3_step(stmt);
    ck_assert_msg(rc == SQLITE_ROW || rc == SQLITE_DONE, "%s: %s", sql, sqlite3_errmsg(db));
    const unsigned char *value = rc == SQLITE_ROW ? sqlite3_column_text(stmt, 0) : (const unsigned char *)"(none)";
    snprintf(text, 256, "%s", value ? (const char *)value : "(null)");
    sqlite3_finalize(stmt);
    return text;
}

static inline void check_text(const char *path, const char *sql, const char *expected)
{
    char text[256];
    sqlite3 *db = plain_open(path);
    plain_text(db, sql, text);
    ck_assert_msg(strcmp(text, expected) == 0, "%s: '%s', not '%s'", sql, text, expected);
    sqlite3_close(db);
}

static inline double plain_number(const char *path, const char *sql)
{
    sqlite3 *db = plain_open(path);
    sqlite3_stmt *stmt = NULL;
    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
    ck_assert_msg(sqlite3_column_type(stmt, 0) != SQLITE_NULL, "%s: NULL", sql);
    const double value = sqlite3_column_double(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return value;
}

#endif
