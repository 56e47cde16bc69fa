/* Reading: formats that others can parse, and SQL that means harm. */
#include "fixture.h"
#include <jansson.h>

static __attribute__((noinline)) char *print(struct query *q, const char *sql, enum query_format format, int *code,
                                             struct err *e)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    *code = query_print(q, sql, NULL, 0, format, out, NULL, e);
    fclose(out);
    return text;
}

static void check_print(struct query *q, const char *sql, enum query_format format, const char *expected)
{
    struct err e = { 0 };
    int code;
    char *text = print(q, sql, format, &code, &e);
    ck_assert_msg(code == 0, "%s: %s", sql, err_first(&e));
    ck_assert_str_eq(text, expected);
    free(text);
}

static struct fixture fixture_query(struct query **q)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    const int64_t t = put_trial(f.s, f.study, 1, "tp", "", 1, 0, NULL).id;
    OK(store_metric(f.s, t, 0, "m", 0, 0.1, &e));
    OK(store_metric(f.s, t, 0, "m", 1, NAN, &e));
    OK(store_metric(f.s, t, 0, "huge", 7, 1.7976931348623157e308,
                    &e)); /* SQL's own literals are not always rounded well */
    OK(store_metric(f.s, t, 0, "tiny", 7, 5e-324, &e));
    OK(store_close(f.s, &e));
    f.s = NULL;
    OK(query_open(q, f.path, &e));
    return f;
}

START_TEST(formats)
{
    struct query *q;
    struct fixture f = fixture_query(&q);
    const char *sql = "SELECT 1 AS n, 0.1 AS x, 'a,\"b\"|c' AS \"text\", NULL AS none, x'00ff' AS b "
                      "UNION ALL SELECT -20, 1e-5, 'line' || char(13, 10) || char(27) || '[31m' || char(233), 2.5, '' "
                      "ORDER BY 1 DESC";
    check_print(q, sql, FORMAT_CSV,
                "n,x,text,none,b\r\n1,0.1,\"a,\"\"b\"\"|c\",,00ff\r\n"
                "-20,1e-5,\"line\\x0d\n\\x1b[31m\xc3\xa9\",2.5,\r\n");
    check_print(q, sql, FORMAT_TABLE,
                "  n     x  text                 none  b\n"
                "  1   0.1  a,\"b\"|c                    00ff\n"
                "-20  1e-5  line\\x0d\\n\\x1b[31m\xc3\xa9   2.5\n");
    check_print(q, sql, FORMAT_MARKDOWN,
                "| n | x | text | none | b |\n| --- | --- | --- | --- | --- |\n| 1 | 0.1 | a,\"b\"\\|c |  | 00ff |\n"
                "| -20 | 1e-5 | line  \xef\xbf\xbd\\[31m\xc3\xa9 | 2.5 |  |\n");
    check_print(
        q, sql, FORMAT_NDJSON,
        "{\"n\": 1, \"x\": 0.1, \"text\": \"a,\\\"b\\\"|c\", \"none\": null, \"b\": \"00ff\"}\n"
        "{\"n\": -20, \"x\": 1e-5, \"text\": \"line\\u000d\\n\\u001b[31m\xc3\xa9\", \"none\": 2.5, \"b\": \"\"}\n");
    check_print(q, "SELECT 1 AS a WHERE 0", FORMAT_JSON, "[]\n");
    check_print(q, "SELECT 1 AS a WHERE 0", FORMAT_CSV, "a\r\n");
    check_print(q, "SELECT 1 AS a WHERE 0", FORMAT_TABLE, "a\n");
    query_close(q);
    fixture_remove(&f);
}
END_TEST

START_TEST(columns_of_one_name_are_kept)
{
    struct query *q;
    struct fixture f = fixture_query(&q);
    const char *sql = "SELECT 1 AS seed, 2 AS seed, 3 AS seed_2, 4 AS seed, 5 AS \"\", 6 AS \"\"";
    check_print(q, sql, FORMAT_NDJSON,
                "{\"seed\": 1, \"seed_3\": 2, \"seed_2\": 3, \"seed_4\": 4, \"\": 5, \"_2\": 6}\n");
    check_print(q, sql, FORMAT_CSV, "seed,seed_3,seed_2,seed_4,,_2\r\n1,2,3,4,5,6\r\n");
    check_print(
        q, sql, FORMAT_MARKDOWN,
        "| seed | seed | seed_2 | seed |  |  |\n| --- | --- | --- | --- | --- | --- |\n| 1 | 2 | 3 | 4 | 5 | 6 |\n");
    query_close(q);
    fixture_remove(&f);
}
END_TEST

