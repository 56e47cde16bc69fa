#include "cli/cli.h"

#include "cli/generations.h"
#include "cli/tuned.h"

/* The commit of the repository that the experiment file lies in. */
#define OF_REPOSITORY(row)                                                                                             \
    "(SELECT g.git_commit || CASE g.changed WHEN 1 THEN '-dirty' WHEN 0 THEN '' ELSE '?' END FROM repository g "       \
    "WHERE g.id = " row ".repository_id) AS git_commit"
static const struct query_section of_study[] = {
    { "study", "SELECT name, title, paper, locator, path, profile, substr(spec_sha256, 1, 16) AS spec, "
               "generation, " OF_REPOSITORY("study") " FROM study WHERE name = ?1" },
    { "tags",
      "SELECT tag, coalesce(variant, '') AS variant, coalesce(cell, '') AS cell, seed FROM tags WHERE study = ?1 "
      "ORDER BY trial_id, tag" },
    { "notes", "SELECT note, coalesce(variant, '') AS variant, coalesce(cell, '') AS cell, seed, time FROM notes WHERE "
               "study = ?1 ORDER BY trial_id" },
    { "variants",
      "SELECT o.variant, count(DISTINCT o.cell) AS cells, count(DISTINCT o.seed) AS seeds, sum(o.outcome = 'done') AS "
      "done, sum(o.outcome = 'diverged') AS diverged, sum(o.outcome = 'failed') AS failed, sum(o.outcome = "
      "'unfinished' "
      "AND t.state = 'running') AS running, sum(o.outcome = 'unfinished' AND t.state <> 'running') AS waiting, "
      "sum(o.outcome = 'outdated') AS outdated FROM outcomes o JOIN trial t ON t.id = o.trial_id WHERE o.study = ?1 "
      "GROUP BY o.variant ORDER BY o.variant" },
    { "swept",
      "SELECT p.key, count(DISTINCT coalesce(p.num, p.text)) AS n_values, min(p.num) AS smallest, max(p.num) AS largest"
      " FROM param p JOIN trial t ON t.id = p.trial_id JOIN study s ON s.id = t.study_id AND s.generation = "
      "t.generation"
      " WHERE s.name = ?1 AND p.swept = 1 GROUP BY p.key ORDER BY p.key" },
    { "finals",
      "SELECT variant, cell, metric, n, n_asked, n_diverged, n_unfinished, n_failed, last_mean, last_sd, best_mean, "
      "best_sd, last_mean_finished, best_mean_finished FROM finals WHERE study = ?1"
      " ORDER BY metric, variant, cell COLLATE tprun_cells" },
    { "tuned", "SELECT variant, cell, metric, chosen, value, n, n_asked, n_diverged, test_loss, test_accuracy, note "
               "FROM tuned WHERE study = ?1 ORDER BY variant, cell" },
    { "other trials", generations_sql },
    { "claims", "SELECT id, reported, measured, n, sd, interval_low, interval_high, low, high, verdict, note FROM "
                "claims WHERE study = ?1" },
    { 0 },
};
static const struct query_section of_trial[] = {
    { "trial", "SELECT substr(key, 1, 16) AS \"key\", study, variant, cell, seed, state, step, budget, wall_s, "
               "diverged_step, diverged_layer,"
               " diverged_tensor, reason, current FROM all_trials WHERE trial_id = CAST(?1 AS INTEGER)" },
    { "tags", "SELECT tag FROM tags WHERE trial_id = CAST(?1 AS INTEGER) ORDER BY tag" },
    { "notes", "SELECT note, time FROM notes WHERE trial_id = CAST(?1 AS INTEGER)" },
    { "parameters", "SELECT param AS \"key\", coalesce(text, num) AS value, swept FROM all_params WHERE trial_id = "
                    "CAST(?1 AS INTEGER) ORDER BY param" },
    { "metrics",
      "SELECT k.name AS metric, u.n, u.first, CASE WHEN u.last_step = u.end_step THEN u.last END AS last, u.last AS "
      "last_finite, u.last_step, u.best, u.best_step, u.min, u.max, u.auc, "
      "u.n_nonfinite"
      " FROM summary u JOIN metric_key k ON k.id = u.key_id WHERE u.trial_id = CAST(?1 AS INTEGER) ORDER BY k.name" },
    { "layer_metrics",
      "SELECT k.name AS metric, l.layer, count(*) AS n, max(l.step) AS last_step, l.value AS last, l.nonfinite"
      " FROM layer_metric l JOIN metric_key k ON k.id = l.key_id WHERE l.trial_id = CAST(?1 AS INTEGER)"
      " GROUP BY k.name, l.layer ORDER BY k.name, l.layer" },
    { "runs",
      "SELECT r.id, r.state, r.from_step, r.reason, r.kernel, (r.ended_ms - r.started_ms) / 1000.0 AS seconds, "
      "h.description AS host, (SELECT c.version FROM code c WHERE c.id = r.code_id) AS code, " OF_REPOSITORY(
          "r") " FROM run r JOIN host h ON h.id = r.host_id WHERE r.trial_id = CAST(?1 AS INTEGER) ORDER BY r.id" },
    { "costs", "SELECT phase, sum(wall_s) AS wall_s, sum(cpu_s) AS cpu_s, sum(flops) AS flops FROM all_costs WHERE "
               "trial_id = CAST(?1 AS INTEGER)"
               " GROUP BY phase ORDER BY phase" },
    { "checkpoints", "SELECT step, path, substr(sha256, 1, 16) AS sha256 FROM checkpoint WHERE trial_id = CAST(?1 AS "
                     "INTEGER) ORDER BY step" },
    { "events", "SELECT step, kind, text FROM event WHERE trial_id = CAST(?1 AS INTEGER) ORDER BY id" },
    { 0 },
};

static int show(const struct cli *c, struct query *q, struct err *e)
{
    const char *name = c->arguments.items[0];
    bool found;
    double n = 0;
    int64_t id;
    TRY(query_number(q, "SELECT count(*) FROM study WHERE name = ?1", &name, 1, &found, &n, e));
    if (n > 0) {
        TRY(query_print_sections(q, of_study, &name, 1, cli_format(c, FORMAT_TABLE), stdout, e));
        return c->quiet ? 0 : tuned_tell_left(q, c->db, name, e);
    }
    if (!cli_is_key(name))
        return err_set(e, ERR_USAGE, "%s: no study '%s'; a trial is named by at least 4 digits of its key", c->db,
                       name);
    TRY(cli_find_trial(c, q, name, &id, e));
    char digits[32];
    const char *argument = digits;
    snprintf(digits, sizeof digits, "%lld", (long long)id);
    return query_print_sections(q, of_trial, &argument, 1, cli_format(c, FORMAT_TABLE), stdout, e);
}

static int run(const struct cli *c, const void *own)
{
    (void)own;
    struct query *q;
    struct err e = { 0 };
    int code = query_open(&q, c->db, &e);
    if (code == 0) {
        code = show(c, q, &e);
        query_close(q);
    }
    return cli_fail(c, code, &e);
}

const struct command command_show = {
    .name = "show",
    .arguments = "STUDY|KEY",
    .summary = "Show a study, or a trial by the first digits of its key",
    .help = "A trial: its parameters, metrics, attempts, costs, checkpoints and events.\n",
    .shared = (const struct cli_option *const[]){ cli_database, cli_formats, NULL },
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
