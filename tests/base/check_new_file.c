/* Files that appear whole or not at all, and folders that are made on the way. */
#include "../check_main.h"

#include "base/file.h"
#include "base/new_file.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static struct err e;

static void setup(void)
{
    strcpy(folder, "/tmp/check_new_file_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    e = (struct err){ 0 };
}

static void teardown(void)
{
    char command[128];
    err_clear(&e);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int n_files(void)
{
    DIR *dir = opendir(folder);
    int n = -2; /* . and .. */
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void assert_contents(const char *name, const char *expected)
{
    char found[64] = "";
    FILE *f = fopen(path_of(name), "r");
    ck_assert_ptr_nonnull(f);
    const size_t n = fread(found, 1, sizeof found - 1, f);
    fclose(f);
    ck_assert_uint_eq(n, strlen(expected));
    ck_assert_str_eq(found, expected);
}

static int write_new(const char *name, const char *text, bool link, bool *there)
{
    struct new_file f;
    int code = new_file_begin(&f, path_of(name), &e);
    if (code == 0)
        code = new_file_write(&f, text, strlen(text), &e);
    if (code == 0)
        code = link ? new_file_link(&f, there, &e) : new_file_replace(&f, &e);
    new_file_end(&f);
    return code;
}

START_TEST(replaced_or_kept)
{
    bool there;
    ck_assert_int_eq(write_new("a", "one", false, NULL), 0);
    assert_contents("a", "one");
    ck_assert_int_eq(write_new("a", "two", false, NULL), 0);
    assert_contents("a", "two");
    ck_assert_int_eq(write_new("a", "three", true, &there), 0);
    ck_assert(there);
    assert_contents("a", "two");
    ck_assert_int_eq(write_new("b", "four", true, &there), 0);
    ck_assert(!there);
    assert_contents("b", "four");
    ck_assert_int_eq(n_files(), 2);
}
END_TEST

START_TEST(given_up)
{
    struct new_file f;
    ck_assert_int_eq(write_new("a", "old", false, NULL), 0);
    ck_assert_int_eq(new_file_begin(&f, path_of("a"), &e), 0);
    ck_assert_int_eq(new_file_write(&f, "half", 4, &e), 0);
    ck_assert_int_eq(n_files(), 2);
    new_file_end(&f);
    assert_contents("a", "old");
    ck_assert_int_eq(n_files(), 1);
}
END_TEST

static void assert_refused(const char *name, const char *expected)
{
    ck_assert_int_eq(write_new(name, "x", false, NULL), ERR_IO);
    ck_assert_msg(strstr(err_first(&e), expected) != NULL, "%s: %s", name, err_first(&e));
    err_clear(&e);
}

/* `-o /dev/null` by root must not make a file of it. */
START_TEST(what_is_no_file_stays)
{
    ck_assert_int_eq(mkfifo(path_of("fifo"), 0600), 0);
    ck_assert_int_eq(mkdir(path_of("sub"), 0700), 0);
    ck_assert_int_eq(symlink("/dev/null", path_of("link")), 0);
    assert_refused("fifo", "is not a regular file");
    assert_refused("link", "is not a regular file");
    assert_refused("sub", "is a folder");
    assert_refused("none/a", "No such file");
    ck_assert_int_eq(n_files(), 3);
}
END_TEST

START_TEST(folders)
{
    struct stat st;
    ck_assert_int_eq(file_make_folders(path_of("x/y//z/"), ERR_STORAGE, &e), 0);
    ck_assert_int_eq(file_make_folders(path_of("x/y"), ERR_STORAGE, &e), 0);
    ck_assert_int_eq(stat(path_of("x/y/z"), &st), 0);
    ck_assert(S_ISDIR(st.st_mode));
    ck_assert_int_eq(write_new("x/file", "", false, NULL), 0);
    ck_assert_int_eq(file_make_folders(path_of("x/file/y"), ERR_STORAGE, &e), ERR_STORAGE);
    ck_assert_ptr_nonnull(strstr(err_first(&e), "there is something else of that name"));
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, replaced_or_kept);
    tcase_add_test(t, given_up);
    tcase_add_test(t, what_is_no_file_stays);
    tcase_add_test(t, folders);
}

CHECK_MAIN("new file", add_tests)
