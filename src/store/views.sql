-- The views: what people read. Plain SQL for any SQLite >= 3.31 without an extension. They hold no facts and may be made again.
-- All of them carry study_id, by which a claim is restricted to its own study. A mean over seeds is NULL unless every seed that was asked
-- for is in it; what its name has _finished after it is over those that are, and n_asked = n + n_nonfinite + n_diverged + n_unfinished +
-- n_failed + n_outdated tells what became of each. They show the trials of the study's present specification
-- (trial.generation = study.generation); all_trials, all_metrics and so on show one-offs and trials of earlier specifications as well.
-- No LEFT JOIN here: SQLite before 3.41 leaves one out whose columns a query does not read, and then sorts the rest of the query the wrong
-- way. A value that may be missing is a scalar subquery, which finds its one row by the primary key. tests/store/answers.py proves it.

-- Metrics that were in the log of a trial for a part of the training: added when that was under way, or gone before the end. Such a metric has fewer
-- rows than the others of the trial, by two at least, as one of training steps has none at step 0; or, where the others left the log too, two steps
-- were logged before its first row; or the trial is done, and its last row is of a step before the end. Of it there is no best
-- value and no area, and no step to choose by or to reach a target at. So says n of its summaries, also where rows were taken out; C has
-- the same in src/store/partial.h.
CREATE VIEW partial AS
SELECT u.trial_id, u.key_id
FROM summary u
WHERE u.n < (SELECT max(w.n) FROM summary w WHERE w.trial_id = u.trial_id) - 1
    OR (SELECT p.step FROM progress p WHERE p.trial_id = u.trial_id AND p.step < (SELECT min(m.step) FROM metric m
        WHERE m.trial_id = u.trial_id AND m.key_id = u.key_id) ORDER BY p.step LIMIT 1 OFFSET 1) IS NOT NULL
    OR u.end_step < (SELECT e.step FROM trial e WHERE e.id = u.trial_id AND e.state = 'done');
INSERT INTO _doc VALUES
    ('partial', 'trial_id', '', 'runtime', 'trial.id'),
    ('partial', 'key_id', '', 'runtime', 'metric_key.id: a metric that was in the log of the trial for a part of the training, so that it has no best value and no area');

CREATE VIEW all_trials AS
SELECT s.name AS study, t.variant, t.cell, t.seed,
    coalesce((SELECT c.text FROM config_param c WHERE c.config_id = t.config_id AND c.key = 'algorithm.name'),
        (SELECT p.text FROM param p WHERE p.trial_id = t.id AND p.key = 'algorithm.name')) AS algorithm,
    coalesce((SELECT c.text FROM config_param c WHERE c.config_id = t.config_id AND c.key = 'dataset.name'),
        (SELECT p.text FROM param p WHERE p.trial_id = t.id AND p.key = 'dataset.name')) AS dataset,
    t.state, t.step, t.budget,
    (SELECT sum(c.wall_ns) / 1e9 FROM run r JOIN cost c ON c.run_id = r.id WHERE r.trial_id = t.id) AS wall_s,
    (SELECT u.last FROM summary u WHERE u.last_step = u.end_step AND (u.end_step = t.step OR t.state <> 'done') AND u.trial_id = t.id AND u.key_id = (SELECT id FROM metric_key WHERE name = 'train_loss')) AS last_train_loss,
    (SELECT u.best FROM summary u WHERE NOT EXISTS (SELECT 1 FROM partial q WHERE q.trial_id = u.trial_id AND q.key_id = u.key_id) AND u.trial_id = t.id AND u.key_id = (SELECT id FROM metric_key WHERE name = 'train_loss')) AS best_train_loss,
    (SELECT u.last FROM summary u WHERE u.last_step = u.end_step AND (u.end_step = t.step OR t.state <> 'done') AND u.trial_id = t.id AND u.key_id = (SELECT id FROM metric_key WHERE name = 'train_accuracy')) AS last_train_accuracy,
    (SELECT u.best FROM summary u WHERE NOT EXISTS (SELECT 1 FROM partial q WHERE q.trial_id = u.trial_id AND q.key_id = u.key_id) AND u.trial_id = t.id AND u.key_id = (SELECT id FROM metric_key WHERE name = 'train_accuracy')) AS best_train_accuracy,
    (SELECT u.last FROM summary u WHERE u.last_step = u.end_step AND (u.end_step = t.step OR t.state <> 'done') AND u.trial_id = t.id AND u.key_id = (SELECT id FROM metric_key WHERE name = 'test_loss')) AS last_test_loss,
    (SELECT u.best FROM summary u WHERE NOT EXISTS (SELECT 1 FROM partial q WHERE q.trial_id = u.trial_id AND q.key_id = u.key_id) AND u.trial_id = t.id AND u.key_id = (SELECT id FROM metric_key WHERE name = 'test_loss')) AS best_test_loss,
    (SELECT u.last FROM summary u WHERE u.last_step = u.end_step AND (u.end_step = t.step OR t.state <> 'done') AND u.trial_id = t.id AND u.key_id = (SELECT id FROM metric_key WHERE name = 'test_accuracy')) AS last_test_accuracy,
    (SELECT u.best FROM summary u WHERE NOT EXISTS (SELECT 1 FROM partial q WHERE q.trial_id = u.trial_id AND q.key_id = u.key_id) AND u.trial_id = t.id AND u.key_id = (SELECT id FROM metric_key WHERE name = 'test_accuracy')) AS best_test_accuracy,
    t.diverged_step, t.diverged_layer, t.diverged_tensor, t.reason,
    (SELECT strftime('%Y-%m-%dT%H:%M:%fZ', min(r.started_ms) / 1000.0, 'unixepoch') FROM run r WHERE r.trial_id = t.id) AS started,
    (SELECT strftime('%Y-%m-%dT%H:%M:%fZ', max(r.ended_ms) / 1000.0, 'unixepoch') FROM run r WHERE r.trial_id = t.id) AS ended,
    t.numerics_version, t.inputs, t.outdated,
    t.generation = s.generation AS current, t.generation, t.key, t.id AS trial_id, t.study_id
