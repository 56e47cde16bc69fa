#!/usr/bin/env python3
"""Trials of one cell that are done after different numbers of steps: whoever shows their mean tells how many are shorter. TPRUN_BUILD names
the build folder."""
import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

TPRUN = os.path.abspath(os.path.join(os.environ.get("TPRUN_BUILD", "."), "tprun"))
HANG = 1000  # seconds: ends what hangs
SPEC = """version: 1
experiment: b
seeds: 2
dataset: {name: gaussian, train_size: 200, eval_size: 200, test_size: 200}
network: {layers: [dense: {units: 10, activation: tanh}, dense: {units: 3}]}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 20, iterations: 40}
log: {every: 10, metrics: [train_loss, test_loss, test_accuracy]}
variants: {bp: {algorithm: bp}, dfa: {algorithm: dfa}}
claims: [{id: c, text: t, value: {variant: bp, metric: test_loss}, reported: 0.3, tolerance: 0.5}]
"""
TUNED = """version: 1
experiment: t
dataset: {name: student_teacher, units: 10, train_size: 40, validation_size: 40, test_size: 40, data_seed: 1}
network: {layers: [dense: {units: 4, activation: tanh}, dense: {units: 2}]}
loss: squared_error
train: {optimizer: {name: sgd, stepsize: 0.01}, batch_size: 10, iterations: %d}
log: {every: 10, metrics: [train_loss, valid_loss, test_loss]}
sweep: {grid: {train.optimizer.stepsize: [%s]}}
tune: {metric: valid_loss, retrain: {seeds: [11, 12]}}
variants: {bp: {algorithm: bp}}
"""
STOPPED = """version: 1
experiment: s
seeds: 3
dataset: {name: student_teacher, units: 10, train_size: 40, validation_size: 40, test_size: 40, data_seed: 1}
network: {layers: [dense: {units: 4, activation: tanh}, dense: {units: 2}]}
loss: squared_error
train: {optimizer: {name: sgd, stepsize: 0.01}, batch_size: 10, iterations: 2000, stop: {metric: valid_loss, patience: 1, every: 3}}
log: {every: 3, metrics: [valid_loss, test_loss]}
variants: {bp: {algorithm: bp}}
"""