static int print_each(struct query *q, const char *sql, const char *const *values, size_t n, char **text, struct err *e)
{
    size_t length = 0;
    FILE *out = open_memstream(text, &length);
    const int code = query_print_each(q, sql, values, n, FORMAT_CSV, out, e);
    fclose(out);
    return code;
}

/* A statement's rows for one value after the other, below one heading; the first mistake ends it. */
START_TEST(rows_for_each_value)
{
    static const char *const values[] = { "a", "none", "b" };
    struct query *q;
    struct fixture f = fixture_query(&q);
    struct err e = { 0 };
    char *text = NULL;
    OK(print_each(q, "SELECT ?1 AS v, 1 AS n WHERE ?1 <> 'none' UNION ALL SELECT ?1, 2", values, 3, &text, &e));
    ck_assert_str_eq(text, "v,n\r\na,1\r\na,2\r\nnone,2\r\nb,1\r\nb,2\r\n");
    free(text);
    OK(print_each(q, "SELECT ?1 AS v WHERE 0", values, 3, &text, &e));
    ck_assert_str_eq(text, "v\r\n");
    free(text);
    ck_assert_int_lt(print_each(q, "SELECT nothing", values, 3, &text, &e), 0);
    ck_assert_uint_eq(e.n_errors, 1);
    free(text);
    err_clear(&e);
    query_close(q);
    fixture_remove(&f);
}
END_TEST

START_TEST(several_results_are_one_document)
{
    static const struct query_section sections[] = { { "first", "SELECT ?1 AS a, 2 AS section" },
                                                     { "none", "SELECT ?1 AS a WHERE 0" },
                                                     { "last", "SELECT ?1 AS b" },
                                                     { 0 } };
    static const char *const expected[] = {
        [FORMAT_TABLE] = "\nfirst\na   section\nx|        2\n\nlast\nb\nx|\n",
        [FORMAT_CSV] = "section,row,name,value\r\nfirst,1,a,x|\r\nfirst,1,section_2,2\r\nlast,1,b,x|\r\n",
        [FORMAT_JSON] = "{\"first\": [\n {\"a\": \"x|\", \"section_2\": 2}\n],\n\"none\": [],\n"
                        "\"last\": [\n {\"b\": \"x|\"}\n]}\n",
        [FORMAT_NDJSON] = "{\"section\": \"first\", \"a\": \"x|\", \"section_2\": 2}\n"
                          "{\"section\": \"last\", \"b\": \"x|\"}\n",
        [FORMAT_MARKDOWN] = "\n## first\n\n| a | section |\n| --- | --- |\n| x\\| | 2 |\n"
                            "\n## last\n\n| b |\n| --- |\n| x\\| |\n",
    };
    struct query *q;
    struct fixture f = fixture_query(&q);
    for (enum query_format format = FORMAT_TABLE; format <= FORMAT_MARKDOWN; format++) {
        struct err e = { 0 };
        const char *argument = "x|";
        char *text = NULL;
        size_t n = 0;
        FILE *out = open_memstream(&text, &n);
        OK(query_print_sections(q, sections, &argument, 1, format, out, &e));
        fclose(out);
        ck_assert_str_eq(text, expected[format]);
        free(text);
    }
    query_close(q);
    fixture_remove(&f);
}
END_TEST

