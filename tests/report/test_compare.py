#!/usr/bin/env python3
"""compare, through the real program, against what Python computes of the same values: TPRUN_BUILD names the build folder."""
import csv
import io
import itertools
import json
import math
import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import tempfile
import time
import unittest

TPRUN = os.path.join(os.environ.get("TPRUN_BUILD", "."), "tprun")
T3 = 3.182446305284263  # 0.975 quantile of Student's t, 3 degrees of freedom

SPEC = """
version: 1
experiment: %(name)s
title: Two methods
seeds: [1, 2, 3, 4]
precision: double
dataset: {name: temporal_order, length: %(length)d, eval_size: 40, test_size: 40}
network: {layers: [rnn: {units: 8, activation: tanh}, dense: {units: 4}], init: {weights: orthogonal, biases: zeros}}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 4, iterations: 40}
log: {every: 10, metrics: [train_loss, test_accuracy, weight_norm]}
variants:
  tp: {algorithm: {name: tp, target_stepsize: 0.01, mapping: {name: inverse, regularization: 1}}}
  bp: {algorithm: bp}
sweep: {grid: {train.optimizer.stepsize: [0.1, 0.05, 0.02]}}
"""


def p_t3(t):
    """Two-sided p of Student's t with 3 degrees of freedom."""
    x = abs(t) / math.sqrt(3)
    return 1 - 2 / math.pi * (x / (1 + x * x) + math.atan(x))


def p_flips(d):
    seen = abs(sum(d)) - 1e-12 * sum(map(abs, d))
    ways = list(itertools.product((-1, 1), repeat=len(d)))
    return sum(abs(sum(s * x for s, x in zip(w, d))) >= seen for w in ways) / len(ways)


def improvement(a, b):
    """That a value of a is the smaller one."""
    return statistics.mean((x < y) + (x == y) / 2 for x in a for y in b)


