-- results.db, schema version 5: the facts. Tables have singular names and are written by one process, the runner; what people read are the
-- views of views.sql. Every table is followed by its rows of _doc, which explain each column; tests/store/check_schema.c fails when one is
-- missing. class: "deterministic" columns depend on the specification and the build alone and enter the digest; "runtime" columns tell
-- when, where and how it ran, or are row ids, or are derived again by store_refresh.
-- Times are milliseconds since 1970, UTC. A NaN or an infinity is never stored as a number: value is NULL and nonfinite tells which.

CREATE TABLE _doc (
    "table" TEXT NOT NULL,
    "column" TEXT NOT NULL,
    unit TEXT NOT NULL,
    class TEXT NOT NULL CHECK (class IN ('deterministic', 'runtime')),
    text TEXT NOT NULL,
    PRIMARY KEY ("table", "column")
) WITHOUT ROWID;
INSERT INTO _doc VALUES
    ('_doc', 'table', '', 'runtime', 'table or view'),
    ('_doc', 'column', '', 'runtime', 'column of it'),
    ('_doc', 'unit', '', 'runtime', 'unit of the values; empty for names, counts and pure numbers'),
    ('_doc', 'class', '', 'runtime', 'deterministic: part of the digest; runtime: not'),
    ('_doc', 'text', '', 'runtime', 'what the column means');

-- A state of the git repository that an experiment file lies in.
CREATE TABLE repository (
    id INTEGER PRIMARY KEY,
    root TEXT NOT NULL,
    git_commit TEXT NOT NULL,
    changed INTEGER CHECK (changed IN (0, 1))
);
INSERT INTO _doc VALUES
    ('repository', 'id', '', 'runtime', 'row id'),
    ('repository', 'root', '', 'runtime', 'folder of its work tree'),
    ('repository', 'git_commit', '', 'runtime', 'commit that was checked out'),
    ('repository', 'changed', '', 'runtime', '1 when a tracked file differed from the commit, 0 when none did, NULL when it is not known');

-- One experiment file.
CREATE TABLE study (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    title TEXT,
    paper TEXT,
    locator TEXT,
    path TEXT,
    profile TEXT,
    spec TEXT NOT NULL,
    spec_sha256 TEXT NOT NULL,
    generation INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    queued_sha256 TEXT,
    refreshed_ms INTEGER,
    n_seeds INTEGER,
    repository_id INTEGER REFERENCES repository (id)
);
INSERT INTO _doc VALUES
    ('study', 'id', '', 'runtime', 'row id'),
    ('study', 'name', '', 'deterministic', 'name of the experiment, as in the file'),
    ('study', 'title', '', 'deterministic', 'title of the experiment'),
    ('study', 'paper', '', 'deterministic', 'paper that the experiment is taken from'),
    ('study', 'locator', '', 'deterministic', 'figure or table of that paper'),
    ('study', 'path', '', 'runtime', 'file that was run last'),
    ('study', 'profile', '', 'deterministic', 'profile that was laid over the file, NULL for none'),
    ('study', 'spec', '', 'deterministic', 'the specification, canonical JSON: the file with its profile, without what the command line changed'),
    ('study', 'spec_sha256', '', 'deterministic', 'SHA-256 of spec'),
    ('study', 'generation', '', 'runtime', 'counts the different specifications this study has had; see trial.generation'),
    ('study', 'created_ms', 'ms', 'runtime', 'when the study was first run'),
    ('study', 'updated_ms', 'ms', 'runtime', 'when it was run last'),
    ('study', 'queued_sha256', '', 'runtime', 'SHA-256 of the specification and the program that the rows of place were made with; NULL while they are made'),
    ('study', 'refreshed_ms', 'ms', 'runtime', 'when statistics and claims were made of what is stored now; NULL after a change'),
    ('study', 'n_seeds', '', 'deterministic', 'number of different seeds of the specification, with those that the command line added to it; NULL before its trials were queued'),
    ('study', 'repository_id', '', 'runtime', 'repository.id of the file that was run last; NULL when it lies in none');

-- What trials have in common: a configuration is stored once, with null for the values that differ. Those are in param.
CREATE TABLE config (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL
);
CREATE TABLE config_param (
    config_id INTEGER NOT NULL REFERENCES config (id),
    key TEXT NOT NULL,
    num REAL,
    text TEXT,
    PRIMARY KEY (config_id, key)
) WITHOUT ROWID;
INSERT INTO _doc VALUES
    ('config', 'id', '', 'runtime', 'row id'),
    ('config', 'sha256', '', 'deterministic', 'identity: SHA-256 of text and of the keys that are left out; of a trial of schema 2 its key'),
    ('config', 'text', '', 'deterministic', 'the resolved configuration, canonical JSON; null where trials have a value of their own in param'),
    ('config_param', 'config_id', '', 'runtime', 'config.id'),
    ('config_param', 'key', '', 'deterministic', 'dotted path in the specification'),
    ('config_param', 'num', '', 'deterministic', 'the value as a number, NULL when it is none'),
    ('config_param', 'text', '', 'deterministic', 'the value as text, NULL for a pure number; NULL in both: see param');