START_TEST(json_is_valid_whatever_the_values)
{
    struct query *q;
    struct fixture f = fixture_query(&q);
    struct err e = { 0 };
    int code;
    const char *sql = "SELECT 9e999 AS inf, -9e999 AS \"-inf\", 9e999 - 9e999 AS nan, 9223372036854775807 AS big, "
                      "(SELECT value FROM metrics WHERE metric = 'huge') AS huge, "
                      "(SELECT value FROM metrics WHERE metric = 'tiny') AS tiny, -0.0 AS zero, CAST(x'c328ff41eda080' "
                      "AS TEXT) AS broken, '</script>' AS \"a\"\"b\", "
                      "(SELECT value FROM metrics WHERE metric = 'm' AND step = 1) AS value";
    char *text = print(q, sql, FORMAT_JSON, &code, &e);
    ck_assert_int_eq(code, 0);
    json_error_t error;
    json_t *root = json_loads(text, 0, &error);
    ck_assert_msg(root != NULL, "%s: %s", error.text, text);
    const json_t *row = json_array_get(root, 0);
    ck_assert(json_is_null(json_object_get(row, "inf")) && json_is_null(json_object_get(row, "-inf")));
    ck_assert(json_is_null(json_object_get(row, "nan")) && json_is_null(json_object_get(row, "value")));
    ck_assert(json_integer_value(json_object_get(row, "big")) == 9223372036854775807);
    ck_assert(json_real_value(json_object_get(row, "huge")) == 1.7976931348623157e308);
    ck_assert(json_real_value(json_object_get(row, "tiny")) == 5e-324);
    ck_assert_str_eq(json_string_value(json_object_get(row, "broken")), "\xef\xbf\xbd(\xef\xbf\xbd"
                                                                        "A\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    json_decref(root);
    free(text);
    query_close(q);
    fixture_remove(&f);
}
END_TEST

START_TEST(numbers_come_back_bit_for_bit)
{
    enum { N = 200 };
    struct fixture f = fixture_open();
    struct err e = { 0 };
    struct query *q;
    int code;
    double x[N];
    const int64_t trial = put_trial(f.s, f.study, 1, "tp", "", 1, 0, NULL).id;
    for (int i = 0; i < N; i++) {
        x[i] = i ? x[i - 1] * -7.3 : 1.0 / 3;
        OK(store_metric(f.s, trial, 0, "m", i, x[i], &e));
    }
    OK(store_flush(f.s, &e));
    OK(query_open(&q, f.path, &e));
    char *text = print(q, "SELECT value FROM metric ORDER BY step", FORMAT_CSV, &code, &e);
    const char *at = strchr(text, '\n') + 1;
    for (int i = 0; i < N; i++) {
        char *end;
        ck_assert(strtod(at, &end) == x[i] && *end == '\r');
        at = end + 2;
    }
    ck_assert_str_eq(at, "");
    free(text);
    query_close(q);
    fixture_close(&f);
}
END_TEST

struct collected {
    int n;
    char text[256];
};

static int collect(void *self, int n, const char *const *values)
{
    struct collected *c = self;
    for (int i = 0; i < n; i++) {
        const size_t used = strlen(c->text);
        snprintf(c->text + used, sizeof c->text - used, "%s;", values[i] ? values[i] : "NULL");
    }
    return ++c->n == 3 ? ERR_STOPPED : 0;
}

START_TEST(numbers_rows_and_parameters)
{
    struct query *q;
    struct fixture f = fixture_query(&q);
    struct err e = { 0 };
    bool found;
    double value = 0;
    OK(query_number(q, "SELECT value FROM metrics WHERE step = 0", NULL, 0, &found, &value, &e));
    ck_assert(found && value == 0.1);
    OK(query_number(q, "SELECT value FROM metrics WHERE step = 1", NULL, 0, &found, &value, &e));
    ck_assert(!found);
    OK(query_number(q, "SELECT value FROM metrics WHERE step = 2", NULL, 0, &found, &value, &e));
    ck_assert(!found);
    FAILS(ERR_USAGE, "text, not a number", query_number(q, "SELECT 'x'", NULL, 0, &found, &value, &e));
    FAILS(ERR_USAGE, "infinity", query_number(q, "SELECT 9e999", NULL, 0, &found, &value, &e));
    FAILS(ERR_USAGE, "no such table", query_number(q, "SELECT a FROM b", NULL, 0, &found, &value, &e));
    FAILS(ERR_USAGE, "the query is empty", query_number(q, " -- nothing", NULL, 0, &found, &value, &e));

    const char *const arguments[] = { "tp'; DROP TABLE trial", "1" };
    struct collected c = { 0 };
    OK(query_rows(q, "SELECT ?1, 0.5, NULL, '' FROM trial WHERE seed = ?2", arguments, 2, collect, &c, &e));
    ck_assert_str_eq(c.text, "tp'; DROP TABLE trial;0.5;NULL;;");
    FAILS(ERR_USAGE, "2 parameters, and 1 values", query_rows(q, "SELECT ?1, ?2", arguments, 1, collect, &c, &e));
    c = (struct collected){ 0 };
    const char *five = "SELECT value FROM json_each('[1,2,3,4,5]')";
    const int code = query_rows(q, five, NULL, 0, collect, &c, &e);
    ck_assert_msg(code == ERR_STOPPED, "%s", err_first(&e));
    ck_assert_int_eq(c.n, 3);
    query_close(q);
    query_close(NULL);
    fixture_remove(&f);
}
END_TEST

START_TEST(what_people_ask_is_allowed)
{
    struct query *q;
    struct fixture f = fixture_query(&q);
    static const char *const asked[] = {
        "SELECT * FROM trials",
        "select count(*), avg(value), min(value), max(value), sum(value), total(value), group_concat(metric) from "
        "metrics;",
        "SELECT variant, rank() OVER (ORDER BY seed) FROM trials -- a comment",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10) SELECT sum(i) FROM n; /* more */ "
        ";",
        "SELECT json_extract(text, '$.a'), text ->> '$.a' FROM config",
        "SELECT * FROM curves WHERE variant LIKE 't%' AND metric GLOB 'm*'",
        "SELECT strftime('%Y', 'now'), round(1.5), substr('abc', 2), coalesce(NULL, 1), iif(1, 2, 3)",
        "SELECT * FROM finals",
        "SELECT * FROM heatmap",
        "SELECT * FROM claims",
        "SELECT * FROM costs",
        "SELECT * FROM params",
        "SELECT * FROM summaries",
        "SELECT * FROM _doc WHERE \"table\" = 'trials'",
        "SELECT name, sql FROM sqlite_master",
        "VALUES (1, 2), (3, 4)",
        "EXPLAIN QUERY PLAN SELECT * FROM trials",
    };
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct err e = { 0 };
        int code;
        char *text = print(q, asked[i], FORMAT_JSON, &code, &e);
        ck_assert_msg(code == 0, "%s: %s", asked[i], err_first(&e));
        json_t *root = json_loads(text, 0, NULL);
        ck_assert_msg(root != NULL, "%s: %s", asked[i], text);
        json_decref(root);
        free(text);
    }
    query_close(q);
    fixture_remove(&f);
}
END_TEST

