/* The worker: one process, one trial, one BLAS thread and a team of train.threads (base/team.h). It reads a job from
 * the runner's socket and sends back records; it never opens the database. Beside that it serves `tprun probe` (one
 * step on given tensors) and `tprun plan` (how fast is this processor).
 *
 *   tprun-worker-double --starter PID                      forks a worker for each socket that comes over descriptor 3;
 *                                                          ps(1) shows these with --worker
 *   tprun-worker-double --probe IN OUT [--metrics] [--evaluate]   configuration on standard input
 *   tprun-worker-double --step STEP OUT FOLDER OTHER METRICS [NAME SHA256]...   the same; OTHER may be empty
 *   tprun-worker-double --time                             what a trial takes; configuration on standard input
 *   tprun-worker-double --kernel                           name of the BLAS kernel
 */
#include "trial/worker.h"

#include "base/text.h"
#include "math/blas.h"
#include "spec/tree.h"
#include "trial/trial.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* What is to be done with the configuration on standard input. */
struct errand {
    bool time;                  /* else a probe */
    const char *input, *output; /* input NULL: of a stored trial */
    struct probe_options options;
    struct probe_from from;
};

/* The members of struct trial_timing in their order. */
static int print_timing(const struct config *c, struct err *e)
{
    struct trial_timing x;
    TRY(trial_time(c, &x, e));
    const double all[] = { x.start, x.step, x.logged_step, x.look, x.check, x.feedback, x.rows, x.layer_rows };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        printf("%s%.6g", i ? " " : "", all[i]);
    return puts("") < 0 || fflush(stdout) ? err_set(e, ERR_IO, "cannot write to standard output") : 0;
}

static int run_errand(const struct errand *errand)
{
    struct text json = { 0 };
    char bytes[4096];
    size_t n;
    while ((n = fread(bytes, 1, sizeof bytes, stdin)) > 0)
        text_put(&json, bytes, n);
    struct arena a;
    struct config c = { 0 };
    struct err e = { 0 };
    arena_init(&a, 0);
    int code = blas_start(&e);
    if (code == 0 && errand->time)
        worker_warm_up();
    if (code == 0)
        code = worker_read_config("the composed trial", json.s ? json.s : "", json.n, &c, &a, &e);
    if (code == 0)
        code = errand->time    ? print_timing(&c, &e)
               : errand->input ? trial_probe(&c, errand->input, errand->output, errand->options, &e)
                               : trial_probe_from(&c, &errand->from, errand->output, &e);
    err_print(&e, stderr, isatty(STDERR_FILENO));
    err_clear(&e);
    arena_finish(&a);
    text_free(&json);
    return code < 0 ? err_exit_status(code) : EXIT_SUCCESS;
}

/* A job's worker is told by its runner what to do: a signal that a supervisor sends to every process must not end it
 * before its checkpoint. The runner has started the process that it is forked from with these signals blocked. */
static void settle_signals(bool job)
{
    static const int runners[] = { SIGINT, SIGTERM, SIGUSR1, SIGHUP };
    sigset_t none;
    for (size_t i = 0; job && i < sizeof runners / sizeof *runners; i++)
        signal(runners[i], SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int probe_from(int argc, char **argv)
{
    struct errand errand = { .output = argv[3] };
    struct probe_from *f = &errand.from;
    f->step = strtoll(argv[2], NULL, 10);
    f->folder = argv[4];
    f->other = argv[5][0] ? argv[5] : NULL;
    f->metrics = !strcmp(argv[6], "metrics");
    for (int i = 7; i + 1 < argc && f->n < sizeof f->names / sizeof *f->names; i += 2) {
        f->names[f->n] = argv[i];
        f->sha256[f->n++] = argv[i + 1];
    }
    return run_errand(&errand);
}

int main(int argc, char **argv)
{
    const bool starter = argc == 3 && !strcmp(argv[1], "--starter");
    settle_signals(starter);
    signal(SIGXFSZ, SIG_IGN); /* a full disk is an error of write(2) */
    signal(SIGPIPE, SIG_IGN);
    if (starter)
        return worker_start_others((pid_t)strtol(argv[2], NULL, 10), argv[1]);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody waits for the answer then */
    if (argc >= 4 && !strcmp(argv[1], "--probe")) {
        struct errand errand = { .input = argv[2], .output = argv[3] };
        for (int i = 4; i < argc; i++) {
            errand.options.metrics |= !strcmp(argv[i], "--metrics");
            errand.options.evaluate |= !strcmp(argv[i], "--evaluate");
        }
        return run_errand(&errand);
    }
    if (argc >= 7 && !strcmp(argv[1], "--step"))
        return probe_from(argc, argv);
    if (argc == 2 && !strcmp(argv[1], "--time"))
        return run_errand(&(struct errand){ .time = true });
    struct err e = { 0 };
    if (argc == 2 && !strcmp(argv[1], "--kernel")) {
        if (blas_start(&e) < 0) {
            err_print(&e, stderr, false);
            return EXIT_FAILURE;
        }
        return puts(blas_kernel()) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    fprintf(stderr, "tprun-worker: started by tprun only\n");
    return err_exit_status(ERR_USAGE);
}