class Database(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="tprun-compare-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.environment = {k: v for k, v in os.environ.items() if not k.startswith(("TPRUN_", "OPENBLAS_"))}
        cls.db = os.path.join(cls.folder, "results.db")
        cls.environment["TPRUN_DB"] = cls.db

    @classmethod
    def file(cls, name, text):
        path = os.path.join(cls.folder, name + ".yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    @classmethod
    def tprun(cls, *args, status=(0,)):
        done = subprocess.run([TPRUN, *args], capture_output=True, text=True, env=cls.environment, cwd=cls.folder, timeout=1000,
                              check=False)
        if done.returncode not in status:
            raise AssertionError(f"tprun {' '.join(args)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def rows(self, *args):
        return json.loads(self.tprun("compare", *args, "--format=json").stdout)

    def refused(self, *args):
        done = self.tprun("compare", *args, status=(2,))
        self.assertEqual(done.stdout, "")
        return done.stderr

    def sql(self, text, *arguments, db=None):
        connection = sqlite3.connect(db or self.db, uri=True)
        try:
            return connection.execute(text, arguments).fetchall()
        finally:
            connection.close()

    def changed(self, *statements):
        """A copy of the database in which something else has happened."""
        copy = os.path.join(self.folder, "changed.db")
        if os.path.exists(copy):
            os.remove(copy)
        connection = sqlite3.connect(self.db)
        connection.execute("VACUUM INTO ?", (copy,))
        connection.close()
        connection = sqlite3.connect(copy)
        for statement, *arguments in statements:
            connection.execute(statement, arguments)
        connection.commit()
        connection.close()
        return copy


class Compare(Database):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name, length in (("one", 12), ("two", 15), ("three", 18)):
            cls.tprun("run", "-q", cls.file(name, SPEC % {"name": name, "length": length}))

    def last(self, study, variant, cell, column="last"):
        return [r[0] for r in self.sql(f"SELECT {column} FROM summaries WHERE metric = 'train_loss' AND study = ? AND variant = ? AND cell = ? "
                                       "ORDER BY seed", study, variant, cell)]

    def test_a_row_for_each_cell(self):
        rows = self.rows("tp", "bp", "--study", "one", "--metric", "train_loss")
        cells = [r[0] for r in self.sql("SELECT DISTINCT cell FROM trials WHERE study = 'one' ORDER BY trial_id")]
        self.assertEqual([r["cell"] for r in rows], cells)
        self.assertEqual(len(cells), 3)
        ps = []
        for r in rows:
            a, b = (self.last("one", v, r["cell"]) for v in ("tp", "bp"))
            d = [x - y for x, y in zip(a, b)]
            mean, sd = statistics.mean(d), statistics.stdev(d)
            ps.append(p_t3(mean / (sd / 2)))
            self.assertEqual((r["a"], r["b"], r["study"], r["metric"], r["layer"], r["at"]), ("one:tp", "one:bp", "one", "train_loss", None, "last"))
            self.assertEqual((r["n"], r["n_asked"], r["n_diverged"], r["n_failed"], r["n_unfinished"], r["n_without_value"]), (4, 4, 0, 0, 0, 0))
            for name, value in (("mean_a", statistics.mean(a)), ("mean_b", statistics.mean(b)), ("difference", mean), ("difference_finished", mean),
                                ("sd", sd), ("low", mean - T3 * sd / 2), ("high", mean + T3 * sd / 2), ("p", ps[-1]), ("p_permutation", p_flips(d)),
                                ("effect", mean / sd), ("improvement", improvement(a, b))):
                self.assertAlmostEqual(r[name], value, delta=1e-9 * max(1, abs(value)), msg=name)
            self.assertTrue(min(d) <= r["bootstrap_low"] < mean < r["bootstrap_high"] <= max(d))
            self.assertEqual(r["note"] is None, r["seeds_needed"] is not None)
        in_order = sorted(range(3), key=lambda i: ps[i])
        largest = 0
        for place, i in enumerate(in_order):
            largest = max(largest, min(1, ps[i] * (3 - place)))
            self.assertAlmostEqual(rows[i]["p_holm"], largest, delta=1e-9)

    def test_sign(self):
        one, other = (self.rows(*v, "--study", "one", "--metric", "train_loss")[0] for v in (("tp", "bp"), ("bp", "tp")))
        self.assertAlmostEqual(one["difference"], one["mean_a"] - one["mean_b"], delta=1e-12)
        for name in ("difference", "effect"):
            self.assertAlmostEqual(one[name], -other[name], delta=1e-12)
        self.assertAlmostEqual(one["low"], -other["high"], delta=1e-12)
        self.assertAlmostEqual(one["improvement"] + other["improvement"], 1, delta=1e-12)

    def test_the_view_agrees(self):
        found = self.sql("SELECT cell, n, n_asked, difference, sd, low, high FROM comparisons WHERE study = 'one' AND metric = 'train_loss' AND "
                         "variant_a = 'bp' AND variant_b = 'tp'")
        rows = {r["cell"]: r for r in self.rows("bp", "tp", "--study", "one", "--metric", "train_loss")}
        self.assertEqual(len(found), 3)
        for cell, n, n_asked, *numbers in found:
            self.assertEqual((n, n_asked), (4, 4))
            for name, value in zip(("difference", "sd", "low", "high"), numbers):
                self.assertAlmostEqual(rows[cell][name], value, delta=1e-12)

    def test_formats_agree(self):
        rows = self.rows("tp", "bp", "--study", "one", "--metric", "train_loss")
        table = list(csv.DictReader(io.StringIO(self.tprun("compare", "tp", "bp", "--study", "one", "--metric", "train_loss", "--format=csv").stdout)))
        self.assertEqual(len(table), 3)
        for r, c in zip(rows, table):
            self.assertEqual(list(r), list(c))
            for name, value in r.items():
                if value is None:
                    self.assertEqual(c[name], "")
                elif isinstance(value, str):
                    self.assertEqual(c[name], value)
                else:
                    self.assertEqual(float(c[name]), value)
        out = self.tprun("compare", "tp", "bp", "--study", "one", "--metric", "train_loss").stdout
        self.assertTrue(out.startswith("train_loss, last values\nA = one:tp\nB = one:bp\n\n"))
        self.assertIn(f"{rows[0]['difference']:.6g}  ", out)
        self.assertNotIn("n_diverged", out)
        self.assertEqual(len(out.splitlines()), 4 + 1 + 3)

    def test_cell(self):
        rows = self.rows("tp", "bp", "--study", "one", "--metric", "train_loss", "--cell", "stepsize=0.05")
        self.assertEqual([r["cell"] for r in rows], ["train.optimizer.stepsize=0.05"])
        self.assertEqual(rows[0]["p_holm"], rows[0]["p"])
        self.assertIn("no cell with 'stepsize=7'", self.refused("tp", "bp", "--study", "one", "--cell", "stepsize=7"))

    def test_survivors_are_not_a_mean(self):
        cell = "train.optimizer.stepsize=0.1"
        copy = self.changed(("UPDATE trial SET state = 'diverged', diverged_step = 12 WHERE variant = 'tp' AND seed = 1 AND cell = ? AND study_id = 1", cell),
                            ("UPDATE trial SET state = 'failed' WHERE variant = 'bp' AND seed = 2 AND cell = ? AND study_id = 1", cell),
                            ("UPDATE trial SET state = 'interrupted' WHERE variant = 'bp' AND seed IN (1, 3) AND cell = ? AND study_id = 1", cell))
        rows = self.rows("tp", "bp", "--study", "one", "--metric", "train_loss", "--db", copy)
        r = next(r for r in rows if r["cell"] == cell)
        self.assertEqual((r["n"], r["n_asked"], r["n_diverged"], r["n_failed"], r["n_unfinished"]), (1, 4, 1, 1, 1))
        for name in ("mean_a", "mean_b", "difference", "sd", "low", "high", "bootstrap_low", "bootstrap_high", "p", "p_permutation", "p_holm", "effect",
                     "improvement", "seeds_needed"):
            self.assertIsNone(r[name], name)
        a, b = (self.last("one", v, cell) for v in ("tp", "bp"))
        self.assertAlmostEqual(r["difference_finished"], a[3] - b[3], delta=1e-12)
        self.assertEqual(r["note"], "of 4 pairs: 1 diverged, 1 failed, 1 unfinished; survivors are not a mean")
        others = [r for r in rows if r["cell"] != cell]
        self.assertEqual(sorted(min(1, min(r["p"] for r in others) * 2) for r in others)[0], min(r["p_holm"] for r in others))  # of two, not three
        out = self.tprun("compare", "tp", "bp", "--study", "one", "--metric", "train_loss", "--db", copy).stdout
        self.assertIn("survivors are not a mean", out)
        pairs = self.rows("tp", "bp", "--study", "one", "--metric", "train_loss", "--cell", cell, "--pairs", "--db", copy)
        self.assertEqual([(p["state_a"], p["state_b"]) for p in pairs], [("diverged", "unfinished"), ("finished", "failed"), ("finished", "unfinished"),
                                                                         ("finished", "finished")])
        self.assertEqual([p["difference"] is None for p in pairs], [True, True, True, False])

    def test_a_value_that_is_not_finite_is_none(self):
        copy = self.changed(("UPDATE summary SET end_step = 50 WHERE key_id = (SELECT id FROM metric_key WHERE name = 'train_loss') AND trial_id = "
                             "(SELECT trial_id FROM trials WHERE study = 'one' AND variant = 'bp' AND seed = 4 AND cell LIKE '%=0.1')",))
        r = self.rows("tp", "bp", "--study", "one", "--metric", "train_loss", "--db", copy)[0]
        self.assertEqual((r["n"], r["n_asked"], r["n_without_value"], r["difference"]), (3, 4, 1, None))
        self.assertEqual(r["note"], "of 4 pairs: 1 without a value; survivors are not a mean")

    def test_other_bytes_and_numerics_are_in_no_mean(self):
        where = "WHERE variant = 'tp' AND seed = 1 AND study_id = 1"
        for change, name in (("numerics_version = numerics_version + 1", "n_mismatched"), ("""inputs = '{"train": "b"}'""", "n_mismatched"),
                             ("outdated = 1", "n_outdated")):
            copy = self.changed(("""UPDATE trial SET inputs = '{"test": "c", "train": "a"}' WHERE study_id = 1""",), (f"UPDATE trial SET {change} {where}",))
            for r in self.rows("tp", "bp", "--study", "one", "--metric", "train_loss", "--db", copy):
                self.assertEqual((r["n"], r["n_asked"], r[name], r["difference"]), (3, 4, 1, None))
        copy = self.changed(("""UPDATE trial SET inputs = '{"weights": "w"}' WHERE study_id = 1 AND variant = 'tp'""",),
                            ("""UPDATE trial SET inputs = '{"train": "a"}' WHERE study_id = 1 AND variant = 'bp'""",))
        self.assertEqual(self.rows("tp", "bp", "--study", "one", "--metric", "train_loss", "--db", copy)[0]["n"], 4)  # no file in common

    def test_at(self):
        cell = "train.optimizer.stepsize=0.02"
        for at, column in (("last", "last"), ("best", "best")):
            r = self.rows("tp", "bp", "--study", "one", "--metric", "train_loss", "--cell", cell, "--at", at)[0]
            self.assertAlmostEqual(r["mean_a"], statistics.mean(self.last("one", "tp", cell, column)), delta=1e-12)
            self.assertEqual(r["at"], at)
        for step in (0, 20):
            r = self.rows("tp", "bp", "--study", "one", "--metric", "train_loss", "--cell", cell, "--at", str(step))[0]
            values = [x[0] for x in self.sql("SELECT value FROM metrics WHERE study = 'one' AND variant = 'bp' AND cell = ? AND metric = 'train_loss' "
                                             "AND step = ?", cell, step)]
            self.assertAlmostEqual(r["mean_b"], statistics.mean(values), delta=1e-12)
        r = self.rows("tp", "bp", "--study", "one", "--metric", "train_loss", "--cell", cell, "--at", "7")[0]
        self.assertEqual((r["n"], r["n_without_value"]), (0, 4))
        self.assertIn("logged no valid_accuracy", self.refused("tp", "bp", "--study", "one", "--at", "selected"))
        self.assertIn("'lst' is none of last, best, selected, nor a step", self.refused("tp", "bp", "--study", "one", "--at", "lst"))
        copy = self.changed(("UPDATE metric_key SET name = 'valid_accuracy' WHERE name = 'test_accuracy'",))
        r = self.rows("tp", "bp", "--study", "one", "--metric", "train_loss", "--cell", cell, "--at", "selected", "--db", copy)[0]
        values = [x[0] for x in self.sql("SELECT value FROM selected WHERE study = 'one' AND variant = 'tp' AND cell = ? AND metric = 'train_loss'", cell,
                                         db=copy)]
        self.assertEqual(len(values), 4)
        self.assertAlmostEqual(r["mean_a"], statistics.mean(values), delta=1e-12)

    def test_a_step_counts_once_it_is_reached(self):
        copy = self.changed(("UPDATE trial SET state = 'running' WHERE study_id = 1",))
        r = self.rows("tp", "bp", "--study", "one", "--metric", "train_loss", "--at", "20", "--db", copy)[0]
        self.assertEqual((r["n"], r["n_unfinished"]), (4, 0))
        r = self.rows("tp", "bp", "--study", "one", "--metric", "train_loss", "--db", copy)[0]
        self.assertEqual((r["n"], r["n_unfinished"]), (0, 4))

    def test_layers(self):
        rows = self.rows("tp", "bp", "--study", "one", "--metric", "weight_norm", "--cell", "stepsize=0.02")
        self.assertEqual([r["layer"] for r in rows], [0, 1])
        r = self.rows("tp", "bp", "--study", "one", "--metric", "weight_norm", "--cell", "stepsize=0.02", "--layer", "1")[0]
        values = [x[0] for x in self.sql("SELECT l.value FROM layer_metric l JOIN metric_key k ON k.id = l.key_id JOIN trials t USING (trial_id) WHERE "
                                         "t.study = 'one' AND t.variant = 'tp' AND t.cell LIKE '%=0.02' AND k.name = 'weight_norm' AND layer = 1 AND l.step = 40")]
        self.assertEqual(len(values), 4)
        self.assertAlmostEqual(r["mean_a"], statistics.mean(values), delta=1e-12)
        self.assertEqual(r["mean_a"], rows[1]["mean_a"])
        at = self.rows("tp", "bp", "--study", "one", "--metric", "weight_norm", "--cell", "stepsize=0.02", "--layer", "1", "--at", "0")[0]
        self.assertEqual(at["difference"], 0)  # the same initial weights
        self.assertIn("weight_norm of layer 1, last", self.tprun("compare", "tp", "bp", "--study", "one", "--metric", "weight_norm", "--layer", "1").stdout)
        self.assertIn("has no layer 7 (it has: 0, 1)", self.refused("tp", "bp", "--study", "one", "--metric", "weight_norm", "--layer", "7"))
        self.assertIn("it has no layers", self.refused("tp", "bp", "--study", "one", "--metric", "train_loss", "--layer", "1"))

    def test_several_studies(self):
        names = ("one", "two", "three")
        studies = [w for n in names for w in ("--study", n)]
        document = self.rows("tp", "bp", *studies, "--metric", "train_loss", "--cell", "stepsize=0.05")
        self.assertEqual(list(document), ["cells", "aggregates", "profile"])
        self.assertEqual([(r["a"], r["study"]) for r in document["cells"]], [("tp", n) for n in names])
        a, b = ([self.last(n, v, "train.optimizer.stepsize=0.05") for n in names] for v in ("tp", "bp"))
        every_a, every_b = sorted(sum(a, [])), sorted(sum(b, []))
        expected = {("interquartile mean", "A"): statistics.mean(every_a[3:9]), ("interquartile mean", "B"): statistics.mean(every_b[3:9]),
                    ("interquartile mean", "A - B"): statistics.mean(every_a[3:9]) - statistics.mean(every_b[3:9]),
                    ("mean", "A"): statistics.mean(every_a), ("mean", "B"): statistics.mean(every_b),
                    ("mean", "A - B"): statistics.mean(every_a) - statistics.mean(every_b),
                    ("probability of improvement", "A over B"): statistics.mean(improvement(x, y) for x, y in zip(a, b))}
        self.assertEqual([(r["statistic"], r["of"]) for r in document["aggregates"]], list(expected))
        for r in document["aggregates"]:
            self.assertAlmostEqual(r["value"], expected[r["statistic"], r["of"]], delta=1e-9)
            self.assertTrue(r["low"] <= r["value"] <= r["high"], r)
        profile = document["profile"]
        self.assertEqual(len(profile), 21)
        self.assertEqual((profile[0]["bound"], profile[-1]["bound"]), (min(every_a + every_b), max(every_a + every_b)))
        for r in profile:
            for side, every in (("a", every_a), ("b", every_b)):
                self.assertAlmostEqual(r["share_" + side], statistics.mean(x <= r["bound"] for x in every), delta=1e-12)
                self.assertTrue(r["low_" + side] <= r["share_" + side] <= r["high_" + side], r)
        table = self.tprun("compare", "tp", "bp", *studies, "--metric", "train_loss", "--format=csv").stdout
        self.assertEqual(table.splitlines()[0], "section,row,name,value")
        self.assertIn("aggregates,7,statistic,probability of improvement", table)
        for part in ("\ncells\n", "\naggregates\n", "\nprofile\n"):
            self.assertIn(part, self.tprun("compare", "tp", "bp", *studies, "--metric", "train_loss").stdout)

    def test_several_studies_with_a_seed_that_diverged(self):
        copy = self.changed(("UPDATE trial SET state = 'diverged', diverged_step = 12 WHERE variant = 'tp' AND seed = 1 AND study_id = 2",))
        document = self.rows("tp", "bp", "--study", "one", "--study", "two", "--metric", "train_loss", "--cell", "stepsize=0.05", "--db", copy)
        self.assertTrue(all(r["value"] is None for r in document["aggregates"]))
        self.assertEqual(document["profile"][-1]["share_a"], 7 / 8)  # it reaches no bound
        self.assertEqual(document["profile"][-1]["share_b"], 1)
        copy = self.changed(("UPDATE trial SET state = 'queued' WHERE variant = 'tp' AND seed = 1 AND study_id = 2",))
        document = self.rows("tp", "bp", "--study", "one", "--study", "two", "--metric", "train_loss", "--cell", "stepsize=0.05", "--db", copy)
        self.assertEqual(document["profile"], [])  # not known yet
        stop = ("DELETE FROM metric WHERE step = 20 AND trial_id = (SELECT id FROM trial WHERE variant = 'bp' AND seed = 1 AND study_id = 2 AND cell LIKE '%=0.05')",)
        for changes in (("UPDATE trial SET state = 'diverged' WHERE variant = 'tp' AND seed = 1 AND study_id = 2", "UPDATE trial SET state = 'running' WHERE variant = 'bp' "
                         "AND seed = 1 AND study_id = 2"), stop):  # the other side of a seed that diverged; no row of the step
            copy = self.changed(*((c,) for c in changes))
            at = ("--at", "20") if changes == stop else ()
            document = self.rows("tp", "bp", "--study", "one", "--study", "two", "--metric", "train_loss", "--cell", "stepsize=0.05", "--db", copy, *at)
            self.assertEqual(document["profile"], [])

    def test_a_layer_is_not_known_at_the_end(self):
        args = ("tp", "bp", "--study", "one", "--metric", "weight_norm", "--layer", "1", "--cell", "stepsize=0.02")
        copy = self.changed(("DELETE FROM layer_metric WHERE step = 40",))
        r = self.rows(*args, "--at", "last", "--db", copy)[0]
        self.assertEqual((r["n"], r["mean_a"]), (0, None))
        self.assertIn("in 4 the metric was in the log for a part of the training, so that this value is not known", self.tprun("compare", *args, "--at", "best", "--db", copy).stdout)
        self.assertNotIn("part of the training", self.tprun("compare", *args, "--at", "best").stdout)
        self.assertEqual(self.rows(*args, "--at", "30", "--db", copy)[0]["n"], 4)

    def test_messages(self):
        self.assertIn("not STUDY:VARIANT", self.refused("tp", "bp"))
        self.assertIn("has no variant 'tq' (it has: tp, bp)", self.refused("tq", "bp", "--study", "one"))
        self.assertIn("did you mean 'train_loss'", self.refused("tp", "bp", "--study", "one", "--metric", "trin_loss"))
        self.assertIn("one metric", self.refused("tp", "bp", "--study", "one", "--metric", "train_loss", "--metric", "test_accuracy"))
        self.assertIn("'tp' is compared with itself", self.refused("tp", "tp", "--study", "one"))
        self.assertIn("'one:tp' is compared with itself", self.refused("one:tp", "tp", "--study", "one"))
        self.assertIn("given twice", self.refused("tp", "bp", "--study", "one", "--study", "one"))
        self.assertIn("name a variant of them all", self.refused("one:tp", "bp", "--study", "one", "--study", "two"))
        self.assertIn("choose with --layer N", self.refused("tp", "bp", "--study", "one", "--study", "two", "--metric", "weight_norm"))
        copy = self.changed(("UPDATE trial SET seed = seed + 10 WHERE variant = 'bp' AND study_id = 1",))
        self.assertIn("one:tp and one:bp have no cell and seed in common", self.refused("tp", "bp", "--study", "one", "--db", copy))

    def test_across_studies(self):
        done = self.tprun("compare", "one:tp", "two:tp", "--metric", "train_loss", "--format=json")
        rows = json.loads(done.stdout)
        self.assertEqual([(r["a"], r["b"], r["n"]) for r in rows], [("one:tp", "two:tp", 4)] * 3)
        # one cell on each side: paired by seed alone
        copy = self.changed(("DELETE FROM place",), ("UPDATE trial SET generation = 0 WHERE NOT (cell LIKE '%=0.02' AND study_id = 1 OR cell LIKE '%=0.05')",))
        rows = self.rows("one:tp", "two:tp", "--metric", "train_loss", "--db", copy)
        self.assertEqual([r["cell"] for r in rows], ["train.optimizer.stepsize=0.05"])
        done = self.tprun("compare", "one:tp", "two:tp", "--metric", "train_loss", "--db", copy)
        self.assertIn("without a partner of the same cell and seed: 4 trials of A, 0 of B", done.stderr)
        copy = self.changed(("UPDATE trial SET generation = 0 WHERE NOT (cell LIKE '%=0.02' AND study_id = 1 OR cell LIKE '%=0.05' AND study_id = 2)",))
        rows = self.rows("one:tp", "two:tp", "--metric", "train_loss", "--db", copy)
        self.assertEqual([r["cell"] for r in rows], ["train.optimizer.stepsize=0.02 | train.optimizer.stepsize=0.05"])


GOAL = """
version: 1
experiment: goal
seeds: [1, 2, 3, 4]
precision: double
dataset: {name: temporal_order, length: 12, eval_size: 40, test_size: 20}
network: {layers: [rnn: {units: 8, activation: tanh}, dense: {units: 4}], init: {weights: orthogonal, biases: zeros}}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 4, iterations: 60}
log: {every: 10, metrics: [train_loss, test_accuracy]}
checkpoint: {seconds: 0.05}
variants:
  tp: {algorithm: {name: tp, target_stepsize: 0.01, mapping: {name: inverse, regularization: 1}}}
  bp: {algorithm: bp}
targets:
  - {metric: train_loss, value: 1.3}
  - {metric: test_accuracy, value: 20}
"""


class Costs(Database):
    """What a trial has cost at a logged step, and until a target."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.spec = cls.file("goal", GOAL)
        cls.tprun("run", "-q", cls.spec)

    def test_progress(self):
        for (trial,) in self.sql("SELECT trial_id FROM trials WHERE study = 'goal'"):
            rows = self.sql("SELECT step, epoch, samples, cpu_ns, flops FROM progress WHERE trial_id = ? ORDER BY step", trial)
            self.assertEqual([r[:3] for r in rows], [(step, None, 4 * step) for step in range(0, 61, 10)])
            costs = dict((r[0], r[1:]) for r in self.sql("SELECT phase, cpu_ns, flops FROM cost JOIN run ON run.id = run_id WHERE trial_id = ?", trial))
            self.assertEqual(set(costs), {"train", "evaluate", "checkpoint", "log"})
            self.assertTrue(all(x[3] < y[3] for x, y in zip(rows, rows[1:])))
            self.assertTrue(rows[-1][3] <= costs["train"][0])
            for step, _, _, _, flops in rows:
                self.assertAlmostEqual(flops, costs["train"][1] * step / 60, delta=1e-6)
            # an evaluation is a forward pass of every sample: 7 logs of 40 and 20 samples, 12 steps of 8 x (8 + 6) and a head of 4 x 8
            self.assertEqual(costs["evaluate"][1], 7 * 60 * 2 * (12 * 8 * (8 + 6) + 4 * 8))
        rows = self.sql("SELECT m.step, m.samples, m.cpu_s * 1e9, p.cpu_ns FROM metrics m JOIN progress p USING (trial_id, step) WHERE study = 'goal'")
        self.assertEqual(len(rows), 2 * 8 * 7)
        for step, samples, ns, expected in rows:
            self.assertEqual(samples, 4 * step)
            self.assertAlmostEqual(ns, expected, delta=1e-3)

    def test_epochs(self):
        spec = self.file("epochs", GOAL.replace("experiment: goal", "experiment: epochs").replace("targets:", "x-none:").replace(
            "dataset: {name: temporal_order, length: 12, eval_size: 40, test_size: 20}", "dataset: {name: gaussian, train_size: 40, test_size: 20}").replace(
                "[rnn: {units: 8, activation: tanh}, dense: {units: 4}]", "[dense: {units: 8, activation: tanh}, dense: {units: 3}]").replace(
                    "seeds: [1, 2, 3, 4]", "seeds: 1"))
        self.tprun("run", "-q", spec, "--variant", "bp")
        rows = self.sql("SELECT DISTINCT step, epoch FROM metrics WHERE study = 'epochs' ORDER BY step")
        self.assertEqual(rows, [(step, step / 10) for step in range(0, 61, 10)])

    def test_targets(self):
        rows = self.sql("SELECT variant, seed, metric, value, reached, step, samples, cpu_s, flops, trial_id FROM targets")
        self.assertEqual(len(rows), 2 * 8)
        seen = set()
        for variant, seed, metric, value, reached, step, samples, cpu_s, flops, trial in rows:
            values = self.sql("SELECT step, value FROM metrics WHERE trial_id = ? AND metric = ? ORDER BY step", trial, metric)
            first = next((s for s, v in values if (v <= value if metric == "train_loss" else v >= value)), None)
            self.assertEqual((reached, step), (first is not None, first), (variant, seed, metric))
            seen.add(reached)
            if first is None:
                self.assertEqual((samples, cpu_s, flops), (None, None, None))
                continue
            self.assertEqual((samples, round(cpu_s * 1e9), flops), self.sql("SELECT samples, cpu_ns, flops FROM progress WHERE trial_id = ? AND step = ?",
                                                                           trial, first)[0])
        self.assertEqual(seen, {0, 1})

    def test_compare(self):
        for cost in ("step", "samples", "cpu_s", "flops"):
            rows = self.rows("tp", "bp", "--study", "goal", "--target", cost)
            self.assertEqual([(r["metric"], r["target"], r["at"]) for r in rows], [("test_accuracy", 20, cost), ("train_loss", 1.3, cost)])
            for r in rows:
                a, b = ([x[0] for x in self.sql(f"SELECT {cost} FROM targets WHERE variant = ? AND metric = ? ORDER BY seed", v, r["metric"])]
                        for v in ("tp", "bp"))
                pairs = [(x, y) for x, y in zip(a, b) if x is not None and y is not None]
                self.assertEqual((r["n"], r["n_asked"], r["n_unreached"]), (len(pairs), 4, 4 - len(pairs)))
                if len(pairs) == 4:
                    self.assertAlmostEqual(r["difference"], statistics.mean(x - y for x, y in pairs), delta=1e-9 * (1 + abs(r["mean_a"])))
                    self.assertAlmostEqual(r["improvement"], improvement(a, b), delta=1e-12)  # the cheaper one is better
                else:
                    self.assertIsNone(r["difference"])
                    self.assertRegex(r["note"], "^of 4 pairs: .*unreached; survivors are not a mean")
        self.assertIn("flops until test_accuracy (%) reaches 20\n", self.tprun("compare", "tp", "bp", "--study", "goal", "--target", "flops", "--metric",
                                                                               "test_accuracy").stdout)
        self.assertIn("has no targets of test_loss", self.refused("tp", "bp", "--study", "goal", "--target", "step", "--metric", "test_loss"))
        self.assertIn("--at and --layer are of values", self.refused("tp", "bp", "--study", "goal", "--target", "step", "--at", "best"))
        self.assertIn("is none of step, samples, cpu_s, flops", self.refused("tp", "bp", "--study", "goal", "--target", "time"))

    def test_what_was_not_logged_is_not_said_to_be_unreached(self):
        db = os.path.join(self.folder, "logged.db")
        spec = self.file("logged", GOAL.replace("targets:", "targets:\n  - {metric: test_loss, value: 0.1}"))
        self.tprun("run", "-q", spec, "--db", db, "seeds=1")
        self.assertEqual(self.sql("SELECT DISTINCT reached, step FROM targets WHERE metric = 'test_loss'", db=db), [(None, None)])
        self.assertEqual(self.sql("SELECT count(*) FROM targets WHERE metric = 'train_loss' AND state = 'done' AND reached IS NULL", db=db), [(0,)])

    def test_targets_are_no_part_of_a_trial(self):
        db = os.path.join(self.folder, "edited.db")
        shutil.copy(self.db, db)
        spec = self.file("edited", GOAL.replace("value: 20", "value: 30"))
        self.tprun("run", "-q", spec, "--db", db)
        self.assertEqual(self.sql("SELECT count(*) FROM run JOIN trials USING (trial_id) WHERE study = 'goal'", db=db), [(8,)])  # none again
        self.assertEqual(self.sql("SELECT DISTINCT metric, value FROM targets ORDER BY 1", db=db), [("test_accuracy", 30), ("train_loss", 1.3)])
        self.tprun("run", "-q", self.file("edited", GOAL[:GOAL.index("targets:")]), "--db", db)
        self.assertEqual(self.sql("SELECT * FROM targets", db=db), [])

    def progress(self, db):
        return self.sql("SELECT step, cpu_ns, flops FROM progress ORDER BY step", db=db)

    def check_whole(self, db):
        """One account from step 0 on, however many attempts there were."""
        rows = self.progress(db)
        each = rows[1][2] / rows[1][0]
        for step, _, flops in rows:
            self.assertAlmostEqual(flops / (each * max(step, 1)), min(step, 1), delta=1e-9)
        for x, y in zip(rows, rows[1:]):
            self.assertLess(x[1], y[1], (x, y))

    def test_a_raised_budget_goes_on(self):
        db = os.path.join(self.folder, "raised.db")
        one = ["run", "-q", self.spec, "--variant", "tp", "seeds=1", "--db", db, "checkpoint.keep=all"]
        for iterations in (20, 40, 45, 60):
            self.tprun(*one, f"train.iterations={iterations}")
        self.assertEqual([r[0] for r in self.progress(db)], [0, 10, 20, 30, 40, 45, 50, 60])
        self.check_whole(db)
        # the newest checkpoint is damaged: on from the one before, with what was spent until that
        (newest, _), (_, before) = self.sql("SELECT path, step FROM checkpoint ORDER BY id DESC LIMIT 2", db=db)
        path = os.path.join(db + ".checkpoints", newest)
        with open(path, "r+b") as f:
            f.seek(-1, os.SEEK_END)
            last = f.read(1)
            f.seek(-1, os.SEEK_END)
            f.write(bytes([last[0] ^ 1]))
        self.tprun(*one, "train.iterations=80")
        self.assertEqual(self.sql("SELECT from_step FROM run ORDER BY id DESC LIMIT 1", db=db), [(before,)])
        self.check_whole(db)

    def test_interruptions_count_nothing_twice(self):
        db = os.path.join(self.folder, "stopped.db")
        reached = 0
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
            run = subprocess.Popen([TPRUN, "run", "-q", self.spec, "--variant", "bp", "seeds=1", "train.iterations=100000000", "log.every=1000", "--db", db],
                                   env=self.environment, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            try:
                goal = reached + 3000
                while not self.has_reached(db, goal):
                    self.assertIsNone(run.poll(), "the run ended by itself")
                    time.sleep(0.01)
                run.send_signal(number)
            finally:
                if run.poll() is None and number == signal.SIGKILL:
                    run.kill()
                run.communicate(timeout=600)
            reached = self.sql("SELECT max(step) FROM progress", db=db)[0][0]
        self.check_whole(db)
        self.assertEqual(self.sql("SELECT count(*) FROM run WHERE from_step > 0", db=db), [(2,)])

    def has_reached(self, db, step):
        """With a checkpoint; a database that is being made has neither."""
        try:
            return self.sql("SELECT max(step) >= ? AND EXISTS (SELECT 1 FROM checkpoint) FROM progress", step, db=f"file:{db}?mode=ro")[0][0] == 1
        except sqlite3.Error:
            return False


if __name__ == "__main__":
    unittest.main()
