#include "cli/cli.h"

#include "cli/weights.h"
#include "report/subject.h"
#include <string.h>
#include <unistd.h>

struct export_options {
    bool trials, metrics, params, force;
    const char *output;
};
static const struct cli_option options[] = {
    { "trials", 0, CLI_FLAG, NULL, offsetof(struct export_options, trials), .help = "a row for each trial (default)" },
    { "metrics", 0, CLI_FLAG, NULL, offsetof(struct export_options, metrics),
      .help = "a row for each value of a metric, also those of layers" },
    { "params", 0, CLI_FLAG, NULL, offsetof(struct export_options, params),
      .help = "a row for each value of a trial's configuration" },
    { "output", 'o', CLI_TEXT, "FILE", offsetof(struct export_options, output), .help = "weights: the file to write" },
    { "force", 'f', CLI_FLAG, NULL, offsetof(struct export_options, force),
      .help = "weights: write over a file that exists" },
    { 0 },
};

/* Of the trials that the newest version of the file asks for, in the order of the file. */
#define OF_CURRENT " WHERE v.study = ?1 AND t.current ORDER BY v.trial_id"
static const char trials[] =
    "SELECT study, variant, cell, seed, algorithm, dataset, state, step, budget, wall_s, last_train_loss, "
    "best_train_loss, last_train_accuracy, best_train_accuracy, last_test_loss, best_test_loss, "
    "last_test_accuracy, best_test_accuracy, diverged_step, diverged_layer, diverged_tensor, reason, "
    "\"key\" FROM trials WHERE study = ?1 AND current ORDER BY trial_id";
/* Metrics of the whole trial, whose layer is NULL, before those of layers. */
static const char metrics[] =
    "SELECT study, variant, cell, seed, metric, layer, step, value, nonfinite FROM ("
    "SELECT study, variant, cell, seed, metric, NULL AS layer, step, value, nonfinite, trial_id FROM metrics "
    "WHERE study = ?1 UNION ALL "
    "SELECT study, variant, cell, seed, metric, layer, step, value, nonfinite, trial_id FROM layer_metrics "
    "WHERE study = ?1) ORDER BY trial_id, layer IS NOT NULL, metric, layer, step";
static const char params[] = "SELECT v.study, v.variant, v.cell, v.seed, v.param, v.value, v.swept FROM params v "
                             "JOIN trials t ON t.trial_id = v.trial_id" OF_CURRENT ", v.param";

static int export(const struct cli *c, const struct export_options *o, struct query *q, struct err *e)
{
    struct arena a;
    struct subject s;
    if (o->trials + o->metrics + o->params > 1)
        return err_set(e, ERR_USAGE, "--trials, --metrics and --params exclude each other");
    arena_init(&a, 0);
    const int code = subject_read(&s, q, &a, c->arguments.items[0], e); /* names the nearest study if there is none */
    arena_finish(&a);
    TRY(code);
    return query_print(q,
                       o->metrics  ? metrics
                       : o->params ? params
                                   : trials,
                       c->arguments.items, 1, cli_format(c, FORMAT_CSV), stdout, NULL, e);
}

/* `tprun export weights KEY -o FILE` */
static int export_weights(const struct cli *c, const struct export_options *o, struct err *e)
{
    struct weights w = { 0 };
    if (o->trials || o->metrics || o->params || c->format)
        return err_set(e, ERR_USAGE, "--trials, --metrics, --params and --format are about a study, not about weights");
    if (!o->output || !strcmp(o->output, "-"))
        return err_set(e, ERR_USAGE, "export weights needs a file to write: --output FILE");
    if (!o->force && access(o->output, F_OK) == 0)
        return err_set(e, ERR_USAGE, "%s exists; --force writes over it", o->output);
    int code = weights_open(&w, c, c->arguments.items[1], e);
    if (code == 0)
        code = weights_write(&w, o->output, e);
    weights_close(&w);
    return code;
}

static int check_arguments(const struct cli *c, const struct export_options *o, bool weights, struct err *e)
{
    if (c->arguments.n == 1 && o->output && !strcmp(c->arguments.items[0], "weights"))
        return err_set(e, ERR_USAGE,
                       "export weights needs a trial, by at least 4 digits of its key (`tprun ls STUDY`): tprun export "
                       "weights KEY --output FILE");
    if (c->arguments.n == 2 && !weights)
        return err_set(e, ERR_USAGE, "usage: tprun export STUDY, or tprun export weights KEY --output FILE");
    if (!weights && (o->output || o->force))
        return err_set(e, ERR_USAGE, "--output and --force go with weights; a table goes to standard output");
    return 0;
}

static int run(const struct cli *c, const void *own)
{
    const struct export_options *o = own;
    struct query *q;
    struct err e = { 0 };
    const bool weights = c->arguments.n == 2 && !strcmp(c->arguments.items[0], "weights");
    int code = check_arguments(c, o, weights, &e);
    if (code == 0 && weights)
        return cli_fail(c, export_weights(c, o, &e), &e);
    if (code == 0)
        code = query_open(&q, c->db, &e);
    if (code == 0) {
        code = export(c, o, q, &e);
        query_close(q);
    }
    return cli_fail(c, code, &e);
}

const struct command command_export = {
    .name = "export",
    .arguments = "STUDY | weights KEY --output FILE",
    .summary = "Write a study's trials, metrics or parameters as CSV or JSON, or a trained network",
    .help = "CSV unless --format says otherwise. Numbers read back as the same doubles; values that\n"
            "are not finite are empty (null), and the column `nonfinite` says which they were. With\n"
            "--metrics, `layer` is empty (null) for a metric of the whole trial.\n\n"
            "`weights` writes the parameters of a trial's newest checkpoint (of a finished trial, the\n"
            "last) as safetensors: layers.<i>.weight, layers.<i>.bias, feedback.<i>.*, with study,\n"
            "variant, seed and step as metadata. network.init.from reads such files.\n",
    .shared = (const struct cli_option *const[]){ cli_database, cli_formats, cli_checkpoints, NULL },
    .own = options,
    .own_size = sizeof(struct export_options),
    .min_arguments = 1,
    .max_arguments = 2,
    .run = run,
};