-- One training with one configuration and one seed.
CREATE TABLE trial (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    study_id INTEGER NOT NULL REFERENCES study (id),
    variant TEXT NOT NULL,
    cell TEXT NOT NULL,
    seed INTEGER NOT NULL,
    config_id INTEGER NOT NULL REFERENCES config (id),
    budget INTEGER NOT NULL,
    finished_budget INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'diverged', 'failed', 'interrupted')),
    step INTEGER NOT NULL DEFAULT 0,
    diverged_step INTEGER,
    diverged_layer INTEGER,
    diverged_tensor TEXT,
    weights_sha256 TEXT,
    reason TEXT,
    generation INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    numerics_version INTEGER NOT NULL DEFAULT 1,
    inputs TEXT,
    outdated INTEGER NOT NULL DEFAULT 0 CHECK (outdated IN (0, 1)),
    tuning TEXT
);
CREATE INDEX trial_group ON trial (study_id, variant, cell, seed);
CREATE INDEX trial_state ON trial (study_id, state);
CREATE INDEX trial_config ON trial (config_id);
INSERT INTO _doc VALUES
    ('trial', 'id', '', 'runtime', 'row id'),
    ('trial', 'key', '', 'deterministic', 'identity: SHA-256 of the resolved configuration without budget keys'),
    ('trial', 'study_id', '', 'runtime', 'study.id'),
    ('trial', 'variant', '', 'deterministic', 'named alternative of the study'),
    ('trial', 'cell', '', 'deterministic', 'the swept values as text; empty without a sweep'),
    ('trial', 'seed', '', 'deterministic', 'seed of all random streams'),
    ('trial', 'config_id', '', 'runtime', 'config.id; the digest has its sha256'),
    ('trial', 'budget', 'step', 'deterministic', 'step to reach'),
    ('trial', 'finished_budget', 'step', 'deterministic', 'budget of the attempt that ended as done or diverged; 0 before'),
    ('trial', 'state', '', 'deterministic', 'queued, running, done, diverged (a result, not a failure), failed or interrupted'),
    ('trial', 'step', 'step', 'deterministic', 'last step that has a committed row'),
    ('trial', 'diverged_step', 'step', 'deterministic', 'step at which a value became non-finite or left its bounds'),
    ('trial', 'diverged_layer', '', 'deterministic', 'layer in which that was seen, NULL when unknown'),
    ('trial', 'diverged_tensor', '', 'deterministic', 'tensor in which that was seen, NULL when unknown'),
    ('trial', 'weights_sha256', '', 'deterministic', 'SHA-256 of the final weights'),
    ('trial', 'reason', '', 'runtime', 'why the last attempt ended, in words'),
    ('trial', 'generation', '', 'runtime', 'study.generation when the trial was last part of the study, an older one is no longer asked for; 0 = a one-off of the command line; -1 = replaced by a trial of its name that another program made, or of a cell that was chosen once and is not now'),
    ('trial', 'created_ms', 'ms', 'runtime', 'when the trial was first queued'),
    ('trial', 'updated_ms', 'ms', 'runtime', 'when its state last changed'),
    ('trial', 'numerics_version', '', 'deterministic', 'version of the numbers that the program computes, which changes when the same key gives other ones; versions share no mean and no resume'),
    ('trial', 'inputs', '', 'deterministic', 'what it read beside its configuration, data files and files of weights: canonical JSON, name to SHA-256 (of a .gz file: of the bytes within); NULL when it reads none, or none is known; no part of the key'),
    ('trial', 'outdated', '', 'runtime', '1 when a trial of its cell began later with other bytes of a file of inputs or another numerics_version: it is in no mean'),
    ('trial', 'tuning', '', 'deterministic', 'where a file tunes: the name of the cell for which a cell of the sweep is chosen, among them that of this trial; a trial whose cell has this name is of the chosen one, with a fresh seed');

-- Which trial stands where in the specification, or among the one-offs, that the study was run with last, so that starting it again need not compose them all. Two places may
-- have one trial. Those of chosen cells follow on the others.
CREATE TABLE place (
    study_id INTEGER NOT NULL REFERENCES study (id),
    position INTEGER NOT NULL,
    trial_id INTEGER NOT NULL REFERENCES trial (id),
    operations REAL,
    memory_bytes REAL,
    PRIMARY KEY (study_id, position)
) WITHOUT ROWID;
INSERT INTO _doc VALUES
    ('place', 'study_id', '', 'runtime', 'study.id'),
    ('place', 'position', '', 'runtime', 'number of the trial in what the study was run with last, from 0: seed fastest, then cell, then variant; excluded ones have no row'),
    ('place', 'trial_id', '', 'runtime', 'trial.id'),
    ('place', 'operations', '', 'runtime', 'what the plan says of its training: floating-point operations, with those that its start is worth; longer trials are started first, and shards are balanced by it; NULL when it is not known'),
    ('place', 'memory_bytes', 'B', 'runtime', 'memory that its worker takes by the plan; NULL when it is not known');