START_TEST(harm_is_refused)
{
    struct query *q;
    struct fixture f = fixture_query(&q);
    static const char *const hostile[] = {
        "ATTACH '/tmp/tprun-attached.db' AS a",
        "DETACH main",
        "VACUUM",
        "VACUUM INTO '/tmp/tprun-vacuumed.db'",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = 1",
        "PRAGMA user_version = 9",
        "PRAGMA application_id = 1",
        "PRAGMA query_only = 0",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA schema_version = 7",
        "PRAGMA trusted_schema = 1",
        "PRAGMA temp_store_directory = '/tmp'",
        "PRAGMA mmap_size = 1000000000",
        "PRAGMA database_list",
        "PRAGMA table_info(trial)",
        "SELECT * FROM pragma_table_info('trial')",
        "SELECT * FROM pragma_database_list",
        "SELECT * FROM pragma_user_version",
        "SELECT load_extension('/tmp/evil.so')",
        "SELECT load_extension('/tmp/evil.so', 'init')",
        "SELECT fts3_tokenizer('simple')",
        "SELECT fts3_tokenizer('simple', x'4141414141414141')",
        "SELECT writefile('/tmp/tprun-written', 'x')",
        "SELECT readfile('/etc/passwd')",
        "SELECT edit('x')",
        "SELECT printf('%.*c', 900000000, 'x')",
        "SELECT length(format('%.*c', 900000000, 'x'))",
        "SELECT zeroblob(900000000)",
        "SELECT randomblob(900000000)",
        "SELECT hex(randomblob(100000))",
        "SELECT sqlite_compileoption_get(1)",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE trial",
        "SELECT 1; ; -- x\n DELETE FROM trial",
        "; DELETE FROM trial",
        "INSERT INTO trial SELECT * FROM trial",
        "UPDATE trial SET step = 1",
        "DELETE FROM metric",
        "REPLACE INTO host VALUES (1, 'x')",
        "DROP TABLE trial",
        "DROP VIEW trials",
        "CREATE TABLE x (y)",
        "CREATE TEMP TABLE x (y)",
        "CREATE TEMP VIEW trials AS SELECT 1",
        "CREATE VIEW x AS SELECT 1",
        "CREATE INDEX i ON trial (step)",
        "CREATE VIRTUAL TABLE v USING fts3(x)",
        "CREATE TRIGGER t AFTER INSERT ON trial BEGIN SELECT 1; END",
        "ALTER TABLE trial RENAME TO x",
        "REINDEX",
        "ANALYZE",
        "BEGIN",
        "BEGIN EXCLUSIVE",
        "COMMIT",
        "SAVEPOINT a",
        "ROLLBACK",
        "WITH x AS (SELECT 1) DELETE FROM trial",
        "EXPLAIN DELETE FROM trial",
        "SELECT * FROM sqlite_dbpage",
        "SELECT * FROM dbstat",
        "SELECT * FROM sqlite_stmt",
        "SELECT 1 FROM trial WHERE load_extension('x')",
        "SELECT (SELECT fts3_tokenizer('porter'))",
        "SELECT tprun_sd(1)",
        "SELECT replace(hex(zeroblob(1000)), '0', hex(zeroblob(1000)))",
    };
    struct stat was, is;
    ck_assert_int_eq(stat(f.path, &was), 0);
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        struct err e = { 0 };
        int code;
        char *text = print(q, hostile[i], FORMAT_CSV, &code, &e);
        ck_assert_msg(code == ERR_USAGE, "%s: %d %s", hostile[i], code, err_first(&e));
        ck_assert_str_eq(text, "");
        ck_assert_str_ne(err_first(&e), "");
        free(text);
        err_clear(&e);
    }
    ck_assert_int_ne(access("/tmp/tprun-attached.db", F_OK), 0);
    ck_assert_int_ne(access("/tmp/tprun-vacuumed.db", F_OK), 0);
    ck_assert_int_ne(access("/tmp/tprun-written", F_OK), 0);
    ck_assert_int_eq(stat(f.path, &is), 0);
    ck_assert_int_eq(was.st_size, is.st_size);
    ck_assert_int_eq(was.st_mtim.tv_nsec, is.st_mtim.tv_nsec);
    query_close(q);
    check_text(f.path, "SELECT count(*) FROM metric", "4");
    fixture_remove(&f);
}
END_TEST

