#!/usr/bin/env python3
"""A sweep, the choice by validation, and training again with fresh seeds, as a user meets them. TPRUN_BUILD names the build folder."""
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest

TPRUN = os.path.abspath(os.path.join(os.environ.get("TPRUN_BUILD", "."), "tprun"))
HANG = 1000  # seconds: ends what hangs

HEAD = """version: 1
experiment: t
seeds: 2
dataset: {name: student_teacher, units: 10, train_size: 40, validation_size: 40, test_size: 40, data_seed: 1}
network: {layers: [dense: {units: 4, activation: tanh}, dense: {units: 2}]}
loss: squared_error
train: {optimizer: {name: sgd, stepsize: 0.01}, batch_size: 10, iterations: 30}
log: {every: 10, metrics: [train_loss, valid_loss, test_loss]}
"""
VARIANTS = """variants:
  bp: {algorithm: bp}
  fa: {algorithm: fa}
"""
SWEEP = "sweep: {grid: {train.optimizer.stepsize: [%s]}}\n"
TUNE = "tune: {metric: valid_loss, retrain: {seeds: [11, 12]}}\n"


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tprun-tuned-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("TPRUN_", "OPENBLAS_"))}
        self.environment["XDG_CACHE_HOME"] = os.path.join(self.folder, "cache")
        self.db = os.path.join(self.folder, "r.db")
        self.spec = self.write("t.yaml", HEAD + VARIANTS + SWEEP % "0.001, 0.01, 0.1" + TUNE)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def call(self, *args, status=0):
        done = subprocess.run([TPRUN, *args], capture_output=True, text=True, env=self.environment, timeout=HANG, check=False, cwd=self.folder)
        self.assertEqual(done.returncode, status, f"tprun {' '.join(args)}\n{done.stdout}\n{done.stderr}")
        return done

    def run_file(self, *args, status=0, db=None):
        return self.call("run", self.spec, "--db", db or self.db, *args, status=status)

    def sql(self, text, db=None):
        connection = sqlite3.connect(db or self.db, timeout=60)
        try:
            return connection.execute(text).fetchall()
        finally:
            connection.close()

    def tuned(self):
        """variant: (chosen, n, n_asked)"""
        return {v: rest for v, *rest in self.sql("SELECT variant, chosen, n, n_asked FROM tuned")}

    def best(self, goal="ASC"):
        """variant: the cell that is best by validation, from the rows themselves"""
        rows = self.sql("SELECT variant, cell, avg(value) AS mean FROM metrics WHERE metric = 'valid_loss' AND step = (SELECT max(step) FROM metrics) AND cell <> 'tuned' "
                        f"GROUP BY variant, cell ORDER BY mean {goal}")
        found = {}
        for variant, cell, _ in rows:
            found.setdefault(variant, cell)
        return found


