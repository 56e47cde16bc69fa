/* One runner per database. */
#include "fixture.h"
#include "store/lock.h"
#include <fcntl.h>
#include <signal.h>
#include <time.h>

/* A process that takes the lock, says so, and waits to be killed. */
static pid_t owner(const char *path)
{
    int ready[2];
    ck_assert_int_eq(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct err e = { 0 };
        struct lock l = { 0 };
        const char answer = lock_take(&l, path, &e) == 0 ? 'y' : 'n';
        if (write(ready[1], &answer, 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    char answer;
    ck_assert_int_eq(read(ready[0], &answer, 1), 1);
    ck_assert_int_eq(answer, 'y');
    close(ready[0]);
    close(ready[1]);
    return child;
}

START_TEST(a_second_process_is_told_who)
{
    struct fixture f = fixture_folder();
    struct err e = { 0 };
    struct lock l = { 0 };
    const pid_t child = owner(f.path);
    char words[64];
    snprintf(words, sizeof words, "in use by tprun, process %ld on host ", (long)child);
    FAILS(ERR_LOCKED, words, lock_take(&l, f.path, &e));
    FAILS(ERR_LOCKED, " since 2", lock_take(&l, f.path, &e));
    FAILS(ERR_LOCKED, "in use", store_open(&f.s, f.path, &e));

    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    OK(lock_take(&l, f.path, &e)); /* the file is still there, the lock is not */
    lock_release(&l);
    lock_release(&l);
    fixture_remove(&f);
}
END_TEST

START_TEST(stale_or_hostile_notes_never_matter)
{
    struct fixture f = fixture_folder();
    struct err e = { 0 };
    char name[160];
    snprintf(name, sizeof name, "%s.lock", f.path);
    FILE *file = fopen(name, "w");
    fprintf(file, "1 elsewhere 2020-01-01T00:00:00Z\n");
    fclose(file);
    struct lock l = { 0 };
    OK(lock_take(&l, f.path, &e));
    lock_release(&l);

    const pid_t child = owner(f.path);
    file = fopen(name, "w"); /* somebody wrote into it: the kernel still knows the process */
    fprintf(file, "\033[31m%ld x y\n", (long)child);
    fclose(file);
    char words[32];
    snprintf(words, sizeof words, "process %ld", (long)child);
    err_clear(&e);
    ck_assert_int_eq(lock_take(&l, f.path, &e), ERR_LOCKED);
    ck_assert_ptr_nonnull(strstr(err_first(&e), words));
    ck_assert_ptr_null(strchr(err_first(&e), '\033'));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    err_clear(&e);
    fixture_remove(&f);
}
END_TEST

START_TEST(twice_in_one_process_is_refused_and_keeps_the_first)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    struct store *second;
    FAILS(ERR_LOCKED, "in use", store_open(&second, f.path, &e));
    const pid_t child = fork(); /* the first lock still stands */
    if (child == 0) {
        struct lock l = { 0 };
        _exit(lock_take(&l, f.path, &e) == ERR_LOCKED ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
    fixture_close(&f);
}
END_TEST

START_TEST(of_many_at_once_one_wins)
{
    enum { RUNNERS = 12, ROUNDS = 4 };
    for (int round = 0; round < ROUNDS; round++) {
        struct fixture f = fixture_folder();
        int go[2], answers[2], release[2];
        pid_t children[RUNNERS];
        ck_assert_int_eq(pipe(go), 0);
        ck_assert_int_eq(pipe(answers), 0);
        ck_assert_int_eq(pipe(release), 0);
        for (int i = 0; i < RUNNERS; i++) {
            children[i] = fork();
            if (children[i] == 0) {
                struct err e = { 0 };
                struct store *s;
                char byte;
                close(go[1]);
                close(release[1]);
                if (read(go[0], &byte, 1) != 0) /* the starting shot: the pipe closes */
                    _exit(3);
                const int code = store_open(&s, f.path, &e);
                if (write(answers[1], "x", 1) != 1 ||
                    read(release[0], &byte, 1) != 0) /* an owner stays till all have asked */
                    _exit(3);
                _exit(code == 0 ? 0 : code == ERR_LOCKED ? 1 : 2);
            }
        }
        close(go[0]);
        close(go[1]);
        char byte;
        for (int i = 0; i < RUNNERS; i++)
            ck_assert_int_eq(read(answers[0], &byte, 1), 1);
        close(answers[0]);
        close(answers[1]);
        close(release[0]);
        close(release[1]);
        int owners = 0, refused = 0;
        for (int i = 0; i < RUNNERS; i++) {
            int status;
            ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
            ck_assert(WIFEXITED(status));
            owners += WEXITSTATUS(status) == 0;
            refused += WEXITSTATUS(status) == 1;
        }
        ck_assert_int_eq(owners, 1);
        ck_assert_int_eq(refused, RUNNERS - 1);
        fixture_remove(&f);
    }
}
END_TEST

START_TEST(the_descriptor_is_not_inherited_by_programs)
{
    struct fixture f = fixture_folder();
    struct err e = { 0 };
    struct lock l = { 0 };
    OK(lock_take(&l, f.path, &e));
    ck_assert(fcntl(l.fd_plus_1 - 1, F_GETFD) & FD_CLOEXEC);
    lock_release(&l);
    fixture_remove(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, a_second_process_is_told_who);
    tcase_add_test(t, stale_or_hostile_notes_never_matter);
    tcase_add_test(t, twice_in_one_process_is_refused_and_keeps_the_first);
    tcase_add_test(t, of_many_at_once_one_wins);
    tcase_add_test(t, the_descriptor_is_not_inherited_by_programs);
}
CHECK_MAIN("lock", add_tests)
