#!/usr/bin/env python3
"""Processor seconds and memory of reading a large database: one study of 100 trials, 5 metrics of 10,000 steps each, 5 million rows, in 2
cells of 50 seeds and in 10 of 10. bench_large.py TPRUN [FOLDER], which keeps the databases and takes those that are there."""
import os
import sqlite3
import subprocess
import sys
import tempfile

TPRUN = os.path.abspath(sys.argv[1])
STEPS = 10000
SPEC = """version: 1
experiment: large
seeds: {seeds}
dataset: {{name: temporal_order, length: 10, eval_size: 4, test_size: 4}}
network: {{layers: [{{rnn: {{units: 2, activation: tanh}}}}, {{dense: {{units: 4}}}}]}}
loss: cross_entropy
algorithm: bp
train: {{optimizer: {{name: sgd, stepsize: 0.1}}, batch_size: 1, iterations: 1}}
log: {{every: 1, metrics: [train_loss, train_accuracy, test_loss, test_accuracy, test_accuracy_batches]}}
sweep: {{grid: {{train.optimizer.stepsize: [{steps}]}}}}
claims:
  - {{id: sql, text: "", measure: "SELECT max(mean) FROM curves WHERE metric = 'test_accuracy'", expect: [0, 100]}}
  - {{id: value, text: "", value: {{variant: base, metric: train_loss, at: last, cell: "train.optimizer.stepsize=0.1"}}, expect: [0, 9]}}
"""
FILL = f"""
DELETE FROM metric; DELETE FROM progress;
CREATE TEMP TABLE step AS WITH RECURSIVE r (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < {STEPS}) SELECT i FROM r;
INSERT INTO metric (trial_id, key_id, step, value) SELECT u.trial_id, u.key_id, i, 50 + 5e-19 * random() FROM summary u CROSS JOIN step;
UPDATE summary SET (n, first, last, last_step, end_step, best, best_step, min, max, auc) = (SELECT count(*), min(value), min(value), {STEPS}, {STEPS},
    min(value), 1, min(value), max(value), 50.0 * {STEPS} FROM metric m WHERE m.trial_id = summary.trial_id AND m.key_id = summary.key_id),
    n_nonfinite = 0;
UPDATE summary SET (first, last) = ((SELECT value FROM metric m WHERE m.trial_id = summary.trial_id AND m.key_id = summary.key_id AND step = 1),
    (SELECT value FROM metric m WHERE m.trial_id = summary.trial_id AND m.key_id = summary.key_id AND step = {STEPS}));
UPDATE trial SET step = {STEPS}, budget = {STEPS}, finished_budget = {STEPS};
UPDATE study SET refreshed_ms = NULL;
"""


def make(db, cells):
    """The program makes the schema and short trials; SQL puts the rows."""
    spec = db + ".yaml"
    with open(spec, "w", encoding="utf-8") as out:
        out.write(SPEC.format(seeds=100 // cells, steps=", ".join(str(0.1 * (i + 1)) for i in range(cells))))
    subprocess.run([TPRUN, "run", spec, "--db", db, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    connection = sqlite3.connect(db)
    connection.executescript("BEGIN;" + FILL + "COMMIT; PRAGMA wal_checkpoint(TRUNCATE);")
    rows = connection.execute("SELECT count(*) FROM metric").fetchone()[0]
    connection.close()
    if rows != 100 * 5 * STEPS:
        sys.exit(f"bench_large.py: {rows} rows")


def seconds(*arguments):
    """Processor time, and the largest memory in MB, of one command."""
    process = subprocess.Popen([TPRUN, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):  # 1: a claim is refuted
        sys.exit(f"bench_large.py: {arguments}: status {status}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = sys.argv[2] if len(sys.argv) > 2 else folder
        for cells in (2, 10):
            db = os.path.join(folder, f"{cells}.db")
            if not os.path.exists(db):
                make(db, cells)
            connection = sqlite3.connect(db)
            connection.executescript("UPDATE curve SET n_rows = NULL; UPDATE study SET refreshed_ms = NULL")
            connection.close()
            commands = {"refresh": ["claims", "--quiet"], "claims": ["claims", "--quiet"], "plot": ["plot", "large", "--output", db + ".svg"],
                        "curves": ["sql", "SELECT count(*), sum(mean), sum(sd), max(n_diverged) FROM curves WHERE study = 'large'"],
                        "curves_of_a_cell": ["sql", "--format=csv", "SELECT step, mean, sd FROM curves WHERE study = 'large' AND cell = "
                                             "'train.optimizer.stepsize=0.1' AND metric = 'train_loss'"]}
            for name, arguments in commands.items():
                print(f"large_{cells}_{name} {seconds(*arguments, '--db', db)[0]:.2f} s")
            print(f"large_{cells}_plot_memory {seconds(*commands['plot'], '--db', db)[1]:.0f} MB")
            print(f"large_{cells}_size {os.path.getsize(db) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
