-- Merging, first half: what the rows of `src` (another database of this schema) are called in `main`. Ids become those of main by natural
-- keys; what is new is put. merge.c runs it in one transaction with the second half, merge_rows.sql.

-- Studies. same: both have one specification. wins: its specification is the present one, as it was run later.
CREATE TEMP TABLE map_study (
    src INTEGER PRIMARY KEY, id INTEGER, is_new INTEGER NOT NULL, same INTEGER NOT NULL, wins INTEGER NOT NULL, generation INTEGER NOT NULL);
INSERT INTO temp.map_study
SELECT s.id, m.id, m.id IS NULL, coalesce(m.spec_sha256 = s.spec_sha256, 1),
    coalesce(m.spec_sha256 <> s.spec_sha256 AND (s.updated_ms, s.spec_sha256) > (m.updated_ms, m.spec_sha256), 1), s.generation
FROM src.study s LEFT JOIN main.study m ON m.name = s.name;
INSERT INTO main.study (name, title, paper, locator, path, profile, spec, spec_sha256, generation, created_ms, updated_ms, queued_sha256, n_seeds)
SELECT name, title, paper, locator, path, profile, spec, spec_sha256, generation, created_ms, updated_ms, queued_sha256, n_seeds
FROM src.study WHERE id IN (SELECT src FROM temp.map_study WHERE is_new) ORDER BY name;
UPDATE temp.map_study SET id = (SELECT m.id FROM src.study s JOIN main.study m ON m.name = s.name WHERE s.id = map_study.src);

-- Another specification begins a new generation. Where that of main is the later one, its trials stay the present ones.
UPDATE main.study SET generation = generation + 1 WHERE id IN (SELECT id FROM temp.map_study WHERE NOT same);
UPDATE main.trial SET generation = generation + 1
WHERE study_id IN (SELECT id FROM temp.map_study WHERE NOT same AND NOT wins)
    AND generation = (SELECT g.generation - 1 FROM main.study g WHERE g.id = trial.study_id);
UPDATE main.study SET (title, paper, locator, path, profile, spec, spec_sha256, queued_sha256, n_seeds) =
    (SELECT s.title, s.paper, s.locator, s.path, s.profile, s.spec, s.spec_sha256, s.queued_sha256, s.n_seeds
    FROM temp.map_study m JOIN src.study s ON s.id = m.src WHERE m.id = study.id)
WHERE id IN (SELECT id FROM temp.map_study WHERE wins AND NOT is_new);
UPDATE main.study SET refreshed_ms = NULL, -- and queued anew by the next run, as budgets may be those of either
    queued_sha256 = CASE WHEN id IN (SELECT id FROM temp.map_study WHERE is_new) THEN queued_sha256 END,
    created_ms = min(created_ms, (SELECT s.created_ms FROM temp.map_study m JOIN src.study s ON s.id = m.src WHERE m.id = study.id)),
    updated_ms = max(updated_ms, (SELECT s.updated_ms FROM temp.map_study m JOIN src.study s ON s.id = m.src WHERE m.id = study.id)),
    n_seeds = coalesce(n_seeds, (SELECT s.n_seeds FROM temp.map_study m JOIN src.study s ON s.id = m.src WHERE m.id = study.id))
WHERE id IN (SELECT id FROM temp.map_study);

