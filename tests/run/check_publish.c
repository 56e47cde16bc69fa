/* A database that is published: what takes the place of what, and what a worker leaves for the next. */
#include "fixture.h"

#include "base/hash.h"
#include "run/publish.h"

#define A "0123456789abcdef.4.safetensors"

struct published {
    struct fixture f;
    struct publication p;
    char target[96], local[96];
};

static void begin(struct published *s)
{
    fixture_folder(&s->f);
    snprintf(s->target, sizeof s->target, "%s/there.db", s->f.folder);
    snprintf(s->local, sizeof s->local, "%s/local", s->f.folder);
}

static void open_shard(struct published *s)
{
    struct err e = { 0 };
    must(publication_open(&s->p, s->target, s->local, true, &e), &e);
    ck_assert_int_lt(snprintf(s->f.db, sizeof s->f.db, "%s", s->p.copy), sizeof s->f.db);
    fixture_begin(&s->f, NULL, NULL, false);
}

static void put(struct published *s)
{
    struct err e = { 0 };
    must(publication_put(&s->p, s->f.r.store, &s->f.r.own, &e), &e);
}

static void close_shard(struct published *s, int code, struct err *e)
{
    fixture_end(&s->f);
    publication_close(&s->p, code, e);
}

/* As a kill leaves it. */
static void kill_shard(struct published *s)
{
    struct err e = { 0 };
    fixture_end(&s->f);
    s->p.begun = false;
    publication_close(&s->p, 0, &e);
}

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_ge(fputs(text, out), 0);
    ck_assert_int_eq(fclose(out), 0);
}

static void write_checkpoint(const struct checkpoint_folder *folder, const char *text)
{
    char path[4096 + 80];
    snprintf(path, sizeof path, "%s/%s", folder->path, A);
    write_file(path, text);
}

static bool holds(const char *db, const char *text)
{
    char path[256], found[32] = "";
    snprintf(path, sizeof path, "%s.checkpoints/%s", db, A);
    FILE *in = fopen(path, "r");
    ck_assert_ptr_nonnull(in);
    const bool read = fgets(found, sizeof found, in) != NULL;
    fclose(in);
    return read && strcmp(found, text) == 0;
}

/* A damaged checkpoint is not copied, stays as long as it is named, and makes way for a good one of that name. */
START_TEST(a_damaged_checkpoint_is_replaced)
{
    struct published s;
    struct err e = { 0 };
    char sha256[65], old[4096];
    hash_bytes_hex("good", 4, sha256);
    begin(&s);
    open_shard(&s);
    fixture_queue(&s.f);
    must(store_checkpoint(s.f.r.store, s.f.r.pending[0].trial, 0, 4, A, sha256, (struct spent){ 0 }, old, &e), &e);
    write_checkpoint(&s.f.r.own, "good");
    put(&s);
    ck_assert(holds(s.target, "good"));
    write_checkpoint(&s.p.there, "bad");
    close_shard(&s, 0, &e);
    open_shard(&s);
    ck_assert(!has_file(&s.f.r.own, A));
    ck_assert(holds(s.target, "bad"));
    put(&s);
    ck_assert(holds(s.target, "bad"));
    close_shard(&s, 0, &e);
    open_shard(&s);
    write_checkpoint(&s.f.r.own, "good");
    put(&s);
    ck_assert(holds(s.target, "good"));
    close_shard(&s, 0, &e);
    fixture_remove(&s.f);
}
END_TEST

static void copy_file(const char *from, const char *to)
{
    char command[512];
    snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
    ck_assert_int_eq(system(command), 0);
}

/* A row for trial i: what was told to be done. */
static void add_checkpoint(struct published *s, size_t i)
{
    struct err e = { 0 };
    char name[80], sha256[65], old[4096];
    hash_bytes_hex(&i, sizeof i, sha256);
    snprintf(name, sizeof name, "%016zu.4.safetensors", i);
    must(store_checkpoint(s->f.r.store, s->f.r.pending[i].trial, 0, 4, name, sha256, (struct spent){ 0 }, old, &e), &e);
    must(store_flush(s->f.r.store, &e), &e);
}

