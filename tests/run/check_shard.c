/* Trials dealt to shards. */
#include "../check_main.h"

#include "run/shard.h"
#include <string.h>

enum { TRIALS = 500, SHARDS = 7 };

/* Which shard has trial i, by what every shard finds for itself. */
static void deal_all(size_t n_shards, size_t n, const double *operations, size_t owner[TRIALS], double *most)
{
    static bool mine[TRIALS];
    memset(owner, 0xff, n * sizeof *owner);
    for (size_t k = 0; k < n_shards; k++) {
        double loads[SHARDS] = { 0 };
        const struct shard s = { k, n_shards };
        ck_assert_int_eq(shard_deal(&s, loads, n, operations, mine), 0);
        for (size_t i = 0; i < n; i++)
            if (mine[i]) {
                ck_assert_msg(owner[i] == SIZE_MAX, "trial %zu is in two shards", i);
                owner[i] = k;
            }
        for (size_t i = 0; i < n_shards; i++)
            *most = loads[i] > *most ? loads[i] : *most;
    }
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(owner[i] != SIZE_MAX, "trial %zu is in no shard", i);
}

START_TEST(every_trial_is_in_one_shard_and_they_are_balanced)
{
    double operations[TRIALS], sum = 0, most = 0, largest = 0;
    size_t owner[TRIALS];
    unsigned x = 2385;
    for (size_t i = 0; i < TRIALS; i++) {
        x = x * 1103515245u + 12345u;
        operations[i] = 1 + (x >> 8) % 1000;
        sum += operations[i];
        largest = operations[i] > largest ? operations[i] : largest;
    }
    deal_all(SHARDS, TRIALS, operations, owner, &most);
    ck_assert_double_le(most, sum / SHARDS + largest);
    ck_assert_double_le(most, 1.01 * sum / SHARDS); /* the short ones fill what the long ones leave */
}
END_TEST

START_TEST(more_shards_than_trials_and_unknown_prices)
{
    const double two[] = { 5, 5 }, unknown[TRIALS] = { 0 };
    size_t owner[TRIALS], n[SHARDS] = { 0 };
    double most = 0;
    deal_all(SHARDS, 2, two, owner, &most);
    ck_assert_uint_ne(owner[0], owner[1]);
    ck_assert_double_eq(most, 5);
    deal_all(SHARDS, TRIALS, unknown, owner, &most);
    for (size_t i = 0; i < TRIALS; i++)
        n[owner[i]]++;
    for (size_t k = 0; k < SHARDS; k++)
        ck_assert(n[k] == TRIALS / SHARDS || n[k] == TRIALS / SHARDS + 1);
}
END_TEST

static void parse(const char *text, int code, size_t index, size_t count)
{
    struct err e = { 0 };
    struct shard s = { 0 };
    ck_assert_msg(shard_parse(text, &s, &e) == code, "%s: %s", text, err_first(&e));
    ck_assert_uint_eq(s.index, index);
    ck_assert_uint_eq(s.count, count);
    err_clear(&e);
}

START_TEST(texts)
{
    parse("0/1", 0, 0, 1);
    parse("19/20", 0, 19, 20);
    static const char *const bad[] = {
        "", "3", "/", "20/20", "-1/4", "1/0", "a/4", "1/b", "1/4x", "1/2/3", "0/100001"
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        parse(bad[i], ERR_USAGE, 0, 0);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, every_trial_is_in_one_shard_and_they_are_balanced);
    tcase_add_test(t, more_shards_than_trials_and_unknown_prices);
    tcase_add_test(t, texts);
}

CHECK_MAIN("shard", add_tests)
