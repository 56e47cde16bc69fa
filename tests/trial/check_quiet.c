/* A training step allocates nothing and asks nothing of the system. malloc and its kin are replaced in this executable
 * by ones that count; the kernel kills a process that makes any call but exit. Each test has a control that must be
 * caught. */
#include "../check_main.h"
#include "fixture.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WATCHED 0 /* a sanitizer has its own allocator, and makes calls */
#else
#define WATCHED 1
#endif
#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#undef WATCHED
#define WATCHED 0
#endif
#endif

static size_t n_calls;

#if WATCHED
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);
void __libc_free(void *p);

void *malloc(size_t n)
{
    n_calls++;
    return __libc_malloc(n);
}
void *calloc(size_t n, size_t size)
{
    n_calls++;
    return __libc_calloc(n, size);
}
void *realloc(void *p, size_t n)
{
    n_calls++;
    return __libc_realloc(p, n);
}
void *memalign(size_t alignment, size_t n)
{
    n_calls++;
    return __libc_memalign(alignment, n);
}
void *aligned_alloc(size_t alignment, size_t n)
{
    n_calls++;
    return __libc_memalign(alignment, n);
}
int posix_memalign(void **p, size_t alignment, size_t n)
{
    n_calls++;
    *p = __libc_memalign(alignment, n);
    return *p ? 0 : 12;
}
void free(void *p)
{
    n_calls++;
    __libc_free(p);
}
#endif

/* Valgrind replaces the allocator too, and makes calls of its own. */
static bool watched(void)
{
    const char *preload = getenv("LD_PRELOAD");
    return WATCHED && !(preload && strstr(preload, "vgpreload"));
}

/* Whether a rule fits the data; those that do not, here, are for feed-forward networks or for route direct. */
static bool fits(const char *on, const char *own)
{
    struct arena a;
    struct config c;
    struct err e = { 0 };
    arena_init(&a, 0);
    const int code = config_lines(&c, &a, &e, TRIAL_BASE, on, own, NULL);
    ck_assert_msg(code == 0 || strstr(err_first(&e), "feed-forward") || strstr(err_first(&e), "route 'direct'"),
                  "%s: %s", own, err_first(&e));
    err_clear(&e);
    arena_finish(&a);
    return code == 0;
}

static const char *const data[] = { ORDER, ADDING, BLOBS, NULL };

