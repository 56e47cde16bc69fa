#include "cli/cli.h"

#include "run/worker_process.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct probe_choice {
    const char *input, *output;
    bool metrics, evaluate;
};
static const struct cli_option options[] = {
    { "input", 0, CLI_TEXT, "FILE", offsetof(struct probe_choice, input), .help = "tensors to read (safetensors)" },
    { "output", 'o', CLI_TEXT, "FILE", offsetof(struct probe_choice, output), .help = "tensors to write" },
    { "metrics", 0, CLI_FLAG, NULL, offsetof(struct probe_choice, metrics), .help = "write the metrics of `log` too" },
    { "evaluate", 0, CLI_FLAG, NULL, offsetof(struct probe_choice, evaluate),
      .help = "evaluate the batch instead of training on it" },
    { 0 },
};

/* The one trial of the file: one variant and one cell. Its seed does not matter, since every random draw is given. */
static int only_trial(struct plan *p, struct plan_trial *t, struct err *e)
{
    uint64_t n = 0;
    if (p->n_studies != 1)
        return err_set(e, ERR_USAGE, "probe wants one file");
    const struct plan_study *s = &p->studies[0];
    for (uint64_t i = 0; i < s->n; i += s->study.n_seeds) {
        if (plan_left_out(p, 0, i))
            continue;
        TRY(plan_trial(p, 0, i, t, e));
        n += !t->excluded;
    }
    if (n != 1)
        return err_set(e, ERR_USAGE, "%s describes %llu trials; probe wants one: choose with --variant or key=value",
                       s->study.path, (unsigned long long)n);
    for (uint64_t i = 0; i < s->n; i += s->study.n_seeds)
        if (!plan_left_out(p, 0, i)) {
            TRY(plan_trial(p, 0, i, t, e));
            if (!t->excluded)
                break;
        }
    return 0;
}

/* A file in memory that holds the configuration becomes the standard input of the worker, which takes the place of this
 * process. */
static int exec_worker(const struct probe_choice *o, const struct config *config, struct err *e)
{
    char executable[4096];
    struct text json = { 0 };
    TRY(worker_executable(config->precision == PRECISION_DOUBLE ? "double" : "single", executable, e));
    config_json(config, &json);
    const int fd = memfd_create("config", MFD_CLOEXEC);
    const bool written = fd >= 0 && write(fd, json.s, json.n) == (ssize_t)json.n && lseek(fd, 0, SEEK_SET) == 0 &&
                         dup2(fd, STDIN_FILENO) == 0;
    text_free(&json);
    char **environment = worker_environment();
    if (!written || !environment)
        return err_set(e, ERR_INTERNAL, "cannot pass the configuration to the worker: %s", strerror(errno));
    char name[] = "tprun-worker", probe[] = "--probe", metrics[] = "--metrics", evaluate[] = "--evaluate";
    char *input = strdup(o->input), *output = strdup(o->output);
    char *argv[] = { name, probe, input, output, o->metrics ? metrics : o->evaluate ? evaluate : NULL, NULL };
    fflush(NULL);
    execve(executable, argv, environment);
    return err_set(e, ERR_INTERNAL, "cannot start %s: %s", executable, strerror(errno));
}

static int run(const struct cli *c, const void *own)
{
    const struct probe_choice *o = own;
    struct plan p = { 0 };
    struct plan_trial t;
    struct err e = { 0 };
    int code = 0;
    if (!o->input || !o->output)
        code = err_set(&e, ERR_USAGE, "probe needs --input FILE and --output FILE");
    if (code == 0 && o->metrics && o->evaluate)
        code = err_set(&e, ERR_USAGE, "--metrics is about a training step; it does not go with --evaluate");
    if (code == 0)
        code = cli_open_plan(c, &p, false, &e);
    if (code == 0)
        code = only_trial(&p, &t, &e);
    if (code == 0)
        code = exec_worker(o, &t.config, &e);
    const int status = cli_fail(c, code, &e);
    plan_close(&p);
    return status;
}

const struct command command_probe = {
    .name = "probe",
    .arguments = "SPEC --input FILE --output FILE [KEY=VALUE]...",
    .summary = "One training step or evaluation on given tensors, to be checked by other programs",
    .help = "Reads every parameter layers.<i>.*, feedback.<i>.*, batch.x, batch.y and noise.*; writes loss,\n"
            "state.<i>, target.<i> and update.<parameter>. With --metrics also metric.<name>.\n"
            "With --evaluate no step is taken: the batch is evaluated as a log would, over log.samples passes.\n",
    .shared = (const struct cli_option *const[]){ cli_spec, NULL },
    .own = options,
    .own_size = sizeof(struct probe_choice),
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
