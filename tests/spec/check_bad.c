/* tests/spec/bad/NAME.yaml is refused with exactly the output of NAME.err, as a user sees it. */
#include "fixture.h"
#include <glob.h>

static glob_t files;

static char *read_text(const char *path)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = fopen(path, "r");
    ck_assert_msg(f != NULL, "%s", path);
    const ssize_t length = getdelim(&text, &n, '\0', f);
    ck_assert_int_ge(length, 0);
    ck_assert_int_eq(fclose(f), 0);
    return text;
}

/* The study as far as this room reads it; the path is shown without the folder. */
static char *refusal(const char *path)
{
    struct study study;
    char *text = read_text(path), *out = NULL;
    size_t n = 0;
    ck_assert_int_eq(study_parse(&study, strrchr(path, '/') + 1, text, strlen(text), NULL, NULL, 0, &arena, &err),
                     ERR_SPEC);
    FILE *f = open_memstream(&out, &n);
    ck_assert_ptr_nonnull(f);
    err_print(&err, f, false);
    ck_assert_int_eq(fclose(f), 0);
    study_close(&study);
    free(text);
    return out;
}

START_TEST(is_refused)
{
    char *expected_path = strdup(files.gl_pathv[_i]);
    memcpy(strrchr(expected_path, '.'), ".err", 5);
    char *expected = read_text(expected_path), *said_now = refusal(files.gl_pathv[_i]);
    ck_assert_str_eq(said_now, expected);
    free(said_now);
    free(expected);
    free(expected_path);
}
END_TEST

static void add_tests(TCase *c)
{
    const char *source = getenv("TPRUN_SOURCE");
    char pattern[4096];
    const int length = snprintf(pattern, sizeof pattern, "%s/tests/spec/bad/*.yaml", source ? source : ".");
    if (length < 0 || (size_t)length >= sizeof pattern || glob(pattern, 0, NULL, &files) != 0)
        abort(); /* no files: a test that tests nothing must not pass */
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, is_refused, 0, (int)files.gl_pathc);
}

CHECK_MAIN("bad", add_tests)
