/* SQL of others in a process of its own: bounded in processor time, memory and temporary files. */
#include "base/text.h"
#include "fixture.h"
#include <sys/resource.h>

/* Calls of a function that take long, so that SQLite, which looks at its clock between a thousand small steps, never
 * gets there. */
static const char endless_call[] =
    "WITH RECURSIVE n(s) AS (SELECT 'aa' UNION ALL SELECT s || s FROM n WHERE length(s) < 500000), "
    "c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 50), t(s) AS (SELECT max(s) FROM n) "
    "SELECT sum(instr(s, substr(s, 1, 250000 + i) || 'b')) FROM c JOIN t";
static const char endless[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

/* Two tables of about 7 MB each in two temporary files, and which of them are made. */
#define NUMBERS "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000), "
#define TABLE(name) name "(i, t) AS MATERIALIZED (SELECT i, hex(hex(hex(hex(1000000 + i)))) FROM n)"
static const char one_file[] = NUMBERS TABLE("a") " SELECT count(*) FROM a WHERE t > ''";
static const char two_files[] =
    NUMBERS TABLE("a") ", " TABLE("b") " SELECT (SELECT count(*) FROM a WHERE t > '') + count(*) "
                                       "FROM b JOIN a ON a.i = b.i WHERE b.t > ''";

static struct bounded_answer ask(const struct fixture *f, const char *measure, struct query_limits limits)
{
    struct err e = { 0 };
    struct bounded_answer a;
    OK(bounded_measure(f->path, f->study, &measure, 1, limits, &a, &e));
    return a;
}

static void expect_value(struct bounded_answer a, double value)
{
    ck_assert_msg(a.found && a.value == value, "%g, not %g: %s", a.value, value, a.note);
    ck_assert_str_eq(a.note, "");
}

static void expect_note(struct bounded_answer a, const char *note)
{
    ck_assert(!a.found);
    ck_assert_str_eq(a.note, note);
}

static struct fixture fixture_two_studies(void)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_trial(f.s, f.study, 1, "tp", "", 1, 0, NULL);
    put_trial(f.s, put_study(f.s, "other", "{}"), 2, "tp", "", 1, 0, NULL);
    OK(store_flush(f.s, &e));
    return f;
}

START_TEST(a_measure_that_dies_harms_no_other)
{
    struct fixture f = fixture_two_studies();
    struct err e = { 0 };
    static const char *const measures[] = { "SELECT count(*) FROM trials",
                                            "SELECT 1 WHERE 0",
                                            endless_call,
                                            "SELECT 'a'",
                                            endless,
                                            "SELECT nonsense",
                                            "SELECT 2.5",
                                            "DELETE FROM trial" };
    enum { N = sizeof measures / sizeof measures[0] };
    struct bounded_answer a[N];
    const struct query_limits limits = { .cpu_seconds = 0.2 };
    OK(bounded_measure(f.path, f.study, measures, N, limits, a, &e));
    static const char stopped[] = "the query was stopped after 0.2 s of processor time; --cpu-seconds allows more";
    expect_value(a[0], 1); /* of its study only */
    expect_note(a[1], "the measure gives no value");
    expect_note(a[2], stopped);
    expect_note(a[3], "the query gives a text, not a number");
    expect_note(a[4], stopped);
    expect_note(a[5], "no such column: nonsense");
    expect_value(a[6], 2.5);
    ck_assert(!a[7].found && strstr(a[7].note, "not allowed"));
    fixture_close(&f);
}
END_TEST

START_TEST(all_temporary_files_are_one_account)
{
    struct fixture f = fixture_two_studies();
    const struct query_limits small = { .temp_bytes = 12 << 20 }, large = { .temp_bytes = 64 << 20 };
    expect_value(ask(&f, one_file, small), 50000);
    expect_note(ask(&f, two_files, small),
                "the query needs more than 12 MB of temporary files; --temp-size allows more");
    expect_value(ask(&f, two_files, large), 100000);
    fixture_close(&f);
}
END_TEST

START_TEST(memory_is_bounded)
{
    /* 300 texts of half a megabyte each, which SQLite must hold at once. */
    struct text greedy = { 0 };
    text_puts(&greedy, "WITH RECURSIVE n(s) AS (SELECT 'aa' UNION ALL SELECT s || s FROM n WHERE length(s) < 500000) "
                       "SELECT ''");
    for (int i = 0; i < 300; i++)
        text_add(&greedy, ", max(s || %d)", i);
    text_puts(&greedy, " FROM n");
    struct fixture f = fixture_two_studies();
    const struct query_limits usual = { 0 };
    expect_note(ask(&f, greedy.s, usual), "the query needs more than 128 MB of memory");
    text_free(&greedy);
    fixture_close(&f);
}
END_TEST

START_TEST(a_database_that_cannot_be_read_is_an_error)
{
    struct err e = { 0 };
    struct bounded_answer a;
    const char *measure = "SELECT 1";
    const struct query_limits usual = { 0 };
    FAILS(ERR_STORAGE, "cannot open /tmp/none.db", bounded_measure("/tmp/none.db", 1, &measure, 1, usual, &a, &e));
}
END_TEST

START_TEST(a_shortage_is_told_as_one)
{
    struct err e = { 0 };
    struct bounded_answer a;
    struct rlimit old, few;
    const char *measure = "SELECT 1";
    const struct query_limits usual = { 0 };
    const int next =
        dup(STDIN_FILENO); /* the lowest free number: with room for it alone there is none for a socket pair */
    close(next);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = (struct rlimit){ (rlim_t)next + 1, old.rlim_max };
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    const int code = bounded_measure("/tmp/none.db", 1, &measure, 1, usual, &a, &e);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    ck_assert_int_eq(code, ERR_MEMORY);
    ck_assert_str_eq(err_first(&e), "cannot make a socket for a reading process: Too many open files");
    err_clear(&e);
}
END_TEST

START_TEST(claims_are_measured_with_the_limits)
{
    struct fixture f = fixture_two_studies();
    struct err e = { 0 };
    const struct query_limits limits = { .cpu_seconds = 0.2 };
    const struct store_claim claims[] = { { .id = "a", .measure = endless_call },
                                          { .id = "b", .measure = "SELECT count(*) FROM trials" },
                                          { .id = "c" } };
    OK(store_put_claims(f.s, f.study, 3, claims, &e));
    store_limit_measures(f.s, &limits);
    OK(store_refresh(f.s, f.study, &e));
    check_text(f.path, "SELECT group_concat(id || ':' || coalesce(measured, note), '|') FROM claims",
               "a:the query was stopped after 0.2 s of processor time; --cpu-seconds allows more; 1 of the study's "
               "trials is not finished|b:1.0|c:the claim has no measure; 1 of the study's trials is not finished");
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, a_measure_that_dies_harms_no_other);
    tcase_add_test(t, all_temporary_files_are_one_account);
    tcase_add_test(t, memory_is_bounded);
    tcase_add_test(t, a_database_that_cannot_be_read_is_an_error);
    tcase_add_test(t, a_shortage_is_told_as_one);
    tcase_add_test(t, claims_are_measured_with_the_limits);
}
CHECK_MAIN("bounded", add_tests)
