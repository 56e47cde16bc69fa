/* The SQL of the writer, one line of thought per statement. Parameters are ?1, ?2, ... in the order of the call. */
#include "store/fragments.h"
#include "store/writer.h"

/* Ten rows of five parameters. */
#define ROW "(?, ?, ?, ?, ?)"
#define TEN ROW ", " ROW ", " ROW ", " ROW ", " ROW ", " ROW ", " ROW ", " ROW ", " ROW ", " ROW
_Static_assert(ROWS_PER_INSERT == 50, "SQL_PUT_METRICS has 50 rows");
#define SIX "(?, ?, ?, ?, ?, ?)"
#define FIVE_OF_SIX SIX ", " SIX ", " SIX ", " SIX ", " SIX
#define BATCH FIVE_OF_SIX ", " FIVE_OF_SIX ", " FIVE_OF_SIX ", " FIVE_OF_SIX
_Static_assert(BATCH_ROWS == 20 && BATCH_COLUMNS == 6, "statements of a batch have 20 rows of 6");
#define PUT_PROGRESS(rows)                                                                                             \
    "INSERT INTO progress (trial_id, step, epoch, samples, cpu_ns, flops) VALUES " rows                                \
    " ON CONFLICT (trial_id, step) DO UPDATE SET epoch = excluded.epoch, samples = excluded.samples, "                 \
    "cpu_ns = excluded.cpu_ns, flops = excluded.flops"
#define REPEAT_LAYER_METRIC(rows)                                                                                      \
    "INSERT INTO layer_metric (trial_id, key_id, layer, step, value, nonfinite) VALUES " rows " ON CONFLICT DO "       \
    "NOTHING"

/* clang-format off */
/* Whether a claim's metric was added to the log of trial t later, so far as it matters to ?5. */
#define LATER_BY(metric) "WHEN " BEST_STEP(metric) " IS NOT NULL THEN " LATER(ID_OF(metric))
#define FEWER_ROWS \
    "(SELECT count(*) FROM metric m WHERE m.trial_id = t.id AND m.key_id = k.id AND m.step >= ?6) < " \
    "(SELECT count(*) FROM progress p WHERE p.trial_id = t.id AND p.step >= ?6) - 1"
#define IS_LATER \
    "CASE ?5 WHEN 'best' THEN " LATER("k.id") \
    " WHEN 'selected' THEN CASE " LATER_BY("valid_accuracy") " " LATER_BY("valid_loss") " ELSE " LATER("k.id") " END " \
    "WHEN 'from' THEN " LATER("k.id") " AND " FEWER_ROWS " ELSE 0 END"
/* clang-format on */
#define LATE_FROM_START LATE_LAYER("t.id", "t.step", "0", "m.key_id = k.id AND m.layer = ?7")
#define LATE_FROM_STEP LATE_LAYER("t.id", "t.step", "?6", "m.key_id = k.id AND m.layer = ?7")

/* As it was when it was put. */
#define RESET_TRIAL(now)                                                                                               \
    "UPDATE trial SET state = 'queued', step = 0, finished_budget = 0, diverged_step = NULL, diverged_layer = NULL, "  \
    "diverged_tensor = NULL, weights_sha256 = NULL, reason = NULL, inputs = NULL, numerics_version = 1, "              \
    "outdated = 0, updated_ms = " now " WHERE "

