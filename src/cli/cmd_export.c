#include "cli/cli.h"

#include "cli/weights.h"
#include "report/subject.h"
#include <string.h>
#include <unistd.h>

/* Of the trials that the newest version of the file asks for, in the order of the file. */
#define OF_CURRENT " WHERE v.study = ?1 AND t.current ORDER BY v.trial_id"
static const char trials[] =
    "SELECT study, variant, cell, seed, algorithm, dataset, state, step, budget, wall_s, last_train_loss, "
    "best_train_loss, last_train_accuracy, best_train_accuracy, last_test_loss, best_test_loss, "
    "last_test_accuracy, best_test_accuracy, diverged_step, diverged_layer, diverged_tensor, reason, "
    "\"key\" FROM trials WHERE study = ?1 AND current ORDER BY trial_id";
static const char metrics[] =
    "SELECT v.study, v.variant, v.cell, v.seed, v.metric, v.step, v.value, v.nonfinite FROM metrics v "
    "JOIN trials t ON t.trial_id = v.trial_id" OF_CURRENT ", v.metric, v.step";
static const char params[] = "SELECT v.study, v.variant, v.cell, v.seed, v.param, v.value, v.swept FROM params v "
                             "JOIN trials t ON t.trial_id = v.trial_id" OF_CURRENT ", v.param";

static int export(const struct cli *c, struct query *q, struct err *e)
{
    struct arena a;
    struct subject s;
    if (c->trials + c->metrics + c->params > 1)
        return err_set(e, ERR_USAGE, "--trials, --metrics and --params exclude each other");
    arena_init(&a, 0);
    const int code = subject_read(&s, q, &a, c->arguments[0], e); /* names the nearest study if there is none */
    arena_finish(&a);
    TRY(code);
    return query_print(q,
                       c->metrics  ? metrics
                       : c->params ? params
                                   : trials,
                       c->arguments, 1, c->has_format ? c->format : FORMAT_CSV, stdout, NULL, e);
}

/* `tprun export weights KEY -o FILE` */
static int export_weights(const struct cli *c, struct err *e)
{
    struct weights w = { 0 };
    if (c->trials || c->metrics || c->params || c->has_format)
        return err_set(e, ERR_USAGE, "--trials, --metrics, --params and --format are about a study, not about weights");
    if (!c->output || !strcmp(c->output, "-"))
        return err_set(e, ERR_USAGE, "export weights needs a file to write: --output FILE");
    if (!c->force && access(c->output, F_OK) == 0)
        return err_set(e, ERR_USAGE, "%s exists; --force writes over it", c->output);
    int code = weights_open(&w, c, c->arguments[1], e);
    if (code == 0)
        code = weights_write(&w, c->output, e);
    weights_close(&w);
    return code;
}

static int check_arguments(const struct cli *c, bool weights, struct err *e)
{
    if (c->n_arguments == 1 && c->output && !strcmp(c->arguments[0], "weights"))
        return err_set(e, ERR_USAGE, "export weights needs a trial, by at least 4 digits of its key (`tprun ls STUDY`): tprun export weights KEY --output FILE");
    if (c->n_arguments == 2 && !weights)
        return err_set(e, ERR_USAGE, "usage: tprun export STUDY, or tprun export weights KEY --output FILE");
    if (!weights && (c->output || c->force))
        return err_set(e, ERR_USAGE, "--output and --force go with weights; a table goes to standard output");
    return 0;
}

static int run(const struct cli *c)
{
    struct query *q;
    struct err e = { 0 };
    const bool weights = c->n_arguments == 2 && !strcmp(c->arguments[0], "weights");
    int code = check_arguments(c, weights, &e);
    if (code == 0 && weights)
        return cli_fail(c, export_weights(c, &e), &e);
    if (code == 0)
        code = query_open(&q, c->db, &e);
    if (code == 0) {
        code = export(c, q, &e);
        query_close(q);
    }
    return cli_fail(c, code, &e);
}

const struct command command_export = {
    .name = "export",
    .arguments = "STUDY | weights KEY --output FILE",
    .summary = "Write a study's trials, metrics or parameters as CSV or JSON, or a trained network",
    .help = "CSV unless --format says otherwise. Numbers read back as the same doubles; values that\n"
            "are not finite are empty (null), and the column `nonfinite` says which they were.\n\n"
            "`weights` writes the parameters of a trial's newest checkpoint (of a finished trial, the\n"
            "last) as safetensors: layers.<i>.weight, layers.<i>.bias, feedback.<i>.*, with study,\n"
            "variant, seed and step as metadata. network.init.from reads such files.\n",
    .options = GROUP_DB | GROUP_FORMAT | GROUP_EXPORT,
    .min_arguments = 1,
    .max_arguments = 2,
    .run = run,
};
