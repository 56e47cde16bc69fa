-- Merging, second half: the rows of trials. Those that both databases have were compared before. See merge_names.sql.

INSERT INTO main.metric (trial_id, key_id, step, value, nonfinite)
SELECT t.id, k.id, x.step, x.value, x.nonfinite
FROM temp.map_trial t CROSS JOIN src.metric x ON x.trial_id = t.src CROSS JOIN temp.map_key k ON k.src = x.key_id
WHERE true ON CONFLICT DO NOTHING;
INSERT INTO main.layer_metric (trial_id, key_id, layer, step, value, nonfinite)
SELECT t.id, k.id, x.layer, x.step, x.value, x.nonfinite
FROM temp.map_trial t CROSS JOIN src.layer_metric x ON x.trial_id = t.src CROSS JOIN temp.map_key k ON k.src = x.key_id
WHERE true ON CONFLICT DO NOTHING;
INSERT INTO main.progress (trial_id, step, epoch, samples, cpu_ns, flops)
SELECT t.id, x.step, x.epoch, x.samples, x.cpu_ns, x.flops FROM temp.map_trial t CROSS JOIN src.progress x ON x.trial_id = t.src
WHERE true ON CONFLICT DO NOTHING;
INSERT INTO main.nondeterminism (trial_id, what, layer, step, other, source, found_ms)
SELECT t.id, x.what, x.layer, x.step, x.other, x.source, x.found_ms FROM temp.map_trial t JOIN src.nondeterminism x ON x.trial_id = t.src
WHERE true ON CONFLICT DO NOTHING;

-- What lies behind an end that stands.
CREATE TEMP TABLE beyond (id INTEGER PRIMARY KEY, cut INTEGER NOT NULL);
INSERT INTO temp.beyond SELECT id, cut FROM temp.map_trial WHERE cut IS NOT NULL;
DELETE FROM main.metric WHERE trial_id IN (SELECT id FROM temp.beyond) AND step > (SELECT cut FROM temp.beyond WHERE id = trial_id);
DELETE FROM main.layer_metric WHERE trial_id IN (SELECT id FROM temp.beyond) AND step > (SELECT cut FROM temp.beyond WHERE id = trial_id)
    AND key_id NOT IN (SELECT id FROM main.metric_key WHERE name = 'feedback_epoch_loss'); -- which counts epochs
DELETE FROM main.progress WHERE trial_id IN (SELECT id FROM temp.beyond) AND step > (SELECT cut FROM temp.beyond WHERE id = trial_id);
DELETE FROM main.nondeterminism WHERE trial_id IN (SELECT id FROM temp.beyond) AND step > (SELECT cut FROM temp.beyond WHERE id = trial_id);

-- Summaries: those of trials without rows here are right as they are; others are made again where they differ.
INSERT INTO main.summary (trial_id, key_id, n, n_nonfinite, first, last, last_step, end_step, best, best_step, min, max, auc)
SELECT t.id, k.id, u.n, u.n_nonfinite, u.first, u.last, u.last_step, u.end_step, u.best, u.best_step, u.min, u.max, u.auc
FROM temp.map_trial t CROSS JOIN src.summary u ON u.trial_id = t.src JOIN temp.map_key k ON k.src = u.key_id WHERE t.empty;
INSERT INTO temp.stale_summary
SELECT t.id, k.id FROM temp.map_trial t CROSS JOIN src.summary u ON u.trial_id = t.src JOIN temp.map_key k ON k.src = u.key_id
WHERE NOT t.empty AND NOT EXISTS (SELECT 1 FROM main.summary m WHERE m.trial_id = t.id AND m.key_id = k.id AND m.n = u.n AND m.end_step = u.end_step
    AND m.auc IS u.auc AND m.last IS u.last)
ON CONFLICT DO NOTHING;

INSERT INTO temp.stale_summary -- of what was cut, also where the other database has no such metric
SELECT u.trial_id, u.key_id FROM temp.beyond b JOIN main.summary u ON u.trial_id = b.id WHERE u.end_step > b.cut
ON CONFLICT DO NOTHING;

-- Attempts: one is known by its trial, machine, process and start. One that still ran is taken for ended at its last sign of life, until a
-- later merge tells more.
INSERT INTO main.run (trial_id, host_id, code_id, kernel, pid, from_step, started_ms, heartbeat_ms, ended_ms, state, reason,
    repository_id)
SELECT t.id, h.id, c.id, r.kernel, r.pid, r.from_step, r.started_ms, r.heartbeat_ms, coalesce(r.ended_ms, r.heartbeat_ms),
    CASE r.state WHEN 'running' THEN 'interrupted' ELSE r.state END, CASE r.state WHEN 'running' THEN 'it ran when it was merged' ELSE r.reason END,
    (SELECT g.id FROM temp.map_repository g WHERE g.src = r.repository_id)
FROM temp.map_trial t CROSS JOIN src.run r ON r.trial_id = t.src JOIN temp.map_host h ON h.src = r.host_id JOIN temp.map_code c ON c.src = r.code_id
WHERE NOT EXISTS (SELECT 1 FROM main.run o WHERE o.trial_id = t.id AND o.host_id = h.id AND o.pid = r.pid AND o.started_ms = r.started_ms
    AND o.from_step = r.from_step)
