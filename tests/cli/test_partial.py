#!/usr/bin/env python3
"""Metrics that were added to the log of trials when these were under way, or by --relog: what is best of them, selected by them, or their mean from a step
on is not given as that of the trial, and everything that would show it says so. TPRUN_BUILD names the build folder."""
import json
import os
import random
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

TPRUN = os.path.abspath(os.path.join(os.environ.get("TPRUN_BUILD", "."), "tprun"))
HANG = 1000  # seconds: ends what hangs
SPEC = """version: 1
experiment: p
seeds: %d
dataset: {name: files, train: {x: train.csv, label: label}, test: {x: test.csv, label: label}, validation_size: 20}
network: {layers: [dense: {units: 5, activation: tanh}, dense: {units: 3}]}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 10, iterations: %d}
log: {every: 5, metrics: [%s]}
checkpoint: {keep: all}
variants: {bp: {algorithm: bp}%s}
targets: [{metric: test_loss, value: 100}]
claims:
- {id: best, text: t, compare: {better: dfa, than: bp, metric: test_loss, at: best}}
- {id: selected, text: t, value: {variant: bp, metric: test_loss, at: selected}, expect: [0, 9]}
- {id: mean, text: t, value: {variant: bp, metric: test_loss, at: {from: 5}}, expect: [0, 9]}
- {id: late, text: t, value: {variant: bp, metric: test_loss, at: {from: 55}}, expect: [0, 9]}
- {id: layer, text: t, value: {variant: bp, metric: update_norm, layer: 1, at: {from: 5}}, expect: [0, 9]}
- {id: last, text: t, value: {variant: bp, metric: test_loss}, expect: [0, 9]}
"""
FIRST, LATER = "train_loss, batch_loss", "train_loss, batch_loss, test_loss, valid_accuracy, update_norm"
ADDED = "was in the log for a part of the training, so that"


