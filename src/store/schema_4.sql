-- The tables and indexes of schema version 4, as its last program made them: what a database must be before it is migrated (model.c).

CREATE TABLE _doc (
    "table" TEXT NOT NULL,
    "column" TEXT NOT NULL,
    unit TEXT NOT NULL,
    class TEXT NOT NULL CHECK (class IN ('deterministic', 'runtime')),
    text TEXT NOT NULL,
    PRIMARY KEY ("table", "column")
) WITHOUT ROWID;
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
    n_seeds INTEGER
);
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
CREATE TABLE place (
    study_id INTEGER NOT NULL REFERENCES study (id),
    position INTEGER NOT NULL,
    trial_id INTEGER NOT NULL REFERENCES trial (id),
    PRIMARY KEY (study_id, position)
) WITHOUT ROWID;
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
CREATE TABLE param (
    trial_id INTEGER NOT NULL REFERENCES trial (id),
    key TEXT NOT NULL,
    num REAL,
    text TEXT,
    swept INTEGER NOT NULL CHECK (swept IN (0, 1)),
    PRIMARY KEY (trial_id, key)
) WITHOUT ROWID;
CREATE TABLE host (
    id INTEGER PRIMARY KEY,
    description TEXT NOT NULL UNIQUE
);
CREATE TABLE code (
    id INTEGER PRIMARY KEY,
    version TEXT NOT NULL UNIQUE
);
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
    reason TEXT
);
CREATE INDEX run_trial ON run (trial_id);
CREATE TABLE metric_key (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    goal TEXT CHECK (goal IN ('min', 'max')),
    unit TEXT NOT NULL DEFAULT '',
    followed INTEGER NOT NULL DEFAULT 0 CHECK (followed IN (0, 1))
);
CREATE TABLE metric (
    trial_id INTEGER NOT NULL,
    key_id INTEGER NOT NULL,
    step INTEGER NOT NULL,
    value REAL,
    nonfinite INTEGER,
    PRIMARY KEY (trial_id, key_id, step)
) WITHOUT ROWID;
CREATE TABLE layer_metric (
    trial_id INTEGER NOT NULL REFERENCES trial (id),
    key_id INTEGER NOT NULL REFERENCES metric_key (id),
    layer INTEGER NOT NULL,
    step INTEGER NOT NULL,
    value REAL,
    nonfinite INTEGER,
    PRIMARY KEY (trial_id, key_id, layer, step)
) WITHOUT ROWID;
CREATE TABLE progress (
    trial_id INTEGER NOT NULL REFERENCES trial (id),
    step INTEGER NOT NULL,
    epoch REAL,
    samples INTEGER NOT NULL,
    cpu_ns INTEGER,
    flops REAL,
    PRIMARY KEY (trial_id, step)
) WITHOUT ROWID;
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
CREATE TABLE cost (
    run_id INTEGER NOT NULL REFERENCES run (id),
    phase TEXT NOT NULL,
    wall_ns INTEGER NOT NULL,
    cpu_ns INTEGER NOT NULL,
    flops REAL,
    PRIMARY KEY (run_id, phase)
) WITHOUT ROWID;
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
CREATE TABLE dataset (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    path TEXT,
    sha256 TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    UNIQUE (name, sha256)
);
CREATE TABLE target (
    study_id INTEGER NOT NULL REFERENCES study (id),
    metric TEXT NOT NULL,
    value REAL NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (study_id, metric, value)
) WITHOUT ROWID;
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
    PRIMARY KEY (study_id, id)
) WITHOUT ROWID;
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