FROM trial t
JOIN study s ON s.id = t.study_id;
INSERT INTO _doc VALUES
    ('all_trials', 'study', '', 'deterministic', 'name of the study'),
    ('all_trials', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('all_trials', 'cell', '', 'deterministic', 'the swept values as text; empty without a sweep'),
    ('all_trials', 'seed', '', 'deterministic', 'seed of all random streams'),
    ('all_trials', 'algorithm', '', 'deterministic', 'parameter algorithm.name'),
    ('all_trials', 'dataset', '', 'deterministic', 'parameter dataset.name'),
    ('all_trials', 'state', '', 'deterministic', 'queued, running, done, diverged, failed or interrupted'),
    ('all_trials', 'step', 'step', 'deterministic', 'last step that has a committed row'),
    ('all_trials', 'budget', 'step', 'deterministic', 'step to reach'),
    ('all_trials', 'wall_s', 's', 'runtime', 'time spent in all phases of all attempts'),
    ('all_trials', 'last_train_loss', '', 'deterministic', 'last value of train_loss; NULL if it is not finite, see summaries.last_finite'),
    ('all_trials', 'best_train_loss', '', 'deterministic', 'smallest value of train_loss; NULL if it was in the log for a part of the training, see finals.n_partial'),
    ('all_trials', 'last_train_accuracy', '%', 'deterministic', 'last value of train_accuracy; NULL if it is not finite, see summaries.last_finite'),
    ('all_trials', 'best_train_accuracy', '%', 'deterministic', 'largest value of train_accuracy; NULL if it was in the log for a part of the training, see finals.n_partial'),
    ('all_trials', 'last_test_loss', '', 'deterministic', 'last value of test_loss; NULL if it is not finite, see summaries.last_finite'),
    ('all_trials', 'best_test_loss', '', 'deterministic', 'smallest value of test_loss; NULL if it was in the log for a part of the training, see finals.n_partial'),
    ('all_trials', 'last_test_accuracy', '%', 'deterministic', 'last value of test_accuracy; NULL if it is not finite, see summaries.last_finite'),
    ('all_trials', 'best_test_accuracy', '%', 'deterministic', 'largest value of test_accuracy; NULL if it was in the log for a part of the training, see finals.n_partial'),
    ('all_trials', 'diverged_step', 'step', 'deterministic', 'step at which a value became non-finite or left its bounds'),
    ('all_trials', 'diverged_layer', '', 'deterministic', 'layer in which that was seen'),
    ('all_trials', 'diverged_tensor', '', 'deterministic', 'tensor in which that was seen'),
    ('all_trials', 'reason', '', 'runtime', 'why the last attempt ended'),
    ('all_trials', 'started', 'UTC', 'runtime', 'when the first attempt began, ISO 8601'),
    ('all_trials', 'ended', 'UTC', 'runtime', 'when the last attempt ended, ISO 8601'),
    ('all_trials', 'numerics_version', '', 'deterministic', 'version of the numbers that the program computed when it was trained'),
    ('all_trials', 'inputs', '', 'deterministic', 'SHA-256 of the files of data and weights that it read (of a .gz file: of the bytes within), a JSON object by name; NULL for none'),
    ('all_trials', 'outdated', '', 'runtime', '1 when a trial of its cell began later with other bytes of such a file or another numerics_version: it is in no mean'),
    ('all_trials', 'current', '', 'runtime', '1 for a trial of the present specification of its study'),
    ('all_trials', 'generation', '', 'runtime', 'specification of the study, counted from 1, that had the trial last; 0 = none, a one-off of the command line; -1 = replaced by a trial of its name that another program made, or of a cell that was chosen once and is not now'),
    ('all_trials', 'key', '', 'deterministic', 'identity of the trial'),
    ('all_trials', 'trial_id', '', 'runtime', 'trial.id'),
    ('all_trials', 'study_id', '', 'runtime', 'study.id');
CREATE VIEW trials AS
SELECT study, variant, cell, seed, algorithm, dataset, state, step, budget, wall_s, last_train_loss, best_train_loss,
    last_train_accuracy, best_train_accuracy, last_test_loss, best_test_loss, last_test_accuracy, best_test_accuracy, diverged_step,
    diverged_layer, diverged_tensor, reason, started, ended, numerics_version, inputs, outdated, current, key, trial_id, study_id
FROM all_trials WHERE current;
INSERT INTO _doc VALUES
    ('trials', 'study', '', 'deterministic', 'name of the study'),
    ('trials', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('trials', 'cell', '', 'deterministic', 'the swept values as text; empty without a sweep'),
    ('trials', 'seed', '', 'deterministic', 'seed of all random streams'),
    ('trials', 'algorithm', '', 'deterministic', 'parameter algorithm.name'),
    ('trials', 'dataset', '', 'deterministic', 'parameter dataset.name'),
    ('trials', 'state', '', 'deterministic', 'queued, running, done, diverged, failed or interrupted'),
    ('trials', 'step', 'step', 'deterministic', 'last step that has a committed row'),
    ('trials', 'budget', 'step', 'deterministic', 'step to reach'),
    ('trials', 'wall_s', 's', 'runtime', 'time spent in all phases of all attempts'),
    ('trials', 'last_train_loss', '', 'deterministic', 'last value of train_loss; NULL if it is not finite, see summaries.last_finite'),
    ('trials', 'best_train_loss', '', 'deterministic', 'smallest value of train_loss; NULL if it was in the log for a part of the training, see finals.n_partial'),
    ('trials', 'last_train_accuracy', '%', 'deterministic', 'last value of train_accuracy; NULL if it is not finite, see summaries.last_finite'),
    ('trials', 'best_train_accuracy', '%', 'deterministic', 'largest value of train_accuracy; NULL if it was in the log for a part of the training, see finals.n_partial'),
    ('trials', 'last_test_loss', '', 'deterministic', 'last value of test_loss; NULL if it is not finite, see summaries.last_finite'),
    ('trials', 'best_test_loss', '', 'deterministic', 'smallest value of test_loss; NULL if it was in the log for a part of the training, see finals.n_partial'),
    ('trials', 'last_test_accuracy', '%', 'deterministic', 'last value of test_accuracy; NULL if it is not finite, see summaries.last_finite'),
    ('trials', 'best_test_accuracy', '%', 'deterministic', 'largest value of test_accuracy; NULL if it was in the log for a part of the training, see finals.n_partial'),
    ('trials', 'diverged_step', 'step', 'deterministic', 'step at which a value became non-finite or left its bounds'),
    ('trials', 'diverged_layer', '', 'deterministic', 'layer in which that was seen'),
    ('trials', 'diverged_tensor', '', 'deterministic', 'tensor in which that was seen'),
    ('trials', 'reason', '', 'runtime', 'why the last attempt ended'),
    ('trials', 'started', 'UTC', 'runtime', 'when the first attempt began, ISO 8601'),
    ('trials', 'ended', 'UTC', 'runtime', 'when the last attempt ended, ISO 8601'),
    ('trials', 'numerics_version', '', 'deterministic', 'version of the numbers that the program computed when it was trained'),
    ('trials', 'inputs', '', 'deterministic', 'SHA-256 of the files of data and weights that it read (of a .gz file: of the bytes within), a JSON object by name; NULL for none'),
    ('trials', 'outdated', '', 'runtime', '1 when a trial of its cell began later with other bytes of such a file or another numerics_version: it is in no mean'),
    ('trials', 'current', '', 'runtime', 'always 1; see all_trials'),
    ('trials', 'key', '', 'deterministic', 'identity of the trial'),
    ('trials', 'trial_id', '', 'runtime', 'trial.id'),
    ('trials', 'study_id', '', 'runtime', 'study.id');

-- How a trial of the present specification counts in a mean over seeds: only as done. Views and the statements of src/store/statements.c agree.
-- Where trials of a cell are done with different budgets, those with step = length below the longest length would go on under its budget: they
-- count, and n_shorter, shortest and longest tell of them.
CREATE VIEW outcomes AS
SELECT s.name AS study, t.variant, t.cell, t.seed,
    CASE WHEN t.outdated THEN 'outdated'
        WHEN t.state = 'done' AND t.finished_budget < t.budget THEN 'unfinished'
        WHEN t.state IN ('done', 'diverged', 'failed') THEN t.state ELSE 'unfinished' END AS outcome,
    t.step, max(t.step, t.finished_budget) AS length, t.tuning, t.id AS trial_id, t.study_id
FROM study s
JOIN trial t ON t.study_id = s.id AND t.generation = s.generation;
INSERT INTO _doc VALUES
    ('outcomes', 'study', '', 'deterministic', 'name of the study'),
    ('outcomes', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('outcomes', 'cell', '', 'deterministic', 'the swept values as text'),
    ('outcomes', 'seed', '', 'deterministic', 'seed of all random streams'),
    ('outcomes', 'outcome', '', 'runtime', 'done, diverged, failed, unfinished (also one whose budget was raised), or outdated (see trials.outdated)'),
    ('outcomes', 'step', 'step', 'deterministic', 'last step that has a committed row'),
    ('outcomes', 'length', 'step', 'deterministic', 'steps that it was trained for when it was done: step, or more where train.stop ended it before'),
    ('outcomes', 'tuning', '', 'deterministic', 'where a file tunes: the cell for which one of the sweep is chosen, see candidates and tuned'),
    ('outcomes', 'trial_id', '', 'runtime', 'trial.id'),
    ('outcomes', 'study_id', '', 'runtime', 'study.id');

CREATE VIEW all_metrics AS
SELECT s.name AS study, t.variant, t.cell, t.seed, k.name AS metric, m.step, m.value,
    CASE m.nonfinite WHEN 1 THEN 'nan' WHEN 2 THEN 'inf' WHEN 3 THEN '-inf' END AS nonfinite,
    (SELECT p.epoch FROM progress p WHERE p.trial_id = m.trial_id AND p.step = m.step) AS epoch,
    (SELECT p.samples FROM progress p WHERE p.trial_id = m.trial_id AND p.step = m.step) AS samples,
    (SELECT p.cpu_ns / 1e9 FROM progress p WHERE p.trial_id = m.trial_id AND p.step = m.step) AS cpu_s,
    t.generation = s.generation AS current, m.trial_id, t.study_id
FROM metric m
JOIN metric_key k ON k.id = m.key_id
JOIN trial t ON t.id = m.trial_id
JOIN study s ON s.id = t.study_id;
INSERT INTO _doc VALUES
    ('all_metrics', 'study', '', 'deterministic', 'name of the study'),
    ('all_metrics', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('all_metrics', 'cell', '', 'deterministic', 'the swept values as text'),
    ('all_metrics', 'seed', '', 'deterministic', 'seed of all random streams'),
    ('all_metrics', 'metric', '', 'deterministic', 'name of the metric'),
    ('all_metrics', 'step', 'step', 'deterministic', 'minibatches seen; 0 = before training'),
    ('all_metrics', 'value', 'of the metric', 'deterministic', 'the value if finite, else NULL'),
    ('all_metrics', 'nonfinite', '', 'deterministic', 'NULL for a finite value, else nan, inf or -inf'),
    ('all_metrics', 'epoch', '', 'runtime', 'passes over the training set; NULL for endless data, and where an older version logged it'),
    ('all_metrics', 'samples', '', 'runtime', 'samples seen, with repetition; NULL where an older version logged it'),
    ('all_metrics', 'cpu_s', 's', 'runtime', 'processor time of training until the step, without evaluations; NULL when it is not known'),
    ('all_metrics', 'current', '', 'runtime', '1 for a trial of the present specification of its study'),
    ('all_metrics', 'trial_id', '', 'runtime', 'trial.id'),
    ('all_metrics', 'study_id', '', 'runtime', 'study.id');
CREATE VIEW metrics AS
SELECT study, variant, cell, seed, metric, step, value, nonfinite, epoch, samples, cpu_s, trial_id, study_id
FROM all_metrics WHERE current;
INSERT INTO _doc VALUES
    ('metrics', 'study', '', 'deterministic', 'name of the study'),
    ('metrics', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('metrics', 'cell', '', 'deterministic', 'the swept values as text'),
    ('metrics', 'seed', '', 'deterministic', 'seed of all random streams'),
    ('metrics', 'metric', '', 'deterministic', 'name of the metric'),
    ('metrics', 'step', 'step', 'deterministic', 'minibatches seen; 0 = before training'),
    ('metrics', 'value', 'of the metric', 'deterministic', 'the value if finite, else NULL'),
    ('metrics', 'nonfinite', '', 'deterministic', 'NULL for a finite value, else nan, inf or -inf'),
    ('metrics', 'epoch', '', 'runtime', 'passes over the training set; NULL for endless data, and where an older version logged it'),
    ('metrics', 'samples', '', 'runtime', 'samples seen, with repetition; NULL where an older version logged it'),
    ('metrics', 'cpu_s', 's', 'runtime', 'processor time of training until the step, without evaluations; NULL when it is not known'),
    ('metrics', 'trial_id', '', 'runtime', 'trial.id'),
    ('metrics', 'study_id', '', 'runtime', 'study.id');

CREATE VIEW all_layer_metrics AS
SELECT s.name AS study, t.variant, t.cell, t.seed, k.name AS metric, m.layer, m.step, m.value,
    CASE m.nonfinite WHEN 1 THEN 'nan' WHEN 2 THEN 'inf' WHEN 3 THEN '-inf' END AS nonfinite,
    t.generation = s.generation AS current, m.trial_id, t.study_id
FROM layer_metric m
JOIN metric_key k ON k.id = m.key_id
JOIN trial t ON t.id = m.trial_id
JOIN study s ON s.id = t.study_id;
INSERT INTO _doc VALUES
    ('all_layer_metrics', 'study', '', 'deterministic', 'name of the study'),
    ('all_layer_metrics', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('all_layer_metrics', 'cell', '', 'deterministic', 'the swept values as text'),
    ('all_layer_metrics', 'seed', '', 'deterministic', 'seed of all random streams'),
    ('all_layer_metrics', 'metric', '', 'deterministic', 'name of the metric'),
    ('all_layer_metrics', 'layer', '', 'deterministic', 'layer or time step, from 0'),
    ('all_layer_metrics', 'step', 'step', 'deterministic', 'minibatches seen; 0 = before training'),
    ('all_layer_metrics', 'value', 'of the metric', 'deterministic', 'the value if finite, else NULL'),
    ('all_layer_metrics', 'nonfinite', '', 'deterministic', 'NULL for a finite value, else nan, inf or -inf'),
    ('all_layer_metrics', 'current', '', 'runtime', '1 for a trial of the present specification of its study'),
    ('all_layer_metrics', 'trial_id', '', 'runtime', 'trial.id'),
    ('all_layer_metrics', 'study_id', '', 'runtime', 'study.id');
CREATE VIEW layer_metrics AS
SELECT study, variant, cell, seed, metric, layer, step, value, nonfinite, trial_id, study_id
FROM all_layer_metrics WHERE current;
INSERT INTO _doc VALUES
    ('layer_metrics', 'study', '', 'deterministic', 'name of the study'),
    ('layer_metrics', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('layer_metrics', 'cell', '', 'deterministic', 'the swept values as text'),
    ('layer_metrics', 'seed', '', 'deterministic', 'seed of all random streams'),
    ('layer_metrics', 'metric', '', 'deterministic', 'name of the metric'),
    ('layer_metrics', 'layer', '', 'deterministic', 'layer or time step, from 0'),
    ('layer_metrics', 'step', 'step', 'deterministic', 'minibatches seen; 0 = before training'),
    ('layer_metrics', 'value', 'of the metric', 'deterministic', 'the value if finite, else NULL'),
    ('layer_metrics', 'nonfinite', '', 'deterministic', 'NULL for a finite value, else nan, inf or -inf'),
    ('layer_metrics', 'trial_id', '', 'runtime', 'trial.id'),
    ('layer_metrics', 'study_id', '', 'runtime', 'study.id');

CREATE VIEW all_summaries AS
SELECT s.name AS study, t.variant, t.cell, t.seed, k.name AS metric, u.first,
    CASE WHEN u.last_step = u.end_step THEN u.last END AS last, u.last AS last_finite, u.last_step, u.best, u.best_step, u.min, u.max, u.auc,
    u.n, u.n_nonfinite, t.generation = s.generation AS current, u.trial_id, t.study_id
FROM summary u
JOIN metric_key k ON k.id = u.key_id
JOIN trial t ON t.id = u.trial_id
JOIN study s ON s.id = t.study_id;
INSERT INTO _doc VALUES
    ('all_summaries', 'study', '', 'deterministic', 'name of the study'),
    ('all_summaries', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('all_summaries', 'cell', '', 'deterministic', 'the swept values as text'),
    ('all_summaries', 'seed', '', 'deterministic', 'seed of all random streams'),
    ('all_summaries', 'metric', '', 'deterministic', 'name of the metric'),
    ('all_summaries', 'first', 'of the metric', 'deterministic', 'first finite value'),
    ('all_summaries', 'last', 'of the metric', 'deterministic', 'last value; NULL if it is not finite'),
    ('all_summaries', 'last_finite', 'of the metric', 'deterministic', 'last finite value'),
    ('all_summaries', 'last_step', 'step', 'deterministic', 'step of last_finite'),
    ('all_summaries', 'best', 'of the metric', 'deterministic', 'best finite value: the largest of accuracies, the smallest of losses'),
    ('all_summaries', 'best_step', 'step', 'deterministic', 'first step that reached best'),
    ('all_summaries', 'min', 'of the metric', 'deterministic', 'smallest finite value'),
    ('all_summaries', 'max', 'of the metric', 'deterministic', 'largest finite value'),
    ('all_summaries', 'auc', 'metric * step', 'deterministic', 'area under the curve, trapezoids over the logged steps; NULL once a value is not finite'),
    ('all_summaries', 'n', '', 'deterministic', 'number of rows'),
    ('all_summaries', 'n_nonfinite', '', 'deterministic', 'number of rows that are NaN or infinite'),
    ('all_summaries', 'current', '', 'runtime', '1 for a trial of the present specification of its study'),
    ('all_summaries', 'trial_id', '', 'runtime', 'trial.id'),
    ('all_summaries', 'study_id', '', 'runtime', 'study.id');
CREATE VIEW summaries AS
SELECT study, variant, cell, seed, metric, first, last, last_finite, last_step, best, best_step, min, max, auc, n, n_nonfinite, trial_id, study_id
FROM all_summaries WHERE current;
INSERT INTO _doc VALUES
    ('summaries', 'study', '', 'deterministic', 'name of the study'),
    ('summaries', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('summaries', 'cell', '', 'deterministic', 'the swept values as text'),
    ('summaries', 'seed', '', 'deterministic', 'seed of all random streams'),
    ('summaries', 'metric', '', 'deterministic', 'name of the metric'),
    ('summaries', 'first', 'of the metric', 'deterministic', 'first finite value'),
    ('summaries', 'last', 'of the metric', 'deterministic', 'last value; NULL if it is not finite'),
    ('summaries', 'last_finite', 'of the metric', 'deterministic', 'last finite value'),
    ('summaries', 'last_step', 'step', 'deterministic', 'step of last_finite'),
    ('summaries', 'best', 'of the metric', 'deterministic', 'best finite value: the largest of accuracies, the smallest of losses'),
    ('summaries', 'best_step', 'step', 'deterministic', 'first step that reached best'),
    ('summaries', 'min', 'of the metric', 'deterministic', 'smallest finite value'),
    ('summaries', 'max', 'of the metric', 'deterministic', 'largest finite value'),
    ('summaries', 'auc', 'metric * step', 'deterministic', 'area under the curve, trapezoids over the logged steps; NULL once a value is not finite'),
    ('summaries', 'n', '', 'deterministic', 'number of rows'),
    ('summaries', 'n_nonfinite', '', 'deterministic', 'number of rows that are NaN or infinite'),
    ('summaries', 'trial_id', '', 'runtime', 'trial.id'),
    ('summaries', 'study_id', '', 'runtime', 'study.id');

CREATE VIEW all_params AS
SELECT s.name AS study, t.variant, t.cell, t.seed, c.key AS param,
    CASE WHEN c.num IS NULL AND c.text IS NULL
        THEN (SELECT coalesce(p.num, p.text) FROM param p WHERE p.trial_id = t.id AND p.key = c.key) ELSE coalesce(c.num, c.text) END AS value,
    CASE WHEN c.num IS NULL AND c.text IS NULL
        THEN (SELECT p.num FROM param p WHERE p.trial_id = t.id AND p.key = c.key) ELSE c.num END AS num,
    CASE WHEN c.num IS NULL AND c.text IS NULL
        THEN (SELECT p.text FROM param p WHERE p.trial_id = t.id AND p.key = c.key) ELSE c.text END AS text,
    CASE WHEN c.num IS NULL AND c.text IS NULL
        THEN (SELECT p.swept FROM param p WHERE p.trial_id = t.id AND p.key = c.key) ELSE 0 END AS swept,
    t.generation = s.generation AS current, t.id AS trial_id, t.study_id
FROM trial t
JOIN study s ON s.id = t.study_id
JOIN config_param c ON c.config_id = t.config_id;
INSERT INTO _doc VALUES
    ('all_params', 'study', '', 'deterministic', 'name of the study'),
    ('all_params', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('all_params', 'cell', '', 'deterministic', 'the swept values as text'),
    ('all_params', 'seed', '', 'deterministic', 'seed of all random streams'),
    ('all_params', 'param', '', 'deterministic', 'dotted path in the specification'),
    ('all_params', 'value', '', 'deterministic', 'the number if it is one, else the text'),
    ('all_params', 'num', '', 'deterministic', 'the value as a number, NULL when it is none'),
    ('all_params', 'text', '', 'deterministic', 'the value as text, NULL for a pure number'),
    ('all_params', 'swept', '', 'deterministic', '1 when the sweep varies this key'),
    ('all_params', 'current', '', 'runtime', '1 for a trial of the present specification of its study'),
    ('all_params', 'trial_id', '', 'runtime', 'trial.id'),
    ('all_params', 'study_id', '', 'runtime', 'study.id');
CREATE VIEW params AS
SELECT study, variant, cell, seed, param, value, num, text, swept, trial_id, study_id
FROM all_params WHERE current;
INSERT INTO _doc VALUES
    ('params', 'study', '', 'deterministic', 'name of the study'),
    ('params', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('params', 'cell', '', 'deterministic', 'the swept values as text'),
    ('params', 'seed', '', 'deterministic', 'seed of all random streams'),
    ('params', 'param', '', 'deterministic', 'dotted path in the specification'),
    ('params', 'value', '', 'deterministic', 'the number if it is one, else the text'),
    ('params', 'num', '', 'deterministic', 'the value as a number, NULL when it is none'),
    ('params', 'text', '', 'deterministic', 'the value as text, NULL for a pure number'),
    ('params', 'swept', '', 'deterministic', '1 when the sweep varies this key, 0 where it was chosen'),
    ('params', 'trial_id', '', 'runtime', 'trial.id'),
    ('params', 'study_id', '', 'runtime', 'study.id');

CREATE VIEW tags AS
SELECT s.name AS study,
    (SELECT t.variant FROM trial t WHERE t.id = x.trial_id) AS variant, (SELECT t.cell FROM trial t WHERE t.id = x.trial_id) AS cell,
    (SELECT t.seed FROM trial t WHERE t.id = x.trial_id) AS seed, x.name AS tag,
    (SELECT t.key FROM trial t WHERE t.id = x.trial_id) AS key, CASE WHEN x.trial_id > 0 THEN x.trial_id END AS trial_id, x.study_id
FROM tag x
JOIN study s ON s.id = x.study_id;
CREATE VIEW notes AS
SELECT s.name AS study,
    (SELECT t.variant FROM trial t WHERE t.id = x.trial_id) AS variant, (SELECT t.cell FROM trial t WHERE t.id = x.trial_id) AS cell,
    (SELECT t.seed FROM trial t WHERE t.id = x.trial_id) AS seed, x.text AS note,
    strftime('%Y-%m-%dT%H:%M:%fZ', x.time_ms / 1000.0, 'unixepoch') AS time,
    (SELECT t.key FROM trial t WHERE t.id = x.trial_id) AS key, CASE WHEN x.trial_id > 0 THEN x.trial_id END AS trial_id, x.study_id
FROM note x
JOIN study s ON s.id = x.study_id;
INSERT INTO _doc VALUES
    ('tags', 'study', '', 'runtime', 'name of the study'),
    ('tags', 'variant', '', 'runtime', 'variant of the trial; NULL where it is of the study'),
    ('tags', 'cell', '', 'runtime', 'cell of the trial; NULL where it is of the study'),
    ('tags', 'seed', '', 'runtime', 'seed of the trial; NULL where it is of the study'),
    ('tags', 'tag', '', 'runtime', 'a word that somebody gave it'),
    ('tags', 'key', '', 'runtime', 'identity of the trial; NULL where it is of the study'),
    ('tags', 'trial_id', '', 'runtime', 'trial.id; NULL where it is of the study'),
    ('tags', 'study_id', '', 'runtime', 'study.id'),
    ('notes', 'study', '', 'runtime', 'name of the study'),
    ('notes', 'variant', '', 'runtime', 'variant of the trial; NULL where it is of the study'),
    ('notes', 'cell', '', 'runtime', 'cell of the trial; NULL where it is of the study'),
    ('notes', 'seed', '', 'runtime', 'seed of the trial; NULL where it is of the study'),
    ('notes', 'note', '', 'runtime', 'what somebody wrote about it'),
    ('notes', 'time', 'UTC', 'runtime', 'when, ISO 8601'),
    ('notes', 'key', '', 'runtime', 'identity of the trial; NULL where it is of the study'),
    ('notes', 'trial_id', '', 'runtime', 'trial.id; NULL where it is of the study'),
    ('notes', 'study_id', '', 'runtime', 'study.id');

-- The curves that are kept in curve_stat and are of what is stored now. Rows of a trial are only ever added, which its summary counts;
-- whatever changes a cell otherwise, an attempt that begins or ends among it, marks its curves: so the same numbers mean the same rows.
-- The writer asks the same: KEPT in src/store/statements.c.
CREATE VIEW kept_curves AS
SELECT s.name AS study, h.variant, h.cell, k.name AS metric, h.n_asked, h.n_outdated, h.id AS curve_id, h.key_id, h.study_id
FROM study s
CROSS JOIN curve h ON h.study_id = s.id
JOIN metric_key k ON k.id = h.key_id
WHERE h.n_asked = (SELECT count(*) FROM trial t WHERE t.study_id = h.study_id AND t.variant = h.variant AND t.cell = h.cell
        AND t.generation = s.generation)
    AND h.n_outdated = (SELECT count(*) FROM trial t WHERE t.study_id = h.study_id AND t.variant = h.variant AND t.cell = h.cell
        AND t.generation = s.generation AND t.outdated)
    AND h.n_rows = (SELECT sum(u.n) FROM trial t CROSS JOIN summary u ON u.trial_id = t.id AND u.key_id = h.key_id
        WHERE t.study_id = h.study_id AND t.variant = h.variant AND t.cell = h.cell AND t.generation = s.generation AND NOT t.outdated);
INSERT INTO _doc VALUES
    ('kept_curves', 'study', '', 'deterministic', 'name of the study'),
    ('kept_curves', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('kept_curves', 'cell', '', 'deterministic', 'the swept values as text'),
    ('kept_curves', 'metric', '', 'deterministic', 'name of the metric'),
    ('kept_curves', 'n_asked', '', 'deterministic', 'number of trials of the cell: the seeds that were asked for'),
    ('kept_curves', 'n_outdated', '', 'runtime', 'number of trials that are of other bytes or numerics than a later one, see trials.outdated'),
    ('kept_curves', 'curve_id', '', 'runtime', 'curve.id, whose rows are in curve_stat'),
    ('kept_curves', 'key_id', '', 'runtime', 'metric_key.id'),
    ('kept_curves', 'study_id', '', 'runtime', 'study.id');

-- First the curves that are kept, then those that are computed of their rows: of cells with one trial, and where rows or states changed.
-- Of these, sd is what SQL alone cannot compute. It is read from curve_stat where that was made from the same number of values.
CREATE VIEW curves AS
SELECT h.study, h.variant, h.cell, h.metric, d.step, CASE WHEN d.n = h.n_asked THEN d.mean END AS mean,
    CASE WHEN d.n = h.n_asked THEN d.sd END AS sd, CASE WHEN d.n = h.n_asked THEN d.min END AS min,
    CASE WHEN d.n = h.n_asked THEN d.max END AS max, d.n, h.n_asked, d.n_nonfinite, d.n_diverged, d.n_unfinished, d.n_failed,
    h.n_outdated, d.mean AS mean_finished, d.sd AS sd_finished, h.study_id
FROM kept_curves h
CROSS JOIN curve_stat d ON d.curve_id = h.curve_id
UNION ALL
SELECT c.study, c.variant, c.cell, c.metric, c.step, CASE WHEN c.n = c.n_asked THEN c.mean END AS mean,
    CASE WHEN c.n = c.n_asked
        THEN (SELECT d.sd FROM curve h CROSS JOIN curve_stat d ON d.curve_id = h.id AND d.step = c.step AND d.n = c.n WHERE h.study_id = c.study_id
            AND h.variant = c.variant AND h.cell = c.cell AND h.key_id = c.key_id AND h.n_rows IS NOT NULL) END AS sd,
    CASE WHEN c.n = c.n_asked THEN c.min END AS min, CASE WHEN c.n = c.n_asked THEN c.max END AS max, c.n, c.n_asked, c.n_nonfinite,
    CASE WHEN c.n < c.n_asked THEN (SELECT count(*) FROM outcomes a WHERE a.study_id = c.study_id AND a.variant = c.variant
        AND a.cell = c.cell AND a.outcome = 'diverged'
        AND NOT EXISTS (SELECT 1 FROM metric m WHERE m.trial_id = a.trial_id AND m.key_id = c.key_id AND m.step = c.step)) ELSE 0 END AS n_diverged,
    CASE WHEN c.n < c.n_asked THEN (SELECT count(*) FROM outcomes a WHERE a.study_id = c.study_id AND a.variant = c.variant
        AND a.cell = c.cell AND a.outcome IN ('unfinished', 'done')
        AND NOT EXISTS (SELECT 1 FROM metric m WHERE m.trial_id = a.trial_id AND m.key_id = c.key_id AND m.step = c.step)) ELSE 0 END AS n_unfinished,
    CASE WHEN c.n < c.n_asked THEN (SELECT count(*) FROM outcomes a WHERE a.study_id = c.study_id AND a.variant = c.variant
        AND a.cell = c.cell AND a.outcome = 'failed'
        AND NOT EXISTS (SELECT 1 FROM metric m WHERE m.trial_id = a.trial_id AND m.key_id = c.key_id AND m.step = c.step)) ELSE 0 END AS n_failed,
    CASE WHEN c.n < c.n_asked THEN (SELECT count(*) FROM outcomes a WHERE a.study_id = c.study_id AND a.variant = c.variant
        AND a.cell = c.cell AND a.outcome = 'outdated') ELSE 0 END AS n_outdated,
    c.mean AS mean_finished,
    (SELECT d.sd FROM curve h CROSS JOIN curve_stat d ON d.curve_id = h.id AND d.step = c.step AND d.n = c.n WHERE h.study_id = c.study_id
        AND h.variant = c.variant AND h.cell = c.cell AND h.key_id = c.key_id AND h.n_rows IS NOT NULL) AS sd_finished,
    c.study_id
FROM (
    SELECT g.study, g.variant, g.cell, g.metric, m.step, avg(m.value) AS mean, min(m.value) AS min, max(m.value) AS max,
        count(m.value) AS n, count(m.nonfinite) AS n_nonfinite, g.n_asked, g.study_id, g.key_id
    FROM (
        SELECT t.study, t.study_id, t.variant, t.cell, k.name AS metric, u.key_id,
            (SELECT count(*) FROM outcomes a WHERE a.study_id = t.study_id AND a.variant = t.variant AND a.cell = t.cell) AS n_asked
        FROM outcomes t
        JOIN summary u ON u.trial_id = t.trial_id
        JOIN metric_key k ON k.id = u.key_id
        WHERE t.outcome <> 'outdated'
        GROUP BY t.study, t.study_id, t.variant, t.cell, k.name, u.key_id
        HAVING NOT EXISTS (SELECT 1 FROM kept_curves h WHERE h.study_id = t.study_id AND h.variant = t.variant AND h.cell = t.cell
            AND h.key_id = u.key_id)
    ) g
    CROSS JOIN trial t ON t.study_id = g.study_id AND t.variant = g.variant AND t.cell = g.cell
    CROSS JOIN metric m ON m.trial_id = t.id AND m.key_id = g.key_id
    WHERE NOT t.outdated AND t.generation = (SELECT s.generation FROM study s WHERE s.id = t.study_id)
    GROUP BY g.study, g.study_id, g.variant, g.cell, g.metric, g.key_id, m.step
) c;
INSERT INTO _doc VALUES
    ('curves', 'study', '', 'deterministic', 'name of the study'),
    ('curves', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('curves', 'cell', '', 'deterministic', 'the swept values as text'),
    ('curves', 'metric', '', 'deterministic', 'name of the metric'),
    ('curves', 'step', 'step', 'deterministic', 'minibatches seen; 0 = before training'),
    ('curves', 'mean', 'of the metric', 'deterministic', 'mean over the seeds; NULL unless n = n_asked'),
    ('curves', 'sd', 'of the metric', 'runtime', 'sample standard deviation over the seeds; NULL unless n = n_asked, for n < 2 and until store_refresh has seen these rows'),
    ('curves', 'min', 'of the metric', 'deterministic', 'smallest value; NULL unless n = n_asked'),
    ('curves', 'max', 'of the metric', 'deterministic', 'largest value; NULL unless n = n_asked'),
    ('curves', 'n', '', 'deterministic', 'number of finite values'),
    ('curves', 'n_asked', '', 'deterministic', 'number of trials of the cell: the seeds that were asked for'),
    ('curves', 'n_nonfinite', '', 'deterministic', 'number of values that are NaN or infinite'),
    ('curves', 'n_diverged', '', 'deterministic', 'number of trials that diverged before they had a row here'),
    ('curves', 'n_unfinished', '', 'deterministic', 'number of other trials that have no row here: they are not there yet, logged other steps, or ended before (train.stop.metric)'),
    ('curves', 'n_failed', '', 'deterministic', 'number of trials that failed before they had a row here'),
    ('curves', 'n_outdated', '', 'runtime', 'number of trials that are of other bytes or numerics than a later one, see trials.outdated'),
    ('curves', 'mean_finished', 'of the metric', 'deterministic', 'mean of the n values that are there'),
    ('curves', 'sd_finished', 'of the metric', 'runtime', 'sample standard deviation of them; NULL for n < 2 and until store_refresh has seen these rows'),
    ('curves', 'study_id', '', 'runtime', 'study.id');

-- A last value counts where the metric has a finite row at the end of a trial that is done.
CREATE VIEW finals AS
SELECT f.study, f.variant, f.cell, f.metric, f.n, f.n_asked,
    CASE WHEN f.n < f.n_asked THEN (SELECT count(*) FROM outcomes a WHERE a.study_id = f.study_id AND a.variant = f.variant
        AND a.cell = f.cell AND a.outcome = 'done') - f.n ELSE 0 END AS n_nonfinite,
    CASE WHEN f.n < f.n_asked THEN (SELECT count(*) FROM outcomes a WHERE a.study_id = f.study_id AND a.variant = f.variant
        AND a.cell = f.cell AND a.outcome = 'diverged') ELSE 0 END AS n_diverged,
    CASE WHEN f.n < f.n_asked THEN (SELECT count(*) FROM outcomes a WHERE a.study_id = f.study_id AND a.variant = f.variant
        AND a.cell = f.cell AND a.outcome = 'unfinished') ELSE 0 END AS n_unfinished,
    CASE WHEN f.n < f.n_asked THEN (SELECT count(*) FROM outcomes a WHERE a.study_id = f.study_id AND a.variant = f.variant
        AND a.cell = f.cell AND a.outcome = 'failed') ELSE 0 END AS n_failed,
    CASE WHEN f.n < f.n_asked THEN (SELECT count(*) FROM outcomes a WHERE a.study_id = f.study_id AND a.variant = f.variant
        AND a.cell = f.cell AND a.outcome = 'outdated') ELSE 0 END AS n_outdated,
    CASE WHEN f.n = f.n_asked THEN f.last_mean END AS last_mean,
    CASE WHEN f.n = f.n_asked THEN (SELECT d.last_sd FROM final_stat d WHERE d.trial_id = f.trial_id AND d.key_id = f.key_id AND d.n_rows = f.n_rows) END AS last_sd,
    CASE WHEN f.n = f.n_asked THEN (SELECT d.last_median FROM final_stat d WHERE d.trial_id = f.trial_id AND d.key_id = f.key_id AND d.n_rows = f.n_rows) END AS last_median,
    CASE WHEN f.n = f.n_asked THEN f.last_mean - (SELECT d.last_half_width FROM final_stat d WHERE d.trial_id = f.trial_id AND d.key_id = f.key_id AND d.n_rows = f.n_rows) END AS last_low,
    CASE WHEN f.n = f.n_asked THEN f.last_mean + (SELECT d.last_half_width FROM final_stat d WHERE d.trial_id = f.trial_id AND d.key_id = f.key_id AND d.n_rows = f.n_rows) END AS last_high,
    CASE WHEN f.n = f.n_asked THEN f.last_min END AS last_min, CASE WHEN f.n = f.n_asked THEN f.last_max END AS last_max,
    f.last_mean AS last_mean_finished, (SELECT d.last_sd FROM final_stat d WHERE d.trial_id = f.trial_id AND d.key_id = f.key_id AND d.n_rows = f.n_rows) AS last_sd_finished,
    CASE WHEN f.n = f.n_asked AND f.n_partial = 0 THEN f.best_mean END AS best_mean,
    CASE WHEN f.n = f.n_asked AND f.n_partial = 0 THEN (SELECT d.best_sd FROM final_stat d WHERE d.trial_id = f.trial_id AND d.key_id = f.key_id AND d.n_rows = f.n_rows) END AS best_sd,
    CASE WHEN f.n = f.n_asked AND f.n_partial = 0 THEN (SELECT d.best_median FROM final_stat d WHERE d.trial_id = f.trial_id AND d.key_id = f.key_id AND d.n_rows = f.n_rows) END AS best_median,
    CASE WHEN f.n = f.n_asked AND f.n_partial = 0 THEN f.best_mean - (SELECT d.best_half_width FROM final_stat d WHERE d.trial_id = f.trial_id AND d.key_id = f.key_id AND d.n_rows = f.n_rows) END AS best_low,
    CASE WHEN f.n = f.n_asked AND f.n_partial = 0 THEN f.best_mean + (SELECT d.best_half_width FROM final_stat d WHERE d.trial_id = f.trial_id AND d.key_id = f.key_id AND d.n_rows = f.n_rows) END AS best_high,
    CASE WHEN f.n = f.n_asked AND f.n_partial = 0 THEN f.best_min END AS best_min, CASE WHEN f.n = f.n_asked AND f.n_partial = 0 THEN f.best_max END AS best_max,
    CASE WHEN f.n_partial = 0 THEN f.best_mean END AS best_mean_finished,
    CASE WHEN f.n_partial = 0 THEN (SELECT d.best_sd FROM final_stat d WHERE d.trial_id = f.trial_id AND d.key_id = f.key_id AND d.n_rows = f.n_rows) END AS best_sd_finished,
    f.split, f.n_asked AS n_trials,
    CASE WHEN f.shortest < f.longest THEN (SELECT count(*) FROM outcomes a WHERE a.study_id = f.study_id AND a.variant = f.variant
        AND a.cell = f.cell AND a.outcome = 'done' AND a.step = a.length AND a.length < f.longest) ELSE 0 END AS n_shorter,
    f.n_partial, f.study_id
FROM (
    SELECT t.study, t.variant, t.cell, k.name AS metric, k.split, count(CASE WHEN t.outcome = 'done' AND u.end_step = t.step AND u.last_step = u.end_step THEN u.last END) AS n,
        (SELECT count(*) FROM outcomes a WHERE a.study_id = t.study_id AND a.variant = t.variant AND a.cell = t.cell) AS n_asked,
        avg(CASE WHEN t.outcome = 'done' AND u.end_step = t.step AND u.last_step = u.end_step THEN u.last END) AS last_mean,
        min(CASE WHEN t.outcome = 'done' AND u.end_step = t.step AND u.last_step = u.end_step THEN u.last END) AS last_min,
        max(CASE WHEN t.outcome = 'done' AND u.end_step = t.step AND u.last_step = u.end_step THEN u.last END) AS last_max,
        avg(CASE WHEN t.outcome = 'done' AND u.end_step = t.step AND u.last_step = u.end_step THEN u.best END) AS best_mean,
        min(CASE WHEN t.outcome = 'done' AND u.end_step = t.step AND u.last_step = u.end_step THEN u.best END) AS best_min,
        max(CASE WHEN t.outcome = 'done' AND u.end_step = t.step AND u.last_step = u.end_step THEN u.best END) AS best_max,
        min(CASE WHEN t.outcome = 'done' AND u.end_step = t.step AND u.last_step = u.end_step THEN t.trial_id END) AS trial_id,
        sum(CASE WHEN t.outcome = 'done' AND u.end_step = t.step AND u.last_step = u.end_step THEN u.n END) AS n_rows,
        count(CASE WHEN t.outcome = 'done' AND u.end_step = t.step AND u.last_step = u.end_step AND EXISTS (SELECT 1 FROM partial q WHERE q.trial_id = u.trial_id AND q.key_id = u.key_id) THEN 1 END) AS n_partial,
        min(CASE WHEN t.outcome = 'done' AND t.step = t.length THEN t.length END) AS shortest,
        max(CASE t.outcome WHEN 'done' THEN t.length END) AS longest, t.study_id, u.key_id
    FROM outcomes t
    JOIN summary u ON u.trial_id = t.trial_id
    JOIN metric_key k ON k.id = u.key_id
    GROUP BY t.study, t.study_id, t.variant, t.cell, k.name, k.split, u.key_id
) f;
INSERT INTO _doc VALUES
    ('finals', 'study', '', 'deterministic', 'name of the study'),
    ('finals', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('finals', 'cell', '', 'deterministic', 'the swept values as text'),
    ('finals', 'metric', '', 'deterministic', 'name of the metric'),
    ('finals', 'n', '', 'deterministic', 'number of trials that are done and whose last value is finite'),
    ('finals', 'n_asked', '', 'deterministic', 'number of trials of the cell: the seeds that were asked for'),
    ('finals', 'n_nonfinite', '', 'deterministic', 'number of trials that are done without a finite last value'),
    ('finals', 'n_diverged', '', 'deterministic', 'number of trials that diverged'),
    ('finals', 'n_unfinished', '', 'deterministic', 'number of trials that are not finished'),
    ('finals', 'n_failed', '', 'deterministic', 'number of trials that failed'),
    ('finals', 'n_outdated', '', 'runtime', 'number of trials that are of other bytes or numerics than a later one, see trials.outdated'),
    ('finals', 'last_mean', 'of the metric', 'deterministic', 'mean over the seeds of the last value; NULL unless n = n_asked'),
    ('finals', 'last_sd', 'of the metric', 'runtime', 'sample standard deviation of it; NULL unless n = n_asked, for n < 2 and until store_refresh'),
    ('finals', 'last_median', 'of the metric', 'runtime', 'median of it; NULL unless n = n_asked and until store_refresh'),
    ('finals', 'last_low', 'of the metric', 'runtime', 'lower end of the 95 % confidence interval of last_mean (Student)'),
    ('finals', 'last_high', 'of the metric', 'runtime', 'upper end of it'),
    ('finals', 'last_min', 'of the metric', 'deterministic', 'smallest last value; NULL unless n = n_asked'),
    ('finals', 'last_max', 'of the metric', 'deterministic', 'largest last value; NULL unless n = n_asked'),
    ('finals', 'last_mean_finished', 'of the metric', 'deterministic', 'mean of the n last values that are there'),
    ('finals', 'last_sd_finished', 'of the metric', 'runtime', 'sample standard deviation of them; NULL for n < 2 and until store_refresh'),
    ('finals', 'best_mean', 'of the metric', 'deterministic', 'mean over the seeds of the best value; NULL unless n = n_asked and n_partial = 0'),
    ('finals', 'best_sd', 'of the metric', 'runtime', 'sample standard deviation of it; NULL unless n = n_asked, for n < 2 and until store_refresh'),
    ('finals', 'best_median', 'of the metric', 'runtime', 'median of it; NULL unless n = n_asked and until store_refresh'),
    ('finals', 'best_low', 'of the metric', 'runtime', 'lower end of the 95 % confidence interval of best_mean (Student)'),
    ('finals', 'best_high', 'of the metric', 'runtime', 'upper end of it'),
    ('finals', 'best_min', 'of the metric', 'deterministic', 'smallest best value; NULL unless n = n_asked'),
    ('finals', 'best_max', 'of the metric', 'deterministic', 'largest best value; NULL unless n = n_asked'),
    ('finals', 'best_mean_finished', 'of the metric', 'deterministic', 'mean of the n best values that are there; NULL unless n_partial = 0'),
    ('finals', 'best_sd_finished', 'of the metric', 'runtime', 'sample standard deviation of them; NULL for n < 2 and until store_refresh'),
    ('finals', 'split', '', 'runtime', 'which data the metric is measured on, see metric_key.split'),
    ('finals', 'n_trials', '', 'deterministic', 'n_asked by its older name'),
    ('finals', 'n_shorter', '', 'deterministic', 'number of trials that are done after fewer steps than the longest of the cell, as its budget was raised or lowered between them: the means take all as equals'),
    ('finals', 'n_partial', '', 'deterministic', 'number of these n trials that logged the metric at fewer steps than another of theirs, by two at least, as it was in their log for a part of the training: the best value of such a trial is not known'),
    ('finals', 'study_id', '', 'runtime', 'study.id');

-- Early stopping after the fact: every metric of a trial at the step where its valid_accuracy is first highest, best_step of its summary.
-- CROSS JOIN keeps the order of the loops: one look-up for each metric, not a walk over all rows of a trial.
CREATE VIEW all_selected AS
SELECT s.name AS study, t.variant, t.cell, t.seed, t.generation = s.generation AS current, t.id AS trial_id, u.best_step AS step, k.name AS metric, m.value, t.study_id
FROM trial t
JOIN study s ON s.id = t.study_id
JOIN summary u ON u.trial_id = t.id AND u.key_id = (SELECT id FROM metric_key WHERE name = 'valid_accuracy')
CROSS JOIN metric_key k
CROSS JOIN metric m ON m.trial_id = t.id AND m.key_id = k.id AND m.step = u.best_step
WHERE NOT EXISTS (SELECT 1 FROM partial q WHERE q.trial_id = u.trial_id AND q.key_id = u.key_id);
INSERT INTO _doc VALUES
    ('all_selected', 'study', '', 'deterministic', 'name of the study'),
    ('all_selected', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('all_selected', 'cell', '', 'deterministic', 'the swept values as text'),
    ('all_selected', 'seed', '', 'deterministic', 'seed of all random streams'),
    ('all_selected', 'current', '', 'runtime', '1 for a trial of the present specification of its study'),
    ('all_selected', 'trial_id', '', 'runtime', 'trial.id'),
    ('all_selected', 'step', 'step', 'deterministic', 'where valid_accuracy is highest, the first such step; trials without it have no rows, nor those whose log it was added to later, see finals.n_partial'),
    ('all_selected', 'metric', '', 'deterministic', 'name of the metric, of all that are logged at that step'),
    ('all_selected', 'value', 'of the metric', 'deterministic', 'its value there if finite, else NULL'),
    ('all_selected', 'study_id', '', 'runtime', 'study.id');
CREATE VIEW selected AS
SELECT study, variant, cell, seed, trial_id, step, metric, value, study_id
FROM all_selected WHERE current;
INSERT INTO _doc VALUES
    ('selected', 'study', '', 'deterministic', 'name of the study'),
    ('selected', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('selected', 'cell', '', 'deterministic', 'the swept values as text'),
    ('selected', 'seed', '', 'deterministic', 'seed of all random streams'),
    ('selected', 'trial_id', '', 'runtime', 'trial.id'),
    ('selected', 'step', 'step', 'deterministic', 'where valid_accuracy is highest, the first such step; trials without it have no rows, nor those whose log it was added to later, see finals.n_partial'),
    ('selected', 'metric', '', 'deterministic', 'name of the metric, of all that are logged at that step'),
    ('selected', 'value', 'of the metric', 'deterministic', 'its value there if finite, else NULL'),
    ('selected', 'study_id', '', 'runtime', 'study.id');

CREATE VIEW selected_finals AS
SELECT f.study, f.variant, f.cell, f.metric, f.n, f.n_asked,
    CASE WHEN f.n < f.n_asked THEN (SELECT count(*) FROM outcomes a WHERE a.study_id = f.study_id AND a.variant = f.variant
        AND a.cell = f.cell AND a.outcome = 'done') - f.n ELSE 0 END AS n_nonfinite,
    CASE WHEN f.n < f.n_asked THEN (SELECT count(*) FROM outcomes a WHERE a.study_id = f.study_id AND a.variant = f.variant
        AND a.cell = f.cell AND a.outcome = 'diverged') ELSE 0 END AS n_diverged,
    CASE WHEN f.n < f.n_asked THEN (SELECT count(*) FROM outcomes a WHERE a.study_id = f.study_id AND a.variant = f.variant
        AND a.cell = f.cell AND a.outcome = 'unfinished') ELSE 0 END AS n_unfinished,
    CASE WHEN f.n < f.n_asked THEN (SELECT count(*) FROM outcomes a WHERE a.study_id = f.study_id AND a.variant = f.variant
        AND a.cell = f.cell AND a.outcome = 'failed') ELSE 0 END AS n_failed,
    CASE WHEN f.n < f.n_asked THEN (SELECT count(*) FROM outcomes a WHERE a.study_id = f.study_id AND a.variant = f.variant
        AND a.cell = f.cell AND a.outcome = 'outdated') ELSE 0 END AS n_outdated,
    CASE WHEN f.n = f.n_asked THEN f.mean END AS mean,
    CASE WHEN f.n = f.n_asked THEN (SELECT d.sd FROM selected_stat d WHERE d.trial_id = f.trial_id AND d.key_id = f.key_id AND d.n = f.n AND d.n_rows = f.n_rows) END AS sd,
    CASE WHEN f.n = f.n_asked THEN f.min END AS min, CASE WHEN f.n = f.n_asked THEN f.max END AS max, f.mean AS mean_finished,
    (SELECT d.sd FROM selected_stat d WHERE d.trial_id = f.trial_id AND d.key_id = f.key_id AND d.n = f.n AND d.n_rows = f.n_rows) AS sd_finished,
    f.study_id
FROM (
    SELECT t.study, t.variant, t.cell, k.name AS metric, count(CASE t.outcome WHEN 'done' THEN m.value END) AS n,
        (SELECT count(*) FROM outcomes a WHERE a.study_id = t.study_id AND a.variant = t.variant AND a.cell = t.cell) AS n_asked,
        avg(CASE t.outcome WHEN 'done' THEN m.value END) AS mean, min(CASE t.outcome WHEN 'done' THEN m.value END) AS min,
        max(CASE t.outcome WHEN 'done' THEN m.value END) AS max, t.study_id, m.key_id,
        min(CASE t.outcome WHEN 'done' THEN t.trial_id END) AS trial_id, sum(CASE t.outcome WHEN 'done' THEN u.n END) AS n_rows
    FROM outcomes t
    JOIN summary u ON u.trial_id = t.trial_id AND u.key_id = (SELECT id FROM metric_key WHERE name = 'valid_accuracy')
    CROSS JOIN metric_key k
    CROSS JOIN metric m ON m.trial_id = t.trial_id AND m.key_id = k.id AND m.step = u.best_step
    WHERE NOT EXISTS (SELECT 1 FROM partial q WHERE q.trial_id = u.trial_id AND q.key_id = u.key_id)
    GROUP BY t.study, t.study_id, t.variant, t.cell, k.name, m.key_id
) f;
INSERT INTO _doc VALUES
    ('selected_finals', 'study', '', 'deterministic', 'name of the study'),
    ('selected_finals', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('selected_finals', 'cell', '', 'deterministic', 'the swept values as text'),
    ('selected_finals', 'metric', '', 'deterministic', 'name of the metric'),
    ('selected_finals', 'n', '', 'deterministic', 'number of trials that are done with a finite value in selected'),
    ('selected_finals', 'n_asked', '', 'deterministic', 'number of trials of the cell: the seeds that were asked for'),
    ('selected_finals', 'n_nonfinite', '', 'deterministic', 'number of trials that are done without one'),
    ('selected_finals', 'n_diverged', '', 'deterministic', 'number of trials that diverged'),
    ('selected_finals', 'n_unfinished', '', 'deterministic', 'number of trials that are not finished'),
    ('selected_finals', 'n_failed', '', 'deterministic', 'number of trials that failed'),
    ('selected_finals', 'n_outdated', '', 'runtime', 'number of trials that are of other bytes or numerics than a later one, see trials.outdated'),
    ('selected_finals', 'mean', 'of the metric', 'deterministic', 'mean of these values over the seeds; NULL unless n = n_asked'),
    ('selected_finals', 'sd', 'of the metric', 'runtime', 'sample standard deviation of them (divisor n - 1); NULL unless n = n_asked, for n < 2 and until store_refresh has seen these rows'),
    ('selected_finals', 'min', 'of the metric', 'deterministic', 'smallest value; NULL unless n = n_asked'),
    ('selected_finals', 'max', 'of the metric', 'deterministic', 'largest value; NULL unless n = n_asked'),
    ('selected_finals', 'mean_finished', 'of the metric', 'deterministic', 'mean of the n values that are there'),
    ('selected_finals', 'sd_finished', 'of the metric', 'runtime', 'sample standard deviation of them; NULL for n < 2 and until store_refresh has seen these rows'),
    ('selected_finals', 'study_id', '', 'runtime', 'study.id');

-- Studies with exactly two swept keys, both numbers. The area is that of finished trials: a diverged one stopped early, and its small area
-- would look like success.
CREATE VIEW heatmap AS
WITH axis AS (
    SELECT t.study_id, p.key, count(p.num) = count(*) AS numeric
    FROM trial t
    JOIN study s ON s.id = t.study_id AND s.generation = t.generation
    JOIN param p ON p.trial_id = t.id
    WHERE p.swept = 1
    GROUP BY t.study_id, p.key
), axes AS (
    SELECT study_id, min(key) AS x_key, max(key) AS y_key FROM axis GROUP BY study_id HAVING count(*) = 2 AND min(numeric) = 1
)
SELECT p.study, p.variant, p.x_key, p.y_key, p.x, p.y,
    CASE WHEN count(p.auc) = count(*) AND min(p.step) = max(p.step) THEN avg(p.auc) END AS auc, count(p.auc) AS n,
    count(*) AS n_asked, sum(p.outcome = 'done') - count(p.auc) AS n_nonfinite, sum(p.outcome = 'diverged') AS n_diverged,
    sum(p.outcome = 'unfinished') AS n_unfinished, sum(p.outcome = 'failed') AS n_failed, sum(p.outcome = 'outdated') AS n_outdated,
    max(p.outcome = 'diverged') AS diverged, avg(p.auc) AS auc_finished, p.study_id,
    min(CASE p.outcome WHEN 'done' THEN p.step END) AS shortest, max(CASE p.outcome WHEN 'done' THEN p.step END) AS longest
FROM (
    SELECT t.study, t.variant, a.x_key, a.y_key, x.num AS x, y.num AS y, t.outcome, t.step, t.study_id,
        CASE WHEN t.outcome = 'done' THEN (SELECT u.auc FROM summary u WHERE u.trial_id = t.trial_id AND u.end_step = t.step
            AND u.key_id = (SELECT id FROM metric_key WHERE name = 'train_loss') AND NOT EXISTS (SELECT 1 FROM partial q WHERE q.trial_id = u.trial_id AND q.key_id = u.key_id)) END AS auc
    FROM axes a
    JOIN outcomes t ON t.study_id = a.study_id AND t.cell IS NOT t.tuning
    JOIN param x ON x.trial_id = t.trial_id AND x.key = a.x_key
    JOIN param y ON y.trial_id = t.trial_id AND y.key = a.y_key
) p
GROUP BY p.study, p.study_id, p.variant, p.x_key, p.y_key, p.x, p.y;
INSERT INTO _doc VALUES
    ('heatmap', 'study', '', 'deterministic', 'name of the study'),
    ('heatmap', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('heatmap', 'x_key', '', 'deterministic', 'first swept key, in order of name'),
    ('heatmap', 'y_key', '', 'deterministic', 'second swept key'),
    ('heatmap', 'x', '', 'deterministic', 'value of x_key'),
    ('heatmap', 'y', '', 'deterministic', 'value of y_key'),
    ('heatmap', 'auc', 'loss * step', 'deterministic', 'area under train_loss, mean over the seeds; NULL unless n = n_asked and all of them ended at one step; cells compare only where that step is the same'),
    ('heatmap', 'n', '', 'deterministic', 'number of trials that are done and have a finite area'),
    ('heatmap', 'n_asked', '', 'deterministic', 'number of trials of the cell: the seeds that were asked for'),
    ('heatmap', 'n_nonfinite', '', 'deterministic', 'number of trials that are done without a finite area, or logged train_loss in part, see finals.n_partial'),
    ('heatmap', 'n_diverged', '', 'deterministic', 'number of trials that diverged'),
    ('heatmap', 'n_unfinished', '', 'deterministic', 'number of trials that are not finished'),
    ('heatmap', 'n_failed', '', 'deterministic', 'number of trials that failed'),
    ('heatmap', 'n_outdated', '', 'runtime', 'number of trials that are of other bytes or numerics than a later one, see trials.outdated'),
    ('heatmap', 'diverged', '', 'deterministic', '1 when a trial diverged'),
    ('heatmap', 'auc_finished', 'loss * step', 'deterministic', 'mean of the n areas that are there, wherever they end'),
    ('heatmap', 'study_id', '', 'runtime', 'study.id'),
    ('heatmap', 'shortest', 'step', 'deterministic', 'smallest step at which a trial that is done ended'),
    ('heatmap', 'longest', 'step', 'deterministic', 'largest of these steps');

-- Choosing without a look at the test set: the cells of the sweep of a file that tunes, of which one is chosen by validation.
CREATE VIEW candidates AS
SELECT c.study, c.variant, c.tuned, c.cell, c.metric, c.goal, CASE WHEN count(c.value) = count(*) THEN avg(c.value) END AS mean,
    count(c.value) AS n, count(*) AS n_asked, sum(c.outcome = 'done') - count(c.value) AS n_nonfinite,
    sum(c.outcome = 'diverged') AS n_diverged, sum(c.outcome = 'unfinished') AS n_unfinished, sum(c.outcome = 'failed') AS n_failed,
    sum(c.outcome = 'outdated') AS n_outdated, avg(c.value) AS mean_finished,
    min(CASE WHEN c.outcome = 'done' AND c.step = c.length THEN c.length END) AS shortest, max(CASE c.outcome WHEN 'done' THEN c.length END) AS longest,
    min(c.trial_id) AS trial_id, c.study_id
FROM (
    SELECT t.study, t.variant, t.tuning AS tuned, t.cell, v.metric, v.goal, t.outcome, t.step, t.length,
        CASE t.outcome WHEN 'done' THEN (SELECT u.last FROM summary u WHERE u.trial_id = t.trial_id AND u.last_step = u.end_step
            AND u.end_step = t.step AND u.key_id = (SELECT id FROM metric_key WHERE name = v.metric)) END AS value, t.trial_id, t.study_id
    FROM tune v
    JOIN outcomes t ON t.study_id = v.study_id AND t.cell <> t.tuning
) c
GROUP BY c.study, c.study_id, c.variant, c.tuned, c.cell, c.metric, c.goal;
INSERT INTO _doc VALUES
    ('candidates', 'study', '', 'deterministic', 'name of the study'),
    ('candidates', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('candidates', 'tuned', '', 'deterministic', 'name of the cell for which one of these is chosen'),
    ('candidates', 'cell', '', 'deterministic', 'the swept values as text'),
    ('candidates', 'metric', '', 'deterministic', 'what they are compared by'),
    ('candidates', 'goal', '', 'deterministic', 'min or max'),
    ('candidates', 'mean', 'of the metric', 'deterministic', 'mean over the seeds of its last value; NULL unless n = n_asked: such a cell is not chosen'),
    ('candidates', 'n', '', 'deterministic', 'number of trials that are done and whose last value is finite'),
    ('candidates', 'n_asked', '', 'deterministic', 'number of trials of the cell: the seeds that were asked for'),
    ('candidates', 'n_nonfinite', '', 'deterministic', 'number of trials that are done without a finite last value'),
    ('candidates', 'n_diverged', '', 'deterministic', 'number of trials that diverged'),
    ('candidates', 'n_unfinished', '', 'deterministic', 'number of trials that are not finished: nothing is chosen yet'),
    ('candidates', 'n_failed', '', 'deterministic', 'number of trials that failed: nothing is chosen yet'),
    ('candidates', 'n_outdated', '', 'runtime', 'number of trials that are of other bytes or numerics than a later one, see trials.outdated: nothing is chosen yet'),
    ('candidates', 'mean_finished', 'of the metric', 'deterministic', 'mean of the n values that are there'),
    ('candidates', 'shortest', 'step', 'deterministic', 'smallest length of a trial that is done and was not ended before by train.stop'),
    ('candidates', 'longest', 'step', 'deterministic', 'largest length of a trial that is done'),
    ('candidates', 'trial_id', '', 'runtime', 'smallest trial.id of the cell'),
    ('candidates', 'study_id', '', 'runtime', 'study.id');

-- The writer chooses in the same way: SQL_GET_CHOICES of src/store/statements.c.
CREATE VIEW tuned AS
WITH choice AS (
    SELECT r.study, r.variant, r.tuned AS cell, r.metric, r.goal, count(*) AS n_cells, sum(r.n_asked) AS n_trials,
        sum(r.n_unfinished) AS n_unfinished, sum(r.n_failed) AS n_failed, sum(r.n_outdated) AS n_outdated,
        sum(r.n_diverged + r.n_nonfinite > 0) AS n_left_out, coalesce(sum(r.shortest < r.longest_of_all), 0) AS n_shorter,
        CASE WHEN sum(r.n_unfinished + r.n_failed + r.n_outdated) = 0 THEN max(CASE WHEN r.place = 1 THEN r.cell END) END AS chosen,
        CASE WHEN sum(r.n_unfinished + r.n_failed + r.n_outdated) = 0 THEN max(CASE WHEN r.place = 1 THEN r.mean END) END AS value,
        CASE WHEN sum(r.n_unfinished + r.n_failed + r.n_outdated) = 0 THEN max(CASE WHEN r.place = 1 THEN r.trial_id END) END AS chosen_id,
        (SELECT count(*) FROM outcomes t WHERE t.study_id = r.study_id AND t.variant = r.variant AND t.cell = r.tuned) AS n_fresh, r.study_id
    FROM (
        SELECT c.*, CASE WHEN c.mean IS NOT NULL THEN row_number() OVER (PARTITION BY c.study_id, c.variant, c.tuned
            ORDER BY c.mean IS NULL, CASE c.goal WHEN 'max' THEN -c.mean ELSE c.mean END, c.cell) END AS place,
            max(c.longest) OVER (PARTITION BY c.study_id, c.variant, c.tuned) AS longest_of_all
        FROM candidates c
    ) r
    GROUP BY r.study, r.study_id, r.variant, r.tuned, r.metric, r.goal
), fresh AS ( -- trained with the values of the cell that is chosen now, for as long as it
    SELECT t.study_id, t.variant, t.cell, t.outcome, t.step, t.trial_id
    FROM choice x
    JOIN outcomes t ON t.study_id = x.study_id AND t.variant = x.variant AND t.cell = x.cell
    WHERE (t.outcome <> 'done' OR t.length >= (SELECT c.length FROM outcomes c WHERE c.trial_id = x.chosen_id))
        AND NOT EXISTS (SELECT 1 FROM tune_key k JOIN param p ON p.trial_id = x.chosen_id AND p.key = k.key
            JOIN param q ON q.trial_id = t.trial_id AND q.key = k.key
            WHERE k.study_id = x.study_id AND (p.num IS NOT q.num OR p.text IS NOT q.text))
)
SELECT x.study, x.variant, x.cell, x.metric, x.goal, x.chosen, x.value, x.n_cells,
    CASE WHEN x.chosen IS NOT NULL THEN (SELECT group_concat(b.text, ', ') FROM (
        SELECT k.key || '=' || CASE WHEN p.num = CAST(p.num AS INTEGER) THEN CAST(p.num AS INTEGER) ELSE p.num END AS text
        FROM tune_key k
        JOIN param p ON p.trial_id = x.chosen_id AND p.key = k.key AND p.num IS NOT NULL
        JOIN outcomes t ON t.study_id = x.study_id AND t.variant = x.variant AND t.tuning = x.cell AND t.cell <> t.tuning
        JOIN param q ON q.trial_id = t.trial_id AND q.key = k.key
        WHERE k.study_id = x.study_id AND k.drawn = 0
        GROUP BY k.key, p.num HAVING count(DISTINCT q.num) > 1 AND (p.num <= min(q.num) OR p.num >= max(q.num))
        ORDER BY k.key) b) END AS border,
    nullif(substr(CASE WHEN x.n_unfinished > 0 THEN '; ' || x.n_unfinished || ' of ' || x.n_trials || ' trials of the sweep are not finished' ELSE '' END
        || CASE WHEN x.n_failed > 0 THEN '; ' || x.n_failed || ' of ' || x.n_trials || ' trials of the sweep failed' ELSE '' END
        || CASE WHEN x.n_outdated > 0 THEN '; ' || x.n_outdated || ' of ' || x.n_trials || ' trials of the sweep are of other bytes or numerics' ELSE '' END
        || CASE WHEN x.n_left_out = x.n_cells THEN '; every cell has trials that diverged or have no finite ' || x.metric
            WHEN x.n_left_out > 0 THEN '; left out: ' || x.n_left_out || ' of ' || x.n_cells || ' cells, with trials that diverged or have no finite ' || x.metric
            ELSE '' END
        || CASE WHEN x.n_shorter > 0 THEN '; ' || x.n_shorter || ' of ' || x.n_cells || ' cells have trials of fewer steps than the longest of the sweep: they are compared as equals'
            ELSE '' END
        || CASE WHEN x.n_fresh > (SELECT count(*) FROM fresh t WHERE t.study_id = x.study_id AND t.variant = x.variant AND t.cell = x.cell)
            THEN '; trials with fresh seeds are of another choice or have fewer steps: they are not counted' ELSE '' END, 3), '') AS note,
    CASE WHEN x.chosen IS NOT NULL THEN (SELECT count(*) FROM fresh t WHERE t.study_id = x.study_id AND t.variant = x.variant AND t.cell = x.cell
        AND t.outcome = 'done') ELSE 0 END AS n, v.n_seeds AS n_asked,
    CASE WHEN x.chosen IS NOT NULL THEN (SELECT count(*) FROM fresh t WHERE t.study_id = x.study_id AND t.variant = x.variant AND t.cell = x.cell
        AND t.outcome = 'diverged') ELSE 0 END AS n_diverged,
    CASE WHEN x.chosen IS NOT NULL THEN (SELECT CASE WHEN count(*) = v.n_seeds THEN avg(u.last) END FROM fresh t
        JOIN summary u ON u.trial_id = t.trial_id AND u.key_id = (SELECT id FROM metric_key WHERE name = 'test_loss')
        WHERE t.study_id = x.study_id AND t.variant = x.variant AND t.cell = x.cell AND t.outcome = 'done' AND u.last_step = u.end_step
        AND u.end_step = t.step) END AS test_loss,
    CASE WHEN x.chosen IS NOT NULL THEN (SELECT (SELECT d.last_sd FROM final_stat d WHERE d.trial_id = y.trial_id AND d.key_id = y.key_id
        AND d.n_rows = y.n_rows) FROM (SELECT count(*) AS n, sum(u.n) AS n_rows, min(t.trial_id) AS trial_id, u.key_id FROM fresh t
        JOIN summary u ON u.trial_id = t.trial_id AND u.key_id = (SELECT id FROM metric_key WHERE name = 'test_loss')
        WHERE t.study_id = x.study_id AND t.variant = x.variant AND t.cell = x.cell AND t.outcome = 'done' AND u.last_step = u.end_step
        AND u.end_step = t.step) y WHERE y.n = v.n_seeds) END AS test_loss_sd,
    CASE WHEN x.chosen IS NOT NULL THEN (SELECT CASE WHEN count(*) = v.n_seeds THEN avg(u.last) END FROM fresh t
        JOIN summary u ON u.trial_id = t.trial_id AND u.key_id = (SELECT id FROM metric_key WHERE name = 'test_accuracy')
        WHERE t.study_id = x.study_id AND t.variant = x.variant AND t.cell = x.cell AND t.outcome = 'done' AND u.last_step = u.end_step
        AND u.end_step = t.step) END AS test_accuracy,
    CASE WHEN x.chosen IS NOT NULL THEN (SELECT (SELECT d.last_sd FROM final_stat d WHERE d.trial_id = y.trial_id AND d.key_id = y.key_id
        AND d.n_rows = y.n_rows) FROM (SELECT count(*) AS n, sum(u.n) AS n_rows, min(t.trial_id) AS trial_id, u.key_id FROM fresh t
        JOIN summary u ON u.trial_id = t.trial_id AND u.key_id = (SELECT id FROM metric_key WHERE name = 'test_accuracy')
        WHERE t.study_id = x.study_id AND t.variant = x.variant AND t.cell = x.cell AND t.outcome = 'done' AND u.last_step = u.end_step
        AND u.end_step = t.step) y WHERE y.n = v.n_seeds) END AS test_accuracy_sd,
    x.study_id
FROM choice x
JOIN tune v ON v.study_id = x.study_id;
INSERT INTO _doc VALUES
    ('tuned', 'study', '', 'deterministic', 'name of the study'),
    ('tuned', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('tuned', 'cell', '', 'deterministic', 'tuned, with the swept values that are not chosen: the cell of the trials with fresh seeds'),
    ('tuned', 'metric', '', 'deterministic', 'what the cell was chosen by'),
    ('tuned', 'goal', '', 'deterministic', 'min or max'),
    ('tuned', 'chosen', '', 'deterministic', 'the cell of the sweep that is best by it; of equal ones the first by name; NULL while nothing can be chosen, see note'),
    ('tuned', 'value', 'of the metric', 'deterministic', 'mean of the metric over the seeds of the sweep, in that cell'),
    ('tuned', 'n_cells', '', 'deterministic', 'number of cells that it was chosen from'),
    ('tuned', 'border', '', 'deterministic', 'chosen values that are the smallest or largest of their key: a better one may lie beyond; NULL for none'),
    ('tuned', 'note', '', 'runtime', 'why nothing is chosen, which cells were left out, or that their trials have different lengths'),
    ('tuned', 'n', '', 'deterministic', 'number of trials with fresh seeds that are done'),
    ('tuned', 'n_asked', '', 'deterministic', 'number of fresh seeds'),
    ('tuned', 'n_diverged', '', 'deterministic', 'number of trials with fresh seeds that diverged'),
    ('tuned', 'test_loss', '', 'deterministic', 'mean over the fresh seeds of the last test_loss; NULL unless all of them have one'),
    ('tuned', 'test_loss_sd', '', 'runtime', 'sample standard deviation of it (divisor n - 1); NULL for one seed and until store_refresh has seen these rows'),
    ('tuned', 'test_accuracy', '%', 'deterministic', 'mean over the fresh seeds of the last test_accuracy; NULL unless all of them have one'),
    ('tuned', 'test_accuracy_sd', '%', 'runtime', 'sample standard deviation of it'),
    ('tuned', 'study_id', '', 'runtime', 'study.id');

-- What choosing took: all trials of the sweep, whatever became of them.
CREATE VIEW tuning_costs AS
SELECT t.study, t.variant, t.tuning AS cell, count(DISTINCT t.cell) AS n_cells, count(*) AS n_trials, sum(t.step) AS steps,
    sum((SELECT sum(c.wall_ns) FROM run r JOIN cost c ON c.run_id = r.id WHERE r.trial_id = t.trial_id)) / 1e9 AS wall_s,
    sum((SELECT sum(c.cpu_ns) FROM run r JOIN cost c ON c.run_id = r.id WHERE r.trial_id = t.trial_id)) / 1e9 AS cpu_s,
    sum((SELECT sum(c.flops) FROM run r JOIN cost c ON c.run_id = r.id WHERE r.trial_id = t.trial_id)) AS flops, t.study_id
FROM outcomes t
WHERE t.cell <> t.tuning
GROUP BY t.study, t.study_id, t.variant, t.tuning;
INSERT INTO _doc VALUES
    ('tuning_costs', 'study', '', 'deterministic', 'name of the study'),
    ('tuning_costs', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('tuning_costs', 'cell', '', 'deterministic', 'the cell that was chosen for, as in tuned'),
    ('tuning_costs', 'n_cells', '', 'deterministic', 'number of cells of the sweep that it is chosen from'),
    ('tuning_costs', 'n_trials', '', 'deterministic', 'number of their trials'),
    ('tuning_costs', 'steps', 'step', 'deterministic', 'sum of the steps they made'),
    ('tuning_costs', 'wall_s', 's', 'runtime', 'time spent in all phases of all attempts at them'),
    ('tuning_costs', 'cpu_s', 's', 'runtime', 'processor time of it'),
    ('tuning_costs', 'flops', '', 'runtime', 'floating-point operations of it'),
    ('tuning_costs', 'study_id', '', 'runtime', 'study.id');

CREATE VIEW claims AS
SELECT s.name AS study, c.id, c.text, c.reported, c.measured, c.n, c.n_asked, c.n_diverged, c.n_unfinished, c.n_failed, c.sd,
    c.interval_low, c.interval_high, c.low, c.high,
    CASE
        WHEN NOT EXISTS (SELECT 1 FROM trial t WHERE t.study_id = s.id AND t.generation = s.generation AND t.state <> 'queued')
            THEN 'not run'
        WHEN s.refreshed_ms IS NULL THEN 'undecided'
        ELSE coalesce(c.verdict, 'undecided')
    END AS verdict,
    CASE WHEN s.refreshed_ms IS NOT NULL THEN c.note END AS note,
    c.kind, c.measure, c.quantity, c.reported_sd, c.reported_n, c.tolerance, c.margin, c.min_seeds,
    CASE WHEN c.margin IS NOT NULL THEN '> ' || rtrim(replace(c.margin || ' ', '.0 ', ''))
        WHEN c.low IS NOT NULL AND c.high IS NOT NULL THEN rtrim(replace(c.low || ' ', '.0 ', '')) || ' to ' || rtrim(replace(c.high || ' ', '.0 ', ''))
        WHEN c.low IS NOT NULL THEN '≥ ' || rtrim(replace(c.low || ' ', '.0 ', ''))
        WHEN c.high IS NOT NULL THEN '≤ ' || rtrim(replace(c.high || ' ', '.0 ', '')) END AS expected,
    strftime('%Y-%m-%dT%H:%M:%fZ', c.evaluated_ms / 1000.0, 'unixepoch') AS evaluated, c.study_id
FROM claim c
JOIN study s ON s.id = c.study_id
ORDER BY s.name, c.position;
INSERT INTO _doc VALUES
    ('claims', 'study', '', 'deterministic', 'name of the study'),
    ('claims', 'id', '', 'deterministic', 'name of the claim in its study'),
    ('claims', 'text', '', 'deterministic', 'the claim in words'),
    ('claims', 'reported', 'of the claim', 'deterministic', 'what the paper reports'),
    ('claims', 'measured', 'of the claim', 'runtime', 'what was measured: a mean over n seeds, or one number of a measure; of several pairs the closest'),
    ('claims', 'n', '', 'runtime', 'number of seeds, or pairs of equal seeds; NULL for one number'),
    ('claims', 'n_asked', '', 'runtime', 'number of seeds that were asked for; NULL for SQL that gives one number'),
    ('claims', 'n_diverged', '', 'runtime', 'number of trials of its variants that diverged, of both sides of a comparison; NULL for SQL'),
    ('claims', 'n_unfinished', '', 'runtime', 'number of them that are not finished'),
    ('claims', 'n_failed', '', 'runtime', 'number of them that failed'),
    ('claims', 'sd', 'of the claim', 'runtime', 'sample standard deviation over them (divisor n - 1)'),
    ('claims', 'interval_low', 'of the claim', 'runtime', 'lower end of the 95 % confidence interval of measured; see docs/claims.md'),
    ('claims', 'interval_high', 'of the claim', 'runtime', 'upper end of it'),
    ('claims', 'low', 'of the claim', 'deterministic', 'smallest true value that reproduces it, NULL for no bound; the margin of a comparison, which itself is not enough'),
    ('claims', 'high', 'of the claim', 'deterministic', 'largest true value that reproduces it, NULL for no bound'),
    ('claims', 'verdict', '', 'runtime', 'reproduced, refuted, undecided (see note) or not run'),
    ('claims', 'note', '', 'runtime', 'why it is undecided, or what to know beside the verdict'),
    ('claims', 'kind', '', 'deterministic', 'measure, value or compare'),
    ('claims', 'measure', '', 'deterministic', 'the SELECT of a measure'),
    ('claims', 'quantity', '', 'deterministic', 'what the claim is about, canonical JSON: variants, metric and place of value and compare; its profile and the steps that it has'),
    ('claims', 'reported_sd', 'of the claim', 'deterministic', 'standard deviation that the paper reports'),
    ('claims', 'reported_n', '', 'deterministic', 'number of runs that the paper reports'),
    ('claims', 'tolerance', 'of the claim', 'deterministic', 'how far from reported the true value may be'),
    ('claims', 'margin', 'of the claim', 'deterministic', 'by more than which one is to be better'),
    ('claims', 'expected', '', 'deterministic', 'the true values that reproduce it, in words: > 0 above a margin, 0.1 to 0.2, ≥ 0.1, ≤ 0.2; NULL for none'),
    ('claims', 'min_seeds', '', 'deterministic', 'number of seeds below which it stays undecided'),
    ('claims', 'evaluated', 'UTC', 'runtime', 'when it was measured, ISO 8601'),
    ('claims', 'study_id', '', 'runtime', 'study.id');

CREATE VIEW all_costs AS
SELECT s.name AS study, t.variant, t.cell, t.seed, c.run_id, c.phase, c.wall_ns / 1e9 AS wall_s, c.cpu_ns / 1e9 AS cpu_s, c.flops,
    h.description AS host, v.version AS code, r.kernel, r.from_step, t.generation = s.generation AS current, r.trial_id, t.study_id
FROM cost c
JOIN run r ON r.id = c.run_id
JOIN trial t ON t.id = r.trial_id
JOIN study s ON s.id = t.study_id
JOIN host h ON h.id = r.host_id
JOIN code v ON v.id = r.code_id;
INSERT INTO _doc VALUES
    ('all_costs', 'study', '', 'deterministic', 'name of the study'),
    ('all_costs', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('all_costs', 'cell', '', 'deterministic', 'the swept values as text'),
    ('all_costs', 'seed', '', 'deterministic', 'seed of all random streams'),
    ('all_costs', 'run_id', '', 'runtime', 'run.id of the attempt'),
    ('all_costs', 'phase', '', 'runtime', 'train, evaluate, checkpoint, log'),
    ('all_costs', 'wall_s', 's', 'runtime', 'time spent in the phase'),
    ('all_costs', 'cpu_s', 's', 'runtime', 'processor time of it'),
    ('all_costs', 'flops', '', 'runtime', 'floating-point operations of it'),
    ('all_costs', 'host', '', 'runtime', 'machine'),
    ('all_costs', 'code', '', 'runtime', 'version and build of tprun'),
    ('all_costs', 'kernel', '', 'runtime', 'BLAS kernel'),
    ('all_costs', 'from_step', 'step', 'runtime', 'step the attempt continued from'),
    ('all_costs', 'current', '', 'runtime', '1 for a trial of the present specification of its study'),
    ('all_costs', 'trial_id', '', 'runtime', 'trial.id'),
    ('all_costs', 'study_id', '', 'runtime', 'study.id');
CREATE VIEW costs AS
SELECT study, variant, cell, seed, run_id, phase, wall_s, cpu_s, flops, host, code, kernel, from_step, trial_id, study_id
FROM all_costs WHERE current;
INSERT INTO _doc VALUES
    ('costs', 'study', '', 'deterministic', 'name of the study'),
    ('costs', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('costs', 'cell', '', 'deterministic', 'the swept values as text'),
    ('costs', 'seed', '', 'deterministic', 'seed of all random streams'),
    ('costs', 'run_id', '', 'runtime', 'run.id of the attempt'),
    ('costs', 'phase', '', 'runtime', 'train, evaluate, checkpoint, log'),
    ('costs', 'wall_s', 's', 'runtime', 'time spent in the phase'),
    ('costs', 'cpu_s', 's', 'runtime', 'processor time of it'),
    ('costs', 'flops', '', 'runtime', 'floating-point operations of it'),
    ('costs', 'host', '', 'runtime', 'machine'),
    ('costs', 'code', '', 'runtime', 'version and build of tprun'),
    ('costs', 'kernel', '', 'runtime', 'BLAS kernel'),
    ('costs', 'from_step', 'step', 'runtime', 'step the attempt continued from'),
    ('costs', 'trial_id', '', 'runtime', 'trial.id'),
    ('costs', 'study_id', '', 'runtime', 'study.id');

-- Cost to target: the first log of a trial that reaches a target of the specification. A metric without a goal reaches none.
CREATE VIEW targets AS
SELECT r.study, r.variant, r.cell, r.seed, r.metric, r.value, r.state,
    CASE WHEN r.step IS NOT NULL THEN 1 WHEN r.logged THEN 0 END AS reached, r.step,
    (SELECT p.epoch FROM progress p WHERE p.trial_id = r.trial_id AND p.step = r.step) AS epoch,
    (SELECT p.samples FROM progress p WHERE p.trial_id = r.trial_id AND p.step = r.step) AS samples,
    (SELECT p.cpu_ns / 1e9 FROM progress p WHERE p.trial_id = r.trial_id AND p.step = r.step) AS cpu_s,
    (SELECT p.flops FROM progress p WHERE p.trial_id = r.trial_id AND p.step = r.step) AS flops,
    r.trial_id, r.study_id
FROM (
    SELECT g.study, t.variant, t.cell, t.seed, g.metric, g.value, t.state,
        (SELECT min(m.step) FROM summary u CROSS JOIN metric m ON m.trial_id = u.trial_id AND m.key_id = u.key_id
            AND CASE g.goal WHEN 'max' THEN m.value >= g.value WHEN 'min' THEN m.value <= g.value END
            WHERE u.trial_id = t.id AND u.key_id = g.key_id AND NOT EXISTS (SELECT 1 FROM partial q WHERE q.trial_id = u.trial_id AND q.key_id = u.key_id)) AS step,
        EXISTS (SELECT 1 FROM summary u WHERE u.trial_id = t.id AND u.key_id = g.key_id AND NOT EXISTS (SELECT 1 FROM partial q WHERE q.trial_id = u.trial_id AND q.key_id = u.key_id)) AS logged,
        t.id AS trial_id, g.study_id
    FROM (
        SELECT s.name AS study, s.generation, x.metric, x.value,
            (SELECT k.id FROM metric_key k WHERE k.name = x.metric) AS key_id,
            (SELECT k.goal FROM metric_key k WHERE k.name = x.metric) AS goal, s.id AS study_id
        FROM target x
        JOIN study s ON s.id = x.study_id
    ) g
    JOIN trial t ON t.study_id = g.study_id AND t.generation = g.generation
) r;
INSERT INTO _doc VALUES
    ('targets', 'study', '', 'deterministic', 'name of the study'),
    ('targets', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('targets', 'cell', '', 'deterministic', 'the swept values as text'),
    ('targets', 'seed', '', 'deterministic', 'seed of all random streams'),
    ('targets', 'metric', '', 'deterministic', 'metric of the target'),
    ('targets', 'value', 'of the metric', 'deterministic', 'what is to be reached: at least it, or at most, as the goal of the metric is'),
    ('targets', 'state', '', 'deterministic', 'state of the trial: one that is not done may still reach it'),
    ('targets', 'reached', '', 'deterministic', '1 when a logged value reaches it, 0 when none does, NULL when none was logged or, see finals.n_partial, not from the start'),
    ('targets', 'step', 'step', 'deterministic', 'of the first log that reaches it; NULL when none does'),
    ('targets', 'epoch', '', 'runtime', 'passes over the training set until then; NULL for endless data'),
    ('targets', 'samples', '', 'runtime', 'samples seen until then, with repetition'),
    ('targets', 'cpu_s', 's', 'runtime', 'processor time of training until then, without evaluations; NULL when it is not known'),
    ('targets', 'flops', '', 'runtime', 'floating-point operations of that, by count of the algorithm'),
    ('targets', 'trial_id', '', 'runtime', 'trial.id'),
    ('targets', 'study_id', '', 'runtime', 'study.id');

-- What two variants of a study differ in, made by store_refresh: as `tprun compare` does for one metric.
CREATE VIEW comparisons AS
SELECT s.name AS study, k.name AS metric, c.cell, c.variant_a, c.variant_b, c.n, c.n_asked, c.difference, c.sd, c.low, c.high,
    c.difference_finished, c.study_id
FROM comparison c
JOIN study s ON s.id = c.study_id AND s.refreshed_ms IS NOT NULL -- made of all that is stored now: no seed was added since
JOIN metric_key k ON k.id = c.key_id;
INSERT INTO _doc VALUES
    ('comparisons', 'study', '', 'deterministic', 'name of the study'),
    ('comparisons', 'metric', '', 'deterministic', 'name of the metric'),
    ('comparisons', 'cell', '', 'deterministic', 'the swept values as text, the same for both'),
    ('comparisons', 'variant_a', '', 'deterministic', 'first variant, in order of name'),
    ('comparisons', 'variant_b', '', 'deterministic', 'second variant'),
    ('comparisons', 'n', '', 'deterministic', 'number of seeds for which both are done with a finite last value, of the same bytes and numerics'),
    ('comparisons', 'n_asked', '', 'deterministic', 'number of seeds that were asked for of both'),
    ('comparisons', 'difference', 'of the metric', 'deterministic', 'mean over the seeds of last value of a minus last value of b; NULL unless n = n_asked'),
    ('comparisons', 'sd', 'of the metric', 'deterministic', 'sample standard deviation of these differences; NULL unless n = n_asked'),
    ('comparisons', 'low', 'of the metric', 'deterministic', 'lower end of the 95 % confidence interval of difference (paired, Student)'),
    ('comparisons', 'high', 'of the metric', 'deterministic', 'upper end of it'),
    ('comparisons', 'difference_finished', 'of the metric', 'deterministic', 'mean of the n differences that are there'),
    ('comparisons', 'study_id', '', 'runtime', 'study.id');
