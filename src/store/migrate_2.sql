-- From schema version 2 to 3. Runs inside the transaction of migrate.c, which has made every table and index of
-- schema_3.sql: one whose definition changed is empty here, and its rows stand in old_<name>. Views, _doc and version are not cared for here.

-- Checkpoints are named by bare names; their folder is that of the database that is opened.
UPDATE checkpoint SET path = replace(path, rtrim(path, replace(path, '/', '')), '');

-- A configuration is stored once for the trials that share it. Those of version 2 are whole, one for each trial; the next run of the study
-- puts shared ones in their place.
INSERT INTO study SELECT id, name, title, paper, locator, path, profile, spec, spec_sha256, generation, created_ms, updated_ms, NULL, NULL
FROM old_study;
INSERT INTO config (id, sha256, text) SELECT id, key, config FROM old_trial;
INSERT INTO trial (id, key, study_id, variant, cell, seed, config_id, budget, finished_budget, state, step, diverged_step, diverged_layer,
    diverged_tensor, weights_sha256, reason, generation, created_ms, updated_ms)
SELECT id, key, study_id, variant, cell, seed, id, budget, finished_budget, state, step, diverged_step, diverged_layer, diverged_tensor,
    weights_sha256, reason, CASE generation WHEN 0 THEN -1 ELSE generation END, created_ms, updated_ms
FROM old_trial;
INSERT INTO config_param (config_id, key, num, text)
SELECT trial_id, key, CASE swept WHEN 0 THEN num END, CASE swept WHEN 0 THEN text END FROM param;
DELETE FROM param WHERE swept = 0;