const char *const statement_sql[N_STATEMENTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE", /* a deferred transaction that turns to writing fails at once instead of waiting */
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",

    /* study.c */
    [SQL_PUT_STUDY] =
        "INSERT INTO study (name, title, paper, locator, path, profile, spec, spec_sha256, generation, created_ms, "
        "updated_ms) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9, ?9) "
        "ON CONFLICT (name) DO UPDATE SET title = ?2, paper = ?3, locator = ?4, path = ?5, profile = ?6, spec = ?7, "
        "spec_sha256 = ?8, updated_ms = ?9",
    [SQL_GET_STUDY] = "SELECT id, spec_sha256, name FROM study WHERE name = ?1 OR id = ?2",
    [SQL_NEW_GENERATION] = "UPDATE study SET generation = generation + 1 WHERE id = ?1",
    [SQL_FORGET_STUDY_CURVES] = "UPDATE curve SET n_rows = NULL WHERE study_id = ?1",
    [SQL_FORGET_STUDY_FINALS] = "DELETE FROM final_stat WHERE trial_id IN (SELECT id FROM trial WHERE study_id = ?1)",
    [SQL_FORGET_STUDY_SELECTED] =
        "DELETE FROM selected_stat WHERE trial_id IN (SELECT id FROM trial WHERE study_id = ?1)",
    [SQL_FORGET_STUDY_COMPARISONS] = "DELETE FROM comparison WHERE study_id = ?1",
    [SQL_GET_THINNED] = "SELECT name FROM study WHERE id = ?1 AND " THINNED("main", "?1"),
    [SQL_GET_REFRESHED] = "SELECT 1 FROM study WHERE id = ?1 AND refreshed_ms IS NOT NULL",
    [SQL_SET_REFRESHED] = "UPDATE study SET refreshed_ms = ?2 WHERE id = ?1",
    [SQL_FORGET_REFRESHED] = "UPDATE study SET refreshed_ms = NULL "
                             "WHERE id = (SELECT study_id FROM trial WHERE id = ?1) AND refreshed_ms IS NOT NULL",
    [SQL_DELETE_CLAIMS] = "DELETE FROM claim WHERE study_id = ?1",
    [SQL_PUT_CLAIM] = "INSERT INTO claim (study_id, id, position, text, measure, reported, low, high, kind, quantity, "
                      "reported_sd, reported_n, tolerance, margin, min_seeds) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
                      "?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    [SQL_DELETE_TARGETS] = "DELETE FROM target WHERE study_id = ?1",
    [SQL_PUT_TARGET] = "INSERT INTO target (study_id, metric, value, position) VALUES (?1, ?2, ?3, ?4)",
    [SQL_FORGET_STUDY_CLAIMS] = "UPDATE claim SET " UNMEASURED " WHERE study_id = ?1 AND evaluated_ms IS NOT NULL",
    [SQL_FORGET_CLAIMS] = "UPDATE claim SET " UNMEASURED " "
                          "WHERE study_id = (SELECT t.study_id FROM trial t JOIN study s ON s.id = t.study_id "
                          "AND s.generation = t.generation WHERE t.id = ?1) AND evaluated_ms IS NOT NULL",
    [SQL_PUT_DATASET] = "INSERT INTO dataset (name, path, sha256, time_ms) VALUES (?1, ?2, ?3, ?4) "
                        "ON CONFLICT (name, sha256) DO UPDATE SET path = ?2, time_ms = ?4",

    /* places.c */
    [SQL_GET_QUEUED] =
        "SELECT 1 FROM study WHERE id = ?1 AND queued_sha256 = ?2 AND NOT EXISTS (SELECT 1 FROM place p "
        "WHERE p.study_id = ?1 AND NOT EXISTS (SELECT 1 FROM trial t WHERE t.id = p.trial_id AND t.study_id = ?1 "
        "AND t.generation = study.generation))",
    [SQL_SET_QUEUED] = "UPDATE study SET queued_sha256 = ?2, n_seeds = CASE WHEN ?2 IS NULL THEN n_seeds ELSE "
                       "(SELECT count(DISTINCT t.seed) FROM trial t WHERE t.study_id = study.id AND t.generation = "
                       "study.generation AND t.cell IS NOT t.tuning) END WHERE id = ?1",
    [SQL_DELETE_PLACES_FROM] = "DELETE FROM place WHERE study_id = ?1 AND position >= ?2",
    [SQL_DELETE_PLACES] = "DELETE FROM place WHERE study_id = ?1",
    [SQL_PUT_PLACE] = "INSERT OR REPLACE INTO place (study_id, position, trial_id, operations, memory_bytes) "
                      "VALUES (?1, ?2, ?3, ?4, ?5)",
    [SQL_GET_PLACES] = "SELECT p.position, t.id, t.state, t.finished_budget, t.budget, t.config_id, "
                       "(SELECT c.step FROM checkpoint c WHERE c.trial_id = t.id ORDER BY c.id DESC LIMIT 1), "
                       "(SELECT c.path FROM checkpoint c WHERE c.trial_id = t.id ORDER BY c.id DESC LIMIT 1), "
                       "(SELECT c.path FROM checkpoint c WHERE c.trial_id = t.id ORDER BY c.id DESC LIMIT 1 OFFSET 1), "
                       "p.operations, p.memory_bytes FROM place p CROSS JOIN trial t ON t.id = p.trial_id WHERE "
                       "p.study_id = ?1 ORDER BY p.position",

    /* config.c */
    [SQL_GET_CONFIG] = "SELECT id FROM config WHERE sha256 = ?1",
    [SQL_PUT_CONFIG] = "INSERT INTO config (sha256, text) VALUES (?1, ?2)",
    [SQL_PUT_CONFIG_PARAM] = "INSERT INTO config_param (config_id, key, num, text) VALUES (?1, ?2, ?3, ?4)",
    [SQL_DELETE_CONFIG_PARAMS] =
        "DELETE FROM config_param WHERE config_id IN (SELECT id FROM config c WHERE NOT EXISTS "
        "(SELECT 1 FROM trial t WHERE t.config_id = c.id))",
    [SQL_DELETE_CONFIGS] = "DELETE FROM config WHERE NOT EXISTS (SELECT 1 FROM trial t WHERE t.config_id = config.id)",
    [SQL_DESCRIBE_TRIAL] = "SELECT t.key, t.variant, t.cell, c.text, t.seed, t.budget FROM trial t "
                           "JOIN config c ON c.id = t.config_id WHERE t.id = ?1",
    [SQL_GET_PARAMS] = "SELECT key, num, text, swept FROM param WHERE trial_id = ?1",

    /* trial.c */
    [SQL_GET_TRIAL] =
        "SELECT id, study_id, state, step, finished_budget, variant, cell, seed, config_id, budget, generation, "
        "(SELECT generation FROM study WHERE id = study_id), (SELECT name FROM study WHERE id = study_id), tuning, "
        "weights_sha256 FROM trial WHERE key = ?1",
    [SQL_PUT_TRIAL] = "INSERT INTO trial (key, study_id, variant, cell, seed, config_id, budget, state, generation, "
                      "created_ms, updated_ms, tuning) SELECT ?1, id, ?3, ?4, ?5, ?6, ?7, 'queued', "
                      "CASE ?9 WHEN 1 THEN 0 ELSE generation END, ?8, ?8, ?10 FROM study WHERE id = ?2",
    /* A finished trial keeps its budget when a smaller one is asked for. */
    [SQL_SET_BUDGET] =
        "UPDATE trial SET budget = max(?2, finished_budget * (1 - ?4)) WHERE id = ?1 AND (?3 = 0 OR state = 'queued')",
    [SQL_KEEP_BUDGET] = "UPDATE trial SET budget = max(budget, finished_budget) WHERE id = ?1",
    [SQL_SET_GENERATION] =
        "UPDATE trial SET generation = (SELECT generation FROM study WHERE id = study_id) WHERE id = ?1",
    [SQL_RELABEL_TRIAL] =
        "UPDATE trial SET variant = ?2, cell = ?3, seed = ?4, config_id = ?5, tuning = ?6 WHERE id = ?1",
    /* Another trial of this name that the present specification had: this program makes another key of it. It is kept,
       but no longer part of the study. */
    [SQL_SUPERSEDE_TRIAL] = "UPDATE trial SET generation = -1 WHERE study_id = ?1 AND variant = ?2 AND cell = ?3 AND "
                            "seed = ?4 AND key <> ?5 "
                            "AND generation = (SELECT generation FROM study WHERE id = ?1)",
    [SQL_DELETE_PARAMS] = "DELETE FROM param WHERE trial_id = ?1",
    [SQL_PUT_PARAM] = "INSERT INTO param (trial_id, key, num, text, swept) VALUES (?1, ?2, ?3, ?4, ?5)",
    [SQL_GET_CHECKPOINTS] =
        "SELECT step, path, sha256, cpu_ns, flops FROM checkpoint WHERE trial_id = ?1 ORDER BY id DESC LIMIT 2",
    [SQL_TRIAL_KEY] = "SELECT key, study_id FROM trial WHERE id = ?1",
    [SQL_TRIAL_STEP] = "UPDATE trial SET step = ?2 WHERE id = ?1 AND step < ?2",
    [SQL_RESET_TRIAL] = RESET_TRIAL("?2") "id = ?1",
    [SQL_RESET_DOOMED] = RESET_TRIAL("?1") "id IN (SELECT trial_id FROM temp.doomed WHERE asked)",
    [SQL_DELETE_METRICS] = "DELETE FROM metric WHERE trial_id = ?1",
    [SQL_DELETE_LAYER_METRICS] = "DELETE FROM layer_metric WHERE trial_id = ?1",
    [SQL_DELETE_SUMMARIES] = "DELETE FROM summary WHERE trial_id = ?1",
    [SQL_DELETE_COSTS] = "DELETE FROM cost WHERE run_id IN (SELECT id FROM run WHERE trial_id = ?1)",
    [SQL_DELETE_PROGRESS] = "DELETE FROM progress WHERE trial_id = ?1",
    [SQL_DELETE_NONDETERMINISM] = "DELETE FROM nondeterminism WHERE trial_id = ?1",
    [SQL_CUT_TRIAL] = "UPDATE trial SET step = max(budget, ?2) WHERE id = ?1 AND step > max(budget, ?2)",
    [SQL_CUT_METRICS] = "DELETE FROM metric WHERE trial_id = ?1 AND step > (SELECT step FROM trial WHERE id = ?1)",
    [SQL_CUT_LAYER_METRICS] =
        "DELETE FROM layer_metric WHERE trial_id = ?1 AND step > (SELECT step FROM trial WHERE id = ?1) AND key_id NOT "
        "IN (SELECT id FROM metric_key WHERE name = '" COUNTS_EPOCHS "')",
    [SQL_CUT_PROGRESS] = "DELETE FROM progress WHERE trial_id = ?1 AND step > (SELECT step FROM trial WHERE id = ?1)",
    [SQL_CUT_NONDETERMINISM] =
        "DELETE FROM nondeterminism WHERE trial_id = ?1 AND step > (SELECT step FROM trial WHERE id = ?1)",
    [SQL_GET_SUMMARIZED] = "SELECT k.name FROM summary u JOIN metric_key k ON k.id = u.key_id WHERE u.trial_id = ?1",
    [SQL_DELETE_EMPTY_SUMMARIES] = "DELETE FROM summary WHERE trial_id = ?1 AND n = 0",
    [SQL_DELETE_EVENTS] = "DELETE FROM event WHERE trial_id = ?1 OR run_id IN (SELECT id FROM run WHERE trial_id = ?1)",
    [SQL_DELETE_CHECKPOINTS] = "DELETE FROM checkpoint WHERE trial_id = ?1",
    [SQL_DELETE_RUNS] = "DELETE FROM run WHERE trial_id = ?1",

    /* tune.c */
    [SQL_DELETE_TUNE] = "DELETE FROM tune WHERE study_id = ?1",
    [SQL_DELETE_TUNE_KEYS] = "DELETE FROM tune_key WHERE study_id = ?1",
    [SQL_PUT_TUNE] = "INSERT INTO tune (study_id, metric, goal, n_seeds) VALUES (?1, ?2, ?3, ?4)",
    [SQL_PUT_TUNE_KEY] = "INSERT INTO tune_key (study_id, key, drawn) VALUES (?1, ?2, ?3)",
    /* The chosen cells, as view tuned has them: of what has ended whole, the best complete one. */
    [SQL_GET_CHOICES] =
        "SELECT variant, tuning, trial_id, config_id FROM (SELECT c.*, sum(c.n_open) OVER (PARTITION BY c.variant, "
        "c.tuning) AS n_open_of_all, row_number() OVER (PARTITION BY c.variant, c.tuning ORDER BY c.mean IS NULL, "
        "CASE c.goal WHEN 'max' THEN -c.mean ELSE c.mean END, c.cell) AS place FROM ("
        "SELECT t.variant, t.tuning, t.cell, v.goal, min(t.id) AS trial_id, t.config_id, "
        "sum(t.state <> 'diverged' AND NOT (" DONE(
            "t") ") OR t.outdated) AS n_open, "
                 "CASE WHEN count(t.value) = count(*) THEN avg(t.value) END AS mean FROM tune v JOIN ("
                 "SELECT t.*, CASE WHEN " DONE("t") " THEN (SELECT u.last FROM summary u WHERE u.trial_id = t.id "
                                                    "AND " LAST("u",
                                                                "t") " AND u.key_id = (SELECT k.id FROM metric_key k "
                                                                     "JOIN tune w ON w.metric = k.name "
                                                                     "WHERE w.study_id = t.study_id)) END AS value "
                                                                     "FROM study s JOIN trial t ON t.study_id = s.id "
                                                                     "AND t.generation = s.generation "
                                                                     "WHERE s.id = ?1 AND t.cell <> t.tuning) t ON "
                                                                     "t.study_id = v.study_id "
                                                                     "GROUP BY t.variant, t.tuning, t.cell, v.goal) c) "
                                                                     "WHERE place = 1 AND mean IS NOT NULL AND "
                                                                     "n_open_of_all = 0 ORDER BY variant, tuning",
    /* Trials of a cell that is chosen no more. */
    [SQL_SUPERSEDE_TUNED] =
        "UPDATE trial SET generation = -1 WHERE study_id = ?1 AND cell = tuning "
        "AND generation = (SELECT generation FROM study WHERE id = ?1) "
        "AND NOT EXISTS (SELECT 1 FROM place p WHERE p.study_id = ?1 AND p.position >= ?2 AND p.trial_id = trial.id)",

    /* run.c */
    [SQL_HAS_ROW] = "SELECT 1 FROM metric_key k WHERE k.name = ?2 AND (EXISTS (SELECT 1 FROM metric m WHERE "
                    "m.trial_id = ?1 AND m.key_id = k.id AND m.step = ?3) OR EXISTS (SELECT 1 FROM layer_metric m "
                    "WHERE m.trial_id = ?1 AND m.key_id = k.id AND m.step = ?3))",
    [SQL_PUT_HOST] = "INSERT INTO host (description) VALUES (?1) ON CONFLICT DO NOTHING",
    [SQL_GET_HOST] = "SELECT id FROM host WHERE description = ?1",
    [SQL_PUT_CODE] = "INSERT INTO code (version) VALUES (?1) ON CONFLICT DO NOTHING",
    [SQL_GET_CODE] = "SELECT id FROM code WHERE version = ?1",
    [SQL_PUT_RUN] =
        "INSERT INTO run (trial_id, host_id, code_id, kernel, pid, from_step, started_ms, heartbeat_ms, state, "
        "repository_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, 'running', "
        "(SELECT s.repository_id FROM trial t JOIN study s ON s.id = t.study_id WHERE t.id = ?1))",
    [SQL_GET_REPOSITORY] = "SELECT id FROM repository WHERE root = ?1 AND git_commit = ?2 AND changed IS ?3",
    [SQL_PUT_REPOSITORY] = "INSERT INTO repository (root, git_commit, changed) VALUES (?1, ?2, ?3)",
    [SQL_SET_REPOSITORY] = "UPDATE study SET repository_id = ?2 WHERE id = ?1 AND repository_id IS NOT ?2",
    [SQL_START_TRIAL] = "UPDATE trial SET state = 'running', reason = NULL, updated_ms = ?2 WHERE id = ?1",
    [SQL_GET_ORIGIN] =
        "SELECT t.numerics_version, t.inputs, t.study_id FROM trial t WHERE t.id = ?1 AND " HAS_RESULTS("main.", "t"),
    [SQL_IS_JSON] = "SELECT json_valid(?1)",
    [SQL_OTHER_INPUT] = "SELECT j.key, j.value, k.value FROM json_each(" JSON("?1") ") j JOIN json_each(" JSON(
        "?2") ") k ON k.key = j.key AND k.value <> j.value ORDER BY j.key LIMIT 1",
    [SQL_SET_ORIGIN] = "UPDATE trial SET numerics_version = ?2, inputs = CASE WHEN " HAS_RESULTS(
        "main.", "trial") " THEN coalesce(inputs, ?3) ELSE ?3 END WHERE id = ?1",
    [SQL_NAME_CELL] =
        "SELECT study_id || ' ' || generation || ' ' || numerics_version || quote(variant) || quote(cell) || "
        "quote(inputs) FROM trial WHERE id = ?1",
    /* Of the cell of trial ?1. */
    [SQL_CELL_DIFFERS] =
        "SELECT 1 FROM trial WHERE " SAME_CELL " AND " HAS_BEGUN " GROUP BY study_id HAVING " MAY_DIFFER,
    [SQL_SET_OUTDATED] = "UPDATE trial SET outdated = 1 - outdated WHERE " SAME_CELL " AND outdated <> " IS_OUTDATED,
    [SQL_COUNT_OUTDATED] = "SELECT count(*) FROM trial t JOIN trial o ON o.study_id = t.study_id AND o.variant = "
                           "t.variant AND o.cell = t.cell AND o.generation = t.generation AND o.outdated "
                           "WHERE t.id = ?1",
    [SQL_SET_ALL_OUTDATED] =
        "UPDATE trial SET outdated = 1 - outdated WHERE study_id = ?1 AND (variant, cell, generation) IN "
        "(SELECT variant, cell, generation FROM trial WHERE study_id = ?1 AND " HAS_BEGUN
        " GROUP BY 1, 2, 3 HAVING " MAY_DIFFER ") AND outdated <> " IS_OUTDATED,
    [SQL_HEARTBEAT] = "UPDATE run SET heartbeat_ms = ?2 WHERE id = ?1 AND ended_ms IS NULL",
    [SQL_END_RUN] = "UPDATE run SET state = ?3, reason = ?4, heartbeat_ms = ?5, ended_ms = ?5 "
                    "WHERE id = ?1 AND trial_id = ?2 AND ended_ms IS NULL",
    [SQL_END_TRIAL] =
        "UPDATE trial SET state = ?2, reason = ?3, diverged_step = ?4, diverged_layer = ?5, diverged_tensor = ?6, "
        "weights_sha256 = coalesce(?7, weights_sha256), "
        "finished_budget = CASE ?2 WHEN 'done' THEN max(budget, ?9) WHEN 'diverged' THEN budget "
        "ELSE finished_budget END, updated_ms = ?8 "
        "WHERE id = ?1",
    [SQL_PUT_COST] = "INSERT INTO cost (run_id, phase, wall_ns, cpu_ns, flops) VALUES (?1, ?2, ?3, ?4, ?5) "
                     "ON CONFLICT (run_id, phase) DO UPDATE SET wall_ns = ?3, cpu_ns = ?4, flops = ?5",
    [SQL_PUT_PROGRESS] = PUT_PROGRESS(SIX),
    [SQL_PUT_PROGRESSES] = PUT_PROGRESS(BATCH),
    [SQL_PUT_EVENT] = "INSERT INTO event (trial_id, run_id, step, kind, text, time_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [SQL_PUT_EVENT_ONCE] = "INSERT INTO event (trial_id, run_id, step, kind, text, time_ms) SELECT ?1, ?2, ?3, ?4, ?5, "
                           "?6 WHERE NOT EXISTS (SELECT 1 FROM event WHERE trial_id = ?1 AND kind = ?4)",
    [SQL_PUT_TAG] = "INSERT OR IGNORE INTO tag (study_id, trial_id, name) VALUES (?1, ?2, ?3)",
    [SQL_DELETE_TAG] = "DELETE FROM tag WHERE study_id = ?1 AND trial_id = ?2 AND name = ?3",
    [SQL_PUT_NOTE] = "INSERT OR REPLACE INTO note (study_id, trial_id, text, time_ms) VALUES (?1, ?2, ?3, ?4)",
    [SQL_DELETE_NOTE] = "DELETE FROM note WHERE study_id = ?1 AND trial_id = ?2",
    [SQL_SAME_CHECKPOINT] = "SELECT id, path FROM checkpoint WHERE trial_id = ?1 AND step = ?2",
    [SQL_DELETE_CHECKPOINT] = "DELETE FROM checkpoint WHERE id = ?1",
    [SQL_PUT_CHECKPOINT] = "INSERT INTO checkpoint (trial_id, run_id, step, path, sha256, time_ms, cpu_ns, flops) "
                           "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    /* The newest two are those written last: after a damaged file the run goes on from the one before, at smaller
       steps. */
    [SQL_OLD_CHECKPOINT] = "SELECT id, path FROM checkpoint WHERE trial_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET 2",
    [SQL_DROP_CHECKPOINTS] = "DELETE FROM checkpoint WHERE trial_id = ?1 AND id NOT IN (SELECT id FROM checkpoint "
                             "WHERE trial_id = ?1 ORDER BY id DESC LIMIT ?2)",
    [SQL_NAMED_CHECKPOINT] = "SELECT 1 FROM checkpoint WHERE trial_id = ?1 AND path = ?2",
    [SQL_RECOVER_RUNS] = "UPDATE run SET state = 'interrupted', reason = 'the runner died', ended_ms = heartbeat_ms "
                         "WHERE ended_ms IS NULL",
    [SQL_RECOVER_TRIALS] =
        "UPDATE trial SET state = 'interrupted', reason = 'the runner died', updated_ms = ?1 WHERE state = 'running'",

    /* metric.c */
    [SQL_GET_KEY] = "SELECT id, goal FROM metric_key WHERE name = ?1",
    [SQL_SET_FACTS] = "UPDATE metric_key SET goal = ?2, unit = ?3, followed = ?4, split = ?5 WHERE id = ?1",
    [SQL_PUT_KEY] = "INSERT INTO metric_key (name) VALUES (?1)",
    [SQL_PUT_METRIC] = "INSERT INTO metric (trial_id, key_id, step, value, nonfinite) VALUES " ROW,
    [SQL_PUT_METRICS] =
        "INSERT INTO metric (trial_id, key_id, step, value, nonfinite) VALUES " TEN ", " TEN ", " TEN ", " TEN ", " TEN,
    [SQL_REPEAT_METRIC] =
        "INSERT INTO metric (trial_id, key_id, step, value, nonfinite) VALUES " ROW " ON CONFLICT DO NOTHING",
    [SQL_GET_METRIC] = "SELECT value, nonfinite FROM metric WHERE trial_id = ?1 AND key_id = ?2 AND step = ?3",
    [SQL_REPEAT_LAYER_METRIC] = REPEAT_LAYER_METRIC(SIX),
    [SQL_REPEAT_LAYER_METRICS] = REPEAT_LAYER_METRIC(BATCH),
    [SQL_GET_LAYER_METRIC] =
        "SELECT value, nonfinite FROM layer_metric WHERE trial_id = ?1 AND key_id = ?2 AND layer = ?3 AND step = ?4",
    [SQL_GET_METRICS] = "SELECT step, value, nonfinite FROM metric WHERE trial_id = ?1 AND key_id = ?2 ORDER BY step",
    [SQL_GET_SUMMARY] =
        "SELECT n, n_nonfinite, first, last, last_step, end_step, best, best_step, min, max, auc FROM summary "
        "WHERE trial_id = ?1 AND key_id = ?2",
    [SQL_PUT_SUMMARY] =
        "INSERT OR REPLACE INTO summary (trial_id, key_id, n, n_nonfinite, first, last, last_step, end_step, best, "
        "best_step, min, max, auc) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",

    /* views.c */
    [SQL_GET_SWEPT] =
        "SELECT DISTINCT p.key FROM trial t JOIN study s ON s.id = t.study_id AND s.generation = t.generation "
        "JOIN param p ON p.trial_id = t.id WHERE t.study_id = ?1 AND p.swept = 1 ORDER BY p.key",
    [SQL_GET_VIEW] = "SELECT type, sql FROM sqlite_master WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE",
    [SQL_DELETE_DOC] = "DELETE FROM _doc WHERE \"table\" = ?1",
    [SQL_PUT_DOC] =
        "INSERT OR IGNORE INTO _doc SELECT ?1, ?2, coalesce(max(unit), ''), coalesce(max(class), 'deterministic'), "
        "coalesce(max(text), ?3) FROM _doc WHERE \"table\" = 'trials' AND \"column\" = ?2 AND ?3 IS NULL",

    /* stats.c */
    [SQL_PUT_FINAL_STATS] =
        "INSERT INTO final_stat (trial_id, key_id, n_rows, last_sd, last_median, last_half_width, best_sd, "
        "best_median, best_half_width) SELECT min(t.id), u.key_id, sum(u.n), tprun_sd(u.last), tprun_median(u.last), "
        "tprun_half_width(u.last), tprun_sd(u.best), tprun_median(u.best), tprun_half_width(u.best) "
        "FROM study s JOIN trial t ON t.study_id = s.id AND t.generation = s.generation "
        "JOIN summary u ON u.trial_id = t.id WHERE s.id = ?1 AND " DONE("t") " AND " LAST(
            "u", "t") " GROUP BY t.variant, t.cell, u.key_id",
    /* The rows that the view `selected` shows of the trials that are done. */
    [SQL_PUT_SELECTED_STATS] =
        "INSERT INTO selected_stat (trial_id, key_id, n, n_rows, sd) "
        "SELECT min(t.id), m.key_id, count(m.value), sum(u.n), tprun_sd(m.value) "
        "FROM study s JOIN trial t ON t.study_id = s.id AND t.generation = s.generation AND " DONE(
            "t") " JOIN summary u ON u.trial_id = t.id AND u.key_id = (SELECT id FROM metric_key WHERE name = "
                 "'valid_accuracy') "
                 "CROSS JOIN metric_key k CROSS JOIN metric m ON m.trial_id = t.id AND m.key_id = k.id AND m.step = "
                 "u.best_step "
                 "WHERE s.id = ?1 AND NOT " PARTIAL_SUMMARY " GROUP BY t.variant, t.cell, m.key_id HAVING "
                 "count(m.value) >= 2",
    /* Paired over the seeds that both variants have. The other variants are listed, so that trial_group finds each
       partner at once: a range of variants would walk over all of their trials, and the + keeps SQLite from taking one.
     */
    [SQL_PUT_COMPARISONS] =
        "INSERT INTO comparison (study_id, key_id, cell, variant_a, variant_b, n, n_asked, difference, sd, low, high, "
        "difference_finished) SELECT study_id, key_id, cell, variant_a, variant_b, n, n_asked, "
        "CASE WHEN n = n_asked THEN mean END, CASE WHEN n = n_asked THEN sd END, "
        "CASE WHEN n = n_asked THEN mean - half END, CASE WHEN n = n_asked THEN mean + half END, mean FROM ("
        "SELECT s.id AS study_id, u.key_id, a.cell, a.variant AS variant_a, b.variant AS variant_b, count(*) AS n, "
        "(SELECT count(*) FROM trial x CROSS JOIN trial y ON y.study_id = x.study_id AND y.variant = b.variant "
        "AND y.cell = x.cell AND y.seed = x.seed AND y.generation = x.generation WHERE x.study_id = s.id "
        "AND x.variant = a.variant AND x.cell = a.cell AND x.generation = s.generation) AS n_asked, "
        "avg(u.last - v.last) AS mean, tprun_sd(u.last - v.last) AS sd, tprun_half_width(u.last - v.last) AS half "
        "FROM study s CROSS JOIN trial a ON a.study_id = s.id AND a.generation = s.generation "
        "CROSS JOIN (SELECT DISTINCT variant FROM trial WHERE study_id = ?1) w ON +w.variant > a.variant "
        "CROSS JOIN trial b ON b.study_id = s.id AND b.variant = w.variant AND b.cell = a.cell AND b.seed = a.seed "
        "AND b.generation = s.generation CROSS JOIN summary u ON u.trial_id = a.id "
        "CROSS JOIN summary v ON v.trial_id = b.id AND v.key_id = u.key_id "
        "WHERE s.id = ?1 AND " DONE("a") " AND " DONE("b") " AND " LAST("u", "a") " AND " LAST(
            "v",
            "b") " AND a.numerics_version = b.numerics_version AND NOT " OTHER_BYTES("a",
                                                                                     "b") " GROUP BY u.key_id, a.cell, "
                                                                                          "a.variant, b.variant)",

    /* curve.c */
    [SQL_TOUCH_CURVES] = "UPDATE curve SET n_rows = -1 WHERE (study_id, variant, cell) = (SELECT study_id, variant, "
                         "cell FROM trial WHERE id = ?1) AND n_rows >= 0",
    [SQL_DELETE_OLD_CURVE_STATS] =
        "DELETE FROM curve_stat WHERE curve_id IN (SELECT c.id FROM curve c WHERE c.study_id = ?1 AND NOT " KEPT ")",
    [SQL_DELETE_OLD_CURVES] =
        "DELETE FROM curve WHERE id IN (SELECT c.id FROM curve c WHERE c.study_id = ?1 AND NOT " KEPT ")",
    [SQL_PUT_CURVES] =
        "INSERT INTO curve (study_id, variant, cell, key_id, n_asked, n_outdated) "
        "SELECT c.study_id, c.variant, c.cell, c.key_id, " CURVE_TRIALS ", " CURVE_OUTDATED
        " FROM (SELECT t.study_id, t.variant, t.cell, u.key_id FROM study s JOIN trial t ON t.study_id = "
        "s.id AND t.generation = s.generation AND NOT t.outdated JOIN summary u ON u.trial_id = t.id "
        "WHERE s.id = ?1 GROUP BY t.study_id, t.variant, t.cell, u.key_id HAVING count(*) >= 2) c "
        "WHERE NOT EXISTS (SELECT 1 FROM curve o WHERE o.study_id = c.study_id AND o.variant = c.variant "
        "AND o.cell = c.cell AND o.key_id = c.key_id)",
    [SQL_GET_NEW_CURVE] =
        "SELECT id, key_id FROM curve WHERE id > ?2 AND study_id = ?1 AND n_rows IS NULL ORDER BY id LIMIT 1",
    [SQL_GET_CURVE_TRIALS] = "SELECT t.id, t.state FROM curve c CROSS JOIN trial t ON " OF_CURVE
                             " AND NOT t.outdated WHERE c.id = ?1 ORDER BY t.id",
    [SQL_GET_METRICS_FROM] = "SELECT step, value, nonfinite FROM metric WHERE trial_id = ?1 AND key_id = ?2 AND step "
                             ">= ?3 ORDER BY step",
    [SQL_PUT_CURVE_STAT] = "INSERT INTO curve_stat (curve_id, step, n, n_nonfinite, n_diverged, n_unfinished, "
                           "n_failed, mean, sd, min, max) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [SQL_FINISH_CURVE] = "UPDATE curve SET n_rows = ?2 WHERE id = ?1",

    /* claims.c */
    /* The last column: whether the quantity is one that this program writes. */
    [SQL_GET_CLAIMS] =
        "SELECT id, kind, measure, reported, reported_sd, reported_n, low, high, margin, min_seeds, "
        "json_extract(q, '$.metric'), json_extract(q, '$.at'), json_extract(q, '$.step'), json_extract(q, '$.cell'), "
        "json_extract(q, '$.layer'), json_extract(q, '$.as'), json_extract(q, '$.profile'), "
        "json_extract(q, '$.apart'), quantity IS NOT NULL, CASE WHEN q IS NULL THEN quantity IS NULL AND kind = "
        "'measure' ELSE json_type(q) = 'object' AND (kind = 'measure' OR coalesce(json_type(q, '$.metric') = 'text' "
        "AND json_type(q, '$.at') = 'text' AND json_type(q, '$.better') IS NOT NULL, 0)) END "
        "FROM (SELECT *, " JSON("quantity") " AS q FROM claim WHERE study_id = ?1) ORDER BY position",
    [SQL_GET_CLAIM_PAIRS] = "SELECT b.value, t.value FROM claim c JOIN json_each(c.quantity, '$.better') b "
                            "LEFT JOIN json_each(c.quantity, '$.than') t WHERE c.study_id = ?1 AND c.id = ?2",
    /* Trials of a claim with another length than its profile says; beyond it, where the claim names its steps. */
    [SQL_GET_CLAIM_LENGTH] =
        "SELECT t.variant, t.length, t.wanted, count(*), max(t.n_all) FROM (SELECT t.variant, max(t.step, "
        "t.finished_budget) AS length, j.value AS wanted, count(*) OVER (PARTITION BY t.variant) AS n_all, "
        "json_extract(c.quantity, '$.at') AS at FROM claim c JOIN study s ON s.id = c.study_id, "
        "json_each(c.quantity, '$.steps') j JOIN trial t ON t.study_id = s.id AND t.generation = s.generation "
        "AND t.variant = j.key WHERE c.study_id = ?1 AND c.id = ?2 AND t.state = 'done' AND "
        "(json_extract(c.quantity, '$.cell') IS NULL OR t.cell = json_extract(c.quantity, '$.cell'))) t "
        "WHERE t.length < t.wanted OR (t.length > t.wanted AND t.at IN ('last', 'best', 'selected', 'from')) "
        "GROUP BY t.length, t.variant, t.wanted ORDER BY t.length LIMIT 1",
    [SQL_GET_CLAIM_STATES] = "SELECT count(*), sum(t.state NOT IN ('queued', 'interrupted')), "
                             "sum(t.state = 'failed'), sum(t.state NOT IN ('done', 'diverged', 'failed')), "
                             "sum(t.state = 'diverged'), s.profile, sum(t.outdated) "
                             "FROM study s JOIN trial t ON t.study_id = s.id AND t.generation = s.generation "
                             "WHERE s.id = ?1",
    /* Of a cell that was chosen, where all its trials are. */
    [SQL_GET_CLAIM_SEEDS] = "SELECT t.seed, min(t.cell IS t.tuning) FROM study s JOIN trial t ON t.study_id = s.id "
                            "AND t.generation = s.generation WHERE s.id = ?1 GROUP BY t.seed ORDER BY t.seed",
    /* One side of a claim: ?1 study, ?2 variant, ?3 cell or NULL, ?4 metric, ?5 at, ?6 step, ?7 layer. */
    /* clang-format off */
    [SQL_GET_CLAIM_VALUES] =
        "SELECT t.seed, CASE WHEN t.outdated THEN 'outdated' ELSE t.state END, CASE ?5 "
        "WHEN 'last' THEN (SELECT CASE WHEN " LAST("u", "t") " THEN u.last END FROM summary u WHERE u.trial_id = t.id "
        "AND u.key_id = k.id) "
        "WHEN 'best' THEN (SELECT u.best FROM summary u WHERE u.trial_id = t.id AND u.key_id = k.id) "
        "WHEN 'selected' THEN (SELECT m.value FROM metric m WHERE m.trial_id = t.id AND m.key_id = k.id AND m.step = "
        "coalesce(" VALIDATED ", (SELECT u.best_step FROM summary u WHERE u.trial_id = t.id AND u.key_id = k.id))) "
        "WHEN 'step' THEN (SELECT m.value FROM metric m WHERE m.trial_id = t.id AND m.key_id = k.id AND m.step = ?6) "
        "ELSE (SELECT CASE WHEN count(*) = count(m.value) THEN avg(m.value) END FROM metric m WHERE m.trial_id = t.id "
        "AND m.key_id = k.id AND m.step >= ?6) END, "
        "(SELECT m.value FROM metric m WHERE m.trial_id = t.id AND m.key_id = k.id AND m.step = 0), "
        "CASE ?5 WHEN 'best' THEN k.split = 'test' WHEN 'selected' THEN " VALIDATED " IS NULL ELSE 0 END, "
        "k.goal = 'max', " ORIGIN("t") ", " IS_LATER " "
        "FROM study s JOIN trial t ON t.study_id = s.id AND t.generation = s.generation "
        "CROSS JOIN metric_key k WHERE s.id = ?1 AND t.variant = ?2 AND (?3 IS NULL OR t.cell = ?3) AND k.name = ?4 "
        "AND ?7 IS NULL ORDER BY t.seed",
    /* clang-format on */
    [SQL_GET_CLAIM_LAYER_VALUES] =
        "SELECT t.seed, CASE WHEN t.outdated THEN 'outdated' ELSE t.state END, CASE ?5 "
        "WHEN 'last' THEN (SELECT m.value FROM layer_metric m WHERE m.trial_id = t.id AND m.key_id = k.id "
        "AND m.layer = ?7 AND " AT_END(
            "m", "t.step") " ORDER BY m.step DESC LIMIT 1) "
                           "WHEN 'best' THEN (SELECT CASE k.goal WHEN 'max' THEN max(m.value) ELSE min(m.value) END "
                           "FROM layer_metric m "
                           "WHERE m.trial_id = t.id AND m.key_id = k.id AND m.layer = ?7) "
                           "WHEN 'step' THEN (SELECT m.value FROM layer_metric m WHERE m.trial_id = t.id AND m.key_id "
                           "= k.id "
                           "AND m.layer = ?7 AND m.step = ?6) "
                           "ELSE (SELECT CASE WHEN count(*) = count(m.value) THEN avg(m.value) END FROM layer_metric m "
                           "WHERE m.trial_id = t.id AND m.key_id = k.id AND m.layer = ?7 AND m.step >= ?6) END, "
                           "NULL, 0, k.goal = 'max', " ORIGIN(
                               "t") ", CASE ?5 "
                                    "WHEN 'best' THEN " LATE_FROM_START " WHEN 'from' THEN " LATE_FROM_STEP
                                    " ELSE 0 END "
                                    "FROM study s JOIN trial t ON t.study_id = s.id AND t.generation = s.generation "
                                    "CROSS JOIN metric_key k WHERE s.id = ?1 AND t.variant = ?2 AND (?3 IS NULL OR "
                                    "t.cell = ?3) "
                                    "AND k.name = ?4 "
                                    "ORDER BY t.seed",
    [SQL_PUT_MEASURED] = "UPDATE claim SET measured = ?3, note = ?4, evaluated_ms = ?5, n = ?6, sd = ?7, "
                         "interval_low = ?8, interval_high = ?9, verdict = ?10, n_asked = ?11, n_diverged = ?12, "
                         "n_unfinished = ?13, n_failed = ?14 WHERE study_id = ?1 AND id = ?2",
};