-- How a cell of the sweep is chosen for each variant, and trained again with fresh seeds; and the swept keys that are chosen.
CREATE TABLE tune (
    study_id INTEGER PRIMARY KEY REFERENCES study (id),
    metric TEXT NOT NULL,
    goal TEXT NOT NULL CHECK (goal IN ('min', 'max')),
    n_seeds INTEGER NOT NULL
);
CREATE TABLE tune_key (
    study_id INTEGER NOT NULL REFERENCES study (id),
    key TEXT NOT NULL,
    drawn INTEGER NOT NULL CHECK (drawn IN (0, 1)),
    PRIMARY KEY (study_id, key)
) WITHOUT ROWID;
INSERT INTO _doc VALUES
    ('tune', 'study_id', '', 'runtime', 'study.id'),
    ('tune', 'metric', '', 'runtime', 'what the cells are compared by, as study.spec says: the mean over the seeds of its last value'),
    ('tune', 'goal', '', 'runtime', 'min or max'),
    ('tune', 'n_seeds', '', 'runtime', 'number of fresh seeds'),
    ('tune_key', 'study_id', '', 'runtime', 'study.id'),
    ('tune_key', 'key', '', 'runtime', 'dotted path of a swept key that is chosen'),
    ('tune_key', 'drawn', '', 'runtime', '1 when its values are drawn at random, so that none of them is a border');

-- One value of a trial's configuration that it has not in common with others: view params has all of them.
CREATE TABLE param (
    trial_id INTEGER NOT NULL REFERENCES trial (id),
    key TEXT NOT NULL,
    num REAL,
    text TEXT,
    swept INTEGER NOT NULL CHECK (swept IN (0, 1)),
    PRIMARY KEY (trial_id, key)
) WITHOUT ROWID;
INSERT INTO _doc VALUES
    ('param', 'trial_id', '', 'runtime', 'trial.id'),
    ('param', 'key', '', 'deterministic', 'dotted path in the specification'),
    ('param', 'num', '', 'deterministic', 'the value as a number, NULL when it is none'),
    ('param', 'text', '', 'deterministic', 'the value as text, NULL for a pure number'),
    ('param', 'swept', '', 'deterministic', '1 when the sweep varies this key, 0 where it was chosen');

-- A machine, a build: described once, named by many attempts.
CREATE TABLE host (
    id INTEGER PRIMARY KEY,
    description TEXT NOT NULL UNIQUE
);
CREATE TABLE code (
    id INTEGER PRIMARY KEY,
    version TEXT NOT NULL UNIQUE
);
INSERT INTO _doc VALUES
    ('host', 'id', '', 'runtime', 'row id'),
    ('host', 'description', '', 'runtime', 'name, processor and system of a machine'),
    ('code', 'id', '', 'runtime', 'row id'),
    ('code', 'version', '', 'runtime', 'version and build of tprun: compiler, and the git commit that it was built from (-dirty: with changes)');

-- One attempt at a trial.
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    trial_id INTEGER NOT NULL REFERENCES trial (id),
    host_id INTEGER NOT NULL REFERENCES host (id),
    code_id INTEGER NOT NULL REFERENCES code (id),
    kernel TEXT,
    pid INTEGER NOT NULL,
    from_step INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    heartbeat_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'diverged', 'failed', 'interrupted')),
    reason TEXT,
    repository_id INTEGER REFERENCES repository (id)
);
CREATE INDEX run_trial ON run (trial_id);
INSERT INTO _doc VALUES
    ('run', 'id', '', 'runtime', 'row id'),
    ('run', 'trial_id', '', 'runtime', 'trial.id'),
    ('run', 'host_id', '', 'runtime', 'host.id'),
    ('run', 'code_id', '', 'runtime', 'code.id'),
    ('run', 'kernel', '', 'runtime', 'BLAS kernel: bitwise equality is promised for one kernel only'),
    ('run', 'pid', '', 'runtime', 'process id of the worker'),
    ('run', 'from_step', 'step', 'runtime', 'step of the checkpoint it continued from; 0 = from the beginning'),
    ('run', 'started_ms', 'ms', 'runtime', 'when the attempt began'),
    ('run', 'heartbeat_ms', 'ms', 'runtime', 'last sign of life'),
    ('run', 'ended_ms', 'ms', 'runtime', 'when it ended, NULL while it runs'),
    ('run', 'state', '', 'runtime', 'running, done, diverged, failed or interrupted'),
    ('run', 'reason', '', 'runtime', 'why it ended, in words'),
    ('run', 'repository_id', '', 'runtime', 'repository.id of the experiment file; NULL when it lies in none, or it is not known');