-- Configurations, metrics, machines, builds, files of data.
CREATE TEMP TABLE map_config (src INTEGER PRIMARY KEY, id INTEGER NOT NULL);
INSERT INTO main.config (sha256, text) SELECT sha256, text FROM src.config WHERE true ORDER BY id ON CONFLICT (sha256) DO NOTHING;
INSERT INTO temp.map_config SELECT s.id, m.id FROM src.config s JOIN main.config m ON m.sha256 = s.sha256;
INSERT INTO main.config_param (config_id, key, num, text)
SELECT m.id, p.key, p.num, p.text FROM temp.map_config m CROSS JOIN src.config_param p ON p.config_id = m.src
WHERE true ON CONFLICT DO NOTHING;
CREATE TEMP TABLE map_key (src INTEGER PRIMARY KEY, id INTEGER NOT NULL);
INSERT INTO main.metric_key (name, goal, unit, followed, split)
SELECT name, goal, unit, followed, split FROM src.metric_key WHERE true ORDER BY id ON CONFLICT (name) DO NOTHING;
INSERT INTO temp.map_key SELECT s.id, m.id FROM src.metric_key s JOIN main.metric_key m ON m.name = s.name;
CREATE TEMP TABLE map_host (src INTEGER PRIMARY KEY, id INTEGER NOT NULL);
INSERT INTO main.host (description) SELECT description FROM src.host WHERE true ON CONFLICT DO NOTHING;
INSERT INTO temp.map_host SELECT s.id, m.id FROM src.host s JOIN main.host m ON m.description = s.description;
CREATE TEMP TABLE map_code (src INTEGER PRIMARY KEY, id INTEGER NOT NULL);
INSERT INTO main.code (version) SELECT version FROM src.code WHERE true ON CONFLICT DO NOTHING;
INSERT INTO temp.map_code SELECT s.id, m.id FROM src.code s JOIN main.code m ON m.version = s.version;
CREATE TEMP TABLE map_repository (src INTEGER PRIMARY KEY, id INTEGER NOT NULL);
INSERT INTO main.repository (root, git_commit, changed)
SELECT DISTINCT s.root, s.git_commit, s.changed FROM src.repository s
WHERE NOT EXISTS (SELECT 1 FROM main.repository m WHERE m.root = s.root AND m.git_commit = s.git_commit AND m.changed IS s.changed);
INSERT INTO temp.map_repository
SELECT s.id, min(m.id) FROM src.repository s JOIN main.repository m ON m.root = s.root AND m.git_commit = s.git_commit AND m.changed IS s.changed
GROUP BY s.id;
UPDATE main.study SET repository_id =
    (SELECT g.id FROM temp.map_study m JOIN src.study s ON s.id = m.src JOIN temp.map_repository g ON g.src = s.repository_id WHERE m.id = study.id)
WHERE id IN (SELECT id FROM temp.map_study WHERE is_new OR wins);
INSERT INTO main.dataset (name, path, sha256, time_ms) SELECT name, path, sha256, time_ms FROM src.dataset WHERE true
ON CONFLICT (name, sha256) DO UPDATE SET path = excluded.path, time_ms = excluded.time_ms WHERE excluded.time_ms > dataset.time_ms;

-- Trials. wins: src has come further with it. empty: main has no values of its metrics. had, brings: main and src have something that its
-- numerics and inputs are those of (HAS_RESULTS in fragments.h). told: src has an attempt that said what they are. relabelled: it has other
-- names in the present specification, which is that of src. budget: of the specification that was run later. cut: the step behind which nothing
-- of it stays.
CREATE TEMP TABLE map_trial (
    src INTEGER PRIMARY KEY, id INTEGER, is_new INTEGER NOT NULL, wins INTEGER NOT NULL, empty INTEGER NOT NULL, had INTEGER NOT NULL,
    brings INTEGER NOT NULL, told INTEGER NOT NULL, relabelled INTEGER NOT NULL, budget INTEGER NOT NULL, generation INTEGER,
    cut INTEGER);
INSERT INTO temp.map_trial
SELECT t.id, m.id, m.id IS NULL,
    coalesce((t.step, CASE t.state WHEN 'done' THEN 4 WHEN 'diverged' THEN 4 WHEN 'failed' THEN 3 WHEN 'queued' THEN 1 ELSE 2 END, t.finished_budget)
        > (m.step, CASE m.state WHEN 'done' THEN 4 WHEN 'diverged' THEN 4 WHEN 'failed' THEN 3 WHEN 'queued' THEN 1 ELSE 2 END, m.finished_budget), 1),
    NOT EXISTS (SELECT 1 FROM main.summary u WHERE u.trial_id = m.id) AND NOT EXISTS (SELECT 1 FROM main.metric x WHERE x.trial_id = m.id),
    coalesce(m.state IN ('done', 'diverged'), 0) OR EXISTS (SELECT 1 FROM main.summary u WHERE u.trial_id = m.id)
        OR EXISTS (SELECT 1 FROM main.checkpoint c WHERE c.trial_id = m.id),
    t.state IN ('done', 'diverged') OR EXISTS (SELECT 1 FROM src.summary u WHERE u.trial_id = t.id)
        OR EXISTS (SELECT 1 FROM src.checkpoint c WHERE c.trial_id = t.id),
    EXISTS (SELECT 1 FROM src.run r WHERE r.trial_id = t.id AND r.kernel IS NOT ''),
    m.id IS NOT NULL AND t.generation = s.generation AND CASE WHEN s.same THEN m.generation <> g.generation ELSE s.wins END,
    CASE WHEN m.id IS NULL THEN t.budget WHEN s.same THEN max(t.budget, m.budget) WHEN s.wins AND t.generation = s.generation THEN t.budget
        ELSE m.budget END,
    CASE WHEN t.generation = s.generation THEN g.generation - (NOT s.same AND NOT s.wins)
        WHEN t.generation < g.generation THEN t.generation WHEN g.generation > 1 THEN g.generation - 1 ELSE -1 END,
    NULL
