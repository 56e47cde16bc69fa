#!/usr/bin/env python3
"""What a metric row takes from the trial that logs it to the database: one trial that logs five metrics at every step. Microseconds of processor time
for each row, of the worker (phase `log`) and of the runner, and rows a second of both together, which work side by side. bench_log.py TPRUN"""
import os
import statistics
import sys
import tempfile

import account

STEPS, ROUNDS = 40000, 3
METRICS = ["batch_loss", "train_loss", "train_accuracy", "test_loss", "test_accuracy"]
STUDY = f"""version: 1
experiment: log
seeds: 1
dataset: {{name: gaussian, features: 4, classes: 2, train_size: 64, test_size: 4, eval_size: 4}}
network: {{layers: [{{dense: {{units: 4, activation: tanh}}}}, {{dense: {{units: 2}}}}]}}
loss: cross_entropy
train: {{optimizer: {{name: sgd, stepsize: 0.01}}, batch_size: 4, iterations: {STEPS}}}
log: {{every: 1, metrics: [{", ".join(METRICS)}]}}
variants: {{bp: {{algorithm: bp}}}}
"""


def main():
    tprun, rows, worker, runner = os.path.abspath(sys.argv[1]), len(METRICS) * STEPS, [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            spec, db = os.path.join(folder, "log.yaml"), os.path.join(folder, "r.db")
            with open(spec, "w", encoding="ascii") as f:
                f.write(STUDY)
            a = account.run(tprun, spec, db, "-j", "1")
            worker.append(1e6 * a.phases["log"] / rows)
            runner.append(1e6 * a.runner / rows)
    print(f"log_row_worker {statistics.median(worker):.3f} us/row")
    print(f"log_row_runner {statistics.median(runner):.3f} us/row")
    print(f"log_rows {1e6 / statistics.median(w + r for w, r in zip(worker, runner)):.0f} rows/s")


if __name__ == "__main__":
    main()
