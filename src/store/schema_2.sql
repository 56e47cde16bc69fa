-- What version 2 of the schema adds to schema.sql, for new databases and for those of version 1.
CREATE TABLE selected_stat (
    trial_id INTEGER NOT NULL REFERENCES trial (id),
    key_id INTEGER NOT NULL REFERENCES metric_key (id),
    n INTEGER NOT NULL,
    n_rows INTEGER NOT NULL,
    sd REAL,
    PRIMARY KEY (trial_id, key_id)
) WITHOUT ROWID;
INSERT INTO _doc VALUES
    ('selected_stat', 'trial_id', '', 'runtime', 'smallest trial.id of the group'),
    ('selected_stat', 'key_id', '', 'runtime', 'metric_key.id'),
    ('selected_stat', 'n', '', 'runtime', 'number of finite values it was made from'),
    ('selected_stat', 'n_rows', '', 'runtime', 'number of rows of valid_accuracy that the steps were selected from'),
    ('selected_stat', 'sd', 'of the metric', 'runtime', 'sample standard deviation of the selected values (divisor n - 1)');