FROM src.trial t JOIN temp.map_study s ON s.src = t.study_id JOIN main.study g ON g.id = s.id LEFT JOIN main.trial m ON m.key = t.key;
-- What has finished all that is asked for is not undone by an attempt that had gone further, before the budget was lowered.
UPDATE temp.map_trial SET (wins, cut) = (e.there, CASE WHEN e.there THEN e.step_there ELSE e.step_here END)
FROM (SELECT x.src, t.state IN ('done', 'diverged') AND t.finished_budget >= max(x.budget, m.finished_budget) AS there,
        m.state IN ('done', 'diverged') AND m.finished_budget >= max(x.budget, t.finished_budget) AS here, t.step AS step_there, m.step AS step_here
    FROM temp.map_trial x JOIN src.trial t ON t.id = x.src JOIN main.trial m ON m.id = x.id) e
WHERE e.src = map_trial.src AND e.there <> e.here;
INSERT INTO main.trial (key, study_id, variant, cell, seed, config_id, budget, finished_budget, state, step, diverged_step, diverged_layer,
    diverged_tensor, weights_sha256, reason, generation, created_ms, updated_ms, numerics_version, inputs, outdated, tuning)
SELECT t.key, s.id, t.variant, t.cell, t.seed, c.id, t.budget, t.finished_budget, CASE t.state WHEN 'running' THEN 'interrupted' ELSE t.state END, t.step,
    t.diverged_step, t.diverged_layer, t.diverged_tensor, t.weights_sha256, t.reason, m.generation, t.created_ms, t.updated_ms, t.numerics_version,
    t.inputs, t.outdated, t.tuning
FROM temp.map_trial m CROSS JOIN src.trial t ON t.id = m.src JOIN temp.map_study s ON s.src = t.study_id JOIN temp.map_config c ON c.src = t.config_id
WHERE m.is_new ORDER BY m.src;
UPDATE temp.map_trial SET id = (SELECT m.id FROM src.trial t JOIN main.trial m ON m.key = t.key WHERE t.id = map_trial.src) WHERE is_new;
CREATE INDEX temp.map_trial_id ON map_trial (id);

UPDATE main.trial SET (state, step, diverged_step, diverged_layer, diverged_tensor, weights_sha256, reason, updated_ms) =
    (SELECT CASE t.state WHEN 'running' THEN 'interrupted' ELSE t.state END, t.step, t.diverged_step, t.diverged_layer, t.diverged_tensor,
        coalesce(t.weights_sha256, trial.weights_sha256), t.reason, t.updated_ms
    FROM temp.map_trial m JOIN src.trial t ON t.id = m.src WHERE m.id = trial.id)
WHERE id IN (SELECT id FROM temp.map_trial WHERE wins AND NOT is_new);
-- What its numbers come from is said by the one that has some; where neither has, by one that was told. Where both have, they say the same, or one
-- does not know its inputs.
UPDATE main.trial SET (numerics_version, inputs) =
    (SELECT t.numerics_version, CASE WHEN m.had THEN coalesce(trial.inputs, t.inputs) ELSE t.inputs END
    FROM temp.map_trial m JOIN src.trial t ON t.id = m.src WHERE m.id = trial.id)
WHERE id IN (SELECT id FROM temp.map_trial WHERE NOT is_new AND (brings OR (told AND NOT had)));
UPDATE main.trial SET (budget, finished_budget, created_ms) =
    (SELECT max(m.budget, t.finished_budget, trial.finished_budget), max(t.finished_budget, trial.finished_budget), min(t.created_ms, trial.created_ms)
    FROM temp.map_trial m JOIN src.trial t ON t.id = m.src WHERE m.id = trial.id)