class Choice(Case):
    def test_one_run_does_it_all(self):
        plan = self.call("plan", self.spec, "--db", self.db)
        self.assertEqual(plan.stdout.count("tuned: 2 more trials with fresh seeds, 0 finished, of what valid_loss chooses"), 2)
        done = self.run_file()
        self.assertIn("16 trials: 16 done", done.stderr)  # 2 variants x (3 cells x 2 seeds + 2 fresh seeds)
        best = self.best()
        self.assertEqual(self.tuned(), {v: [best[v], 2, 2] for v in ("bp", "fa")})
        for variant, mean in self.sql("SELECT variant, test_loss FROM tuned"):
            values = [x for x, in self.sql("SELECT value FROM metrics WHERE metric = 'test_loss' AND step = 30 AND seed IN (11, 12) "
                                           f"AND variant = '{variant}'")]
            self.assertEqual(len(values), 2)
            self.assertAlmostEqual(mean, sum(values) / 2)
        self.assertIn("chosen by the smallest mean valid_loss of the sweep, trained again with fresh seeds:", done.stdout)
        self.assertIn("lies on the border of its grid", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^variant +valid_loss +test_loss +seeds ")
        report = self.call("report", "t", "--db", self.db).stdout
        self.assertIn("Chosen by the smallest valid", report)
        self.assertIn("lies on the border of its grid: a better value may lie beyond.", report)
        self.assertEqual(self.sql("SELECT n_cells, n_trials, steps FROM tuning_costs"), [(3, 6, 180), (3, 6, 180)])
        self.assertIn("tuned: 2 more trials with fresh seeds, 2 finished", self.call("plan", self.spec, "--db", self.db).stdout)
        self.assertIn("16 trials: 0 done, 16 were finished before", self.run_file().stderr)
        self.assertEqual(self.call("diff", self.spec, "t", "--db", self.db).stdout, "")
        # Cells of the sweep alone: chosen values are not swept ones.
        self.assertEqual(self.sql("SELECT DISTINCT swept FROM params WHERE cell = 'tuned' AND param = 'train.optimizer.stepsize'"), [(0,)])

    def test_the_column_is_called_what_it_is(self):
        head = re.sub("dataset: .*\n.*", "dataset: {name: temporal_order, length: 10, eval_size: 40, test_size: 40}\n"  # without end: train_loss may choose
                      "network: {layers: [rnn: {units: 4, activation: tanh}, dense: {units: 4}]}", HEAD)
        head = head.replace("squared_error", "cross_entropy").replace("valid_loss, ", "")
        self.write("t.yaml", head + "algorithm: bp\n" + SWEEP % "0.001, 0.01" + TUNE.replace("valid_loss", "train_loss"))
        self.assertRegex(self.run_file().stdout, r"(?m)^variant +train_loss +test_loss +seeds ")
        self.assertIn("| variant | chosen | train_loss | test accuracy (%) |", self.call("report", "t", "--db", self.db).stdout)

    def test_one_offs_are_told_that_they_are_not_chosen_from(self):
        said = self.run_file("train.clip_norm=5").stderr
        self.assertIn("note: t: 'train.clip_norm=5' makes trials beside those of the file: they are in all_trials, and not in the study's other tables; "
                      "`tune` chooses none of them, and trains no fresh seeds here\n", said)
        self.assertEqual(self.sql("SELECT count(*), sum(cell = 'tuned') FROM all_trials"), [(12, 0)])
        said = self.run_file("title=other", "claims=null").stderr
        self.assertIn("note: t: 'title=other' changes no trial, and nothing that is kept of the study: trials that the file has not had yet are in "
                      "all_trials alone until it is run without; `tune` chooses none of them", said)
        self.assertIn("'train.clip_norm=5' makes", self.run_file("title=other", "train.clip_norm=5").stderr)
        self.assertNotIn("`tune`", self.run_file("title=other", "tune=null").stderr)
        self.run_file()
        self.assertEqual(self.sql("SELECT sum(cell = 'tuned') FROM trials"), [(4,)])
        for assignment in "tune.goal=max", "tune.metric=train_loss", "tune={metric: valid_loss, retrain: {seeds: [11]}}":
            self.assertIn("'tune' cannot be set on the command line, where it would choose nothing: change the file, or leave it out with tune=null",
                          self.run_file(assignment, status=2).stderr)

    def test_the_first_cell_may_be_left_out(self):
        self.write("t.yaml", HEAD + VARIANTS + "sweep: {grid: {train.optimizer.stepsize: [0.001, 0.01]}, "
                   "exclude: [{variant: fa, train.optimizer.stepsize: 0.001}]}\n" + TUNE)
        self.assertIn("fa: 2 trials", self.call("plan", self.spec, "--db", self.db).stdout)
        self.run_file()
        self.assertEqual(self.tuned()["fa"], ["train.optimizer.stepsize=0.01", 2, 2])

    def test_identity_is_the_configuration(self):
        self.run_file()
        stepsize = self.best()["bp"].split("=")[1]
        keys = {k for k, in self.sql("SELECT key FROM trials WHERE cell = 'tuned' AND variant = 'bp'")}
        plain = HEAD.replace("seeds: 2", "seeds: [11, 12]").replace("stepsize: 0.01", "stepsize: " + stepsize)
        self.call("run", self.write("plain.yaml", plain + VARIANTS), "--db", os.path.join(self.folder, "plain.db"), "--variant", "bp")
        self.assertEqual({k for k, in self.sql("SELECT key FROM trials WHERE variant = 'bp'", os.path.join(self.folder, "plain.db"))}, keys)

    def test_what_diverges_everywhere_has_no_choice(self):
        self.write("t.yaml", HEAD + VARIANTS.replace("bp: {", "bp: {train: {stop: {loss_above_initial: 1e-9, every: 1}}, ") + SWEEP % "0.001, 0.01" + TUNE)
        done = self.run_file(status=0)
        self.assertEqual(self.tuned()["bp"], [None, 0, 2])
        self.assertRegex(done.stdout, r"(?m)^bp .* nothing$")
        self.assertRegex(self.call("report", "t", "--db", self.db).stdout, r"(?m)^\| `bp` \| nothing \|")
        self.assertNotIn("are left", self.call("ls", "--db", self.db).stderr, "no run can train what cannot be chosen")

    def test_a_part_of_the_sweep_chooses_nothing(self):
        done = self.run_file("--variant", "bp")
        self.assertIn("8 trials: 8 done", done.stderr)
        self.assertEqual(self.tuned(), {"bp": [self.best()["bp"], 2, 2], "fa": [None, 0, 2]})
        self.assertIn("fa: 6 of 6 trials of the sweep are not finished", done.stdout)
        self.assertIn("nothing yet", done.stdout)
        self.run_file("seeds=1", "--variant", "fa")
        self.assertEqual(self.tuned()["fa"], [None, 0, 2])
        self.assertIn("3 of 6 trials", self.sql("SELECT note FROM tuned WHERE variant = 'fa'")[0][0])
        self.run_file()
        self.assertEqual(self.tuned()["fa"], [self.best()["fa"], 2, 2])

    def test_fresh_seeds_of_another_choice_are_not_counted(self):
        """A shard trains the sweep alone, so the fresh seeds may be those of what was chosen before, or of fewer steps."""
        note = "trials with fresh seeds are of another choice or have fewer steps: they are not counted"
        self.run_file("train.iterations=10")
        self.call("work", self.spec, "--shard", "0/1", "--db", self.db, "-q")
        rows = "SELECT chosen IS NOT NULL, n, test_loss IS NULL, note LIKE ? FROM tuned".replace("?", f"'%{note}%'")
        self.assertEqual(self.sql(rows), [(1, 0, 1, 1)] * 2)
        self.assertIn("4 of 4 trials with the fresh seeds of `tune` are left", self.call("ls", "--db", self.db).stderr)
        self.run_file()
        self.assertEqual(self.sql(rows), [(1, 2, 0, None)] * 2)
        with sqlite3.connect(self.db) as connection:
            connection.execute("UPDATE param SET num = 7 WHERE key = 'train.optimizer.stepsize' AND trial_id = (SELECT min(id) FROM trial WHERE cell = 'tuned')")
        connection.close()
        self.assertEqual(sorted(self.sql(rows)), [(1, 1, 1, 1), (1, 2, 0, None)])

    def test_seeds_of_the_sweep_are_not_fresh(self):
        refused = self.run_file("seeds=[1, 12]", status=2)
        self.assertIn("tune.retrain.seeds: the sweep has seed 12, and what is chosen with it is measured with fresh seeds", refused.stderr)
        self.assertRegex(refused.stderr, r"t\.yaml:13:\d+: error")
        self.assertFalse(os.path.exists(self.db))

    def test_an_extended_sweep_chooses_again(self):
        self.spec = self.write("t.yaml", HEAD + VARIANTS + SWEEP % "0.001, 0.002" + TUNE)
        self.run_file()
        before = self.tuned()
        old = {k for k, in self.sql("SELECT key FROM trials WHERE cell = 'tuned'")}
        self.spec = self.write("t.yaml", HEAD + VARIANTS + SWEEP % "0.001, 0.002, 0.02" + TUNE)
        self.run_file()
        best = self.best()
        self.assertEqual(self.tuned(), {v: [best[v], 2, 2] for v in ("bp", "fa")})
        self.assertNotEqual(self.tuned(), before)
        new = {k for k, in self.sql("SELECT key FROM trials WHERE cell = 'tuned'")}
        self.assertEqual(len(new), 4)
        self.assertTrue(old <= {k for k, in self.sql("SELECT key FROM all_trials WHERE cell = 'tuned'")})
        # More seeds make another mean. Nothing of an older choice is left in the views.
        self.run_file("seeds=[3]")
        self.run_file("seeds=3")
        best = self.best()
        self.assertEqual(self.tuned(), {v: [best[v], 2, 2] for v in ("bp", "fa")})
        self.assertEqual(self.sql("SELECT DISTINCT n_asked FROM candidates"), [(3,)])
        self.assertEqual(self.sql("SELECT count(*) FROM trials WHERE cell = 'tuned'"), [(4,)])
        # The same sweep without a choice: the trials with fresh seeds are kept, and not of the study.
        self.spec = self.write("t.yaml", HEAD + VARIANTS + SWEEP % "0.001, 0.002, 0.02")
        self.run_file()
        self.assertEqual(self.sql("SELECT count(*) FROM trials WHERE cell = 'tuned'"), [(0,)])
        self.assertEqual(self.tuned(), {})

    def test_force_trains_all_again(self):
        self.run_file()
        digest = self.call("digest", self.db).stdout
        self.assertIn("16 trials: 16 done", self.run_file("--force").stderr)
        self.assertEqual(self.call("digest", self.db).stdout, digest)

    def cells(self, out, metric):
        """The cells of variant bp in a table, from the top: the best 8."""
        return [line.split()[-1] for line in out.splitlines() if line.startswith("bp ") and f" {metric} " in line]

    def order(self, metric):
        return [f"stepsize={float(cell.split('=')[1]):.6g}" for cell, in self.sql(f"SELECT cell FROM finals WHERE variant = 'bp' AND metric = '{metric}' ORDER BY last_mean")]

    def test_without_tune_the_table_is_in_the_order_of_validation(self):
        """Whose best cell is, of many, not the best of the test set."""
        many = ", ".join(f"{0.001 * 1.17 ** i:.6f}" for i in range(30))
        self.spec = self.write("t.yaml", HEAD.replace("seeds: 2", "seeds: 1") + "variants: {bp: {algorithm: bp}}\n" + SWEEP % many)
        out = self.run_file().stdout
        self.assertIn("(cells in order of their mean last valid_loss)\n", out)
        self.assertNotIn("on the test set", out)
        self.assertIn("... and ", out)
        self.assertEqual(self.cells(out, "test_loss"), self.order("valid_loss")[:8])
        self.assertNotEqual(self.order("valid_loss"), self.order("test_loss"))
        report = self.call("report", "t", "--db", self.db).stdout
        self.assertIn("three best complete cells of each variant, by the mean last valid_loss, mean ± sd", report)

    def test_without_validation_it_says_what_it_is(self):
        self.spec = self.write("t.yaml", HEAD.replace(" valid_loss,", "") + VARIANTS + SWEEP % "0.001, 0.1, 0.01")
        out = self.run_file().stdout
        self.assertIn("(cells in order of their mean last test_loss, selected on the test set: to take the first is to choose on it; see 'tune')", out)
        self.assertEqual(self.cells(out, "test_loss"), self.order("test_loss"))
        self.spec = self.write("t.yaml", HEAD.replace(" valid_loss, test_loss", "") + VARIANTS + SWEEP % "0.001, 0.1, 0.01")
        self.db = os.path.join(self.folder, "train.db")
        self.assertIn("(cells in order of their mean last train_loss)", self.run_file().stdout)
        self.spec = self.write("t.yaml", HEAD + VARIANTS)
        self.assertNotIn("cells in order", self.run_file().stdout)

    def test_a_map_of_winners_chooses_by_validation(self):
        grid = "sweep: {grid: {train.optimizer.stepsize: [0.001, 0.1], train.batch_size: [5, 10], train.optimizer.momentum: [0, 0.5]}}\n"
        head = HEAD.replace("name: sgd", "name: momentum").replace("seeds: 2", "seeds: 1")
        def remark(metrics):
            self.db = os.path.join(self.folder, f"{len(metrics)}.db")
            self.spec = self.write("t.yaml", head.replace("train_loss, valid_loss, test_loss", metrics) + VARIANTS + grid)
            self.run_file()
            svg = self.call("plot", "t", "--winners", "--x", "stepsize", "--y", "batch_size", "--metric", metrics.split(", ")[-1], "--db", self.db, "-o", "-").stdout
            return " ".join(re.findall("<text[^>]*>([^<]*)<", svg))  # lines of a remark follow each other
        self.assertIn(" each tuned by valid_loss ", remark("train_loss, valid_loss, test_loss"))
        self.assertIn(" each tuned by the area under the train loss ", remark("train_loss, test_loss"))
        self.assertIn(" each tuned by the area under test_loss, selected on the test set ", remark("test_loss"))

    def test_claims_of_the_tuned_cell(self):
        claim = "claims: [{id: c, compare: {better: bp, than: fa, metric: test_loss, cell: tuned}, min_seeds: 2}]\n"
        self.spec = self.write("t.yaml", HEAD + VARIANTS + SWEEP % "0.001, 0.01" + TUNE + claim)
        self.run_file("--variant", "bp")
        self.assertIn("no cell of 'fa' is chosen yet", self.sql("SELECT note FROM claims")[0][0])
        self.run_file()
        difference = self.sql("SELECT (SELECT test_loss FROM tuned WHERE variant = 'fa') - (SELECT test_loss FROM tuned WHERE variant = 'bp'), "
                              "(SELECT measured FROM claims), (SELECT n FROM claims)")[0]
        self.assertAlmostEqual(difference[0], difference[1])
        self.assertEqual(difference[2], 2)


class Killed(Case):
    """A run that dies goes on: the same choice, each trial once, the same numbers."""

    def kill_when(self, is_so):
        runner = subprocess.Popen([TPRUN, "run", self.spec, "--db", self.db, "-j", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  env=self.environment, cwd=self.folder)
        while runner.poll() is None:
            try:
                if is_so():
                    runner.send_signal(signal.SIGKILL)
                    break
            except sqlite3.Error:
                pass  # not there yet
            time.sleep(0.002)
        runner.wait()

    def test_between_sweep_and_retraining(self):
        whole = os.path.join(self.folder, "whole.db")
        self.run_file(db=whole)
        digest = self.call("digest", whole).stdout.split()[0]
        for wanted in ("SELECT count(*) = 12 FROM trial WHERE state = 'done'", "SELECT count(*) > 0 FROM trial WHERE cell = 'tuned'",
                       "SELECT count(*) > 1 FROM trial WHERE cell = 'tuned' AND state = 'done'"):
            with self.subTest(wanted=wanted):
                for name in os.listdir(self.folder):
                    if name.startswith("r.db") and os.path.isfile(os.path.join(self.folder, name)):
                        os.remove(os.path.join(self.folder, name))
                self.kill_when(lambda: self.sql(wanted)[0][0] == 1)
                self.run_file()
                self.assertEqual(self.call("digest", self.db).stdout.split()[0], digest)
                self.assertEqual(self.sql("SELECT count(*), count(DISTINCT key) FROM all_trials"), [(16, 16)])
                self.assertEqual(self.sql("SELECT max(n) FROM (SELECT count(*) AS n FROM run WHERE state = 'done' GROUP BY trial_id)"), [(1,)])

    def test_in_the_sweep(self):
        # Long enough for the kill to fall into the sweep. Where it came too late all the same, a choice is right.
        self.spec = self.write("t.yaml", HEAD.replace("iterations: 30", "iterations: 6000") + VARIANTS + SWEEP % "0.001, 0.01, 0.1" + TUNE)
        self.kill_when(lambda: self.sql("SELECT count(*) > 2 FROM trial WHERE state = 'done'")[0][0] == 1)
        if self.sql("SELECT count(*) FROM trial WHERE state <> 'done' AND variant = 'fa' AND cell <> 'tuned'")[0][0] > 0:
            self.assertEqual(self.sql("SELECT count(chosen) FROM tuned WHERE variant = 'fa'"), [(0,)])
        self.run_file()
        self.assertEqual(self.tuned(), {v: [self.best()[v], 2, 2] for v in ("bp", "fa")})


if __name__ == "__main__":
    unittest.main()
