/* What a death by SIGKILL is said to be, by counters that rose or did not. */
#include "../check_main.h"

#include "run/limits.h"
#include <errno.h>
#include <string.h>

#define PLAN " (by its plan a worker takes 100 MB)"

static enum limits_death explain(struct limits_kills *before, struct limits_kills now, const char *expected)
{
    struct text how = { 0 };
    text_puts(&how, "killed by SIGKILL");
    const enum limits_death death = limits_explain_kill(before, now, 100 * 1024 * 1024, &how);
    ck_assert_str_eq(how.s, expected);
    text_free(&how);
    return death;
}

START_TEST(deaths)
{
    static const char of_group[] =
        "killed by SIGKILL by the kernel, as the memory of its control group was used up" PLAN;
    static const char of_machine[] = "killed by SIGKILL, most likely by the kernel for want of memory" PLAN;
    static const char perhaps[] = "killed by SIGKILL, by somebody or for want of memory" PLAN;
    struct limits_kills before = { 3, 10 };
    /* two of our workers died, and one process elsewhere: two deaths are explained by the group, the next by the
     * machine */
    const struct limits_kills now = { 5, 13 };
    ck_assert_int_eq(explain(&before, now, of_group), DEATH_MEMORY);
    ck_assert_int_eq(explain(&before, now, of_group), DEATH_MEMORY);
    ck_assert_int_eq(explain(&before, now, of_machine), DEATH_MEMORY);
    ck_assert_int_eq(explain(&before, now, "killed by SIGKILL"), DEATH_OTHER);
    before = (struct limits_kills){ -1, 2 };
    ck_assert_int_eq(explain(&before, (struct limits_kills){ -1, 3 }, of_machine), DEATH_MEMORY);
    ck_assert_int_eq(explain(&before, (struct limits_kills){ -1, 3 }, "killed by SIGKILL"), DEATH_OTHER);
    before = (struct limits_kills){ -1, -1 };
    ck_assert_int_eq(explain(&before, before, perhaps), DEATH_PERHAPS_MEMORY);
}
END_TEST

/* The counters of this machine, where it has any, do not fall. */
START_TEST(counters)
{
    const struct limits_kills a = limits_count_kills(), b = limits_count_kills();
    ck_assert_int_ge(a.group, -1);
    ck_assert_int_ge(a.machine, -1);
    ck_assert(b.group >= a.group && b.machine >= a.machine);
}
END_TEST

START_TEST(shortages)
{
    char text[128];
    ck_assert(err_is_shortage(EMFILE) && err_is_shortage(EAGAIN) && !err_is_shortage(ENOENT) && !err_is_shortage(0));
    ck_assert_ptr_nonnull(strstr(limits_text(EMFILE, text, sizeof text), "ulimit -n"));
    ck_assert_ptr_nonnull(strstr(limits_text(EAGAIN, text, sizeof text), "too many processes"));
    ck_assert_str_eq(limits_text(ENOENT, text, sizeof text), strerror(ENOENT));
    ck_assert_uint_eq(limits_workers(3), 3);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, deaths);
    tcase_add_test(t, counters);
    tcase_add_test(t, shortages);
}

CHECK_MAIN("limits", add_tests)
