/* The CIFAR-10 layout has no header: its lies are sizes and labels. */
#include "check_main.h"
#include "files.h"

#include "data/cifar.h"

enum { N = 3 };

static uint8_t *records(void)
{
    uint8_t *bytes = calloc(N + 1, CIFAR_RECORD);
    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < N * (size_t)CIFAR_RECORD; i++)
        bytes[i] = i % CIFAR_RECORD == 0 ? (uint8_t)(9 - i / CIFAR_RECORD) : 255;
    return bytes;
}

START_TEST(right)
{
    struct err e = { 0 };
    uint8_t *bytes = records();
    ck_assert_int_eq(CIFAR_RECORD, 3073);
    ck_assert_int_eq(cifar_check(bytes, N * CIFAR_RECORD, N, "f", &e), 0);
    free(bytes);
}
END_TEST

START_TEST(sizes)
{
    struct err e = { 0 };
    uint8_t *bytes = records();
    for (size_t cut = 1; cut < CIFAR_RECORD; cut += 71) {
        files_refused(cifar_check(bytes, N * CIFAR_RECORD - cut, N, "f", &e), ERR_FORMAT, &e, "within record 2");
        files_refused(cifar_check(bytes, N * CIFAR_RECORD + cut, N, "f", &e), ERR_FORMAT, &e, "within record 3");
    }
    files_refused(cifar_check(bytes, (N - 1) * CIFAR_RECORD, N, "f", &e), ERR_FORMAT, &e, "2 records; expected 3");
    files_refused(cifar_check(bytes, (N + 1) * CIFAR_RECORD, N, "f", &e), ERR_FORMAT, &e, "4 records; expected 3");
    files_refused(cifar_check(NULL, 0, N, "f", &e), ERR_FORMAT, &e, "f: 0 bytes");
    free(bytes);
}
END_TEST

START_TEST(labels)
{
    struct err e = { 0 };
    for (unsigned label = 10; label < 256; label += 49)
        for (size_t i = 0; i < N; i++) {
            uint8_t *bytes = records();
            char words[48];
            bytes[i * CIFAR_RECORD] = (uint8_t)label;
            snprintf(words, sizeof words, "f: byte %zu: label %u of record %zu;", i * CIFAR_RECORD, label, i);
            files_refused(cifar_check(bytes, N * CIFAR_RECORD, N, "f", &e), ERR_FORMAT, &e, words);
            free(bytes);
        }
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, right);
    tcase_add_test(tcase, sizes);
    tcase_add_test(tcase, labels);
}

CHECK_MAIN("cifar", add_tests)
