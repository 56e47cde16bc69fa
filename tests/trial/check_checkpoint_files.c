/* What may lie where a checkpoint is looked for, and what may be called one. */
#include "../check_main.h"
#include "fixture.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

START_TEST(names)
{
    static const char *const ours[] = { KEY ".0.safetensors", KEY ".1234567890123456789.safetensors",
                                        KEY ".12.7.safetensors", NULL };
    static const char *const others[] = { "",
                                          "thesis.tex",
                                          "../home/thesis.tex",
                                          "/etc/passwd",
                                          "..",
                                          ".",
                                          KEY,
                                          KEY ".safetensors",
                                          KEY "..safetensors",
                                          KEY ".1.",
                                          KEY ".1.safetensors/",
                                          KEY ".1.safetensors.tmp",
                                          KEY ".1.safetensorsx",
                                          KEY ".-1.safetensors",
                                          KEY ".1.2.3.safetensors",
                                          KEY ".1a.safetensors",
                                          KEY "0.1.safetensors",
                                          "0123456789ABCDEF.1.safetensors",
                                          "0123456789abcde.1.safetensors",
                                          "../" KEY ".1.safetensors",
                                          "x/" KEY ".1.safetensors",
                                          KEY ".12345678901234567890.safetensors",
                                          " " KEY ".1.safetensors",
                                          KEY ".1.safetensors\n",
                                          NULL };
    static const char *const remainders[] = { KEY ".1.safetensors.77.0123456789abcdef.tmp",
                                              KEY ".1.5.safetensors.77.0123456789abcdef.tmp", NULL };
    static const char *const no_remainders[] = { KEY ".1.safetensors", KEY ".1.safetensors.77.tmp",
                                                 KEY ".1.safetensors.77.0123456789abcdef.tmpx",
                                                 KEY ".1.safetensors.77.0123456789abcde/.tmp", NULL };
    char name[CHECKPOINT_NAME_SIZE];
    for (size_t i = 0; ours[i]; i++)
        ck_assert_msg(checkpoint_is_name(ours[i]), "%s", ours[i]);
    for (size_t i = 0; others[i]; i++)
        ck_assert_msg(!checkpoint_is_name(others[i]), "%s", others[i]);
    for (size_t i = 0; remainders[i]; i++)
        ck_assert_msg(checkpoint_is_remainder(remainders[i]), "%s", remainders[i]);
    for (size_t i = 0; no_remainders[i]; i++)
        ck_assert_msg(!checkpoint_is_remainder(no_remainders[i]), "%s", no_remainders[i]);
    checkpoint_name(name, KEY "0123456789abcdef", INT64_MAX, INT64_MAX);
    ck_assert_str_eq(name, KEY ".9223372036854775807.9223372036854775807.safetensors");
    ck_assert(checkpoint_is_name(name));
}
END_TEST

static void refused(const struct checkpoint_folder *f, const char *name, size_t max_bytes, const char *expected)
{
    struct safetensors file;
    struct err e = { 0 };
    const int code = checkpoint_read(&file, f, NULL, name, NULL, max_bytes, &e);
    ck_assert_msg(code == ERR_FORMAT || code == ERR_IO, "%s: code %d", name, code);
    ck_assert_msg(strstr(err_first(&e), expected) != NULL, "%s: '%s' does not say '%s'", name, err_first(&e), expected);
    err_clear(&e);
}

/* None is followed, waited for or read: the sparse file would take minutes and more memory than there is. */
START_TEST(what_is_no_file)
{
    char folder[64], path[192];
    struct checkpoint_folder own;
    struct err e = { 0 };
    scratch_make(folder);
    must(checkpoint_folder_open(&own, folder, true, &e), &e);
    ck_assert_int_eq(mkdirat(own.fd, KEY ".1.safetensors", 0700), 0);
    ck_assert_int_eq(symlinkat("/etc/passwd", own.fd, KEY ".2.safetensors"), 0);
    ck_assert_int_eq(mkfifoat(own.fd, KEY ".3.safetensors", 0600), 0);
    const int fd = openat(own.fd, KEY ".4.safetensors", O_WRONLY | O_CREAT, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, (off_t)1 << 40), 0);
    close(fd);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", folder, KEY ".5.safetensors");
    const int s = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(s, (struct sockaddr *)&address, sizeof address), 0);
    refused(&own, KEY ".1.safetensors", SIZE_MAX, "is not a regular file");
    refused(&own, KEY ".2.safetensors", SIZE_MAX, "is a symbolic link");
    refused(&own, KEY ".3.safetensors", SIZE_MAX, "is not a regular file");
    refused(&own, KEY ".4.safetensors", 1 << 20, "1099511627776 bytes, at most 1048576");
    refused(&own, KEY ".4.safetensors", SIZE_MAX, "header"); /* by its first bytes */
    refused(&own, KEY ".5.safetensors", SIZE_MAX, "No such device");
    refused(&own, KEY ".6.safetensors", SIZE_MAX, "No such file");
    refused(&own, "../" KEY ".4.safetensors", SIZE_MAX, "is not the name of a checkpoint");
    for (int i = 1; i <= 5; i++) {
        snprintf(path, sizeof path, KEY ".%d.safetensors", i);
        ck_assert(checkpoint_exists(&own, path));
        checkpoint_remove(&own, path);
        ck_assert_int_eq(checkpoint_exists(&own, path), i == 1); /* a folder stays */
    }
    close(s);
    ck_assert_int_eq(unlinkat(own.fd, KEY ".1.safetensors", AT_REMOVEDIR), 0);
    checkpoint_folder_close(&own);
    scratch_remove(folder);
}
END_TEST