START_TEST(values_and_time_are_bounded)
{
    struct query *q;
    struct fixture f = fixture_query(&q);
    struct err e = { 0 };
    double value;
    bool found;
    FAILS(ERR_USAGE, "too big",
          query_number(
              q,
              "WITH RECURSIVE n(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM n WHERE length(s) < 900000000) SELECT "
              "max(length(s)) FROM n",
              NULL, 0, &found, &value, &e));
    query_set_cpu_limit(q, 0.1);
    FAILS(ERR_USAGE, "stopped after 0.1 s of processor time",
          query_number(q, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
                       NULL, 0, &found, &value, &e));
    OK(query_number(q, "SELECT count(*) FROM metric", NULL, 0, &found, &value, &e)); /* it still works */
    ck_assert(value == 4);
    query_close(q);
    fixture_remove(&f);
}
END_TEST

START_TEST(a_full_disk_of_the_reader_is_told)
{
    struct query *q;
    struct fixture f = fixture_query(&q);
    struct err e = { 0 };
    FILE *full = fopen("/dev/full", "w");
    if (full) {
        FAILS(ERR_IO, "cannot write the result",
              query_print(q, "SELECT * FROM trials", NULL, 0, FORMAT_CSV, full, NULL, &e));
        fclose(full);
    }
    query_close(q);
    fixture_remove(&f);
}
END_TEST

START_TEST(a_reader_sees_a_running_writer)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    struct query *q;
    bool found;
    double value;
    OK(store_flush(f.s, &e));
    OK(query_open(&q, f.path, &e));
    const int64_t t = put_trial(f.s, f.study, 1, "tp", "", 1, 0, NULL).id;
    for (int step = 0; step < 5000; step++)
        OK(store_metric(f.s, t, 0, "m", step, step, &e));
    OK(store_flush(f.s, &e));
    OK(query_number(q, "SELECT count(*) FROM metrics", NULL, 0, &found, &value, &e));
    ck_assert(value == 5000);
    query_close(q);
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, formats);
    tcase_add_test(t, columns_of_one_name_are_kept);
    tcase_add_test(t, rows_for_each_value);
    tcase_add_test(t, several_results_are_one_document);
    tcase_add_test(t, json_is_valid_whatever_the_values);
    tcase_add_test(t, numbers_come_back_bit_for_bit);
    tcase_add_test(t, numbers_rows_and_parameters);
    tcase_add_test(t, what_people_ask_is_allowed);
    tcase_add_test(t, harm_is_refused);
    tcase_add_test(t, values_and_time_are_bounded);
    tcase_add_test(t, a_full_disk_of_the_reader_is_told);
    tcase_add_test(t, a_reader_sees_a_running_writer);
}
CHECK_MAIN("query", add_tests)