-- Metrics, with the facts that the program which logged them gave of them.
CREATE TABLE metric_key (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    goal TEXT CHECK (goal IN ('min', 'max')),
    unit TEXT NOT NULL DEFAULT '',
    followed INTEGER NOT NULL DEFAULT 0 CHECK (followed IN (0, 1)),
    split TEXT NOT NULL DEFAULT '' CHECK (split IN ('', 'train', 'valid', 'test'))
);
INSERT INTO _doc VALUES
    ('metric_key', 'id', '', 'runtime', 'row id'),
    ('metric_key', 'name', '', 'runtime', 'name of a metric; enters the digest with its rows'),
    ('metric_key', 'goal', '', 'runtime', 'which value is best: min, max, or NULL where neither is'),
    ('metric_key', 'unit', '', 'runtime', 'unit of its values, empty for pure numbers'),
    ('metric_key', 'followed', '', 'runtime', '1 when people follow it: in the progress line, and as a figure that nobody asked for'),
    ('metric_key', 'split', '', 'runtime', 'which data it is measured on: train, valid, test; empty for what is no evaluation, such as norms and angles');

-- One value of a metric. The natural key makes a recomputed row meet the stored one. This is the table whose rows are counted in tens of
-- millions, so what its one writer guarantees is not checked again for each row (a third of the time of an insertion): trial_id and
-- key_id exist, and exactly one of value and nonfinite is NULL. There is no column for the attempt; run.from_step tells it.
CREATE TABLE metric (
    trial_id INTEGER NOT NULL,
    key_id INTEGER NOT NULL,
    step INTEGER NOT NULL,
    value REAL,
    nonfinite INTEGER,
    PRIMARY KEY (trial_id, key_id, step)
) WITHOUT ROWID;
INSERT INTO _doc VALUES
    ('metric', 'trial_id', '', 'runtime', 'trial.id'),
    ('metric', 'key_id', '', 'runtime', 'metric_key.id'),
    ('metric', 'step', 'step', 'deterministic', 'minibatches seen; 0 = before training'),
    ('metric', 'value', 'of the metric', 'deterministic', 'the value if finite, else NULL; -0.0 is stored as 0.0'),
    ('metric', 'nonfinite', '', 'deterministic', 'NULL for a finite value, 1 = NaN, 2 = +infinity, 3 = -infinity');

-- One value of a metric of a layer or of a time step.
CREATE TABLE layer_metric (
    trial_id INTEGER NOT NULL REFERENCES trial (id),
    key_id INTEGER NOT NULL REFERENCES metric_key (id),
    layer INTEGER NOT NULL,
    step INTEGER NOT NULL,
    value REAL,
    nonfinite INTEGER,
    PRIMARY KEY (trial_id, key_id, layer, step)
) WITHOUT ROWID;
INSERT INTO _doc VALUES
    ('layer_metric', 'trial_id', '', 'runtime', 'trial.id'),
    ('layer_metric', 'key_id', '', 'runtime', 'metric_key.id'),
    ('layer_metric', 'layer', '', 'deterministic', 'layer or time step'),
    ('layer_metric', 'step', 'step', 'deterministic', 'minibatches seen; 0 = before training'),
    ('layer_metric', 'value', 'of the metric', 'deterministic', 'the value if finite, else NULL; -0.0 is stored as 0.0'),
    ('layer_metric', 'nonfinite', '', 'deterministic', 'NULL for a finite value, 1 = NaN, 2 = +infinity, 3 = -infinity');

-- How far a trial is at a logged step, and what its training has cost until then: once for a step, whatever is logged there. A step that is
-- computed again has what its last computation took, which goes on from what its checkpoint says.
CREATE TABLE progress (
    trial_id INTEGER NOT NULL REFERENCES trial (id),
    step INTEGER NOT NULL,
    epoch REAL,
    samples INTEGER NOT NULL,
    cpu_ns INTEGER,
    flops REAL,
    PRIMARY KEY (trial_id, step)
) WITHOUT ROWID;
INSERT INTO _doc VALUES
    ('progress', 'trial_id', '', 'runtime', 'trial.id'),
    ('progress', 'step', 'step', 'runtime', 'minibatches seen; 0 = before training'),
    ('progress', 'epoch', '', 'runtime', 'passes over the training set; NULL for endless data'),
    ('progress', 'samples', '', 'runtime', 'samples seen, with repetition; a sequence is one'),
    ('progress', 'cpu_ns', 'ns', 'runtime', 'processor time of training since step 0, over all attempts that led here, without evaluations and checkpoints; NULL when it is not known'),
    ('progress', 'flops', '', 'runtime', 'floating-point operations of that, by count of the algorithm');

