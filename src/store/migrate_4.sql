-- From schema version 4 to 5, as migrate_2.sql: columns were added, which say NULL or their default of what version 4 did not know.

INSERT INTO claim (study_id, id, position, text, measure, reported, low, high, measured, note, evaluated_ms, kind, quantity, reported_sd, reported_n,
    tolerance, margin, min_seeds, n, sd, interval_low, interval_high, verdict)
SELECT study_id, id, position, text, measure, reported, low, high, measured, note, evaluated_ms, kind, quantity, reported_sd, reported_n,
    tolerance, margin, min_seeds, n, sd, interval_low, interval_high, verdict
FROM old_claim;

-- What a trial is worth is not known: the next start puts all places again.
INSERT INTO place (study_id, position, trial_id) SELECT study_id, position, trial_id FROM old_place;
-- What the programs of version 4 logged.
INSERT INTO metric_key (id, name, goal, unit, followed, split)
SELECT id, name, goal, unit, followed,
    CASE WHEN name LIKE 'test\_%' ESCAPE '\' THEN 'test' WHEN name LIKE 'valid\_%' ESCAPE '\' THEN 'valid'
        WHEN name LIKE 'train\_%' ESCAPE '\' THEN 'train' ELSE '' END
FROM old_metric_key;

-- Which repositories the files lay in is not known. queued_sha256: see place.
INSERT INTO study (id, name, title, paper, locator, path, profile, spec, spec_sha256, generation, created_ms, updated_ms, queued_sha256,
    refreshed_ms, n_seeds)
SELECT id, name, title, paper, locator, path, profile, spec, spec_sha256, generation, created_ms, updated_ms, NULL, refreshed_ms, n_seeds
FROM old_study;
INSERT INTO run (id, trial_id, host_id, code_id, kernel, pid, from_step, started_ms, heartbeat_ms, ended_ms, state, reason)
SELECT id, trial_id, host_id, code_id, kernel, pid, from_step, started_ms, heartbeat_ms, ended_ms, state, reason
FROM old_run;