/* Calls `test` for every algorithm, rule of propagation and update that fits the data. */
static void for_each_algorithm(void (*test)(const char *data, const char *own))
{
    static const char *const own[] = {
        "{algorithm: bp}",
        "{algorithm: dfa}",
        "{algorithm: drtp}",
        "{algorithm: {name: dtp, target_stepsize: 0.5, feedback_loss: {name: reconstruction, noise: 0.1},"
        " feedback: {optimizer: {name: adam, stepsize: 0.01}, steps: 2}}, train: {optimizer: {name: rmsprop, stepsize: "
        "0.01}}}",
        "{algorithm: {name: dtp, target_stepsize: 0.5, feedback_loss: {name: inversion, noise: 0.1},"
        " feedback: {optimizer: {name: sgd, stepsize: 0.01}, schedule: joint}}}",
        "{algorithm: {name: tp_vanilla, target_stepsize: 0.5, feedback: {optimizer: {name: sgd, stepsize: 0.01}}}}",
        NULL,
    };
    for (size_t i = 0; data[i]; i++) {
        for (size_t j = 0; own[j]; j++)
            test(data[i], own[j]);
        for (size_t p = 0; p < propagate_registry.n_parts; p++)
            for (size_t u = 0; u < update_registry.n_parts; u++) {
                char tp[160];
                snprintf(tp, sizeof tp, "{algorithm: {name: tp, target_stepsize: 0.5, propagate: %s, update: %s}}",
                         propagate_registry.parts[p]->name, update_registry.parts[u]->name);
                if (fits(data[i], tp))
                    test(data[i], tp);
            }
    }
    test(BLOBS, "{algorithm: sign_symmetry}");
    test(BLOBS, "{algorithm: {name: tp, target_stepsize: 0.5, update: {order: sequential}}}");
    test(BLOBS, "{algorithm: {name: tp, target_stepsize: 0.5, update: {order: sequential_kept}}}");
    test(BLOBS, "{network: {layers: [dense: {units: 5, activation: sigmoid, transmit: bernoulli}, dense: {units: 6, "
                "activation: "
                "sigmoid, transmit: bernoulli}, dense: {units: 4}], input_noise: {std: 0.3}}, algorithm: {name: dtp, "
                "target_stepsize: "
                "0.5, mapping: {activation: tanh}, feedback_loss: {noise: 0.5, noise_decay: 2}, feedback: {optimizer: "
                "{name: sgd, stepsize: "
                "0.01}}}}");
    test(
        BLOBS,
        "{network: {layers: [dense: {units: 5, activation: tanh, transmit: sign}, dense: {units: 6, activation: tanh}, "
        "dense: {units: 4}]}, algorithm: {name: dtp, target_stepsize: 8, mapping: {transmit: sign}, feedback: "
        "{optimizer: "
        "{name: sgd, stepsize: 0.01}}}}");
    /* images of one pixel: every kind of layer that reads them, and their feedback units */
    test(BLOBS, "{dataset: {eval_size: 36}, network: {layers: [dense: {units: 5, activation: tanh}, unit: [dense: "
                "{units: 4}, batch_norm]]}, algorithm: {name: fwdtp_bn, target_stepsize: 0.04}}");
    test(BLOBS, "{dataset: {eval_size: 36}, network: {layers: [unit: [conv: {channels: 6, kernel: 3, padding: 1, "
                "activation: elu}, max_pool: {kernel: 3, padding: 1}], mixer: {hidden: 5}, coupling: {hidden: 4}, "
                "residual: [layer_norm, conv: "
                "{channels: 6, kernel: 1}], batch_norm, global_average_pool, dense: {units: 4}]}, algorithm: bp}");
    test(BLOBS,
         "{network: {layers: [unit: [conv: {channels: 6, kernel: 3, padding: 1, activation: elu}, max_pool: "
         "{kernel: 3, padding: 1}], unit: [conv: {channels: 6, kernel: 3, padding: 1, activation: elu}, max_pool: "
         "{kernel: 3, padding: 1}], mixer: {hidden: 5}, unit: [flatten, dense: {units: 4}]]}, algorithm: {name: "
         "dtp, target_stepsize: 0.5, mapping: {activation: argument}, feedback_loss: {noise: 0.1}, feedback: "
         "{optimizer: {name: sgd, stepsize: 0.01}}}}");
    /* maps of 8 x 8 around that pixel: convolutions by taps */
    test(BLOBS, "{network: {layers: [unit: [conv: {channels: 8, kernel: 8, padding: 7, activation: elu}, max_pool: "
                "{kernel: 2}], unit: [flatten, dense: {units: 4}]]}, algorithm: bp}");
    test(BLOBS, "{network: {layers: [unit: [conv: {channels: 8, kernel: 8, padding: 7, activation: elu}, max_pool: "
                "{kernel: 2}], unit: [conv: {channels: 8, kernel: 5, padding: 4, activation: elu}, max_pool: {kernel: "
                "2}], unit: [flatten, dense: {units: 4}]]}, algorithm: {name: tjml, target_stepsize: 0.5}}");
    test(BLOBS, "{algorithm: gnt}");
    test(BLOBS, "{algorithm: {name: gnt, mapping: {damping: 0.1}}}");
    test("{dataset: {name: student_teacher, features: 3, outputs: 3, units: 5, train_size: 20}, loss: squared_error,"
         " network: {layers: [dense: {units: 4, activation: tanh}, dense: {units: 3, tied: 0}]}}",
         "{algorithm: {name: dtp_autoencoder, update: {input_noise: 0.3}}}");
}

