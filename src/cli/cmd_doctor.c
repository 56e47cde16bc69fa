/* Is this machine, with this build and its libraries, one that computes as it should? Some small trials with known ends
 * are trained in a temporary database, by the very programs that train. */
#include "cli/cli.h"
#include "cli/temporary.h"

#include "base/clean.h"
#include "base/file.h"
#include "run/signals.h"
#include "run/worker_process.h"
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The gradient: one step of gradient descent with a small stepsize s on the whole training set lowers the loss by s
 * |g|^2, if g is the gradient of this loss. */
#define STEPSIZE "1e-6"
static const char file[] =
    "version: 1\nexperiment: doctor\nseeds: 1\nprecision: double\n"
    "dataset: {name: student_teacher, units: 20, train_size: 40, validation_size: 0, test_size: 10, data_seed: 42}\n"
    "network: {layers: [dense: {units: 6, activation: tanh}, dense: {units: 2}], init: {weights: glorot_normal, "
    "biases: "
    "zeros}}\nloss: {name: squared_error, outputs: mean}\n"
    "train: {optimizer: {name: sgd, stepsize: 0.003}, batch_size: 8, iterations: 40}\n"
    "log: {every: 1, metrics: [train_loss, update_norm]}\n"
    "checkpoint: {keep: last}\nvariants:\n"
    "  gradient: {algorithm: bp, train: {optimizer: {name: sgd, stepsize: " STEPSIZE
    "}, batch_size: 40, iterations: 1}}\n"
    "  bp: {algorithm: bp}\n  bp_single: {algorithm: bp, precision: single}\n"
    "  dtp: &dtp {algorithm: {name: dtp, target_stepsize: 0.1, feedback: {optimizer: {name: adam, stepsize: 0.001}}, "
    "feedback_loss: {name: reconstruction, noise: 0.1}}}\n"
    "  dtp_single: {<<: *dtp, precision: single}\n";

/* What is measured, and what it is to be. */
static const struct check {
    const char *name, *sql;
    double expected, tolerance; /* relative */
} checks[] = {
    { "gradient of back-propagation, against the loss (ratio 1)",
      "SELECT ((SELECT value FROM metrics WHERE variant = 'gradient' AND metric = 'train_loss' AND step = 0) - (SELECT "
      "value FROM metrics WHERE variant = 'gradient' AND metric = 'train_loss' AND step = 1)) / (" STEPSIZE
      " * sum(value * value)) FROM layer_metrics WHERE variant = 'gradient' AND metric = 'update_norm' AND step = 1",
      1, 1e-4 },
#define LAST(of) "SELECT last FROM summaries WHERE metric = 'train_loss' AND variant = '" of "'"
    { "loss after 40 steps of bp in double precision", LAST("bp"), 844.768900740623, 1e-9 },
    { "loss after 40 steps of bp in single precision", LAST("bp_single"), 844.768900740623, 1e-4 },
    { "loss after 40 steps of dtp in double precision", LAST("dtp"), 1016.84890277037, 1e-9 },
    { "loss after 40 steps of dtp in single precision", LAST("dtp_single"), 1016.84890277037, 1e-4 },
};

static void tell(bool well, const char *what, const char *more)
{
    clean_print_line(stdout, "%-4s %s%s%s", well ? "ok" : "BAD", what, *more ? ": " : "", more);
}

static int tell_versions(struct err *e)
{
    static const char *const precisions[] = { "single", "double" };
    struct utsname u;
    printf("%s\nSQLite %s\n", cli_build(), query_library());
    if (uname(&u) == 0)
        clean_print_line(stdout, "%s %s %s, %ld processors", u.sysname, u.release, u.machine,
                         sysconf(_SC_NPROCESSORS_ONLN));
    for (size_t i = 0; i < 2; i++) {
        char executable[4096], kernel[256];
        TRY(worker_executable(precisions[i], executable, e));
        TRY(worker_ask(executable, "--kernel", NULL, kernel, sizeof kernel, e));
        clean_print_line(stdout, "%s: %s", precisions[i], kernel);
    }
    fflush(stdout);
    return 0;
}

static int train(const struct cli *c, struct plan *p, const char *db, int64_t stop_at, struct err *e)
{
    struct run_options o;
    struct run_result result;
    TRY(cli_run_options(c, &o, e));
    o.db = db;
    o.quiet = true;
    o.stop_at = stop_at;
    TRY(runner_run(p, &o, &result, e));
    return result.failed ? err_set(e, ERR_INTERNAL, "a trial failed; `tprun doctor -v` tells more") : 0;
}

static int measure(const char *db, bool *well, char hex[65], struct err *e)
{
    struct query *q;
    TRY(query_open(&q, db, e));
    int code = 0;
    for (size_t i = 0; well && code == 0 && i < sizeof checks / sizeof checks[0]; i++) {
        const struct check *x = &checks[i];
        bool found = false;
        double value = NAN;
        char more[96];
        code = query_number(q, x->sql, NULL, 0, &found, &value, e);
        const bool good = found && fabs(value - x->expected) <= x->tolerance * fabs(x->expected);
        snprintf(more, sizeof more, good ? "%.15g" : "%.15g, and it should be %.12g", value, x->expected);
        if (code == 0)
            tell(good, x->name, more);
        *well &= good;
    }
    if (code == 0)
        code = query_digest(q, hex, e);
    query_close(q);
    return code;
}

static int write_file(const char *path, struct err *e)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(e, ERR_IO, "cannot write %s", path);
    const int code = file_write(fd, file, sizeof file - 1, path, e);
    close(fd);
    return code;
}

/* Messages point into the text of the plan, which the caller closes. */
static int examine(const struct cli *c, const char *folder, struct plan *p, bool *well, struct err *e)
{
    char spec[4200], straight[4200], broken[4200], hex[2][65];
    const char *const specs[] = { spec };
    const struct plan_options o = { .code = cli_code };
    snprintf(spec, sizeof spec, "%s/doctor.yaml", folder);
    snprintf(straight, sizeof straight, "%s/straight.db", folder);
    snprintf(broken, sizeof broken, "%s/broken.db", folder);
    TRY(write_file(spec, e));
    TRY(plan_open(p, specs, 1, &o, e));
    TRY(train(c, p, straight, 0, e));
    TRY(measure(straight, well, hex[0], e));
    TRY(train(c, p, broken, 20, e));
    TRY(train(c, p, broken, 0, e));
    TRY(measure(broken, NULL, hex[1], e));
    const bool same = strcmp(hex[0], hex[1]) == 0;
    tell(same, "trials that were stopped and resumed are equal bit for bit", "");
    *well &= same;
    return 0;
}

static int run(const struct cli *c, const void *own)
{
    (void)own;
    struct err e = { 0 };
    bool well = true;
    struct plan p = { 0 };
    char folder[4096];
    int code = tell_versions(&e);
    if (code == 0)
        code = signals_open(&e);
    if (code == 0)
        code = temporary_make(folder, &e);
    if (code == 0) {
        code = examine(c, folder, &p, &well, &e);
        temporary_remove(folder);
    }
    const int status = cli_fail(c, code, &e);
    plan_close(&p);
    return status == 0 && !well ? err_exit_status(ERR_CONFLICT) : status;
}

const struct command command_doctor = {
    .name = "doctor",
    .arguments = "",
    .summary = "Check this build on this machine: versions, a gradient, known answers, a resume",
    .help = "Some small trials are trained in a temporary database, which takes seconds. Exit status 4 if one\n"
            "ends elsewhere than it should, 0 if all is well.\n",
    .run = run,
};