WHERE id IN (SELECT id FROM temp.map_trial WHERE NOT is_new);
UPDATE main.trial SET generation = (SELECT g.generation FROM main.study g WHERE g.id = trial.study_id)
WHERE id IN (SELECT m.id FROM temp.map_trial m JOIN src.trial t ON t.id = m.src JOIN temp.map_study s ON s.src = t.study_id
    WHERE NOT m.is_new AND t.generation = s.generation AND (s.same OR s.wins));
UPDATE main.trial SET (variant, cell, seed, config_id, tuning) =
    (SELECT t.variant, t.cell, t.seed, c.id, t.tuning
    FROM temp.map_trial m JOIN src.trial t ON t.id = m.src JOIN temp.map_config c ON c.src = t.config_id WHERE m.id = trial.id)
WHERE id IN (SELECT id FROM temp.map_trial WHERE relabelled);
DELETE FROM main.param WHERE trial_id IN (SELECT id FROM temp.map_trial WHERE relabelled);
INSERT INTO main.param (trial_id, key, num, text, swept)
SELECT m.id, p.key, p.num, p.text, p.swept FROM temp.map_trial m CROSS JOIN src.param p ON p.trial_id = m.src WHERE m.is_new OR m.relabelled;
-- Two programs made other keys of one place: the later one counts.
UPDATE main.trial SET generation = -1
WHERE study_id IN (SELECT id FROM temp.map_study) AND generation = (SELECT g.generation FROM main.study g WHERE g.id = trial.study_id)
    AND EXISTS (SELECT 1 FROM main.trial o WHERE o.study_id = trial.study_id AND o.variant = trial.variant AND o.cell = trial.cell
        AND o.seed = trial.seed AND o.generation = trial.generation AND (o.created_ms, o.key) > (trial.created_ms, trial.key));

-- What follows from a specification.
DELETE FROM main.place WHERE study_id IN (SELECT id FROM temp.map_study WHERE wins AND NOT is_new);
INSERT INTO main.place (study_id, position, trial_id, operations, memory_bytes)
SELECT s.id, p.position, t.id, p.operations, p.memory_bytes
FROM temp.map_study s CROSS JOIN src.place p ON p.study_id = s.src JOIN temp.map_trial t ON t.src = p.trial_id WHERE s.same OR s.wins
ON CONFLICT DO NOTHING;
DELETE FROM main.claim WHERE study_id IN (SELECT id FROM temp.map_study WHERE wins AND NOT is_new);
INSERT INTO main.claim (study_id, id, position, text, measure, reported, low, high, kind, quantity, reported_sd, reported_n, tolerance, margin, min_seeds)
SELECT s.id, c.id, c.position, c.text, c.measure, c.reported, c.low, c.high, c.kind, c.quantity, c.reported_sd, c.reported_n, c.tolerance, c.margin,
    c.min_seeds
FROM temp.map_study s JOIN src.claim c ON c.study_id = s.src WHERE s.same OR s.wins
ON CONFLICT DO NOTHING;
DELETE FROM main.target WHERE study_id IN (SELECT id FROM temp.map_study WHERE wins AND NOT is_new);
INSERT INTO main.target (study_id, metric, value, position)
SELECT s.id, x.metric, x.value, x.position FROM temp.map_study s JOIN src.target x ON x.study_id = s.src WHERE s.same OR s.wins
ON CONFLICT DO NOTHING;
DELETE FROM main.tune_key WHERE study_id IN (SELECT id FROM temp.map_study WHERE wins AND NOT is_new);
DELETE FROM main.tune WHERE study_id IN (SELECT id FROM temp.map_study WHERE wins AND NOT is_new);
INSERT INTO main.tune (study_id, metric, goal, n_seeds)
SELECT s.id, x.metric, x.goal, x.n_seeds FROM temp.map_study s JOIN src.tune x ON x.study_id = s.src WHERE s.same OR s.wins
ON CONFLICT DO NOTHING;
INSERT INTO main.tune_key (study_id, key, drawn)
SELECT s.id, x.key, x.drawn FROM temp.map_study s JOIN src.tune_key x ON x.study_id = s.src WHERE s.same OR s.wins
ON CONFLICT DO NOTHING;
