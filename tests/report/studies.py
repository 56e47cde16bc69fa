"""Twelve named studies in one small database, written as the program would write them but without a training: what figures are drawn of."""
import json
import math
import os
import random
import sqlite3

STORE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "store")
UNITS = {"test_accuracy": ("max", "%"), "train_loss": ("min", ""), "weight_norm": (None, ""), "angle_bp": (None, "°")}
SGD, RNN, TARGET = "train.optimizer.stepsize", "network.layers.0.rnn.units", "algorithm.target_stepsize"


def nested(values):
    """Dotted keys as the program stores them: maps in maps."""
    if not isinstance(values, dict):
        return values
    whole = {}
    for key, value in values.items():
        at = whole
        *above, last = key.split(".")
        for name in above:
            at = at.setdefault(name, {})
        at[last] = nested(value)
    return whole


class Studies:
    def __init__(self, path):
        self.db = sqlite3.connect(path)
        for name in ("schema.sql", "views.sql"):
            with open(os.path.join(STORE, name), encoding="utf-8") as f:
                self.db.executescript(f.read())
        self.db.executescript("PRAGMA application_id = 1953526389; PRAGMA user_version = 5")
        for name, (goal, unit) in UNITS.items():
            self.db.execute("INSERT INTO metric_key (name, goal, unit, followed, split) VALUES (?, ?, ?, 1, ?)",
                            (name, goal, unit, name.split("_")[0] if goal else ""))
        self.keys = dict(self.db.execute("SELECT name, id FROM metric_key"))
        self.random = random.Random(13)

    def study(self, name, title="", paper="", locator="", path=None, **spec):
        self.db.execute("INSERT INTO study (name, title, paper, locator, path, spec, spec_sha256, generation, created_ms, updated_ms, n_seeds) "
                        "VALUES (?, ?, ?, ?, ?, ?, ?, 1, 0, 0, 1)",
                        (name, title, paper, locator, path, json.dumps(nested({"experiment": name, **spec})), name))
        return self.db.execute("SELECT max(id) FROM study").fetchone()[0]

    def claim(self, study, name, measure, low, high=None):
        self.db.execute("INSERT INTO claim (study_id, id, position, text, kind, measure, reported, low, high) "
                        "SELECT ?, ?, count(*), ?, 'measure', ?, ?, ?, ? FROM claim WHERE study_id = ?",
                        (study, name, "what is said of " + name, measure, low, low, high, study))

    def trial(self, study, variant, seed, values, swept=None, state="done", layers=None, progress=True):
        """values: {metric: [(step, value)]}, the value NaN where it was not finite."""
        swept = swept or {}
        cell = ", ".join(f"{k}={v:g}" if isinstance(v, (int, float)) else f"{k}={v}" for k, v in swept.items())
        steps = sorted({step for rows in values.values() for step, _ in rows})
        last = steps[-1] if steps else 0
        one = self.db.execute("INSERT INTO config (sha256, text) VALUES (hex(randomblob(8)), 'null')").lastrowid
        at = self.db.execute("INSERT INTO trial (key, study_id, variant, cell, seed, config_id, budget, finished_budget, state, step, diverged_step, "
                             "generation, created_ms, updated_ms) VALUES (hex(randomblob(8)), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 0, 0)",
                             (study, variant, cell, seed, one, max(last, 1), last if state == "done" else 0, state, last,
                              last if state == "diverged" else None)).lastrowid
        for key, value in swept.items():
            number = isinstance(value, (int, float))
            self.db.execute("INSERT INTO param VALUES (?, ?, ?, ?, 1)", (at, key, value if number else None, None if number else value))
        for step in steps if progress else []:
            self.db.execute("INSERT INTO progress VALUES (?, ?, ?, ?, ?, ?)", (at, step, step / 50, 20 * step, int(1e7 * step * (1 + 0.1 * seed)), 1e6 * step))
        for metric, rows in values.items():
            self.rows(at, metric, rows)
        for (metric, layer), rows in (layers or {}).items():
            self.db.executemany("INSERT INTO layer_metric VALUES (?, ?, ?, ?, ?, NULL)", [(at, self.keys[metric], layer, s, v) for s, v in rows])

    def rows(self, at, metric, rows):
        key, finite = self.keys[metric], [(s, v) for s, v in rows if math.isfinite(v)]
        self.db.executemany("INSERT INTO metric VALUES (?, ?, ?, ?, ?)",
                            [(at, key, s, v if math.isfinite(v) else None, None if math.isfinite(v) else 1) for s, v in rows])
        if not rows:
            return
        values = [v for _, v in finite]
        best = None if not values else max(values) if UNITS[metric][0] == "max" else min(values)
        area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(rows, rows[1:]))
        self.db.execute("INSERT INTO summary VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (at, key, len(rows), len(rows) - len(finite), values[0] if values else None, values[-1] if values else None,
                         finite[-1][0] if finite else None, rows[-1][0], best, next((s for s, v in finite if v == best), None),
                         min(values, default=None), max(values, default=None), area if math.isfinite(area) else None))

    def learning(self, rate, n=20, end=1000, start=2.3, floor=0.1, noise=0.03):
        """A loss that falls, an accuracy that rises with it."""
        loss, accuracy = [], []
        for i in range(n + 1):
            step = i * end // n
            mean = floor + (start - floor) * math.exp(-rate * step / end)
            value = mean * math.exp(self.random.gauss(0, noise))
            loss.append((step, value))
            accuracy.append((step, min(100.0, max(0.0, 98 - 38 * mean + self.random.gauss(0, 20 * noise)))))
        return {"train_loss": loss, "test_accuracy": accuracy}


