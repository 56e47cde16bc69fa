/* Opening where something is short or not allowed: told as what it is. And files that hold nothing yet. */
#include "fixture.h"
#include "store/reason.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

START_TEST(each_reason_has_its_words)
{
    static const struct {
        int reason;
        const char *words;
    } cases[] = {
        { ENOSPC, "the disk is full" },
        { EDQUOT, "quota" },
        { EROFS, "read-only" },
        { EACCES, "permission denied" },
        { EMFILE, "too many open files" },
        { EIO, "output error" },
        { 0, "input/output error" },
    };
    struct err e = { 0 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FAILS(ERR_STORAGE, cases[i].words, reason_set(&e, "/tmp/none/a.db", "open", cases[i].reason));
        FAILS(ERR_STORAGE, "/tmp/none/a.db: cannot open: ", reason_set(&e, "/tmp/none/a.db", "open", cases[i].reason));
    }
}
END_TEST

static void make_marked(const char *path, const char *sql)
{
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

START_TEST(what_holds_nothing_is_an_empty_database)
{
    static const char *const marks[] = { NULL, "PRAGMA application_id = 1953526389",
                                         "PRAGMA application_id = 1953526389; PRAGMA user_version = 5",
                                         "PRAGMA application_id = 1953526389; PRAGMA user_version = 2" };
    struct err e = { 0 };
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        struct fixture f = fixture_folder();
        struct query *q;
        bool empty = false;
        if (marks[i])
            make_marked(f.path, marks[i]);
        else
            fclose(fopen(f.path, "w"));
        FAILS(ERR_STORAGE, "holds nothing yet", query_open(&q, f.path, &e));
        OK(query_check(f.path, &empty, &e));
        ck_assert(empty);
        OK(store_open(&f.s, f.path, &e));
        put_study(f.s, "demo", "{}");
        OK(store_flush(f.s, &e));
        check_text(f.path, "SELECT count(*) || (SELECT count(*) FROM trials) FROM study", "10");
        check_text(f.path, "PRAGMA user_version", "5");
        fixture_close(&f);
    }
    struct fixture f = fixture_folder();
    make_marked(f.path, "PRAGMA application_id = 1953526389; PRAGMA user_version = 9");
    FAILS(ERR_STORAGE, "use a newer tprun", store_open(&f.s, f.path, &e));
    fixture_remove(&f);
}
END_TEST

/* Runs `body` in a child, which may break what it likes; its exit status. */
static int apart(int (*body)(struct fixture *), struct fixture *f)
{
    int status;
    const pid_t child = fork();
    if (child == 0)
        _exit(body(f));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "status %x", (unsigned)status);
    return WEXITSTATUS(status);
}

/* Opening, writing and closing either works (1) or fails with these words (2); else 3. */
static int try(const char *path, const char *words)
{
    struct err e = { 0 };
    struct store *s;
    int64_t id;
    const struct store_study study = { .name = "demo", .spec = "{}" };
    int code = store_open(&s, path, &e);
    if (code == 0) {
        code = store_put_study(s, &study, &id, &e);
        const int closed = store_close(s, &e);
        code = code < 0 ? code : closed;
    }
    const bool said = strstr(err_first(&e), words) != NULL;
    if (code < 0 && (code != ERR_STORAGE || !said))
        fprintf(stderr, "%d: %s (wanted: %s)\n", code, err_first(&e), words);
    err_clear(&e);
    return code == 0 ? 1 : code == ERR_STORAGE && said ? 2 : 3;
}

static int with_few_descriptors(struct fixture *f)
{
    int seen = 0;
    const int next = dup(0); /* the first free one */
    close(next);
    for (int more = 0; more < 8; more++) {
        const struct rlimit limit = { (rlim_t)next + (rlim_t)more, (rlim_t)next + 8 };
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            return 9;
        seen |= 1 << try(f->path, "too many open files");
    }
    return seen; /* both answers, nothing else */
}

START_TEST(too_few_descriptors)
{
    struct fixture f = fixture_folder();
    ck_assert_int_eq(apart(with_few_descriptors, &f), 1 << 1 | 1 << 2);
    fixture_remove(&f);
}
END_TEST

/* A file system of `kilobytes` in memory over the fixture's folder, seen by this process alone. */
static bool mount_small(struct fixture *f, int kilobytes)
{
    char options[32];
    snprintf(options, sizeof options, "size=%dk", kilobytes);
    if (unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mount("tprun", f->folder, "tmpfs", 0, options) == 0)
        return true;
    fprintf(stderr, "skipped: cannot mount a small file system: %s\n", strerror(errno));
    return false;
}

enum { SKIPPED = 77 };

static int on_a_small_disk(struct fixture *f)
{
    int seen = 0;
    for (int kilobytes = 4; kilobytes <= 2048; kilobytes *= 2) {
        if (!mount_small(f, kilobytes))
            return SKIPPED;
        seen |= 1 << try(f->path, "the disk is full");
        umount2(f->folder, MNT_DETACH);
    }
    return seen;
}

static int on_a_readonly_disk(struct fixture *f)
{
    if (!mount_small(f, 4096))
        return SKIPPED;
    if (try(f->path, "") != 1 || mount("tprun", f->folder, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) != 0)
        return 9;
    return try(f->path, "read-only");
}

START_TEST(full_and_readonly_disks)
{
    struct fixture f = fixture_folder();
    const int full = apart(on_a_small_disk, &f), readonly = apart(on_a_readonly_disk, &f);
    if (full != SKIPPED) {
        ck_assert_int_eq(full, 1 << 1 | 1 << 2);
        ck_assert_int_eq(readonly, 2);
    } else {
        printf("not tried: full and read-only disks, as no file system can be mounted here (needs root)\n");
    }
    fixture_remove(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, each_reason_has_its_words);
    tcase_add_test(t, what_holds_nothing_is_an_empty_database);
    tcase_add_test(t, too_few_descriptors);
    tcase_add_test(t, full_and_readonly_disks);
}
CHECK_MAIN("open", add_tests)
