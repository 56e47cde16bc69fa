#include "report/lists.h"

#include "report/shorter.h"

const char list_studies[] =
    "SELECT s.name AS study, count(t.trial_id) AS trials, sum(t.outcome = 'done') AS done, "
    "sum(t.outcome = 'diverged') AS diverged,"
    " sum(t.outcome = 'failed') AS failed, sum(t.running) AS running,"
    " sum(t.outcome = 'unfinished') - sum(t.running) AS waiting, sum(t.outcome = 'outdated') AS outdated,"
    " (SELECT count(*) FROM trial o WHERE o.study_id = s.id AND o.generation <> s.generation) AS others,"
    " (SELECT count(*) FROM claim c WHERE c.study_id = s.id) AS claims,"
    " (SELECT count(*) FROM claims c WHERE c.study_id = s.id AND c.verdict = 'reproduced') AS reproduced,"
    " (SELECT count(*) FROM claims c WHERE c.study_id = s.id AND c.verdict = 'refuted') AS refuted,"
    " s.title"
    " FROM study s LEFT JOIN (SELECT o.*, o.outcome = 'unfinished' AND t.state = 'running' AS running"
    "  FROM outcomes o JOIN trial t ON t.id = o.trial_id) t ON t.study_id = s.id"
    " GROUP BY s.id ORDER BY s.name";

const char list_trials[] =
    "SELECT substr(key, 1, 8) AS \"key\", variant, cell, seed, state, step, budget, wall_s, last_test_loss, "
    "last_test_accuracy,"
    " best_test_accuracy, generation, current, reason FROM all_trials WHERE study = ?1 ORDER BY current DESC, variant, "
    "cell COLLATE tprun_cells, seed";

const char list_claims[] = "SELECT study, id, reported, measured, n, sd, interval_low, interval_high, low, high, "
                           "expected, verdict, text, note FROM claims WHERE ?1 IS NULL OR study = ?1";

/* One trial of each variant is compared with the present one of its name: what was edited differs in all of them. */
const char list_generations[] =
    "WITH old AS (SELECT t.generation, t.variant, min(t.id) AS id, t.study_id, s.generation AS present"
    "  FROM trial t JOIN study s ON s.id = t.study_id WHERE s.name = ?1 AND t.generation <> s.generation"
    "  GROUP BY t.generation, t.variant, t.study_id, s.generation), "
    "pair AS (SELECT o.generation, o.id AS old_id, (SELECT n.id FROM trial n JOIN trial t ON n.study_id = t.study_id"
    "  AND n.variant = t.variant AND n.cell = t.cell AND n.seed = t.seed WHERE t.id = o.id AND n.generation = "
    "o.present)"
    "  AS new_id FROM old o), "
    "difference AS (SELECT DISTINCT p.generation, a.param || ' ' || a.value || ', now ' ||"
    "  coalesce((SELECT b.value FROM all_params b WHERE b.trial_id = p.new_id AND b.param = a.param), 'nothing') AS "
    "text"
    "  FROM pair p JOIN all_params a ON a.trial_id = p.old_id WHERE p.new_id IS NOT NULL AND a.value IS NOT"
    "  (SELECT b.value FROM all_params b WHERE b.trial_id = p.new_id AND b.param = a.param)) "
    "SELECT t.generation, count(*) AS trials, sum(t.state = 'done') AS done,"
    " coalesce((SELECT group_concat(d.text, '; ') FROM (SELECT text FROM difference x WHERE x.generation = t.generation"
    "  ORDER BY text LIMIT 8) d), 'variants, cells or seeds that are not there now') AS differs"
    " FROM trial t JOIN study s ON s.id = t.study_id WHERE s.name = ?1 AND t.generation <> s.generation"
    " GROUP BY t.generation ORDER BY t.generation DESC";

