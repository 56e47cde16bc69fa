#include "cli/cli.h"

#include "run/read_trial.h"
#include "run/worker_process.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct probe_choice {
    const char *input, *output, *from;
    struct cli_int step;
    bool metrics, evaluate;
};
static const struct cli_option options[] = {
    { "input", 0, CLI_TEXT, "FILE", offsetof(struct probe_choice, input), .help = "tensors to read (safetensors)" },
    { "output", 'o', CLI_TEXT, "FILE", offsetof(struct probe_choice, output), .help = "tensors to write" },
    { "metrics", 0, CLI_FLAG, NULL, offsetof(struct probe_choice, metrics), .help = "write the metrics of `log` too" },
    { "evaluate", 0, CLI_FLAG, NULL, offsetof(struct probe_choice, evaluate),
      .help = "evaluate the batch instead of training on it" },
    { "from", 0, CLI_TEXT, "KEY", offsetof(struct probe_choice, from),
      .help = "write a step of a trial of the database, with all that it takes" },
    { "step", 0, CLI_INT, "N", offsetof(struct probe_choice, step), 0, 1000000000000,
      .help = "with --from: the step that the trial takes after N others" },
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
static int exec_worker(const char *precision, const char *config, char *const argv[], struct err *e)
{
    char executable[4096];
    const size_t n = strlen(config);
    TRY(worker_executable(precision, executable, e));
    const int fd = memfd_create("config", MFD_CLOEXEC);
    const bool written =
        fd >= 0 && write(fd, config, n) == (ssize_t)n && lseek(fd, 0, SEEK_SET) == 0 && dup2(fd, STDIN_FILENO) == 0;
    char **environment = worker_environment();
    if (!written || !environment)
        return err_set(e, ERR_INTERNAL, "cannot pass the configuration to the worker: %s", strerror(errno));
    fflush(NULL);
    execve(executable, argv, environment);
    return err_set(e, ERR_INTERNAL, "cannot start %s: %s", executable, strerror(errno));
}

static int exec_config(const struct config *config, char *const argv[], struct err *e)
{
    struct text json = { 0 };
    config_json(config, &json);
    const int code = exec_worker(config->precision == PRECISION_DOUBLE ? "double" : "single", json.s, argv, e);
    text_free(&json);
    return code;
}

/* execve wants strings that are not const; it writes to none. */
static char *argument(const char *s)
{
    return (char *)(uintptr_t)s;
}

/* ---- on tensors that are given ---- */

static int probe_spec(const struct cli *c, struct plan *p, char *const argv[], struct err *e)
{
    struct plan_trial t;
    TRY(cli_open_plan(c, p, false, e));
    TRY(only_trial(p, &t, e));
    return exec_config(&t.config, argv, e);
}

/* A step of a trial, which brings its own configuration. */
static int probe_again(const char *path, char *const argv[], struct err *e)
{
    struct safetensors f = { 0 };
    struct err own = { 0 };
    const bool opened = safetensors_open(&f, path, (size_t)1 << 32, &own) == 0;
    const char *format = opened ? safetensors_metadata(&f, "format") : NULL;
    const char *precision = opened ? safetensors_metadata(&f, "precision") : NULL;
    const char *config = opened ? safetensors_metadata(&f, "config") : NULL;
    err_clear(&own);
    int code = 0;
    if (!format || strcmp(format, TRIAL_STEP_FORMAT) != 0)
        code = err_set(
            e, ERR_USAGE,
            "%s: no step that `tprun probe --from` has written; on a specification, probe needs --input FILE", path);
    else if (!config || !precision || (strcmp(precision, "single") != 0 && strcmp(precision, "double") != 0))
        code = err_set(e, ERR_FORMAT, "%s: its metadata lack a config and a precision", path);
    if (code == 0)
        code = exec_worker(precision, config, argv, e);
    safetensors_close(&f);
    return code;
}

static int probe_given(const struct cli *c, const struct probe_choice *o, struct plan *p, struct err *e)
{
    const char *more = o->metrics ? "--metrics" : o->evaluate ? "--evaluate" : NULL;
    if (c->arguments.n != 1)
        return err_set(e, ERR_USAGE, "probe needs a SPEC with --input FILE, or a step that --from has written");
    const char *input = o->input ? o->input : c->arguments.items[0];
    char *const argv[] = { argument("tprun-worker"), argument("--probe"), argument(input),
                           argument(o->output),      argument(more),      NULL };
    if (o->input)
        return probe_spec(c, p, argv, e);
    if (o->evaluate || c->overrides.n || c->variants.n || c->profile)
        return err_set(e, ERR_USAGE,
                       "--evaluate, --variant, --profile and KEY=VALUE need --input FILE: a step that --from has "
                       "written is that of its own trial");
    return probe_again(input, argv, e);
}

/* ---- of a trial of the database ---- */

enum { N_FIXED = 7, N_ARGUMENTS = N_FIXED + 5 };

static int open_stored(const struct cli *c, const struct probe_choice *o, struct read_trial *t, struct arena *a,
                       struct err *e)
{
    struct query *q;
    int64_t id;
    const int64_t step = o->step.value;
    if (!cli_is_key(o->from))
        return err_set(e, ERR_USAGE,
                       "'%s' is no trial; it is named by at least 4 digits of its key, see `tprun ls STUDY`", o->from);
    TRY(query_open(&q, c->db, e));
    int code = cli_find_trial(c, q, o->from, &id, e);
    if (code == 0)
        code = read_trial(q, id, t, a, e);
    if (code == 0 && step >= t->budget)
        code =
            err_set(e, ERR_USAGE,
                    t->budget > 0 ? "--step %" PRId64 ": trial %.16s takes %" PRId64 " steps, from --step 0 to %" PRId64
                                  : "--step %" PRId64 ": trial %.16s takes no step: its budget is %" PRId64,
                    step, t->key, t->budget, t->budget - 1);
    size_t n = 0; /* checkpoints that are not later */
    for (size_t i = 0; code == 0 && i < t->n; i++)
        if (t->checkpoints[i].step <= step)
            t->checkpoints[n++] = t->checkpoints[i];
    if (code == 0) {
        t->n = n;
        code = read_trial_origin(q, id, &t->config, n == 0, e);
    }
    query_close(q);
    return code;
}

static int probe_stored(const struct cli *c, const struct probe_choice *o, struct err *e)
{
    char step[32], folder[4096];
    struct arena a;
    struct read_trial t;
    if (c->arguments.n || o->input || o->evaluate || c->overrides.n || c->variants.n || c->profile)
        return err_set(e, ERR_USAGE,
                       "--from names a trial of the database: no SPEC, --input, --evaluate, --variant, --profile or "
                       "KEY=VALUE goes with it");
    if (!o->step.given)
        return err_set(e, ERR_USAGE, "--from needs --step N: how many steps the trial has taken before");
    TRY(checkpoint_folder_path(c->db, folder, e));
    snprintf(step, sizeof step, "%" PRId64, o->step.value);
    arena_init(&a, 0);
    int code = open_stored(c, o, &t, &a, e);
    char *argv[N_ARGUMENTS] = { argument("tprun-worker"),
                                argument("--step"),
                                step,
                                argument(o->output),
                                folder,
                                argument(c->checkpoints ? c->checkpoints : ""),
                                argument(o->metrics ? "metrics" : "") };
    for (size_t i = 0; code == 0 && i < t.n; i++) {
        argv[N_FIXED + 2 * i] = argument(t.checkpoints[i].name);
        argv[N_FIXED + 2 * i + 1] = argument(t.checkpoints[i].sha256);
    }
    if (code == 0)
        code = exec_config(&t.config, argv, e);
    arena_finish(&a);
    return code;
}

static int run(const struct cli *c, const void *own)
{
    const struct probe_choice *o = own;
    struct plan p = { 0 }; /* which messages point into */
    struct err e = { 0 };
    int code = 0;
    if (!o->output)
        code = err_set(&e, ERR_USAGE, "probe needs --output FILE");
    else if (o->metrics && o->evaluate)
        code = err_set(&e, ERR_USAGE, "--metrics is about a training step; it does not go with --evaluate");
    else if (o->step.given && !o->from)
        code = err_set(&e, ERR_USAGE, "--step is about a trial of the database: --from KEY");
    else
        code = o->from ? probe_stored(c, o, &e) : probe_given(c, o, &p, &e);
    const int status = cli_fail(c, code, &e);
    plan_close(&p);
    return status;
}

const struct command command_probe = {
    .name = "probe",
    .arguments =
        "SPEC --input FILE --output FILE [KEY=VALUE]... | --from KEY --step N --output FILE | FILE --output FILE",
    .summary = "One training step or evaluation on given tensors, or a trial's own, to be checked by other programs",
    .help = "Reads every parameter layers.<i>.*, feedback.<i>.*, batch.x, batch.y and noise.*; writes loss,\n"
            "state.<i>, target.<i> and update.<parameter>. With --metrics also metric.<name>.\n"
            "With --evaluate no step is taken: the batch is evaluated as a log would, over log.samples passes.\n\n"
            "--from writes the step that a trial of the database takes after N others: weights, optimizer state,\n"
            "minibatch, random draws, and what comes of them. It goes on from the nearest kept checkpoint, or\n"
            "trains from the start, and says how many steps that takes. A file that it has written is a FILE\n"
            "that needs no SPEC: the step is computed again from what stands there.\n",
    .shared = (const struct cli_option *const[]){ cli_database, cli_spec, cli_checkpoints, NULL },
    .own = options,
    .own_size = sizeof(struct probe_choice),
    .min_arguments = 0,
    .max_arguments = 1,
    .run = run,
};
