#include "base/hash.h"
#include "check_main.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* FIPS 180-4 examples. */
START_TEST(sha256_published)
{
    char hex[65];
    hash_bytes_hex("", 0, hex);
    ck_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hash_bytes_hex("abc", 3, hex);
    ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash_bytes_hex(NULL, 0, hex);
    ck_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
END_TEST

/* Expected values: SHA-256 of the documented bytes, computed elsewhere. */
START_TEST(values_as_documented)
{
    struct hash h;
    char hex[65];
    hash_init(&h);
    hash_add_string(&h, "a");
    hash_add_string(&h, "");
    hash_add_string(&h, NULL);
    hash_hex(&h, hex);
    ck_assert_str_eq(hex, "43a23bd9c5c0bd670013ce44b6d58329f62bb62085e7129c26f1bbb8afe42c4f");

    const double zeros[] = { 0.0, -0.0 }, nans[] = { NAN, -NAN };
    for (int i = 0; i < 2; i++) { /* the hash starts anew after hash_hex */
        hash_add_double(&h, zeros[i]);
        hash_add_double(&h, -2.385);
        hash_add_double(&h, nans[i]);
        hash_add_int(&h, -5);
        hash_hex(&h, hex);
        ck_assert_str_eq(hex, "891557999c04cf785dc526e722894444973722cc467108ec46d1f350d064d207");
    }
}
END_TEST

START_TEST(sequences_of_strings_differ)
{
    char hex[4][65];
    static const char *const pairs[4][2] = { { "ab", "c" }, { "a", "bc" }, { "abc", "" }, { "abc", NULL } };
    for (int i = 0; i < 4; i++) {
        struct hash h;
        hash_init(&h);
        hash_add_string(&h, pairs[i][0]);
        hash_add_string(&h, pairs[i][1]);
        hash_hex(&h, hex[i]);
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(hex[i], hex[j]);
    }
}
END_TEST

START_TEST(file_is_read_to_its_end)
{
    char name[] = "/tmp/check_hash_XXXXXX", hex[65];
    const int fd = mkstemp(name);
    ck_assert_int_ge(fd, 0);
    FILE *f = fdopen(fd, "w");
    for (int i = 0; i < 1000000; i++)
        putc('a', f);
    ck_assert_int_eq(fclose(f), 0);
    struct err e = { 0 };
    ck_assert_int_eq(hash_file_hex(name, hex, &e), 0);
    unlink(name);
    ck_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"); /* FIPS 180-4 */
    ck_assert_int_eq(hash_file_hex(name, hex, &e), ERR_IO);
    ck_assert(strstr(err_first(&e), name) != NULL);
    err_clear(&e);
}
END_TEST

/* A FIFO or device would block, or never end. */
START_TEST(only_regular_files)
{
    char folder[] = "/tmp/check_hash_XXXXXX", fifo[64], hex[65];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_lt(snprintf(fifo, sizeof fifo, "%s/fifo", folder), (int)sizeof fifo);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    const char *const paths[] = { folder, fifo, "/dev/zero" };
    for (size_t i = 0; i < 3; i++) {
        struct err e = { 0 };
        ck_assert_int_eq(hash_file_hex(paths[i], hex, &e), ERR_IO);
        err_clear(&e);
    }
    unlink(fifo);
    rmdir(folder);
}
END_TEST

START_TEST(crc32_published)
{
    ck_assert_uint_eq(hash_crc32(0, "123456789", 9), 0xcbf43926); /* the check value of CRC-32/ISO-HDLC */
    ck_assert_uint_eq(hash_crc32(hash_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
    ck_assert_uint_eq(hash_crc32(17, NULL, 0), 17);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, sha256_published);
    tcase_add_test(tcase, values_as_documented);
    tcase_add_test(tcase, sequences_of_strings_differ);
    tcase_add_test(tcase, file_is_read_to_its_end);
    tcase_add_test(tcase, only_regular_files);
    tcase_add_test(tcase, crc32_published);
}

CHECK_MAIN("hash", add_tests)