def bowl(stepsize, best=0.1):
    """How fast a stepsize learns: fastest at the best one."""
    return 4 * math.exp(-math.log10(stepsize / best) ** 2)


def lines(s):
    study = s.study("two_lines", "Two algorithms", "Lee et al. 2015", "Fig. 2 | left", path="/home/her/lee/fig2.yaml")
    last = "SELECT value, seed FROM metrics WHERE variant = '%s' AND metric = 'test_accuracy' AND step = 1000"
    s.claim(study, "high", last % "back_propagation", 50)
    s.claim(study, "low", last % "target_propagation", 0, 1)
    s.claim(study, "between", last % "target_propagation", 0, 99)
    s.claim(study, "nothing", last % "nobody", 50)
    s.db.execute("INSERT INTO target (study_id, metric, value, position) VALUES (?, 'test_accuracy', 60, 0)", (study,))
    for variant, rate in (("target_propagation", 3), ("back_propagation", 5)):
        for seed in range(5):
            s.trial(study, variant, seed, s.learning(rate, noise=0.08))
    study = s.study("forty_lines", "Twenty stepsizes of two algorithms")
    for variant in ("dtp", "bp"):
        for i in range(20):
            for seed in range(3):
                stepsize = round(10 ** (-3 + i / 7), 6)
                s.trial(study, variant, seed, s.learning(bowl(stepsize) * (1 if variant == "bp" else 0.5)), {SGD: stepsize})
    study = s.study("diverging", "What diverges, fails and was not a number")
    for seed in range(4):
        s.trial(study, "good", seed, s.learning(3))
        bad = s.learning(-4, n=8, end=400)
        bad["train_loss"][-1] = (400, math.nan)
        s.trial(study, "explodes", seed, bad, state="diverged")
        s.trial(study, "partly", seed, s.learning(2) if seed else bad, state="done" if seed else "diverged")
        s.trial(study, "at_once", seed, {"train_loss": [(0, math.nan)], "test_accuracy": [(0, math.nan)]}, state="diverged")
        s.trial(study, "broken", seed, {}, state="failed")
        s.trial(study, "going_on", seed, s.learning(3, n=9, end=450) if seed < 2 else {}, state="running" if seed < 2 else "queued")
    study = s.study("one_seed", "One seed, and a title that is so long that it has to be told in more than one line of a narrow column of a journal",
                    "Meulemans, Carzaniga, Suykens, Sacramento & Grewe 2020", "Fig. 3, left, and the supplementary table S7")
    for variant, rate in (("ddtp_linear", 3), ("ddtp_rhl_with_a_very_long_name_of_its_own", 2), ("bp", 4)):
        s.trial(study, variant, 1, s.learning(rate, n=60, noise=0.15))
    study = s.study("many_decades", "A loss over seven decades")
    for variant, rate in (("gnt", 16), ("tp", 9), ("bp", 3)):
        for seed in range(4):
            s.trial(study, variant, seed, {"train_loss": s.learning(rate, floor=0, noise=0.5, end=60000)["train_loss"]})
    study = s.study("same_lines", "Two algorithms that are one", path="experiments/same.yaml")
    for seed in range(3):
        same = s.learning(3)
        s.trial(study, "bp", seed, same)
        s.trial(study, "gnt", seed, same)
        s.trial(study, "fa", seed, s.learning(1.5))
    study = s.study("all_zero", "Nothing but zeros", labels={"variants": {"tp": "target propagation"}, "metrics": {"weight_norm": "norm of the weights"}})
    for seed in range(3):
        s.trial(study, "tp", seed, {"weight_norm": [(100 * i, 0.0) for i in range(5)]},
                layers={("angle_bp", layer): [(100 * i, 20 + 15 * layer + seed + i) for i in range(5)] for layer in range(4)})
        s.trial(study, "bp", seed, {"weight_norm": [(100 * i, 0.0) for i in range(5)]},
                layers={("angle_bp", layer): [(100 * i, 1.5 * layer + seed) for i in range(5)] for layer in range(4)})


