#include "cli/cli.h"

#include "report/subject.h"

enum { PATIENCE_MS = 3600 * 1000 }; /* the statements are known: a large study may take its time */

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
    query_set_timeout(q, PATIENCE_MS);
    return query_print(q,
                       c->metrics  ? metrics
                       : c->params ? params
                                   : trials,
                       c->arguments, 1, c->has_format ? c->format : FORMAT_CSV, stdout, NULL, e);
}

static int run(const struct cli *c)
{
    struct query *q;
    struct err e = { 0 };
    int code = query_open(&q, c->db, &e);
    if (code == 0) {
        code = export(c, q, &e);
        query_close(q);
    }
    return cli_fail(c, code, &e);
}

const struct command command_export = {
    .name = "export",
    .arguments = "STUDY",
    .summary = "Write a study's trials, metrics or parameters as CSV or JSON",
    .help = "CSV unless --format says otherwise. Numbers read back as the same doubles; values that\n"
            "are not finite are empty (null), and the column `nonfinite` says which they were.\n",
    .options = GROUP_DB | GROUP_FORMAT | GROUP_EXPORT,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