ORDER BY r.id;
CREATE TEMP TABLE map_run (src INTEGER PRIMARY KEY, id INTEGER NOT NULL);
INSERT INTO temp.map_run
SELECT r.id, min(o.id) FROM temp.map_trial t CROSS JOIN src.run r ON r.trial_id = t.src JOIN temp.map_host h ON h.src = r.host_id
CROSS JOIN main.run o ON o.trial_id = t.id AND o.host_id = h.id AND o.pid = r.pid AND o.started_ms = r.started_ms AND o.from_step = r.from_step
GROUP BY r.id;
UPDATE main.run SET (heartbeat_ms, ended_ms, state, reason) =
    (SELECT r.heartbeat_ms, r.ended_ms, r.state, r.reason FROM temp.map_run m JOIN src.run r ON r.id = m.src WHERE m.id = run.id)
WHERE reason = 'it ran when it was merged' AND id IN (SELECT m.id FROM temp.map_run m JOIN src.run r ON r.id = m.src WHERE r.ended_ms IS NOT NULL);
INSERT INTO main.cost (run_id, phase, wall_ns, cpu_ns, flops)
SELECT m.id, x.phase, x.wall_ns, x.cpu_ns, x.flops FROM temp.map_run m CROSS JOIN src.cost x ON x.run_id = m.src
WHERE true ON CONFLICT (run_id, phase) DO UPDATE SET wall_ns = excluded.wall_ns, cpu_ns = excluded.cpu_ns, flops = excluded.flops
WHERE excluded.wall_ns > cost.wall_ns;
INSERT INTO main.event (trial_id, run_id, step, kind, text, time_ms)
SELECT t.id, (SELECT m.id FROM temp.map_run m WHERE m.src = x.run_id), x.step, x.kind, x.text, x.time_ms
FROM temp.map_trial t CROSS JOIN src.event x ON x.trial_id = t.src
WHERE NOT EXISTS (SELECT 1 FROM main.event o WHERE o.trial_id = t.id AND o.step = x.step AND o.kind = x.kind AND o.text IS x.text AND o.time_ms = x.time_ms)
ORDER BY x.id;

-- What people say of studies (trial 0) and trials; of two notes the later one.
INSERT INTO main.tag (study_id, trial_id, name)
SELECT * FROM (
    SELECT s.id, 0, x.name FROM temp.map_study s JOIN src.tag x ON x.study_id = s.src AND x.trial_id = 0
    UNION ALL
    SELECT s.id, t.id, x.name FROM temp.map_study s JOIN src.tag x ON x.study_id = s.src JOIN temp.map_trial t ON t.src = x.trial_id)
WHERE true ON CONFLICT DO NOTHING;
INSERT INTO main.note (study_id, trial_id, text, time_ms)
SELECT * FROM (
    SELECT s.id, 0, x.text, x.time_ms FROM temp.map_study s JOIN src.note x ON x.study_id = s.src AND x.trial_id = 0
    UNION ALL
    SELECT s.id, t.id, x.text, x.time_ms FROM temp.map_study s JOIN src.note x ON x.study_id = s.src JOIN temp.map_trial t ON t.src = x.trial_id)
WHERE true ON CONFLICT (study_id, trial_id) DO UPDATE SET text = excluded.text, time_ms = excluded.time_ms
WHERE (excluded.time_ms, excluded.text) > (note.time_ms, note.text);

-- Checkpoints: of both, the two of the largest steps; of a trial that is done in one, what that kept.
DELETE FROM main.checkpoint WHERE trial_id IN (SELECT id FROM temp.map_trial WHERE wins AND cut IS NOT NULL);
CREATE TEMP TABLE newest (
    trial_id INTEGER NOT NULL, step INTEGER NOT NULL, ours INTEGER NOT NULL, run_id INTEGER, path TEXT NOT NULL, sha256 TEXT NOT NULL,
    time_ms INTEGER NOT NULL, cpu_ns INTEGER, flops REAL, PRIMARY KEY (trial_id, step, path));
INSERT INTO temp.newest
SELECT c.trial_id, c.step, 1, c.run_id, c.path, c.sha256, c.time_ms, c.cpu_ns, c.flops
FROM temp.map_trial t CROSS JOIN main.checkpoint c ON c.trial_id = t.id
WHERE NOT t.is_new AND EXISTS (SELECT 1 FROM src.checkpoint x WHERE x.trial_id = t.src)
ON CONFLICT DO NOTHING;
INSERT INTO temp.newest
SELECT t.id, x.step, 0, (SELECT m.id FROM temp.map_run m WHERE m.src = x.run_id), x.path, x.sha256, x.time_ms, x.cpu_ns, x.flops
FROM temp.map_trial t CROSS JOIN src.checkpoint x ON x.trial_id = t.src
WHERE t.wins OR t.cut IS NULL ON CONFLICT DO NOTHING;
DELETE FROM temp.newest WHERE (SELECT count(*) FROM temp.newest o WHERE o.trial_id = newest.trial_id
    AND (o.step, o.ours, o.path) > (newest.step, newest.ours, newest.path)) >= 2;
DELETE FROM temp.newest WHERE trial_id NOT IN (SELECT trial_id FROM temp.newest WHERE NOT ours);
