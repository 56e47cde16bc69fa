#!/usr/bin/env python3
"""How processor time grows with the length, the width, the minibatch, the depth, the number of trials and that of metric rows, and where that of the
README's example goes. Prints the tables of docs/benchmarks.md: ratios, as the machine may do other work. bench_growth.py TPRUN [EXPERIMENTS]"""
import os
import sys
import tempfile

import account

SEQUENCE = """version: 1
experiment: growth
seeds: 2
dataset: {name: temporal_order, length: 60, eval_size: 1, test_size: 1}
network: {layers: [{rnn: {units: 100, activation: tanh}}, {dense: {units: 4}}], init: {weights: orthogonal}}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 1e-4}, batch_size: 20, iterations: 60}
log: {every: 1000, metrics: [batch_loss]}
variants:
  bp: {algorithm: bp}
  tp: {algorithm: {name: tp, target_stepsize: 0.01, mapping: {regularization: 1}}}
"""
DENSE = """version: 1
experiment: growth
seeds: 2
dataset: {name: gaussian, features: 256, classes: 4, train_size: 2560, test_size: 1, eval_size: 1}
network: {layers: [LAYERS{dense: {units: 4}}]}
loss: cross_entropy
train: {optimizer: {name: adam, stepsize: 1e-4}, batch_size: 128, iterations: 40}
log: {every: 1000, metrics: [batch_loss]}
variants:
  bp: {algorithm: bp}
  dtp: {algorithm: {name: dtp, target_stepsize: 0.1, feedback: {optimizer: {name: adam, stepsize: 1e-4}}}}
"""
SHORT = """version: 1
experiment: growth
seeds: TRIALS
dataset: {name: gaussian, features: 8, classes: 3, train_size: 64, test_size: 32, eval_size: 32}
network: {layers: [{dense: {units: 6, activation: tanh}}, {dense: {units: 3}}]}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.01}, batch_size: 8, iterations: STEPS}
log: {every: EVERY, metrics: [batch_loss, train_loss, train_accuracy, test_loss, test_accuracy]}
variants: {bp: {algorithm: bp}}
"""


class Bench:
    def __init__(self, tprun, folder):
        self.tprun, self.folder, self.n = tprun, folder, 0

    def run(self, text, *arguments):
        self.n += 1
        spec, db = (os.path.join(self.folder, f"{self.n}.{end}") for end in ("yaml", "db"))
        with open(spec, "w", encoding="ascii") as f:
            f.write(text)
        return account.run(self.tprun, spec, db, "-j", "1", *arguments), db

    def step_ms(self, text):
        """Of each variant: processor time of a training step, the least of the seeds."""
        _, db = self.run(text)
        return dict(account.query(db, "SELECT t.variant, min(c.cpu_ns) / 1e6 / t.step FROM cost c JOIN run r ON r.id = c.run_id "
                                  "JOIN trial t ON t.id = r.trial_id WHERE c.phase = 'train' GROUP BY t.variant"))


def table(head, rows):
    print("\n| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(x) for x in row) + " |", flush=True)


def growth(bench, what, values, text_of):
    """A row for each value: milliseconds of a step, and how many times those of the value before."""
    before, rows, names = {}, [], []
    for value in values:
        ms = bench.step_ms(text_of(value))
        names = list(ms)
        rows.append([value, *(f"{ms[v]:.3g}" + (f" ({ms[v] / before[v]:.2f})" if before else "") for v in names)])
        before = ms
    table([what, *(f"{v}, ms" for v in names)], rows)


def steps(bench):
    growth(bench, "T", [30, 60, 120, 240], lambda n: SEQUENCE.replace("length: 60", f"length: {n}"))
    growth(bench, "H", [50, 100, 200, 400], lambda n: SEQUENCE.replace("units: 100", f"units: {n}"))
    growth(bench, "B", [10, 20, 40, 80], lambda n: SEQUENCE.replace("batch_size: 20", f"batch_size: {n}"))
    growth(bench, "hidden layers of 256", [1, 2, 4, 8], lambda n: DENSE.replace("LAYERS", n * "{dense: {units: 256, activation: tanh}}, "))


def shares(bench, spec):
    a = account.run(bench.tprun, spec, os.path.join(bench.folder, "readme.db"), "-j", "1", "seeds=1")
    parts = {**a.phases, "processes": a.processes, "runner": a.runner}
    table(["part", "share of the processor time"], [[name, f"{100 * s / a.total:.2f} %"] for name, s in parts.items()])


def short(trials, steps_each, every):
    return SHORT.replace("TRIALS", str(trials)).replace("STEPS", str(steps_each)).replace("EVERY", str(every))


def trials_and_rows(bench):
    rows = []
    for n in (100, 300, 1000):
        a, _ = bench.run(short(n, 100, 50))
        rows.append([n, *(f"{1000 * x / n:.2f}" for x in (a.total, a.phases["train"] + a.phases["evaluate"], a.processes, a.runner))])
    table(["trials", "a trial, ms", "training and evaluation", "processes", "runner"], rows)
    rows = []
    for steps_each in (2000, 20000, 100000):
        a, db = bench.run(short(1, steps_each, 1))
        n = account.query(db, "SELECT count(*) FROM metric")[0][0]
        rows.append([n, *(f"{1e6 * x / n:.2f}" for x in (a.phases["log"], a.runner)), f"{os.path.getsize(db) / n:.0f}"])
    table(["metric rows", "worker's log, us a row", "runner, us a row", "bytes a row"], rows)


def main():
    tprun = os.path.abspath(sys.argv[1])
    experiments = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(__file__), "..", "..", "experiments")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(tprun, folder)
        shares(bench, os.path.join(experiments, "temporal_order.yaml"))
        steps(bench)
        trials_and_rows(bench)


if __name__ == "__main__":
    main()
