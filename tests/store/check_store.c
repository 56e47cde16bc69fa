/* Opening and closing: what is created, what is refused. */
#include "fixture.h"
#include "store/path.h"
#include "store/writer.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

START_TEST(creates_folders_and_marks_the_file)
{
    struct fixture f = fixture_folder();
    struct err e = { 0 };
    char path[256], text[256];
    snprintf(path, sizeof path, "%s/a/b/c/results.db", f.folder);
    struct store *s;
    OK(store_open(&s, path, &e));
    sqlite3 *db = plain_open(path);
    ck_assert_str_eq(plain_text(db, "PRAGMA journal_mode", text), "wal");
    ck_assert_str_eq(plain_text(db, "PRAGMA application_id", text), "1953526389");
    ck_assert_str_eq(plain_text(db, "PRAGMA user_version", text), "5");
    ck_assert_str_eq(plain_text(db, "PRAGMA integrity_check", text), "ok");
    sqlite3_close(db);
    OK(store_close(s, &e));
    OK(store_close(NULL, &e));
    fixture_remove(&f);
}
END_TEST

START_TEST(connection_is_durable)
{
    struct fixture f = fixture_open();
    char text[256];
    ck_assert_str_eq(plain_text(f.s->db, "PRAGMA synchronous", text), "2");
    ck_assert_str_eq(plain_text(f.s->db, "PRAGMA foreign_keys", text), "1");
    ck_assert_str_eq(plain_text(f.s->db, "PRAGMA journal_mode", text), "wal");
    fixture_close(&f);
}
END_TEST

START_TEST(clean_close_leaves_one_whole_file)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    char wal[160], copy[160], command[512], text[256];
    struct stat st;
    snprintf(wal, sizeof wal, "%s-wal", f.path);
    ck_assert_int_eq(stat(wal, &st), 0);
    OK(store_close(f.s, &e));
    ck_assert_int_ne(stat(wal, &st), 0);
    snprintf(wal, sizeof wal, "%s-shm", f.path);
    ck_assert_int_ne(stat(wal, &st), 0);
    check_text(f.path, "PRAGMA journal_mode", "delete");
    snprintf(copy, sizeof copy, "%s/copy.db", f.folder);
    snprintf(command, sizeof command, "cp %s %s", f.path, copy);
    ck_assert_int_eq(system(command), 0);
    sqlite3 *db = plain_open(copy);
    ck_assert_str_eq(plain_text(db, "SELECT name FROM study", text), "demo");
    sqlite3_close(db);
    OK(store_open(&f.s, f.path, &e)); /* and again */
    ck_assert_int_eq(put_study(f.s, "demo", "{}"), f.study);
    fixture_close(&f);
}
END_TEST

START_TEST(a_reader_does_not_stop_the_close)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    OK(store_flush(f.s, &e));
    sqlite3 *db = plain_open(f.path);
    sqlite3_stmt *stmt;
    ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT name FROM study", -1, &stmt, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW); /* holds a snapshot */
    put_study(f.s, "second", "{}");
    OK(store_close(f.s, &e));
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    check_text(f.path, "SELECT count(*) FROM study", "2");
    check_text(f.path, "PRAGMA journal_mode", "wal"); /* it could not be taken away */
    OK(store_open(&f.s, f.path, &e));
    OK(store_close(f.s, &e));
    check_text(f.path, "PRAGMA journal_mode", "delete");
    fixture_remove(&f);
}
END_TEST

/* A journal that was not played back: the reader says who can. */
START_TEST(what_a_kill_left_is_told)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    struct query *q;
    char command[512];
    OK(store_close(f.s, &e));
    const pid_t child = fork();
    if (child == 0) {
        sqlite3 *db = plain_open(f.path);
        sqlite3_exec(db, "PRAGMA cache_spill = 1; PRAGMA cache_size = 1; BEGIN; UPDATE _doc SET text = text || ' '",
                     NULL, NULL, NULL);
        raise(SIGKILL);
    }
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    snprintf(command, sizeof command, "test -s %s-journal", f.path);
    ck_assert_int_eq(system(command), 0);
    FAILS(ERR_STORAGE, "`tprun claims", query_open(&q, f.path, &e));
    OK(store_open(&f.s, f.path, &e));
    OK(store_close(f.s, &e));
    OK(query_open(&q, f.path, &e));
    query_close(q);
    fixture_remove(&f);
}
END_TEST