/* ---- memory ---- */

static void no_allocation(const char *trial_data, const char *own)
{
    struct fixture f;
    struct err e = { 0 };
    fixture_open(&f, trial_data, own);
    fixture_steps(&f, 2);
    const size_t before = n_calls;
    int code = 0;
    for (int i = 0; i < 20 && code == 0; i++)
        code = trial_step(f.trial, &e);
    const size_t calls = n_calls - before;
    must(code, &e);
    ck_assert_msg(calls == 0, "%s: %zu calls of the allocator in 20 steps", own, calls);
    fixture_close(&f);
}

START_TEST(a_step_allocates_nothing)
{
    if (!watched())
        return;
    const size_t before = n_calls;
    void *volatile p = malloc(10);
    free(p);
    ck_assert_uint_eq(n_calls - before, 2); /* the control */
    for_each_algorithm(no_allocation);
}
END_TEST

/* The same for minibatches that train the feedback weights alone. */
static int quiet_layer_metric(struct sink *s, const char *name, int64_t step, int64_t layer, double value,
                              struct err *e)
{
    (void)s, (void)name, (void)step, (void)layer, (void)value, (void)e;
    return 0;
}

START_TEST(a_feedback_only_minibatch_allocates_nothing)
{
    static const char *const losses[] = { "reconstruction", "inversion" };
    struct sink sink = { .layer_metric = quiet_layer_metric };
    for (size_t i = 0; i < 2; i++) {
        char own[256];
        struct fixture f;
        struct err e = { 0 };
        snprintf(own, sizeof own,
                 "{algorithm: {name: dtp, target_stepsize: 0.5, feedback_loss: {name: %s, noise: 0.1}, feedback: "
                 "{optimizer: {name: adam, "
                 "stepsize: 0.01}, steps: 0, extra_epochs: 1}}, log: {metrics: [feedback_epoch_loss]}}",
                 losses[i]);
        fixture_open(&f, BLOBS, own);
        const size_t before = n_calls;
        int code = 0;
        for (int j = 0; j < 20 && code == 0; j++)
            code = feedback_only_minibatch(f.trial, &sink, &e);
        const size_t calls = n_calls - before;
        must(code, &e);
        ck_assert_msg(!watched() || calls == 0, "%s: %zu calls of the allocator in 20 minibatches", losses[i], calls);
        fixture_close(&f);
    }
}
END_TEST

/* ---- system calls ---- */

static void allow_nothing_but_exit(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    const struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
        _exit(77);
}

/* Runs a trial's steps in a child that may only leave: its wait status. A trial opened in the child starts BLAS there.
 */
static int confined(const char *trial_data, const char *own, bool misbehave)
{
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct fixture f;
        struct err e = { 0 };
        fixture_open(&f, trial_data, own);
        fixture_steps(&f, 2);
        allow_nothing_but_exit();
        int code = 0;
        for (int i = 0; i < 20 && code == 0; i++)
            code = trial_step(f.trial, &e);
        if (misbehave)
            (void)syscall(SYS_getpid);
        _exit(code ? 1 : 0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

static void no_system_call(const char *trial_data, const char *own)
{
    const int status = confined(trial_data, own, false);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: the child ended with %s %d", own,
                  WIFSIGNALED(status) ? "signal" : "status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

START_TEST(a_step_makes_no_system_call)
{
    if (!watched())
        return;
    const int control = confined(ORDER, "{algorithm: bp}", true);
    if (WIFEXITED(control) && WEXITSTATUS(control) == 77)
        return; /* this kernel has no filters */
    ck_assert(WIFSIGNALED(control) && WTERMSIG(control) == SIGSYS);
    for_each_algorithm(no_system_call);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, a_step_allocates_nothing);
    tcase_add_test(t, a_feedback_only_minibatch_allocates_nothing);
    tcase_add_test(t, a_step_makes_no_system_call);
}

CHECK_MAIN("quiet", add_tests)