-- What a list shows of a metric, kept by the writer in the transaction of the rows, so that a list never scans them.
CREATE TABLE summary (
    trial_id INTEGER NOT NULL REFERENCES trial (id),
    key_id INTEGER NOT NULL REFERENCES metric_key (id),
    n INTEGER NOT NULL,
    n_nonfinite INTEGER NOT NULL,
    first REAL,
    last REAL,
    last_step INTEGER,
    end_step INTEGER NOT NULL,
    best REAL,
    best_step INTEGER,
    min REAL,
    max REAL,
    auc REAL,
    PRIMARY KEY (trial_id, key_id)
) WITHOUT ROWID;
INSERT INTO _doc VALUES
    ('summary', 'trial_id', '', 'runtime', 'trial.id'),
    ('summary', 'key_id', '', 'runtime', 'metric_key.id'),
    ('summary', 'n', '', 'deterministic', 'number of rows'),
    ('summary', 'n_nonfinite', '', 'deterministic', 'number of rows that are NaN or infinite'),
    ('summary', 'first', 'of the metric', 'deterministic', 'first finite value'),
    ('summary', 'last', 'of the metric', 'deterministic', 'last finite value'),
    ('summary', 'last_step', 'step', 'deterministic', 'step of last'),
    ('summary', 'end_step', 'step', 'deterministic', 'step of the last row, finite or not'),
    ('summary', 'best', 'of the metric', 'deterministic', 'best finite value, see metric_key.goal'),
    ('summary', 'best_step', 'step', 'deterministic', 'first step that reached best'),
    ('summary', 'min', 'of the metric', 'deterministic', 'smallest finite value'),
    ('summary', 'max', 'of the metric', 'deterministic', 'largest finite value'),
    ('summary', 'auc', 'metric * step', 'deterministic', 'area under the curve, trapezoids over the logged steps; NULL once a value is not finite');

-- What was computed twice and came out in two ways: found when databases are merged, and kept with `merge --keep-both` alone.
CREATE TABLE nondeterminism (
    trial_id INTEGER NOT NULL REFERENCES trial (id),
    what TEXT NOT NULL,
    layer INTEGER NOT NULL,
    step INTEGER NOT NULL,
    other TEXT NOT NULL,
    source TEXT NOT NULL,
    found_ms INTEGER NOT NULL,
    PRIMARY KEY (trial_id, what, layer, step, other)
) WITHOUT ROWID;
INSERT INTO _doc VALUES
    ('nondeterminism', 'trial_id', '', 'runtime', 'trial.id'),
    ('nondeterminism', 'what', '', 'runtime', 'name of a metric, or column of trial'),
    ('nondeterminism', 'layer', '', 'runtime', 'layer of a row of layer_metric, -1 without one'),
    ('nondeterminism', 'step', 'step', 'runtime', 'step of the row, 0 for a column of trial'),
    ('nondeterminism', 'other', '', 'runtime', 'the value that is not in the other tables: of two numbers the larger one, in the shortest form that reads back the same; nan, inf, -inf or a text'),
    ('nondeterminism', 'source', '', 'runtime', 'database that was merged when it was found'),
    ('nondeterminism', 'found_ms', 'ms', 'runtime', 'when it was found');

-- Where the time of an attempt went.
CREATE TABLE cost (
    run_id INTEGER NOT NULL REFERENCES run (id),
    phase TEXT NOT NULL,
    wall_ns INTEGER NOT NULL,
    cpu_ns INTEGER NOT NULL,
    flops REAL,
    PRIMARY KEY (run_id, phase)
) WITHOUT ROWID;
INSERT INTO _doc VALUES
    ('cost', 'run_id', '', 'runtime', 'run.id'),
    ('cost', 'phase', '', 'runtime', 'train, evaluate, checkpoint, log'),
    ('cost', 'wall_ns', 'ns', 'runtime', 'time spent in the phase since the attempt began, monotonic clock'),
    ('cost', 'cpu_ns', 'ns', 'runtime', 'processor time of it'),
    ('cost', 'flops', '', 'runtime', 'floating-point operations of it, by count of the algorithm');

-- Remarks.
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    trial_id INTEGER REFERENCES trial (id),
    run_id INTEGER REFERENCES run (id),
    step INTEGER NOT NULL,
    kind TEXT NOT NULL,
    text TEXT,
    time_ms INTEGER NOT NULL
);
CREATE INDEX event_trial ON event (trial_id);
CREATE INDEX event_run ON event (run_id);
INSERT INTO _doc VALUES
    ('event', 'id', '', 'runtime', 'row id, in order of writing'),
    ('event', 'trial_id', '', 'runtime', 'trial.id, NULL for none'),
    ('event', 'run_id', '', 'runtime', 'run.id, NULL for none'),
    ('event', 'step', 'step', 'runtime', 'step it belongs to'),
    ('event', 'kind', '', 'runtime', 'diverged, relogged, ...'),
    ('event', 'text', '', 'runtime', 'the remark'),
    ('event', 'time_ms', 'ms', 'runtime', 'when it was written');