/* What a study had queued is forgotten and put anew in groups of writes: nobody sees a half of it. */
START_TEST(a_queue_is_put_in_groups)
{
    static const char count[] = "SELECT count(*) FROM study WHERE queued_sha256 = 'one'";
    struct fixture f = fixture_open();
    struct err e = { 0 };
    bool queued = true;
    OK(store_is_queued(f.s, f.study, "one", &queued, &e));
    ck_assert(!queued);
    OK(store_end_queue(f.s, f.study, "one", &e));
    OK(store_flush(f.s, &e));
    OK(store_is_queued(f.s, f.study, "one", &queued, &e));
    ck_assert(queued);
    OK(store_is_queued(f.s, f.study, "another", &queued, &e));
    ck_assert(!queued);
    OK(store_begin_queue(f.s, f.study, &e));
    OK(store_is_queued(f.s, f.study, "one", &queued, &e));
    ck_assert(!queued);
    check_text(f.path, count, "1"); /* another reader, before the group is written */
    OK(store_flush(f.s, &e));
    check_text(f.path, count, "0");
    fixture_close(&f);
}
END_TEST

START_TEST(symbolic_link_is_resolved)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    OK(store_close(f.s, &e));
    char name[160], lock[170];
    struct stat st;
    snprintf(name, sizeof name, "%s/link.db", f.folder);
    ck_assert_int_eq(symlink(f.path, name), 0);
    OK(store_open(&f.s, name, &e));
    ck_assert_str_eq(f.s->path, f.path);
    put_study(f.s, "by link", "{}");
    OK(store_flush(f.s, &e));
    snprintf(lock, sizeof lock, "%s-wal", name);
    ck_assert_int_ne(stat(lock, &st), 0); /* the log lies beside the real file only */
    struct query *q;
    OK(query_open(&q, name, &e));
    query_close(q);
    fixture_close(&f);
}
END_TEST