/* Attempts that are being made now have no costs yet, so their trials are left out. */
const char list_costs[] =
    "WITH c AS (SELECT r.trial_id, sum(CASE WHEN o.phase = 'train' THEN o.wall_ns END) AS wall, "
    "sum(CASE WHEN o.phase = 'train' THEN o.cpu_ns END) AS cpu, "
    "sum(CASE WHEN o.phase = 'evaluate' THEN o.wall_ns END) AS evaluation, sum(o.wall_ns) AS total "
    "FROM run r JOIN cost o ON o.run_id = r.id GROUP BY r.trial_id) "
    "SELECT t.variant, count(*) AS trials, sum(t.step) AS iterations, sum(c.wall) / 1e6 AS train_wall_ms, "
    "sum(c.cpu) / 1e6 AS train_cpu_ms, sum(c.evaluation) / 1e6 AS evaluation_wall_ms, sum(c.total) / 1e6 AS wall_ms "
    "FROM study s JOIN trial t ON t.study_id = s.id AND t.generation = s.generation JOIN c ON c.trial_id = t.id "
    "WHERE s.name = ?1 AND t.state <> 'running' GROUP BY t.variant ORDER BY min(t.id)";
const char list_machines[] =
    "SELECT DISTINCT v.version AS code, h.description AS host, r.kernel FROM study s "
    "JOIN trial t ON t.study_id = s.id AND t.generation = s.generation JOIN run r ON r.trial_id = t.id "
    "JOIN host h ON h.id = r.host_id JOIN code v ON v.id = r.code_id WHERE s.name = ?1 ORDER BY 1, 2, 3";

const struct query_section list_of_study[] = {
    { "study", "SELECT name, title, paper, locator, path, profile, substr(spec_sha256, 1, 16) AS spec, "
               "generation, " LIST_COMMIT("study") " FROM study WHERE name = ?1" },
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
      "sum(o.outcome = 'outdated') AS outdated, sum(o.shorter) AS shorter FROM (SELECT o.*, " SHORTER(
          "o") " AS shorter FROM outcomes o WHERE o.study = ?1) o JOIN trial t ON t.id = o.trial_id "
               "GROUP BY o.variant ORDER BY o.variant" },
    { "swept",
      "SELECT p.key, count(DISTINCT coalesce(p.num, p.text)) AS n_values, min(p.num) AS smallest, max(p.num) AS largest"
      " FROM param p JOIN trial t ON t.id = p.trial_id JOIN study s ON s.id = t.study_id AND s.generation = "
      "t.generation"
      " WHERE s.name = ?1 AND p.swept = 1 GROUP BY p.key ORDER BY p.key" },
    { "finals", "SELECT variant, cell, metric, n, n_asked, n_diverged, n_unfinished, n_failed, n_nonfinite, "
                "n_outdated, n_shorter, n_partial, "
                "last_mean, last_sd, best_mean, "
                "best_sd, last_mean_finished, best_mean_finished FROM finals WHERE study = ?1"
                " ORDER BY metric, variant, cell COLLATE tprun_cells" },
    { "tuned", "SELECT variant, cell, metric, chosen, value, n, n_asked, n_diverged, test_loss, test_accuracy, note "
               "FROM tuned WHERE study = ?1 ORDER BY variant, cell" },
    { "other trials", list_generations },
    { "claims", "SELECT id, reported, measured, n, sd, interval_low, interval_high, low, high, expected, verdict, note "
                "FROM claims WHERE study = ?1" },
    { 0 },
};
const struct query_section list_of_trial[] = {
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
      "h.description AS host, (SELECT c.version FROM code c WHERE c.id = r.code_id) AS code, " LIST_COMMIT(
          "r") " FROM run r JOIN host h ON h.id = r.host_id WHERE r.trial_id = CAST(?1 AS INTEGER) ORDER BY r.id" },
    { "costs", "SELECT phase, sum(wall_s) AS wall_s, sum(cpu_s) AS cpu_s, sum(flops) AS flops FROM all_costs WHERE "
               "trial_id = CAST(?1 AS INTEGER)"
               " GROUP BY phase ORDER BY phase" },
    { "checkpoints", "SELECT step, path, substr(sha256, 1, 16) AS sha256 FROM checkpoint WHERE trial_id = CAST(?1 AS "
                     "INTEGER) ORDER BY step" },
    { "events", "SELECT step, kind, text FROM event WHERE trial_id = CAST(?1 AS INTEGER) ORDER BY id" },
    { 0 },
};