-- What people say of a study, or of one of its trials.
CREATE TABLE tag (
    study_id INTEGER NOT NULL REFERENCES study (id),
    trial_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (study_id, trial_id, name)
) WITHOUT ROWID;
CREATE TABLE note (
    study_id INTEGER NOT NULL REFERENCES study (id),
    trial_id INTEGER NOT NULL,
    text TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    PRIMARY KEY (study_id, trial_id)
) WITHOUT ROWID;
INSERT INTO _doc VALUES
    ('tag', 'study_id', '', 'runtime', 'study.id'),
    ('tag', 'trial_id', '', 'runtime', 'trial.id; 0 for a tag of the study'),
    ('tag', 'name', '', 'runtime', 'a word that somebody gave it'),
    ('note', 'study_id', '', 'runtime', 'study.id'),
    ('note', 'trial_id', '', 'runtime', 'trial.id; 0 for a note on the study'),
    ('note', 'text', '', 'runtime', 'what somebody wrote about it'),
    ('note', 'time_ms', 'ms', 'runtime', 'when it was written');

-- The durable checkpoint files of a trial: the newest two, or what checkpoint.keep of its file says. A file that is not named here is garbage.
CREATE TABLE checkpoint (
    id INTEGER PRIMARY KEY,
    trial_id INTEGER NOT NULL REFERENCES trial (id),
    run_id INTEGER REFERENCES run (id),
    step INTEGER NOT NULL,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    cpu_ns INTEGER,
    flops REAL
);
CREATE INDEX checkpoint_trial ON checkpoint (trial_id);
CREATE INDEX checkpoint_run ON checkpoint (run_id);
INSERT INTO _doc VALUES
    ('checkpoint', 'id', '', 'runtime', 'row id; a larger one was written later'),
    ('checkpoint', 'trial_id', '', 'runtime', 'trial.id'),
    ('checkpoint', 'run_id', '', 'runtime', 'run.id of the attempt that wrote it'),
    ('checkpoint', 'step', 'step', 'runtime', 'step it was taken at'),
    ('checkpoint', 'path', '', 'runtime', 'name of the file in the folder PATH.checkpoints beside the database'),
    ('checkpoint', 'sha256', '', 'runtime', 'SHA-256 of the file'),
    ('checkpoint', 'time_ms', 'ms', 'runtime', 'when it was named'),
    ('checkpoint', 'cpu_ns', 'ns', 'runtime', 'processor time that training took until it, from step 0 on; NULL when it is not known'),
    ('checkpoint', 'flops', '', 'runtime', 'floating-point operations of that');

-- Files that were trained on.
CREATE TABLE dataset (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    path TEXT,
    sha256 TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    UNIQUE (name, sha256)
);
INSERT INTO _doc VALUES
    ('dataset', 'id', '', 'runtime', 'row id'),
    ('dataset', 'name', '', 'deterministic', 'name of the dataset or of a file of it'),
    ('dataset', 'path', '', 'runtime', 'where it was read from last'),
    ('dataset', 'sha256', '', 'deterministic', 'SHA-256 of the file; of a .gz file that of the bytes within'),
    ('dataset', 'time_ms', 'ms', 'runtime', 'when it was read last');

-- Values of metrics whose cost is asked for.
CREATE TABLE target (
    study_id INTEGER NOT NULL REFERENCES study (id),
    metric TEXT NOT NULL,
    value REAL NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (study_id, metric, value)
) WITHOUT ROWID;
INSERT INTO _doc VALUES
    ('target', 'study_id', '', 'runtime', 'study.id'),
    ('target', 'metric', '', 'runtime', 'metric that is to reach it, as study.spec says'),
    ('target', 'value', 'of the metric', 'runtime', 'what is to be reached'),
    ('target', 'position', '', 'runtime', 'place in the file, from 0');