/* Open descriptors of this process. */
static int n_descriptors(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

START_TEST(refuses_what_is_no_database)
{
    struct fixture f = fixture_folder();
    struct err e = { 0 };
    struct store *s;
    struct query *q;
    const int before = n_descriptors();
    FAILS(ERR_STORAGE, "empty", store_open(&s, "", &e));
    FAILS(ERR_STORAGE, "not a regular file", store_open(&s, f.folder, &e));
    FAILS(ERR_STORAGE, "not a regular file", store_open(&s, "/dev/null", &e));
    FAILS(ERR_STORAGE, "cannot make the folder /dev/null: there is something else",
          store_open(&s, "/dev/null/results.db", &e));
    FAILS(ERR_STORAGE, "No such file", query_open(&q, f.path, &e));
    ck_assert_ptr_null(s);

    FILE *file = fopen(f.path, "w");
    for (int i = 0; i < 2000; i++)
        fprintf(file, "this is not a database\n");
    fclose(file);
    FAILS(ERR_STORAGE, "not a database", store_open(&s, f.path, &e));
    FAILS(ERR_STORAGE, "not a database", query_open(&q, f.path, &e));
    ck_assert_int_eq(unlink(f.path), 0);

    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(f.path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "CREATE TABLE other (x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    FAILS(ERR_STORAGE, "another program", store_open(&s, f.path, &e));
    FAILS(ERR_STORAGE, "not a database of tprun", query_open(&q, f.path, &e));
    check_text(f.path, "PRAGMA journal_mode", "delete"); /* it was left as it was */
    ck_assert_int_eq(unlink(f.path), 0);

    char name[160];
    snprintf(name, sizeof name, "%s/dangling.db", f.folder);
    ck_assert_int_eq(symlink("/nowhere/at/all.db", name), 0);
    FAILS(ERR_STORAGE, "cannot resolve", store_open(&s, name, &e));
    static const char *const no_names[] = { "new/", "new/other/.", "new/none/.." };
    for (size_t i = 0; i < sizeof no_names / sizeof *no_names; i++) {
        snprintf(name, sizeof name, "%s/%s", f.folder, no_names[i]);
        FAILS(ERR_STORAGE, "is not the name of a file", store_open(&s, name, &e));
    }
    ck_assert_int_eq(n_descriptors(), before); /* what is refused is closed */
    fixture_remove(&f);
}
END_TEST

START_TEST(refuses_a_file_with_two_names)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    OK(store_close(f.s, &e));
    char name[160];
    snprintf(name, sizeof name, "%s/hard.db", f.folder);
    ck_assert_int_eq(link(f.path, name), 0);
    FAILS(ERR_STORAGE, "hard links", store_open(&f.s, name, &e));
    fixture_remove(&f);
}
END_TEST

START_TEST(refuses_a_newer_version)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    OK(store_close(f.s, &e));
    sqlite3 *db = plain_open(f.path);
    ck_assert_int_eq(sqlite3_exec(db, "PRAGMA user_version = 6", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    struct query *q;
    FAILS(ERR_STORAGE, "schema version 6", store_open(&f.s, f.path, &e));
    FAILS(ERR_STORAGE, "schema version 6", query_open(&q, f.path, &e));
    fixture_remove(&f);
}
END_TEST

/* Runs `body` as a user to whom permissions apply; its exit status. */
static int as_user(int (*body)(struct fixture *), struct fixture *f)
{
    const pid_t child = fork();
    if (child == 0) {
        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(99);
        _exit(body(f));
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "status %d", status);
    return WEXITSTATUS(status);
}

static int says(int code, const struct err *e, const char *words)
{
    if (code == ERR_STORAGE && strstr(err_first(e), words))
        return 0;
    fprintf(stderr, "%d: %s (wanted: %s)\n", code, err_first(e), words);
    return 1;
}

static int open_in_readonly_folder(struct fixture *f)
{
    struct err e = { 0 };
    return says(store_open(&f->s, f->path, &e), &e, "results.db.lock");
}

static int query_in_readonly_folder(struct fixture *f)
{
    struct err e = { 0 };
    struct query *q;
    if (query_open(&q, f->path, &e) < 0)
        return says(0, &e, "nothing");
    char hex[65];
    const int code = query_digest(q, hex, &e);
    query_close(q);
    return code == 0 ? 0 : 2;
}

static int unclosed_in_readonly_folder(struct fixture *f)
{
    struct err e = { 0 };
    struct query *q;
    const int code = query_open(&q, f->path, &e);
    return says(code, &e, "only a writer can open");
}

static int open_readonly_file(struct fixture *f)
{
    struct err e = { 0 };
    return says(store_open(&f->s, f->path, &e), &e, "cannot be written");
}

START_TEST(readonly_file_and_folder)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    struct stat was, is;
    OK(store_close(f.s, &e));
    char lock[160];
    snprintf(lock, sizeof lock, "%s.lock", f.path);
    ck_assert_int_eq(chmod(f.path, 0444), 0);
    ck_assert_int_eq(chmod(lock, 0666), 0);
    ck_assert_int_eq(chmod(f.folder, 0777), 0);
    ck_assert_int_eq(as_user(open_readonly_file, &f), 0);
    ck_assert_int_eq(unlink(lock), 0);
    ck_assert_int_eq(chmod(f.folder, 0555), 0);
    ck_assert_int_eq(stat(f.path, &was), 0);
    ck_assert_int_eq(as_user(open_in_readonly_folder, &f), 0);
    ck_assert_int_eq(as_user(query_in_readonly_folder, &f), 0);
    ck_assert_int_eq(stat(f.path, &is), 0);
    ck_assert_int_eq(was.st_mtim.tv_sec, is.st_mtim.tv_sec);
    ck_assert_int_eq(was.st_mtim.tv_nsec, is.st_mtim.tv_nsec);
    ck_assert_int_eq(was.st_size, is.st_size);
    chmod(f.folder, 0755);
    chmod(f.path, 0644);
    sqlite3 *db = plain_open(f.path);
    ck_assert_int_eq(sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db); /* no log beside it, but marked as having one */
    chmod(f.folder, 0555);
    ck_assert_int_eq(as_user(unclosed_in_readonly_folder, &f), 0);
    chmod(f.folder, 0755);
    fixture_remove(&f);
}
END_TEST

START_TEST(network_file_systems_are_known)
{
    ck_assert_str_eq(path_network_name(0x6969), "NFS");
    ck_assert_str_eq(path_network_name(0x0BD00BD0), "Lustre");
    ck_assert_str_eq(path_network_name(0x47504653), "GPFS");
    ck_assert_str_eq(path_network_name(0x65735546), "FUSE");
    ck_assert_str_eq(path_network_name((long)(int)0xFF534D42), "SMB (CIFS)"); /* as a signed 32-bit field gives it */
    ck_assert_ptr_null(path_network_name(0xEF53));                            /* ext4 */
    ck_assert_ptr_null(path_network_name(0x01021994));                        /* tmpfs */
}
END_TEST

/* Another program holds the write lock until something can be read from `until`; returns when it does. */
static pid_t hold_lock(const char *path, int until)
{
    int ready[2];
    ck_assert_int_eq(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        sqlite3 *db = NULL;
        if (sqlite3_open(path, &db) != SQLITE_OK ||
            sqlite3_exec(db, "BEGIN IMMEDIATE; INSERT INTO host (description) VALUES ('foreign')", NULL, NULL, NULL) !=
                SQLITE_OK)
            _exit(1);
        if (write(ready[1], "x", 1) != 1)
            _exit(2);
        struct pollfd word = { .fd = until, .events = POLLIN };
        if (poll(&word, 1, -1) != 1)
            _exit(3);
        _exit(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK);
    }
    char byte;
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

START_TEST(a_foreign_writer_delays_and_does_not_kill)
{
    struct fixture f = fixture_folder();
    struct err e = { 0 };
    OK(store_open(&f.s, f.path, &e));
    OK(store_close(f.s, &e));
    int said[2]; /* what the store writes to standard error: its warning is what the other waits for */
    const int standard_error = dup(STDERR_FILENO);
    ck_assert_int_eq(pipe(said), 0);
    const pid_t child = hold_lock(f.path, said[0]);
    ck_assert_int_eq(dup2(said[1], STDERR_FILENO), STDERR_FILENO);
    OK(store_open(&f.s, f.path, &e));
    f.study = put_study(f.s, "demo", "{}");
    const int64_t trial = put_trial(f.s, f.study, 1, "tp", "", 1, 0, NULL).id;
    OK(store_metric(f.s, trial, 0, "train_loss", 0, 1.0, &e));
    OK(store_flush(f.s, &e));
    ck_assert_int_eq(dup2(standard_error, STDERR_FILENO), STDERR_FILENO);
    char text[4096 + 128] = "";
    ck_assert_int_gt(read(said[0], text, sizeof text - 1), 0);
    ck_assert_ptr_nonnull(strstr(text, "is locked by another program; waiting up to"));
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    check_text(f.path, "SELECT count(*) || (SELECT description FROM host) FROM metric", "1foreign");
    fixture_close(&f);
}
END_TEST

START_TEST(a_lock_beyond_the_limit_is_an_error_that_sticks)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    OK(store_flush(f.s, &e));
    f.s->busy_limit_ms = 50;
    int done[2];
    ck_assert_int_eq(pipe(done), 0);
    const pid_t child = hold_lock(f.path, done[0]);
    int64_t id;
    const struct store_study study = { .name = "late", .spec = "{}" };
    FAILS(ERR_STORAGE, "locked by another program", store_put_study(f.s, &study, &id, &e));
    ck_assert_int_eq(write(done[1], "x", 1), 1);
    waitpid(child, NULL, 0);
    FAILS(ERR_STORAGE, "earlier error", store_put_study(f.s, &study, &id, &e));
    FAILS(ERR_STORAGE, "earlier error", store_flush(f.s, &e));
    FAILS(ERR_STORAGE, "earlier error", store_close(f.s, &e));
    check_text(f.path, "SELECT group_concat(name) FROM study", "demo");
    fixture_remove(&f);
}
END_TEST

START_TEST(a_forked_child_that_closes_does_no_harm)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    const pid_t child = fork();
    if (child == 0) {
        store_close(f.s, &e);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    put_study(f.s, "after", "{}");
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT count(*) FROM study", "2");
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, creates_folders_and_marks_the_file);
    tcase_add_test(t, connection_is_durable);
    tcase_add_test(t, clean_close_leaves_one_whole_file);
    tcase_add_test(t, a_reader_does_not_stop_the_close);
    tcase_add_test(t, what_a_kill_left_is_told);
    tcase_add_test(t, a_queue_is_put_in_groups);
    tcase_add_test(t, symbolic_link_is_resolved);
    tcase_add_test(t, refuses_what_is_no_database);
    tcase_add_test(t, refuses_a_file_with_two_names);
    tcase_add_test(t, refuses_a_newer_version);
    tcase_add_test(t, readonly_file_and_folder);
    tcase_add_test(t, network_file_systems_are_known);
    tcase_add_test(t, a_foreign_writer_delays_and_does_not_kill);
    tcase_add_test(t, a_lock_beyond_the_limit_is_an_error_that_sticks);
    tcase_add_test(t, a_forked_child_that_closes_does_no_harm);
}
CHECK_MAIN("store", add_tests)
