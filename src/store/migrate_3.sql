-- From schema version 3 to 4, as migrate_2.sql: columns were added, which say NULL or their default of what version 3 did not know.

INSERT INTO study (id, name, title, paper, locator, path, profile, spec, spec_sha256, generation, created_ms, updated_ms, queued_sha256,
    refreshed_ms)
SELECT id, name, title, paper, locator, path, profile, spec, spec_sha256, generation, created_ms, updated_ms, queued_sha256, NULL
FROM old_study;
INSERT INTO trial (id, key, study_id, variant, cell, seed, config_id, budget, finished_budget, state, step, diverged_step, diverged_layer,
    diverged_tensor, weights_sha256, reason, generation, created_ms, updated_ms)
SELECT id, key, study_id, variant, cell, seed, config_id, budget, finished_budget, state, step, diverged_step, diverged_layer, diverged_tensor,
    weights_sha256, reason, generation, created_ms, updated_ms
FROM old_trial;
UPDATE study SET n_seeds = (SELECT count(DISTINCT t.seed) FROM trial t WHERE t.study_id = study.id AND t.generation = study.generation)
WHERE queued_sha256 IS NOT NULL;

-- What was spent until a checkpoint is not known.
INSERT INTO checkpoint (id, trial_id, run_id, step, path, sha256, time_ms) SELECT id, trial_id, run_id, step, path, sha256, time_ms
FROM old_checkpoint;

-- What the programs of version 3 logged. Sizes, shares and condition numbers have no better end, so their best values are none.
INSERT INTO metric_key (id, name, goal, unit, followed)
SELECT id, name,
    CASE WHEN name LIKE '%accuracy' OR name LIKE '%accuracy\_strict' ESCAPE '\' OR name LIKE '%accuracy\_batches' ESCAPE '\' THEN 'max'
        WHEN name LIKE '%loss' OR name LIKE '%loss\_batches' ESCAPE '\' OR (name LIKE 'angle%' AND name <> 'angle_gnt_search') OR name = 'nullspace_ratio' THEN 'min' END,
    CASE WHEN name LIKE '%accuracy' OR name LIKE '%accuracy\_strict' ESCAPE '\' OR name LIKE '%accuracy\_batches' ESCAPE '\' THEN '%'
        WHEN name LIKE 'angle%' AND name <> 'angle_gnt_search' THEN '°' ELSE '' END,
    name LIKE 'test\_%' ESCAPE '\'
FROM old_metric_key;
UPDATE summary SET best = NULL, best_step = NULL WHERE key_id IN (SELECT id FROM metric_key WHERE goal IS NULL);

INSERT INTO claim (study_id, id, position, text, measure, reported, low, high, measured, note, evaluated_ms)
SELECT study_id, id, position, text, measure, reported, low, high, measured, note, evaluated_ms
FROM old_claim;

-- Made of trials in any state; refreshing the study makes them again, and the curves, which version 3 had no table of.
DELETE FROM final_stat;
DELETE FROM selected_stat;