-- What a paper reports.
CREATE TABLE claim (
    study_id INTEGER NOT NULL REFERENCES study (id),
    id TEXT NOT NULL,
    position INTEGER NOT NULL,
    text TEXT,
    measure TEXT,
    reported REAL,
    low REAL,
    high REAL,
    measured REAL,
    note TEXT,
    evaluated_ms INTEGER,
    kind TEXT NOT NULL DEFAULT 'measure' CHECK (kind IN ('measure', 'compare', 'value')),
    quantity TEXT,
    reported_sd REAL,
    reported_n INTEGER,
    tolerance REAL,
    margin REAL,
    min_seeds INTEGER,
    n INTEGER,
    sd REAL,
    interval_low REAL,
    interval_high REAL,
    verdict TEXT,
    n_asked INTEGER,
    n_diverged INTEGER,
    n_unfinished INTEGER,
    n_failed INTEGER,
    PRIMARY KEY (study_id, id)
) WITHOUT ROWID;
INSERT INTO _doc VALUES
    ('claim', 'study_id', '', 'runtime', 'study.id'),
    ('claim', 'id', '', 'deterministic', 'name of the claim in its study'),
    ('claim', 'position', '', 'deterministic', 'place in the file, from 0'),
    ('claim', 'text', '', 'deterministic', 'the claim in words'),
    ('claim', 'measure', '', 'deterministic', 'a SELECT over the views, restricted to the study, that measures it'),
    ('claim', 'reported', 'of the claim', 'deterministic', 'what the paper reports'),
    ('claim', 'low', 'of the claim', 'deterministic', 'smallest value that reproduces it, NULL for no bound'),
    ('claim', 'high', 'of the claim', 'deterministic', 'largest value that reproduces it, NULL for no bound'),
    ('claim', 'measured', 'of the claim', 'runtime', 'what was measured; forgotten when an attempt at a trial of the study begins'),
    ('claim', 'note', '', 'runtime', 'why it is undecided, or what to know beside the verdict'),
    ('claim', 'evaluated_ms', 'ms', 'runtime', 'when it was measured'),
    ('claim', 'kind', '', 'deterministic', 'measure: SQL of its own; compare: two variants, paired by seed; value: a variant'),
    ('claim', 'quantity', '', 'deterministic', 'what the claim is about, canonical JSON: better, than, metric, at, step, cell, layer and as of value and compare; profile, apart (its trials are others than those of the study) and steps, the budget of each variant with that profile'),
    ('claim', 'reported_sd', 'of the claim', 'deterministic', 'standard deviation that the paper reports'),
    ('claim', 'reported_n', '', 'deterministic', 'number of runs that the paper reports'),
    ('claim', 'tolerance', 'of the claim', 'deterministic', 'how far from what is reported still reproduces it'),
    ('claim', 'margin', 'of the claim', 'deterministic', 'of compare: by how much one is to be better'),
    ('claim', 'min_seeds', '', 'deterministic', 'number of seeds below which it stays undecided'),
    ('claim', 'n', '', 'runtime', 'number of seeds that measured was made from'),
    ('claim', 'sd', 'of the claim', 'runtime', 'sample standard deviation over these seeds (divisor n - 1)'),
    ('claim', 'interval_low', 'of the claim', 'runtime', 'lower end of the 95 % confidence interval of measured'),
    ('claim', 'interval_high', 'of the claim', 'runtime', 'upper end of it'),
    ('claim', 'verdict', '', 'runtime', 'what was concluded when it was measured; NULL before'),
    ('claim', 'n_asked', '', 'runtime', 'number of seeds that were asked for; NULL for SQL that gives one number'),
    ('claim', 'n_diverged', '', 'runtime', 'number of trials of its variants that diverged, of both sides of a comparison; NULL for SQL'),
    ('claim', 'n_unfinished', '', 'runtime', 'number of them that are not finished'),
    ('claim', 'n_failed', '', 'runtime', 'number of them that failed');