static int count(const char *db)
{
    struct checkpoint_set set;
    struct err e = { 0 };
    must(checkpoint_set_read(&set, db, CHECKPOINTS_NAMED, &e), &e);
    const int n = (int)set.n;
    checkpoint_set_free(&set);
    return n;
}

/* Three databases are published, with 0, 1 and 2 rows; a third row is not. */
static void work(struct published *s, char published[3][128])
{
    begin(s);
    open_shard(s);
    fixture_queue(&s->f);
    for (size_t i = 0; i < 3; i++) {
        if (i > 0)
            add_checkpoint(s, i - 1);
        put(s);
        ck_assert_int_eq(count(s->target), (int)i);
        snprintf(published[i], sizeof published[i], "%s/%zu", s->f.folder, i);
        copy_file(s->target, published[i]);
    }
    add_checkpoint(s, 2);
}

/* Whether the last one got its name or not, what a killed worker left is published. Where something else is, it is
 * not. */
START_TEST(after_a_kill)
{
    struct published s;
    struct err e = { 0 };
    char published[3][128];
    work(&s, published);
    kill_shard(&s);
    ck_assert_int_eq(count(s.target), 2);
    if (_i < 3)
        copy_file(published[_i], s.target);
    else
        ck_assert_int_eq(unlink(s.target), 0);
    open_shard(&s);
    if (_i == 1 || _i == 2) {
        ck_assert_int_eq(count(s.target), 3);
        ck_assert_int_eq(count(s.p.copy), 3);
    } else {
        ck_assert_int_eq(count(s.p.copy), 0);
        ck_assert_int_eq(access(s.target, F_OK), _i == 0 ? 0 : -1);
    }
    close_shard(&s, 0, &e);
    ck_assert_int_eq(access(s.f.db, F_OK), -1);
    fixture_remove(&s.f);
}
END_TEST

/* The same after an error, of which it was told that it stays: where something else is published, it is refused. */
START_TEST(after_an_error)
{
    struct published s;
    struct err e = { 0 };
    char published[3][128], copy[4096];
    work(&s, published);
    snprintf(copy, sizeof copy, "%s", s.p.copy);
    close_shard(&s, ERR_STORAGE, &e);
    ck_assert_uint_eq(e.n_messages, 1);
    ck_assert_ptr_nonnull(strstr(e.messages[0].text, copy));
    err_clear(&e);
    copy_file(published[0], s.target);
    for (int again = 0; again < 2; again++) {
        ck_assert_int_eq(publication_open(&s.p, s.target, s.local, true, &e), ERR_STORAGE);
        ck_assert_ptr_nonnull(strstr(err_first(&e), "another worker"));
        publication_close(&s.p, ERR_STORAGE, &e);
        ck_assert_uint_eq(e.n_messages, 2);
        ck_assert_ptr_nonnull(strstr(e.messages[1].text, copy));
        err_clear(&e);
        ck_assert_int_eq(count(s.target), 0);
        ck_assert_int_eq(count(copy), 3);
    }
    copy_file(published[2], s.target);
    open_shard(&s);
    ck_assert_int_eq(count(s.target), 3);
    close_shard(&s, ERR_STOPPED, &e);
    ck_assert_uint_eq(e.n_messages, 0);
    ck_assert_int_eq(access(copy, F_OK), -1);
    fixture_remove(&s.f);
}
END_TEST

/* Before anything was published nothing was trained, so nothing stays. */
START_TEST(before_the_first)
{
    struct published s;
    struct err e = { 0 };
    begin(&s);
    open_shard(&s);
    fixture_queue(&s.f);
    close_shard(&s, ERR_STORAGE, &e);
    ck_assert_uint_eq(e.n_messages, 0);
    open_shard(&s);
    ck_assert_int_eq(access(s.target, F_OK), -1);
    close_shard(&s, 0, &e);
    fixture_remove(&s.f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, a_damaged_checkpoint_is_replaced);
    tcase_add_loop_test(t, after_a_kill, 0, 4);
    tcase_add_test(t, after_an_error);
    tcase_add_test(t, before_the_first);
}

CHECK_MAIN("publish", add_tests)
