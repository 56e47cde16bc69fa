/* The digest: equal for equal results, whatever the order, the time and the place; different for a difference of one
 * bit. */
#include "fixture.h"

static void digest_of(const char *path, char hex[65])
{
    struct err e = { 0 };
    struct query *q;
    OK(query_open(&q, path, &e));
    OK(query_digest(q, hex, &e));
    query_close(q);
    ck_assert_uint_eq(strlen(hex), 64);
}

struct variation {
    bool backwards, restarted, elsewhere;
    double last;
    bool other_param;
};

/* Two trials of 30 steps, in one order or the other. */
static void make(const struct variation *v, char hex[65])
{
    struct fixture f = fixture_folder();
    struct err e = { 0 };
    OK(store_open(&f.s, f.path, &e));
    if (v->elsewhere) {
        const struct store_study study = {
            .name = "demo", .title = "A title", .paper = "roulet2022", .path = "elsewhere.yaml", .spec = "{}"
        };
        OK(store_put_study(f.s, &study, &f.study, &e));
    } else {
        f.study = put_study(f.s, "demo", "{}");
    }
    const struct store_param params[] = { { .key = "a", .number = v->other_param ? 2 : 1 },
                                          { .key = "b", .text = "x", .number = NAN } };
    static const char *const names[] = { "train_loss", "test_accuracy" };
    int64_t id[2];
    for (int i = 0; i < 2; i++) {
        const int n = v->backwards ? 1 - i : i;
        id[n] = put_trial(f.s, f.study, n, n ? "bp" : "tp", "", 1, 2, params).id;
    }
    for (int i = 0; i < 2; i++) {
        const int n = v->backwards ? 1 - i : i;
        const int64_t run = begin_run(f.s, id[n], 0);
        for (int step = 0; step < 30; step++)
            for (int k = 0; k < 2; k++) {
                const int name = v->backwards ? 1 - k : k;
                const double value = n == 1 && name == 1 && step == 29 ? v->last : n + name * 0.3 + 1.0 / (step + 1);
                OK(store_metric(f.s, id[n], run, names[name], step, value, &e));
                OK(store_layer_metric(f.s, id[n], run, "norm", step, name, value, &e));
                if (v->restarted && step == 17 && k == 1) {
                    char old[4096], sha[65];
                    snprintf(sha, sizeof sha, "%064d", 1);
                    OK(store_checkpoint(f.s, id[n], run, 17, "x", sha, (struct spent){ 0 }, old, &e));
                    OK(store_close(f.s, &e));
                    OK(store_open(&f.s, f.path, &e));
                    int64_t dead;
                    OK(store_recover(f.s, &dead, &e));
                    ck_assert_int_eq(dead, 1);
                    begin_run(f.s, id[n], 17);
                }
            }
        int64_t last = 0;
        OK(store_flush(f.s, &e));
        last = (int64_t)plain_number(f.path, "SELECT max(id) FROM run");
        OK(store_cost(f.s, last, "train", v->elsewhere ? 5 : 7, 1, 1, &e));
        end_run(f.s, id[n], last, TRIAL_DONE, 29);
    }
    const struct store_dataset d = { "mnist", v->elsewhere ? "/there" : "/here", "ab" };
    OK(store_dataset(f.s, &d, &e));
    if (!v->restarted)
        OK(store_refresh(f.s, f.study, &e)); /* derived: no part of it */
    OK(store_close(f.s, &e));
    digest_of(f.path, hex);
    char again[65];
    digest_of(f.path, again);
    ck_assert_str_eq(hex, again);
    fixture_remove(&f);
}

START_TEST(order_time_and_place_do_not_matter)
{
    char a[65], b[65];
    make(&(struct variation){ .last = 0.5 }, a);
    make(&(struct variation){ .last = 0.5, .backwards = true }, b);
    ck_assert_str_eq(a, b);
    make(&(struct variation){ .last = 0.5, .restarted = true }, b);
    ck_assert_str_eq(a, b);
    make(&(struct variation){ .last = 0.5, .elsewhere = true }, b);
    ck_assert_str_eq(a, b);
}
END_TEST

START_TEST(one_bit_matters)
{
    char a[65], b[65];
    make(&(struct variation){ .last = 0.5 }, a);
    make(&(struct variation){ .last = nextafter(0.5, 1) }, b);
    ck_assert_str_ne(a, b);
    make(&(struct variation){ .last = NAN }, b);
    ck_assert_str_ne(a, b);
    char c[65];
    make(&(struct variation){ .last = INFINITY }, c);
    ck_assert_str_ne(b, c);
    make(&(struct variation){ .last = 0.5, .other_param = true }, b);
    ck_assert_str_ne(a, b);
    make(&(struct variation){ .last = 0.0 }, a);
    make(&(struct variation){ .last = -0.0 }, b);
    ck_assert_str_eq(a, b);
}
END_TEST

START_TEST(rows_come_sorted_from_the_indexes)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    OK(store_flush(f.s, &e));
    sqlite3 *db = plain_open(f.path);
    sqlite3_stmt *stmt; /* ten million metric rows must not be sorted */
    ck_assert_int_eq(
        sqlite3_prepare_v2(
            db,
            "EXPLAIN QUERY PLAN SELECT t.key, k.name, x.step, x.value FROM trial t CROSS JOIN metric_key k CROSS JOIN "
            "metric x ON x.trial_id = t.id AND x.key_id = k.id ORDER BY t.key, k.name, x.step",
            -1, &stmt, NULL),
        SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        ck_assert_ptr_null(strstr((const char *)sqlite3_column_text(stmt, 3), "TEMP B-TREE"));
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, order_time_and_place_do_not_matter);
    tcase_add_test(t, one_bit_matters);
    tcase_add_test(t, rows_come_sorted_from_the_indexes);
}
CHECK_MAIN("digest", add_tests)