-- Statistics that SQLite lacks without an extension, made by store_refresh. A view shows one only while the rows it was made from are
-- still all there is (n or n_rows agree); otherwise it shows NULL. trial_id: the smallest one of the group of trials that differ by seed.
-- A curve: the means over the seeds of a cell and a metric, step by step. It is kept where two trials or more have the metric, and view
-- kept_curves shows it only while it is of what is stored now.
CREATE TABLE curve (
    id INTEGER PRIMARY KEY,
    study_id INTEGER NOT NULL REFERENCES study (id),
    variant TEXT NOT NULL,
    cell TEXT NOT NULL,
    key_id INTEGER NOT NULL REFERENCES metric_key (id),
    n_asked INTEGER NOT NULL,
    n_outdated INTEGER NOT NULL,
    n_rows INTEGER,
    UNIQUE (study_id, variant, cell, key_id)
);
CREATE TABLE curve_stat (
    curve_id INTEGER NOT NULL REFERENCES curve (id),
    step INTEGER NOT NULL,
    n INTEGER NOT NULL,
    n_nonfinite INTEGER NOT NULL,
    n_diverged INTEGER NOT NULL,
    n_unfinished INTEGER NOT NULL,
    n_failed INTEGER NOT NULL,
    mean REAL,
    sd REAL,
    min REAL,
    max REAL,
    PRIMARY KEY (curve_id, step)
) WITHOUT ROWID;
CREATE TABLE final_stat (
    trial_id INTEGER NOT NULL REFERENCES trial (id),
    key_id INTEGER NOT NULL REFERENCES metric_key (id),
    n_rows INTEGER NOT NULL,
    last_sd REAL,
    last_median REAL,
    last_half_width REAL,
    best_sd REAL,
    best_median REAL,
    best_half_width REAL,
    PRIMARY KEY (trial_id, key_id)
) WITHOUT ROWID;
CREATE TABLE selected_stat (
    trial_id INTEGER NOT NULL REFERENCES trial (id),
    key_id INTEGER NOT NULL REFERENCES metric_key (id),
    n INTEGER NOT NULL,
    n_rows INTEGER NOT NULL,
    sd REAL,
    PRIMARY KEY (trial_id, key_id)
) WITHOUT ROWID;
CREATE TABLE comparison (
    study_id INTEGER NOT NULL REFERENCES study (id),
    key_id INTEGER NOT NULL REFERENCES metric_key (id),
    cell TEXT NOT NULL,
    variant_a TEXT NOT NULL,
    variant_b TEXT NOT NULL,
    n INTEGER NOT NULL,
    n_asked INTEGER NOT NULL,
    difference REAL,
    sd REAL,
    low REAL,
    high REAL,
    difference_finished REAL,
    PRIMARY KEY (study_id, key_id, cell, variant_a, variant_b)
) WITHOUT ROWID;
INSERT INTO _doc VALUES
    ('curve', 'id', '', 'runtime', 'row id'),
    ('curve', 'study_id', '', 'runtime', 'study.id'),
    ('curve', 'variant', '', 'runtime', 'named alternative of the study'),
    ('curve', 'cell', '', 'runtime', 'the swept values as text'),
    ('curve', 'key_id', '', 'runtime', 'metric_key.id'),
    ('curve', 'n_asked', '', 'runtime', 'number of trials of the cell'),
    ('curve', 'n_outdated', '', 'runtime', 'number of them that were outdated: their rows are left out'),
    ('curve', 'n_rows', '', 'runtime', 'number of metric rows it was made from; -1 after an attempt began or ended, when only an sd still holds, where n agrees; NULL when nothing does'),
    ('curve_stat', 'curve_id', '', 'runtime', 'curve.id'),
    ('curve_stat', 'step', 'step', 'runtime', 'minibatches seen'),
    ('curve_stat', 'n', '', 'runtime', 'number of finite values'),
    ('curve_stat', 'n_nonfinite', '', 'runtime', 'number of values that are NaN or infinite'),
    ('curve_stat', 'n_diverged', '', 'runtime', 'number of trials that diverged and have no row here'),
    ('curve_stat', 'n_unfinished', '', 'runtime', 'number of trials that neither diverged nor failed and have no row here'),
    ('curve_stat', 'n_failed', '', 'runtime', 'number of trials that failed and have no row here'),
    ('curve_stat', 'mean', 'of the metric', 'runtime', 'mean of the n values'),
    ('curve_stat', 'sd', 'of the metric', 'runtime', 'sample standard deviation of them (divisor n - 1)'),
    ('curve_stat', 'min', 'of the metric', 'runtime', 'smallest of them'),
    ('curve_stat', 'max', 'of the metric', 'runtime', 'largest of them'),
    ('final_stat', 'trial_id', '', 'runtime', 'smallest trial.id of the group that has the metric'),
    ('final_stat', 'key_id', '', 'runtime', 'metric_key.id'),
    ('final_stat', 'n_rows', '', 'runtime', 'number of metric rows of the trials it was made from'),
    ('final_stat', 'last_sd', 'of the metric', 'runtime', 'sample standard deviation of the last values (divisor n - 1)'),
    ('final_stat', 'last_median', 'of the metric', 'runtime', 'median of the last values'),
    ('final_stat', 'last_half_width', 'of the metric', 'runtime', 'half the 95 % confidence interval of the mean last value (Student)'),
    ('final_stat', 'best_sd', 'of the metric', 'runtime', 'sample standard deviation of the best values (divisor n - 1)'),
    ('final_stat', 'best_median', 'of the metric', 'runtime', 'median of the best values'),
    ('final_stat', 'best_half_width', 'of the metric', 'runtime', 'half the 95 % confidence interval of the mean best value (Student)'),
    ('selected_stat', 'trial_id', '', 'runtime', 'smallest trial.id of the group'),
    ('selected_stat', 'key_id', '', 'runtime', 'metric_key.id'),
    ('selected_stat', 'n', '', 'runtime', 'number of finite values it was made from'),
    ('selected_stat', 'n_rows', '', 'runtime', 'number of rows of valid_accuracy that the steps were selected from'),
    ('selected_stat', 'sd', 'of the metric', 'runtime', 'sample standard deviation of the selected values (divisor n - 1)'),
    ('comparison', 'study_id', '', 'runtime', 'study.id'),
    ('comparison', 'key_id', '', 'runtime', 'metric_key.id'),
    ('comparison', 'cell', '', 'runtime', 'trial.cell, the same for both'),
    ('comparison', 'variant_a', '', 'runtime', 'first variant, in order of name'),
    ('comparison', 'variant_b', '', 'runtime', 'second variant'),
    ('comparison', 'n', '', 'runtime', 'number of seeds for which both are done with a finite last value, of the same bytes and numerics'),
    ('comparison', 'n_asked', '', 'runtime', 'number of seeds that were asked for of both'),
    ('comparison', 'difference', 'of the metric', 'runtime', 'mean over the seeds of last value of a minus last value of b; NULL unless n = n_asked'),
    ('comparison', 'sd', 'of the metric', 'runtime', 'sample standard deviation of these differences; NULL unless n = n_asked'),
    ('comparison', 'low', 'of the metric', 'runtime', 'lower end of the 95 % confidence interval of difference (paired, Student)'),
    ('comparison', 'high', 'of the metric', 'runtime', 'upper end of it'),
    ('comparison', 'difference_finished', 'of the metric', 'runtime', 'mean of the n differences that are there');