class Lengths(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tprun-lengths-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("TPRUN_", "OPENBLAS_"))}
        self.environment["XDG_CACHE_HOME"] = os.path.join(self.folder, "cache")
        self.db = os.path.join(self.folder, "r.db")

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def call(self, *args):
        done = subprocess.run([TPRUN, *args, "--db", self.db], capture_output=True, text=True, env=self.environment, timeout=HANG, check=False,
                              cwd=self.folder)
        self.assertEqual(done.returncode, 0, f"tprun {' '.join(args)}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def interrupt_without_checkpoints(self, change):
        """As if the trials had been stopped on their way to a larger budget, and their checkpoints were lost."""
        connection = sqlite3.connect(self.db)
        with connection:
            connection.execute(f"UPDATE trial SET state = 'interrupted', {change}")
        connection.close()
        shutil.rmtree(self.db + ".checkpoints", ignore_errors=True)

    def sql(self, text):
        connection = sqlite3.connect(self.db, timeout=60)
        try:
            return connection.execute(text).fetchall()
        finally:
            connection.close()

    def test_a_trial_that_starts_anew_below_a_lowered_budget_is_as_one_that_never_went_further(self):
        spec = self.write("b.yaml", SPEC)
        self.call("run", spec, "-q", "train.iterations=70", "log.metrics=[test_loss]")
        straight = self.call("digest").split()[0]
        self.interrupt_without_checkpoints("finished_budget = 0 WHERE seed = 1")
        self.call("run", spec, "-q", "log.metrics=[test_loss]")
        self.assertEqual(self.sql("SELECT seed, max(trial.step), max(m.step) FROM trial JOIN metric m ON m.trial_id = trial.id GROUP BY 1"),
                         [(1, 40, 40), (2, 70, 70)])
        self.assertEqual(self.sql("SELECT DISTINCT n, n_nonfinite, n_shorter FROM finals WHERE metric = 'test_loss'"), [(2, 0, 1)])
        self.call("run", spec, "-q", "train.iterations=70", "log.metrics=[test_loss]")
        self.assertEqual(self.call("digest").split()[0], straight)

    def test_a_trial_that_is_trained_anew_has_finished_what_it_was_asked_for_then(self):
        spec = self.write("b.yaml", SPEC)
        ends = "SELECT DISTINCT state, step, budget, finished_budget FROM trial"
        self.call("run", spec, "-q")
        self.call("run", spec, "-q", "--force", "train.iterations=20")
        self.assertEqual(self.sql(ends), [("done", 20, 20, 20)])
        self.call("run", spec, "-q")
        self.assertEqual(self.sql(ends), [("done", 40, 40, 40)])
        self.call("run", spec, "-q", "train.iterations=30")  # less than is finished
        self.assertEqual(self.sql(ends), [("done", 40, 40, 40)])

    def test_a_worker_ends_at_the_budget_of_the_database(self):
        """Raised and interrupted, then lowered below what was finished before, without checkpoints: that is trained again."""
        spec = self.write("b.yaml", SPEC)
        self.call("run", spec, "-q")
        straight = self.call("digest").split()[0]
        self.interrupt_without_checkpoints("budget = 100")
        self.call("run", spec, "-q", "train.iterations=20")
        self.assertEqual(self.sql("SELECT DISTINCT state, step, budget, finished_budget FROM trial"), [("done", 40, 40, 40)])
        self.call("run", spec, "-q")  # the configuration that is stored has the budget of the file again
        self.assertEqual(self.call("digest").split()[0], straight)

    def test_a_larger_budget_leaves_no_configuration_of_tuned_trials_behind(self):
        for iterations in (20, 40):
            self.call("run", self.write("t.yaml", TUNED % (iterations, "0.01, 0.1")), "-q")
        self.assertEqual(self.sql("SELECT count(*) FROM config WHERE id NOT IN (SELECT config_id FROM trial)"), [(0,)])
        raised = self.call("digest").split()[0]
        os.unlink(self.db)
        self.call("run", "t.yaml", "-q")
        self.assertEqual(self.call("digest").split()[0], raised)

    def test_every_table_tells_of_shorter_trials(self):
        spec = self.write("b.yaml", SPEC)
        whole = self.call("run", spec, "-q")
        shown, report, compared = self.call("show", "b"), self.call("report", "b"), self.call("compare", "b:bp", "b:dfa")
        for text in whole, shown.replace("shorter", "", 2), report, compared:  # names of columns
            self.assertNotIn("shorter", text)
            self.assertNotIn("fewer steps", text)
        self.assertEqual(self.sql("SELECT DISTINCT n, n_shorter FROM finals"), [(2, 0)])
        mixed = self.call("run", spec, "-q", "train.iterations=5", "seeds=4")
        self.assertEqual(mixed.count("4, 2 shorter"), 4)
        self.assertIn("(shorter: done after fewer steps than the longest trial of the cell", mixed)
        self.assertEqual(self.sql("SELECT DISTINCT n, n_asked, n_unfinished, n_shorter FROM finals"), [(4, 4, 0, 2)])
        self.assertEqual(self.sql("SELECT seed, length FROM outcomes WHERE variant = 'bp' ORDER BY 1"), [(1, 40), (2, 40), (3, 5), (4, 5)])
        shown = json.loads(self.call("show", "b", "--format", "json"))
        self.assertEqual([row["shorter"] for row in shown["variants"]], [2, 2])
        self.assertEqual({row["n_shorter"] for row in shown["finals"]}, {2})
        self.assertEqual(self.call("report", "b").count("| 4 (2 of fewer steps) |"), 6)
        self.assertIn("2 of fewer steps than others of their cell", self.call("compare", "b:bp", "b:dfa"))
        self.assertNotIn("of fewer steps", self.call("compare", "b:bp", "b:dfa", "--at", "0"))
        self.call("plot", "b", "-o", "b.svg")
        with open(os.path.join(self.folder, "b.svg"), encoding="utf-8") as svg:
            self.assertIn("2 of fewer steps", svg.read())
        self.assertEqual(self.sql("SELECT verdict, note FROM claims"), [("undecided", "run too short: 2 of 4 trials of 'bp' have 5 steps, and 40 with profile none")])
        self.assertNotIn("shorter", self.call("run", spec, "-q", "seeds=4"))  # trained on
        self.assertEqual(self.sql("SELECT DISTINCT n, n_shorter FROM finals"), [(4, 0)])

    def test_pairs_of_different_lengths(self):
        spec = self.write("b.yaml", SPEC)
        self.call("run", spec, "-q", "--variant", "bp")
        self.call("run", spec, "-q", "--variant", "dfa", "train.iterations=5")
        self.assertIn("in 2 A and B have different numbers of steps", self.call("compare", "b:bp", "b:dfa"))
        self.assertNotIn("numbers of steps", self.call("compare", "b:bp", "b:dfa", "--at", "0"))
        self.call("run", spec, "-q")
        self.assertNotIn("numbers of steps", self.call("compare", "b:bp", "b:dfa"))

    def test_a_run_that_has_nothing_for_its_table_says_so(self):
        spec = self.write("w.yaml", SPEC[:SPEC.index("claims:")].replace("[train_loss, test_loss, test_accuracy]", "[weight_norm]"))
        self.assertIn("no table: nothing of the test set and no train_loss was logged; what was is in tprun show b)", self.call("run", spec, "-q"))
        self.db = os.path.join(self.folder, "other.db")
        self.assertNotIn("no table", self.call("run", self.write("b.yaml", SPEC), "-q"))

    def test_one_offs(self):
        spec = self.write("b.yaml", SPEC)
        self.assertNotIn("shorter", self.call("run", spec, "-q", "train.clip_norm=5"))
        mixed = self.call("run", spec, "-q", "train.clip_norm=5", "train.iterations=5", "seeds=4")
        self.assertEqual(mixed.count("4, 2 shorter"), 4)
        rows = csv.DictReader(io.StringIO(self.call("run", spec, "-q", "train.clip_norm=5", "seeds=4", "train.iterations=5", "--format", "csv")))
        self.assertEqual({row["n_shorter"] for row in rows}, {"2"})

    def test_a_trial_that_is_done_beyond_its_budget(self):
        self.call("run", self.write("b.yaml", SPEC), "-q", "seeds=[1]")
        self.call("run", self.write("b.yaml", SPEC), "-q", "train.iterations=20")
        # as one that was interrupted behind the budget that it was given then
        connection = sqlite3.connect(self.db)
        connection.execute("UPDATE trial SET budget = 20, finished_budget = 20")
        connection.commit()
        connection.close()
        self.assertEqual(self.sql("SELECT seed, step, length FROM outcomes WHERE variant = 'bp' ORDER BY 1"), [(1, 40, 40), (2, 20, 20)])
        self.assertEqual(self.sql("SELECT DISTINCT n, n_shorter FROM finals"), [(2, 1)])

    def test_a_choice_between_cells_of_different_lengths(self):
        self.assertNotIn("fewer steps", self.call("run", self.write("t.yaml", TUNED % (40, "0.001, 0.01")), "-q"))
        self.assertIn("bp: 1 of 3 cells have trials of fewer steps than the longest of the sweep: they are compared as equals",
                      self.call("run", self.write("t.yaml", TUNED % (20, "0.001, 0.01, 0.003")), "-q"))
        self.assertEqual(self.sql("SELECT cell, shortest, longest FROM candidates ORDER BY 1"),
                         [("train.optimizer.stepsize=0.001", 40, 40), ("train.optimizer.stepsize=0.003", 20, 20), ("train.optimizer.stepsize=0.01", 40, 40)])

    def test_trials_that_ended_themselves_are_no_shorter(self):
        spec = self.write("s.yaml", STOPPED)
        said = self.call("run", spec, "-q")
        steps = {step for (step,) in self.sql("SELECT step FROM trials")}
        self.assertGreater(len(steps), 1)
        self.assertLess(max(steps), 2000)
        self.assertNotIn("shorter", said)
        self.assertEqual(self.sql("SELECT DISTINCT n, n_shorter FROM finals"), [(3, 0)])


if __name__ == "__main__":
    unittest.main()
