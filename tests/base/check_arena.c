#include "base/arena.h"
#include "check_main.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

START_TEST(zeroed_and_aligned)
{
    struct arena a;
    arena_init(&a, 0);
    for (size_t i = 0; i < 500; i++) {
        unsigned char *p = arena_alloc(&a, i, 7);
        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq((uintptr_t)p % 64, 0);
        for (size_t j = 0; j < 7 * i; j++)
            ck_assert_uint_eq(p[j], 0);
        memset(p, 0xff, 7 * i);
    }
    arena_finish(&a);
}
END_TEST

START_TEST(empty_allocations_have_addresses_of_their_own)
{
    struct arena a;
    arena_init(&a, 0);
    const void *p = arena_alloc(&a, 0, 8), *q = arena_alloc(&a, 8, 0);
    ck_assert_ptr_nonnull(p);
    ck_assert_ptr_nonnull(q);
    ck_assert_ptr_ne(p, q);
    arena_finish(&a);
}
END_TEST

START_TEST(rewinding_reuses_memory)
{
    struct arena a;
    arena_init(&a, 0);
    memset(arena_alloc(&a, 10000, 1), 1, 10000);
    const struct arena_mark mark = arena_mark(&a);
    void *first[20];
    const size_t before = a.used;
    for (int step = 0; step < 3; step++) {
        for (size_t i = 0; i < 20; i++) {
            const size_t n = 1000 * (20 - i) * (i % 3 + 1);
            unsigned char *p = arena_alloc(&a, n, 1);
            ck_assert_ptr_nonnull(p);
            for (size_t j = 0; j < n; j += 97)
                ck_assert_uint_eq(p[j], 0);
            ck_assert_uint_eq(p[n - 1], 0);
            memset(p, 0xee, n);
            if (step == 0)
                first[i] = p;
            ck_assert_ptr_eq(first[i], p); /* the same step meets the same memory: nothing was added */
        }
        arena_rewind(&a, mark);
        ck_assert_uint_eq(a.used, before);
    }
    arena_finish(&a);
}
END_TEST

START_TEST(rewinding_to_the_very_beginning)
{
    struct arena a;
    arena_init(&a, 0);
    const struct arena_mark mark = arena_mark(&a);
    void *p = arena_alloc(&a, 100, 1);
    memset(p, 1, 100);
    arena_rewind(&a, mark);
    unsigned char *q = arena_alloc(&a, 100, 1);
    ck_assert_ptr_eq(p, q);
    ck_assert_uint_eq(q[99], 0);
    arena_finish(&a);
}
END_TEST

START_TEST(limit_and_overflow)
{
    struct arena a;
    arena_init(&a, 1000);
    ck_assert_ptr_nonnull(arena_alloc(&a, 900, 1)); /* 960 with padding */
    ck_assert_uint_eq(a.used, 960);
    ck_assert_ptr_null(arena_alloc(&a, 1, 1));
    ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX / 2, 3));
    ck_assert_ptr_null(arena_alloc(&a, 1, SIZE_MAX));
    ck_assert_uint_eq(a.used, 960);
    arena_finish(&a);
    arena_init(&a, 0);
    ck_assert_ptr_null(arena_alloc(&a, (size_t)1 << 33, (size_t)1 << 33));
    ck_assert_ptr_null(arena_alloc(&a, 1, SIZE_MAX - 70));
    arena_finish(&a);
}
END_TEST

START_TEST(strings)
{
    struct arena a;
    arena_init(&a, 0);
    ck_assert_str_eq(arena_strdup(&a, "abc"), "abc");
    ck_assert_str_eq(arena_strndup(&a, "abcdef", 2), "ab");
    ck_assert_str_eq(arena_strndup(&a, NULL, 0), "");
    ck_assert_str_eq(arena_printf(&a, "%s-%d", "x", 5), "x-5");
    arena_finish(&a);
    arena_finish(&a); /* twice is harmless */
}
END_TEST

/* A read or a write there ends the program when it is built with the address sanitizer. */
START_TEST(what_was_not_handed_out_is_forbidden)
{
#ifdef __SANITIZE_ADDRESS__
    struct arena a;
    arena_init(&a, 0);
    const struct arena_mark mark = arena_mark(&a);
    const char *p = arena_alloc(&a, 5, 8), *whole = arena_alloc(&a, 64, 1), *large = arena_alloc(&a, 1, 1 << 20);
    ck_assert(!__asan_address_is_poisoned(p + 39) && __asan_address_is_poisoned(p + 40));
    ck_assert(!__asan_address_is_poisoned(whole + 63) && __asan_address_is_poisoned(whole + 64));
    ck_assert(!__asan_address_is_poisoned(large) && __asan_address_is_poisoned(large + (1 << 20)));
    arena_rewind(&a, mark);
    ck_assert(__asan_address_is_poisoned(p) && __asan_address_is_poisoned(large));
    ck_assert_ptr_eq(arena_alloc(&a, 3, 1), p);
    ck_assert(!__asan_address_is_poisoned(p + 2) && __asan_address_is_poisoned(p + 3));
    arena_finish(&a);
#else
    puts("skipped: this build has no address sanitizer");
#endif
}
END_TEST

static void add_tests(TCase *c)
{
    tcase_add_test(c, zeroed_and_aligned);
    tcase_add_test(c, empty_allocations_have_addresses_of_their_own);
    tcase_add_test(c, rewinding_reuses_memory);
    tcase_add_test(c, rewinding_to_the_very_beginning);
    tcase_add_test(c, limit_and_overflow);
    tcase_add_test(c, strings);
    tcase_add_test(c, what_was_not_handed_out_is_forbidden);
}

CHECK_MAIN("arena", add_tests)