def maps(s):
    study = s.study("two_keys", "Stepsize and regularization", "Roulet & Harchaoui 2022", "Fig. 6a")
    for stepsize in (0.000125, 0.00125, 0.0125, 0.125, 1.25, 12.5):
        for regularization in (1e-4, 1e-3, 0.01, 0.1, 1, 10, 100):
            for seed in range(3):
                state = "diverged" if stepsize > 1.5 and (regularization < 1 or seed == 0) else "done"
                if regularization == 100 and stepsize < 0.001:
                    s.trial(study, "base", seed, {}, {SGD: stepsize, "algorithm.mapping.regularization": regularization}, state="queued")
                    continue
                s.trial(study, "base", seed, s.learning(bowl(stepsize) / (1 + abs(math.log10(regularization)))),
                        {SGD: stepsize, "algorithm.mapping.regularization": regularization}, state=state)
    study = s.study("three_keys", "Three swept keys")
    for stepsize in (0.001, 0.01, 0.1, 1):
        for units in (8, 16, 32, 64):
            for target in (0.01, 0.1, 1):
                for seed in range(2):
                    s.trial(study, "base", seed, s.learning(bowl(stepsize) * units / 64 * (2 - abs(math.log10(target) + 1))),
                            {SGD: stepsize, RNN: units, TARGET: target})
    study = s.study("random_search", "Sixty random draws", sweep={"random": {"samples": 60, "parameters": {
        SGD: {"loguniform": [1e-5, 1]}, "train.optimizer.momentum": {"uniform": [0, 0.99]}, RNN: {"choice": [8, 16, 32]},
        "network.layers.0.rnn.activation": {"choice": ["tanh", "relu"]}}}})
    for _ in range(60):
        stepsize, momentum = 10 ** s.random.uniform(-5, 0), s.random.uniform(0, 0.99)
        units, activation = s.random.choice([8, 16, 32]), s.random.choice(["tanh", "relu"])
        s.trial(study, "base", 1, s.learning(bowl(stepsize) * (1 - momentum / 2) * units / 32, n=5),
                {SGD: stepsize, "train.optimizer.momentum": momentum, RNN: units, "network.layers.0.rnn.activation": activation},
                state="diverged" if stepsize > 0.3 else "done")
    study = s.study("who_wins", "Which is better where", "Roulet & Harchaoui 2022", "Fig. 6b")
    for variant in ("tp", "bp"):
        for length in (10, 20, 40, 80):
            for units in (16, 32, 64, 128):
                for stepsize in (0.01, 0.1):
                    swept = {"dataset.length": length, RNN: units, SGD if variant == "bp" else TARGET: stepsize}
                    s.trial(study, variant, 1, s.learning(bowl(stepsize) * (20 / length if variant == "bp" else units / 64)), swept)
    study = s.study("cells", "Variants and cells")
    asked = s.study("asked", "Variants and cells", labels={"variants": {"dtp": "DTP"}, "keys": {SGD: "stepsize η"}},
                    figures=[{"x": "stepsize", "band": "minmax"}, {"metric": "train_loss", "x": "seconds", "smooth": 0.5, "log": 1, "log_x": 1},
                             {"metric": "train_loss", "cell": "stepsize=0.1"}])
    for variant, factor in (("dtp", 1), ("bp", 1.5), ("fa", 0.6)):
        for stepsize in (0.01, 0.1, 1):
            for seed in range(4):
                values = s.learning(factor * bowl(stepsize))
                for one in (study, asked):
                    s.trial(one, variant, seed, values, {SGD: stepsize})


def make(path):
    s = Studies(path)
    lines(s)
    maps(s)
    s.db.commit()
    s.db.close()


if __name__ == "__main__":
    import sys
    make(sys.argv[1])
