/* Teams: every part is done once whatever the number of threads, and a team that cannot be had says why. */
#include "../check_main.h"

#include "base/team.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { ITEMS = 5000 };

struct counted {
    atomic_int done[ITEMS], parts[TEAM_MOST_PARTS];
    size_t n, step;
    atomic_bool wrong;
};

static void count(void *work, size_t part, size_t from, size_t to)
{
    struct counted *c = work;
    c->parts[part]++;
    if (from % c->step != 0 || (to % c->step != 0 && to != c->n))
        c->wrong = true;
    for (size_t i = from; i < to; i++)
        c->done[i]++;
}

static void check_run(size_t n, size_t parts, size_t step)
{
    struct counted c = { .n = n, .step = step };
    team_run(n, parts, step, count, &c);
    for (size_t i = 0; i < ITEMS; i++)
        ck_assert_int_eq(c.done[i], i < n);
    for (size_t i = 0; i < TEAM_MOST_PARTS; i++)
        ck_assert_int_eq(c.parts[i], i < parts);
    ck_assert(!c.wrong);
}

START_TEST(every_part_is_done_once)
{
    static const size_t threads[] = { 0, 1, 2, 3, 16 };
    for (size_t k = 0; k < sizeof threads / sizeof *threads; k++) {
        struct team *t = NULL;
        struct err e = { 0 };
        if (threads[k])
            ck_assert_msg(team_open(&t, threads[k], &e) == 0, "%s", err_first(&e));
        for (int round = 0; round < 4; round++)
            for (size_t parts = 1; parts <= TEAM_MOST_PARTS; parts = 3 * parts + 1) {
                check_run(ITEMS, parts, 1);
                check_run(ITEMS, parts, 16);
                check_run(1 + (size_t)round, parts, 1);
            }
        team_close(t);
    }
}
END_TEST

START_TEST(the_number_of_parts)
{
    ck_assert_uint_eq(team_parts(0, 10, 8), 1);
    ck_assert_uint_eq(team_parts(9, 10, 8), 1);
    ck_assert_uint_eq(team_parts(39, 10, 8), 3);
    ck_assert_uint_eq(team_parts(1000, 10, 8), 8);
}
END_TEST

struct crowd {
    pthread_barrier_t barrier;
    atomic_int threads;
};

/* Ends only when as many threads as parts are in it. */
static void meet(void *work, size_t part, size_t from, size_t to)
{
    (void)part, (void)from, (void)to;
    struct crowd *c = work;
    pthread_barrier_wait(&c->barrier);
    c->threads++;
}

START_TEST(parts_run_at_the_same_time)
{
    struct team *t;
    struct err e = { 0 };
    struct crowd c = { .threads = 0 };
    ck_assert_int_eq(team_open(&t, 4, &e), 0);
    ck_assert_int_eq(pthread_barrier_init(&c.barrier, NULL, 4), 0);
    for (int i = 0; i < 20; i++) {
        team_run(4, 4, 1, meet, &c);
        usleep(i < 3 ? 1000 : 0); /* they sleep meanwhile, or not */
    }
    ck_assert_int_eq(c.threads, 80);
    pthread_barrier_destroy(&c.barrier);
    team_close(t);
}
END_TEST

struct nested {
    atomic_int inner;
};

static void inside(void *work, size_t part, size_t from, size_t to)
{
    (void)part, (void)from, (void)to;
    struct nested *n = work;
    n->inner++;
}

static void outside(void *work, size_t part, size_t from, size_t to)
{
    (void)part, (void)from, (void)to;
    team_run(64, 8, 1, inside, work);
}

START_TEST(a_part_may_have_parts)
{
    struct team *t;
    struct err e = { 0 };
    struct nested n = { .inner = 0 };
    ck_assert_int_eq(team_open(&t, 3, &e), 0);
    for (int i = 0; i < 20; i++)
        team_run(8, 8, 1, outside, &n);
    ck_assert_int_eq(n.inner, 1280);
    team_close(t);
}
END_TEST

static atomic_int caught;
static pthread_t catcher;
static void on_signal(int number)
{
    (void)number;
    catcher = pthread_self();
    caught++;
}

/* Sent to the process, while the thread that opened the team takes none: nobody else does. */
START_TEST(signals_are_for_the_one_that_opened_it)
{
    struct team *t;
    struct err e = { 0 };
    sigset_t one, before;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    signal(SIGUSR1, on_signal);
    ck_assert_int_eq(team_open(&t, 4, &e), 0);
    ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &one, &before), 0);
    ck_assert_int_eq(kill(getpid(), SIGUSR1), 0);
    check_run(ITEMS, 64, 1);
    ck_assert_int_eq(caught, 0);
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    ck_assert_int_eq(caught, 1);
    ck_assert(pthread_equal(catcher, pthread_self()));
    team_close(t);
}
END_TEST

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#define IS_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define IS_SANITIZED false
#endif

static bool is_under_valgrind(void)
{
    const char *const preload = getenv("LD_PRELOAD");
    return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

/* Without address space for the stacks. Of more threads than other tests of this process have left stacks of. */
START_TEST(threads_that_cannot_be_had)
{
    if (IS_SANITIZED || is_under_valgrind()) {
        printf("a sanitizer or valgrind needs address space of its own: not tested without it\n");
        return;
    }
    struct team *t;
    struct err e = { 0 };
    struct rlimit before;
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &before), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &(struct rlimit){ 1 << 20, before.rlim_max }), 0);
    const int code = team_open(&t, TEAM_MOST_THREADS, &e);
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &before), 0);
    ck_assert_int_eq(code, ERR_MEMORY);
    ck_assert_msg(strstr(err_first(&e), "threads") != NULL, "%s", err_first(&e));
    ck_assert_int_eq(team_open(&t, 2, &(struct err){ 0 }), 0); /* nothing is left of it */
    check_run(ITEMS, 8, 1);
    team_close(t);
    err_clear(&e);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, every_part_is_done_once);
    tcase_add_test(t, the_number_of_parts);
    tcase_add_test(t, parts_run_at_the_same_time);
    tcase_add_test(t, a_part_may_have_parts);
    tcase_add_test(t, signals_are_for_the_one_that_opened_it);
    tcase_add_test(t, threads_that_cannot_be_had);
}

CHECK_MAIN("team", add_tests)