class Partial(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tprun-partial-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.db = os.path.join(self.folder, "r.db")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("TPRUN_", "OPENBLAS_"))}
        self.environment["XDG_CACHE_HOME"] = os.path.join(self.folder, "cache")
        rng = random.Random(1)
        for name in "train.csv", "test.csv":
            self.write(name, "a,b,label\n" + "".join(f"{rng.gauss(0, 1):.3f},{rng.gauss(i % 3, 1):.3f},{i % 3}\n" for i in range(60)))

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def call(self, *args, db=None):
        done = subprocess.run([TPRUN, *args, "--db", db or self.db], capture_output=True, text=True, env=self.environment, timeout=HANG, check=False, cwd=self.folder)
        self.assertEqual(done.returncode, 0, f"tprun {' '.join(args)}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def sql(self, text, db=None):
        connection = sqlite3.connect(db or self.db, timeout=60)
        try:
            return connection.execute(text).fetchall()
        finally:
            connection.close()

    def claims(self, db=None):
        return {i: (verdict, note or "") for i, verdict, note in self.sql("SELECT id, verdict, note FROM claims", db)}

    def test_a_metric_that_was_added_between_runs(self):
        whole = os.path.join(self.folder, "whole.db")
        self.call("run", self.write("p.yaml", SPEC % (3, 60, LATER, ", dfa: {algorithm: dfa}")), "-q", db=whole)
        self.call("run", self.write("p.yaml", (SPEC % (2, 40, FIRST, ""))[:-len(SPEC[SPEC.index("targets:"):])]), "-q")
        self.assertEqual(self.sql("SELECT DISTINCT n, n_partial FROM finals"), [(2, 0)])  # batch_loss has no row at step 0
        table = self.call("run", self.write("p.yaml", SPEC % (3, 60, LATER, ", dfa: {algorithm: dfa}")), "-q")
        self.assertEqual(self.sql("SELECT variant, n, n_partial, best_mean, best_mean_finished FROM finals WHERE metric = 'test_loss' ORDER BY 1")[0],
                         ("bp", 3, 2, None, None))
        for view in "finals", "selected_finals":
            self.assertEqual(self.sql(f"SELECT * FROM {view} WHERE variant = 'dfa'"), self.sql(f"SELECT * FROM {view} WHERE variant = 'dfa'", whole))
        self.assertEqual(self.sql("SELECT last_mean FROM finals ORDER BY variant, metric"), self.sql("SELECT last_mean FROM finals ORDER BY variant, metric", whole))
        self.assertEqual(self.sql("SELECT seed, best_test_loss IS NULL, best_train_loss IS NULL FROM trials WHERE variant = 'bp' ORDER BY 1"),
                         [(1, 1, 0), (2, 1, 0), (3, 0, 0)])
        self.assertEqual(self.sql("SELECT DISTINCT seed FROM selected WHERE variant = 'bp'"), [(3,)])
        self.assertEqual(self.sql("SELECT n, mean, sd_finished FROM selected_finals WHERE variant = 'bp' AND metric = 'test_loss'"), [(1, None, None)])
        self.assertEqual(self.sql("SELECT seed, reached, step FROM targets WHERE variant = 'bp' ORDER BY 1"), [(1, None, None), (2, None, None), (3, 1, 0)])

        self.assertEqual(table.count("3, 2 partial"), 1)
        self.assertIn("(partial: what was in the log for a part of the training has no value that is selected; --force trains them again)", table)
        self.assertIn("| 3 (2 logged it in part) |", self.call("report", "p"))
        shown = {(row["variant"], row["metric"]): row["n_partial"] for row in json.loads(self.call("show", "p", "--format", "json"))["finals"]}
        self.assertEqual({key for key, n in shown.items() if n}, {("bp", "test_loss"), ("bp", "valid_accuracy")})
        for how in (["--at", "best"], ["--at", "selected"], ["--target", "step"], ["--metric", "update_norm", "--layer", "1", "--at", "best"]):
            said = self.call("compare", "p:dfa", "p:bp", *([] if {"update_norm", "--target"} & set(how) else ["--metric", "test_loss"]), *how)
            self.assertIn("in 2 the metric was in the log for a part of the training, so that this value is not known", said, how)
        self.assertNotIn("later", self.call("compare", "p:dfa", "p:bp", "--metric", "test_loss"))

        claims = self.claims()
        for name, what in [("best", f"test_loss {ADDED} its best value is not known"), ("selected", f"what selects the step {ADDED} that step is not known"),
                           ("mean", f"test_loss {ADDED} its mean is not known"), ("layer", f"update_norm {ADDED} its mean is not known")]:
            verdict, note = claims[name]
            self.assertEqual(verdict, "undecided", name)
            self.assertIn(f"in 2 of the 3 seeds of 'bp' {what}", note)
            self.assertNotIn("finite", note)
        values = "SELECT id, measured, n FROM claims WHERE id IN ('late', 'last') ORDER BY 1"
        self.assertEqual(self.sql(values), self.sql(values, whole))
        self.assertNotIn(None, [measured for _, measured, _ in self.sql(values)])
        for _, note in self.claims(whole).values():
            self.assertNotIn("later", note)
        self.assertNotIn("partial", self.call("run", "p.yaml", "-q", "--force"))
        self.assertEqual(self.sql("SELECT sum(n_partial) FROM finals"), [(0,)])

    def test_relogged_rows(self):
        spec = (SPEC % (2, 40, "%s", ", dfa: {algorithm: dfa}"))
        self.call("run", self.write("p.yaml", spec[:spec.index("targets:")] % FIRST), "-q")
        table = self.call("run", self.write("p.yaml", spec[:spec.index("targets:")] % (FIRST + ", test_loss")), "-q", "--relog")
        self.assertEqual(table.count("2, 2 partial"), 2)
        self.assertIn("(partial: what was in the log for a part of the training has no value that is best; --force trains them again)", table)
        self.assertEqual(self.sql("SELECT n_partial, last_mean IS NULL, best_mean FROM finals WHERE metric = 'test_loss'"), [(2, 0, None)] * 2)

    def test_a_metric_that_was_added_when_the_others_left_the_log(self):
        spec = (SPEC % (2, 40, "%s", ""))
        spec = spec[:spec.index("- {id: selected")].replace("{better: dfa, than: bp, metric: test_loss, at: best}", "x").replace("compare: x", "value: {variant: bp, metric: test_loss, "
                                                                                                                         "at: best}, expect: [0, 9]")
        self.call("run", self.write("p.yaml", spec[:spec.index("targets:")] % "train_loss"), "-q", "train.iterations=20")
        table = self.call("run", self.write("p.yaml", spec % "test_loss"), "-q")
        self.assertEqual(table.count("2, 2 partial"), 1)
        self.assertEqual(self.sql("SELECT n_partial, best_mean FROM finals WHERE metric = 'test_loss'"), [(2, None)])
        self.assertEqual(self.sql("SELECT DISTINCT reached, step FROM targets"), [(None, None)])
        self.assertEqual(self.sql("SELECT DISTINCT step, last_train_loss, last_test_loss IS NULL FROM trials"), [(40, None, 0)])  # the last of train_loss was at 20
        self.assertIn(ADDED, self.claims()["best"][1])

    def test_a_metric_that_left_the_log(self):
        """Of what was logged until the middle nothing is best, no mean reaches the end, and that no target was reached is not known."""
        spec = SPEC % (2, 40, "%s", "")
        spec = spec[:spec.index("- {id: best")] + "- {id: best, text: t, value: {variant: bp, metric: test_loss, at: best}, expect: [0, 9]}\n" + \
            spec[spec.index("- {id: mean"):spec.index("- {id: late")] + spec[spec.index("- {id: layer"):]
        self.call("run", self.write("p.yaml", spec % "train_loss, test_loss, update_norm"), "-q", "train.iterations=20")
        self.assertNotIn("part of the training", "".join(note for _, note in self.claims().values()))
        self.call("run", "p.yaml", "-q", "log.metrics=[train_loss]")
        claims = self.claims()
        for name, what in (("best", f"test_loss {ADDED} its best value is not known"), ("mean", f"test_loss {ADDED} its mean is not known"),
                           ("layer", f"update_norm {ADDED} its mean is not known"), ("last", "have no finite value")):
            self.assertEqual(claims[name][0], "undecided")
            self.assertIn(what, claims[name][1], name)
        self.assertEqual(self.sql("SELECT DISTINCT last_test_loss, best_test_loss, last_train_loss IS NULL FROM trials"), [(None, None, 0)])
        self.assertEqual(self.sql("SELECT DISTINCT reached FROM targets"), [(None,)])
        self.assertEqual(self.sql("SELECT count(*) FROM partial p JOIN metric_key k ON k.id = p.key_id WHERE k.name = 'test_loss'"), [(2,)])

    def test_one_offs(self):
        spec = (SPEC % (2, 40, "%s", ""))
        self.call("run", self.write("p.yaml", spec[:spec.index("targets:")] % FIRST), "-q", "train.clip_norm=5")
        table = self.call("run", self.write("p.yaml", spec[:spec.index("targets:")] % LATER), "-q", "train.clip_norm=5", "train.iterations=60")
        self.assertEqual(table.count("2, 2 partial"), 1)

    def test_what_begins_or_ends_in_another_way(self):
        """A log that became finer between runs, epochs that train the feedback weights alone, and trials that end themselves."""
        spec = (SPEC % (2, 40, LATER + ", feedback_epoch_loss", "")).replace("algorithm: bp", "algorithm: {name: dtp, target_stepsize: 0.1, "
                "feedback: {optimizer: {name: sgd, stepsize: 0.01}, pretrain_epochs: 2}}")
        spec = spec.replace("metric: update_norm, layer: 1, at: {from: 5}", "metric: feedback_epoch_loss, layer: 1, at: best")
        self.call("run", self.write("p.yaml", spec[:spec.index("- {id: best")] + spec[spec.index("- {id: layer"):]), "-q")
        self.assertNotIn("partial", self.call("run", "p.yaml", "-q", "log.every=2", "train.iterations=60", "seeds=3"))
        self.assertNotIn("partial", self.call("run", "p.yaml", "-q", "train.stop={metric: valid_accuracy, target: 1, every: 3}"))
        self.assertEqual(self.sql("SELECT sum(n_partial) FROM finals"), [(0,)])
        self.assertNotIn("later", self.claims()["layer"][1])


if __name__ == "__main__":
    unittest.main()
