"""A database with one of everything, made by the real program: studies with and without a sweep, two generations, trials of every state,
layer metrics, claims of every verdict. Values are rounded to multiples of 1/1024, so that a sum is the same in every order of its terms."""
import os
import sqlite3
import subprocess

HEAD = """version: 1
dataset: {name: temporal_order, length: 10, eval_size: 20, test_size: 20}
network: {layers: [{rnn: {units: 4, activation: tanh}}, {dense: {units: 4}}]}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 4, iterations: 60}
checkpoint: {keep: last}
log: {every: 20, metrics: [train_loss, train_accuracy, test_loss, test_accuracy, test_accuracy_batches, weight_norm]}
variants:
  bp: {algorithm: bp}
  tp: {algorithm: {name: tp, target_stepsize: 0.01, mapping: {regularization: 1}}}
targets: [{metric: train_loss, value: 1.4}, {metric: test_accuracy, value: 25}]
"""
CLAIMS = """claims:
  - {id: yes, text: It learns, measure: "SELECT min(last_mean) FROM finals WHERE metric = 'train_loss'", expect: [0, 9]}
  - {id: no, text: It does not, measure: "SELECT min(last_mean) FROM finals WHERE metric = 'train_loss'", expect: [8, 9]}
  - {id: open, text: Nobody knows, measure: "SELECT max(mean) FROM selected_finals WHERE metric = 'none'", expect: [0, 1]}
"""
STUDIES = [
    "experiment: map\nseeds: 2\n" + HEAD + CLAIMS + "sweep: {grid: {train.optimizer.stepsize: [0.1, 0.2, 1e4], train.batch_size: [2, 4]}}\n",
    "experiment: map\nseeds: 2\n" + HEAD + CLAIMS + "sweep: {grid: {train.optimizer.stepsize: [0.1, 0.3, 1e4], train.batch_size: [2, 4]}}\n",
    "experiment: words\nseeds: 2\n" + HEAD + "sweep: {grid: {network.layers.0.rnn.activation: [tanh, sigmoid]}}\n",
    "experiment: plain\nseeds: 3\n" + HEAD + CLAIMS,
]
TOUCHES = """
UPDATE metric_key SET name = 'valid_accuracy' WHERE name = 'test_accuracy_batches';
UPDATE metric SET value = round(value * 1024) / 1024;
UPDATE layer_metric SET value = round(value * 1024) / 1024;
UPDATE summary SET first = round(first * 1024) / 1024, last = round(last * 1024) / 1024, best = round(best * 1024) / 1024,
    min = round(min * 1024) / 1024, max = round(max * 1024) / 1024, auc = round(auc * 1024) / 1024;
UPDATE trial SET state = 'failed', reason = 'killed by signal 9' WHERE id % 11 = 3;
UPDATE trial SET state = 'interrupted' WHERE id % 11 = 5;
DELETE FROM summary WHERE trial_id IN (SELECT id FROM trial WHERE id % 11 = 7);
DELETE FROM metric WHERE trial_id IN (SELECT id FROM trial WHERE id % 11 = 7);
UPDATE trial SET state = 'queued', step = 0 WHERE id % 11 = 7;
"""


def make(tprun, folder):
    """The path of the database."""
    db = os.path.join(folder, "results.db")
    for i, text in enumerate(STUDIES):
        spec = os.path.join(folder, f"{i}.yaml")
        with open(spec, "w", encoding="utf-8") as out:
            out.write(text)
        subprocess.run([tprun, spec, "--db", db, "--quiet", "--jobs", "1"], check=True, stdout=subprocess.DEVNULL)
    with sqlite3.connect(db) as connection:
        connection.executescript(TOUCHES)
    connection.close()
    subprocess.run([tprun, "claims", "--db", db], stdout=subprocess.DEVNULL, check=False)  # 1: a claim is refuted
    return db
