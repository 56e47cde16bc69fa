/* Every column is documented, in one class or the other. */
#include "fixture.h"

START_TEST(every_column_is_documented)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    const struct store_param params[] = { { .key = "a.b", .number = 2, .swept = true },
                                          { .key = "step", .number = 2, .swept = true } };
    put_trial(f.s, f.study, 1, "tp", "", 1, 2, params);
    OK(store_refresh(f.s, f.study, &e)); /* with a pivot */
    check_text(
        f.path,
        "SELECT group_concat(m.name || '.' || p.name, ' ') FROM sqlite_master m JOIN pragma_table_info(m.name) p "
        "LEFT JOIN _doc d ON d.\"table\" = m.name AND d.\"column\" = p.name "
        "WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite_%' AND (d.text IS NULL OR d.text = '')",
        "(null)");
    check_text(f.path,
               "SELECT group_concat(\"table\" || '.' || \"column\", ' ') FROM _doc d WHERE NOT EXISTS "
               "(SELECT 1 FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.name = d.\"table\" AND p.name "
               "= d.\"column\")",
               "(null)");
    check_text(
        f.path,
        "SELECT count(*) FROM _doc WHERE \"table\" = 'study_demo' AND \"column\" IN ('a.b', 'param step', 'state')",
        "3");
    fixture_close(&f);
}
END_TEST

START_TEST(deterministic_tables_are_those_of_the_digest)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    OK(store_flush(f.s, &e));
    check_text(f.path,
               "SELECT group_concat(t) FROM (SELECT DISTINCT d.\"table\" AS t FROM _doc d JOIN sqlite_master m ON "
               "m.name = d.\"table\" AND "
               "m.type = 'table' WHERE class = 'deterministic' ORDER BY 1)",
               "claim,config,config_param,dataset,layer_metric,metric,param,study,summary,trial");
    /* Row ids, times and places never are. */
    check_text(f.path,
               "SELECT count(*) FROM _doc d JOIN sqlite_master m ON m.name = d.\"table\" AND m.type = 'table' WHERE "
               "class = 'deterministic' "
               "AND (\"column\" LIKE '%\\_id' ESCAPE '\\' OR unit IN ('ms', 'ns', 's') OR \"column\" IN ('pid', "
               "'host', 'path', 'kernel'))",
               "0");
    fixture_close(&f);
}
END_TEST

START_TEST(the_big_tables_have_no_rowid)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    OK(store_flush(f.s, &e));
    check_text(f.path,
               "SELECT group_concat(name) FROM (SELECT name FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID' AND "
               "name IN ('metric', "
               "'layer_metric', 'summary', 'param') ORDER BY name)",
               "layer_metric,metric,param,summary");
    check_text(f.path, "PRAGMA foreign_key_check", "(none)");
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, every_column_is_documented);
    tcase_add_test(t, deterministic_tables_are_those_of_the_digest);
    tcase_add_test(t, the_big_tables_have_no_rowid);
}
CHECK_MAIN("schema", add_tests)