START_TEST(only_ours_is_removed)
{
    static const char *const kept[] = { "thesis.tex", KEY ".tex", KEY ".1.safetensors.bak", NULL };
    char folder[64], outside[128];
    struct checkpoint_folder own, linked;
    struct err e = { 0 };
    scratch_make(folder);
    snprintf(outside, sizeof outside, "%s/inner", folder);
    ck_assert_int_eq(mkdir(outside, 0700), 0);
    must(checkpoint_folder_open(&own, outside, true, &e), &e);
    for (size_t i = 0; kept[i]; i++) {
        close(openat(own.fd, kept[i], O_WRONLY | O_CREAT, 0600));
        checkpoint_remove(&own, kept[i]);
        ck_assert_int_eq(faccessat(own.fd, kept[i], F_OK, 0), 0);
    }
    char above[160];
    snprintf(above, sizeof above, "%s/" KEY ".1.safetensors", folder);
    close(open(above, O_WRONLY | O_CREAT, 0600));
    checkpoint_remove(&own, "../" KEY ".1.safetensors");
    checkpoint_remove(&own, above);
    ck_assert_int_eq(access(above, F_OK), 0);
    /* a folder that is a link is nobody's own, but may be read from */
    snprintf(above, sizeof above, "%s/link", folder);
    ck_assert_int_eq(symlink("inner", above), 0);
    ck_assert_int_eq(checkpoint_folder_open(&linked, above, true, &e), ERR_STORAGE);
    ck_assert_ptr_nonnull(strstr(err_first(&e), "is a symbolic link"));
    err_clear(&e);
    must(checkpoint_folder_open(&linked, above, false, &e), &e);
    checkpoint_folder_close(&linked);
    checkpoint_folder_close(&own);
    for (size_t i = 0; kept[i]; i++) {
        snprintf(above, sizeof above, "%s/%s", outside, kept[i]);
        unlink(above);
    }
    rmdir(outside);
    scratch_remove(folder);
}
END_TEST

/* What would hinder the writing of a checkpoint: a folder is kept under another name, a file is written over, the rest
 * goes. */
START_TEST(what_is_in_the_way)
{
    char folder[64];
    struct checkpoint_folder own;
    struct stat st;
    struct err e = { 0 };
    scratch_make(folder);
    must(checkpoint_folder_open(&own, folder, true, &e), &e);
    ck_assert_int_eq(mkdirat(own.fd, KEY ".1.safetensors", 0700), 0);
    ck_assert_int_eq(symlinkat("/etc/passwd", own.fd, KEY ".2.safetensors"), 0);
    close(openat(own.fd, KEY ".3.safetensors", O_WRONLY | O_CREAT, 0600));
    checkpoint_make_way(&own, KEY ".1.safetensors");
    checkpoint_make_way(&own, KEY ".2.safetensors");
    checkpoint_make_way(&own, KEY ".3.safetensors");
    checkpoint_make_way(&own, KEY ".4.safetensors");
    ck_assert(!checkpoint_exists(&own, KEY ".1.safetensors"));
    ck_assert_int_eq(fstatat(own.fd, KEY ".1.safetensors.aside", &st, AT_SYMLINK_NOFOLLOW), 0);
    ck_assert(S_ISDIR(st.st_mode));
    ck_assert(!checkpoint_exists(&own, KEY ".2.safetensors"));
    ck_assert(checkpoint_exists(&own, KEY ".3.safetensors"));
    ck_assert(!checkpoint_exists(&own, KEY ".4.safetensors"));
    ck_assert_int_eq(access("/etc/passwd", F_OK), 0);
    checkpoint_folder_close(&own);
    scratch_remove(folder);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, names);
    tcase_add_test(t, what_is_no_file);
    tcase_add_test(t, only_ours_is_removed);
    tcase_add_test(t, what_is_in_the_way);
}

CHECK_MAIN("checkpoint files", add_tests)
