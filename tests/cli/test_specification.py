#!/usr/bin/env python3
"""What tables and claims show: the trials of the present specification, whatever else was trained under its name. TPRUN_BUILD names the
build folder."""
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
import unittest

TPRUN = os.path.join(os.environ.get("TPRUN_BUILD", "."), "tprun")
HANG = 1000  # seconds: ends what hangs

SPEC = """version: 1
experiment: cl
seeds: 3
dataset: {name: temporal_order, length: 10, eval_size: 100, test_size: 100}
network: {layers: [{rnn: {units: 8, activation: tanh}}, {dense: {units: 4}}]}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 5, iterations: 20}
log: {every: 10, metrics: [train_loss, test_loss, test_accuracy]}
profiles:
  other: {train.batch_size: 4}
variants:
  bp: {algorithm: bp}
  b3: {algorithm: bp, train.optimizer.stepsize: 0.3}
sweep: {grid: {network.layers.0.rnn.units: [6, 8], train.optimizer.momentum: [0, 0.5]}}
claims:
  - {id: n_trials, text: t, measure: "SELECT count(*) FROM trials", expect: 24}
  - {id: n_summaries, text: t, measure: "SELECT count(*) FROM summaries WHERE metric = 'train_loss'", expect: 24}
  - {id: n_metrics, text: t, measure: "SELECT count(*) FROM metrics WHERE step = 20 AND metric = 'train_loss'", expect: 24}
  - {id: n_costs, text: t, measure: "SELECT count(DISTINCT trial_id) FROM costs", expect: 24}
  - {id: n_params, text: t, measure: "SELECT count(*) FROM params WHERE param = 'seed'", expect: 24}
"""
# These tell when, where and under which number; all other columns must agree.
RUNTIME = {"trial_id", "study_id", "run_id", "wall_s", "cpu_s", "started", "ended", "evaluated", "from_step"}
# Trials that did not end well, in every database alike.
TOUCHES = """
UPDATE trial SET state = 'diverged', diverged_step = 10 WHERE substr(key, 1, 1) IN ('0', '1', '2');
UPDATE trial SET state = 'failed', reason = 'killed' WHERE substr(key, 1, 1) IN ('3', '4');
UPDATE trial SET state = 'interrupted' WHERE substr(key, 1, 1) IN ('5', '6');
UPDATE study SET refreshed_ms = NULL;
"""


class Specification(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tprun-specification-")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("TPRUN_", "OPENBLAS_"))}
        self.file = self.write("in.yaml", SPEC)

    def tearDown(self):
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write(text)
        return self.path(name)

    def call(self, *args, status=0):
        done = subprocess.run([TPRUN, *args], capture_output=True, text=True, env=self.environment, timeout=HANG, check=False)
        self.assertEqual(done.returncode, status, f"tprun {' '.join(args)}\n{done.stdout}\n{done.stderr}")
        return done

    def train(self, db, *args, file=None):
        return self.call("run", file or self.file, "--db", self.path(db), "-j", "2", "--no-progress", *args)

    def compare(self, study, file, *args):
        """The study's variant bp with that of the same file, trained whole under another name."""
        shutil.copy(self.path("a.db"), self.path("both.db"))
        self.train("both.db", "experiment=whole", file=file)
        return self.call("compare", study + ":bp", "whole:bp", "--db", self.path("both.db"), *args).stdout

    def sql(self, db, text):
        with sqlite3.connect(self.path(db)) as connection:
            rows = connection.execute(text).fetchall()
        connection.close()
        return rows

    def touch(self, db):
        with sqlite3.connect(self.path(db)) as connection:
            connection.executescript(TOUCHES)
        connection.close()
        self.call("claims", "--db", self.path(db))

    def views(self, db):
        """Every view of the present specification, with the rows of its columns that do not tell when and where."""
        found = {}
        for (name,) in self.sql(db, "SELECT name FROM sqlite_master WHERE type = 'view' AND name NOT LIKE 'all#_%' ESCAPE '#'"):
            columns = [c[1] for c in self.sql(db, f'PRAGMA table_info("{name}")') if c[1] not in RUNTIME]
            listed = ", ".join(f'"{c}"' for c in columns)
            found[name] = sorted(self.sql(db, f'SELECT {listed} FROM "{name}"'), key=repr)
        return found

    def assert_same_views(self, a, b):
        left, right = self.views(a), self.views(b)
        self.assertEqual(set(left), set(right))
        self.assertGreater(len(left), 10)
        for name in left:
            self.assertEqual(left[name], right[name], name)

    def plan(self, status, name, *args):
        return self.call("plan", self.path(name), *args, status=status)

    def test_keys_without_effect(self):
        """A profile, the command line and an extending file may leave a key of the file without effect, but no key of their own."""
        spec = self.write("idle.yaml", SPEC.replace("sgd, stepsize: 0.1}", "sgd, stepsize: 0.1, momentum: 0.9, nesterov: true}")
                          .replace("sweep: {grid: {network.layers.0.rnn.units: [6, 8], train.optimizer.momentum: [0, 0.5]}}\n", "")
                          .replace("profiles:\n", "profiles:\n  plain: {train.optimizer.momentum: 0}\n  slip: {network.layers: {0: {rnn: {frozen: [bias], "
                                   "trainable: false}}}}\n"))
        self.write("child.yaml", "extends: idle.yaml\nexperiment: child\ntrain.optimizer.momentum: 0\n")
        for args in (["idle.yaml"], ["idle.yaml", "train.optimizer.momentum=0"], ["idle.yaml", "--profile", "plain"], ["child.yaml"]):
            self.plan(0, *args)
        for args, place, key in ((["train.optimizer.momentum=0", "network.layers.1.dense.bias=false", "network.layers.1.dense.biases_init=zeros"],
                                  "command line:1:", "network.layers.1.dense.biases_init: has no effect, as bias is false"),
                                 (["--profile", "slip"], "idle.yaml:11:", "network.layers.0.rnn.frozen: has no effect, as trainable is false")):
            said = self.plan(2, "idle.yaml", *args).stderr
            self.assertRegex(said, re.escape(place) + r".* error: " + re.escape(key))
            self.assertNotIn("nesterov", said)
        with open(spec, encoding="ascii") as f:
            text = f.read()
        self.write("title.yaml", text.replace("momentum: 0.9, ", ""))
        self.assertIn("nesterov: has no effect", self.plan(2, "title.yaml", "title=x").stderr)

    def test_every_view_shows_the_present_specification_only(self):
        self.train("plain.db")
        for change in [("train.optimizer.stepsize: 0.3", "train.optimizer.stepsize: 0.4"), ("[6, 8]", "[6, 7]"), ("seeds: 3", "seeds: 4"),
                       ("variants:\n", "variants:\n  gone: {algorithm: bp, train.batch_size: 7}\n")]:
            self.assertIn(change[0], SPEC)
            self.train("old.db", file=self.write("edited.yaml", SPEC.replace(*change)))
        self.train("old.db", "--profile", "other")
        self.train("old.db", "--variant", "bp", "train.optimizer.stepsize=0.5")
        self.train("old.db")
        for db in "plain.db", "old.db":
            self.assertEqual(self.sql(db, "SELECT count(*), sum(verdict = 'reproduced'), max(measured) FROM claims"), [(5, 5, 24)])
        self.assert_same_views("plain.db", "old.db")
        self.assertGreater(self.sql("old.db", "SELECT count(*) FROM all_trials WHERE NOT current")[0][0], 24)
        for sister in "all_metrics", "all_summaries", "all_params", "all_costs":
            self.assertGreater(self.sql("old.db", f"SELECT count(DISTINCT trial_id) FROM {sister}")[0][0], 48, sister)
        for db in "plain.db", "old.db":
            self.touch(db)
        self.assert_same_views("plain.db", "old.db")

    def test_a_one_off_is_trained_further(self):
        state = "SELECT state, step, budget, (SELECT num FROM all_params p WHERE p.trial_id = t.trial_id AND param = 'train.iterations') FROM all_trials t"
        one_off = ["--variant", "bp", "seeds=[1]", "sweep=null", "train.batch_size=5"]
        for n in 4, 6, 9:
            self.train("more.db", *one_off, f"train.iterations={n}")
            self.assertEqual(self.sql("more.db", state), [("done", n, n, n)])
        self.train("straight.db", *one_off, "train.iterations=9")
        weights = "SELECT key, weights_sha256 FROM trial"
        self.assertEqual(self.sql("more.db", weights), self.sql("straight.db", weights))
        # with the file's own value it is a trial of the file, whose length the file says
        self.train("own.db", "--variant", "bp", "seeds=[1]", "train.iterations=4")
        before = self.sql("own.db", state + " WHERE step > 0")
        size = self.sql("own.db", "SELECT max(num) FROM all_params WHERE param = 'train.batch_size'")[0][0]
        done = self.train("own.db", "--variant", "bp", "seeds=[1]", f"train.batch_size={size:g}", "train.iterations=6")
        self.assertEqual(self.sql("own.db", state + " WHERE step > 0"), before)
        self.assertIn(f"of these trials belong to the file, and are not trained further here; leave 'train.batch_size={size:g}' out\n", done.stderr)

    def test_a_one_off_changes_no_table(self):
        for args in [("train.optimizer.stepsize=50",), ("train.optimizer.stepsize=50", "--variant", "bp"), ("sweep=null", "seeds=[9]"),
                     ("title=other",)]:
            self.train("first.db", *args)
        self.assertEqual(self.sql("first.db", "SELECT (SELECT count(*) FROM trials), (SELECT count(*) FROM claims), min(generation), max(generation)"
                                              " FROM all_trials"), [(0, 0, 0, 0)])
        self.train("first.db")
        self.train("plain.db")
        self.assert_same_views("plain.db", "first.db")
        done = self.train("plain.db", "train.optimizer.stepsize=50", "--variant", "bp", "seeds=1")
        self.assertIn("cl: one-off trials of train.optimizer.stepsize=50\n", done.stdout)
        self.assertIn("'train.optimizer.stepsize=50' makes trials beside those of the file", done.stderr)
        self.assertNotIn("b3", done.stdout)
        self.assertEqual(self.sql("plain.db", "SELECT count(*), count(DISTINCT seed) FROM all_trials WHERE generation = 0"), [(4, 1)])
        self.assert_same_views("plain.db", "first.db")
        # a value that the file has: trials of the specification, which stay in it
        self.train("plain.db", "train.optimizer.stepsize=0.1", "--variant", "bp")
        self.assert_same_views("plain.db", "first.db")

    def test_what_follows_from_a_budget_makes_one_offs(self):
        """A trial's key decides, whatever the override is called; what it does not reach stays."""
        text = SPEC.split("profiles:")[0].replace("seeds: 3", "seeds: 1").replace("experiment: cl", "experiment: cl\nalgorithm: bp")
        place = {"schedule": ("stepsize: 0.1}", 'stepsize: 0.1, schedule: {name: cosine, per: step, over: "${train.iterations}"}}'),
                 "log": ("{every: 10", '{every: "${train.iterations}"'), "x": ("stepsize: 0.1", 'stepsize: "${x-lr}"')}
        x = "x-lr: 0.1\nx-unused: 1\nsweep: {grid: {network.layers.0.rnn.units: [6, 8]}}\n"
        swept = text + 'x-n: 6\nsweep: {grid: {network.layers.0.rnn.units: [8, "${x-n}"]}}\n'
        choice = text.replace("algorithm: bp\n", """x-noise: 0.1
algorithm: {name: dtp, target_stepsize: 0.1, feedback_loss.noise: "${x-noise}", feedback.optimizer: {name: sgd, stepsize: 0.1}}
sweep: {grid: {algorithm.name: [bp, dtp]}}
""")
        says = " makes trials beside those of the file"
        for name, spec, args, one_offs in (
                ("schedule", text.replace(*place["schedule"]), ["seeds=[1]", "train.iterations=30"], 1),
                ("schedule_same", text.replace(*place["schedule"]), ["train.iterations=20", "seeds=[1]"], 0),
                ("log", text.replace(*place["log"]), ["train.iterations=30"], 0),
                ("plain", text, ["train.iterations=30"], 0),
                ("x", text.replace(*place["x"]) + x, ["title=t", "x-lr=0.7"], 2),
                ("swept", swept, ["x-n=4"], 1),
                ("choice", choice, ["x-noise=0.2"], 1)):
            with self.subTest(name):
                file = self.write(name + ".yaml", spec)
                self.train(name + ".db", file=file)
                before = self.sql(name + ".db", "SELECT key, generation FROM trial ORDER BY id")
                said = self.train(name + ".db", *args, file=file).stderr
                made = self.sql(name + ".db", "SELECT count(*) FROM trial WHERE generation = 0")
                self.assertEqual(made, [(one_offs,)])
                self.assertEqual(self.sql(name + ".db", f"SELECT key, generation FROM trial ORDER BY id LIMIT {len(before)}"), before)
                self.assertEqual(f"'{args[-1]}'{says}" in said, one_offs > 0, said)
                self.assertNotIn("in the file", said)
        # one that nothing refers to changes no trial
        self.assertIn("'x-unused=2' changes no trial", self.train("x.db", "x-unused=2", file=self.path("x.yaml")).stderr)

    def test_the_folder_of_images_is_part_of_a_trial(self):
        """That of one's own files is none, though it has the same name."""
        text = SPEC.split("profiles:")[0].replace("seeds: 3", "seeds: 1").replace("experiment: cl", "experiment: cl\nalgorithm: bp")
        text = text.replace("{name: temporal_order, length: 10, eval_size: 100, test_size: 100}", "{name: mnist, pixels_per_step: 28}")
        file = self.write("images.yaml", text.replace("units: 4", "units: 10"))
        for path in ("none", "other"):
            done = self.call("run", file, "--db", self.path("a.db"), "dataset.path=" + path, status=1)
        self.assertIn("'dataset.path=other' makes trials beside those of the file", done.stderr)
        self.assertEqual(self.sql("a.db", "SELECT generation FROM trial"), [(0,), (0,)])

    def test_a_profile_may_be_about_what_an_extending_file_has_no_more(self):
        self.write("in.yaml", SPEC.replace("profiles:\n", "profiles:\n  few: {variants: {b3: null}, sweep.grid.train.optimizer.momentum: null}\n"))
        self.write("child.yaml", "extends: in.yaml\nexperiment: child\nvariants: {b3: null}\nsweep.grid: null\n")
        for name, n in ("in.yaml", 6), ("child.yaml", 3):
            self.assertIn(f"bp: {n} trials", self.plan(0, name, "--profile", "few").stdout)
        self.write("child.yaml", "extends: in.yaml\nexperiment: child\nvariants: {b3: null}\nprofiles: {few: {variants: {bq: null}}}\n")
        self.assertIn("variants.bq: null removes a variant, but there is none of this name; known: bp", self.plan(2, "child.yaml", "--profile", "few").stderr)

    def test_an_excluded_seed_need_not_be_asked_for(self):
        self.write("in.yaml", SPEC.replace("momentum: [0, 0.5]}}", "momentum: [0, 0.5]}, exclude: [{seed: 3, variant: b3}]}")
                   .replace("profiles:\n", "profiles:\n  few: {seeds: 1}\n"))
        for args in (["seeds=1"], ["--profile", "few"], ["--profile", "few", "seeds=[2]"]):
            self.assertEqual(self.plan(0, "in.yaml", *args).stdout.count(": 4 trials"), 2)
        self.assertIn("b3: 8 trials", self.plan(0, "in.yaml").stdout)
        self.write("in.yaml", SPEC.replace("momentum: [0, 0.5]}}", "momentum: [0, 0.5]}, exclude: [{seed: 4}]}"))
        self.assertIn("the number 4 is not one of the seeds", self.plan(2, "in.yaml", "seeds=1").stderr)

    def test_seeds_and_variants_only_select(self):
        self.train("a.db")
        before = self.views("a.db")
        done = self.train("a.db", "--variant", "bp", "seeds=1")
        self.assertIn("tprun: 4 trials: 0 done, 4 were finished before", done.stderr)
        self.assertEqual(self.views("a.db"), before)
        # from the beginning: those that were not asked for are queued
        self.train("b.db", "--variant", "bp", "seeds=1")
        self.assertEqual(self.sql("b.db", "SELECT variant, state, count(*) FROM trials GROUP BY 1, 2 ORDER BY 1, 2"),
                         [("b3", "queued", 12), ("bp", "done", 4), ("bp", "queued", 8)])
        self.assertEqual(self.sql("b.db", "SELECT DISTINCT verdict FROM claims"), [("undecided",)])
        self.train("b.db")
        self.assert_same_views("a.db", "b.db")

    def test_more_seeds_stay(self):
        self.train("a.db", "seeds=[5]")
        self.assertEqual(self.sql("a.db", "SELECT state, count(*), count(DISTINCT seed) FROM trials GROUP BY 1 ORDER BY 1"), [("done", 8, 1), ("queued", 24, 3)])
        self.assertEqual(self.sql("a.db", "SELECT n_seeds FROM study"), [(4,)])
        self.assertEqual(self.sql("a.db", "SELECT DISTINCT n, n_asked, n_unfinished, last_mean IS NULL, last_mean_finished > 0 FROM finals"), [(1, 4, 3, 1, 1)])
        self.train("a.db")
        self.assertEqual(self.sql("a.db", "SELECT DISTINCT n, n_asked, last_mean = last_mean_finished FROM finals"), [(4, 4, 1)])
        self.assertEqual(self.sql("a.db", "SELECT group_concat(seed) FROM (SELECT DISTINCT seed FROM trials WHERE state = 'done' ORDER BY 1)"), [("1,2,3,5",)])

    def test_budgets_are_raised(self):
        self.train("a.db")
        self.train("a.db", "train.iterations=30", "--variant", "bp", "seeds=2")
        self.assertEqual(self.sql("a.db", "SELECT variant, step, budget, count(*) FROM trials GROUP BY 1, 2, 3 ORDER BY 1, 2"),
                         [("b3", 20, 20, 12), ("bp", 20, 20, 4), ("bp", 30, 30, 8)])

    def test_other_generations_are_told(self):
        self.train("a.db")
        self.train("a.db", "train.optimizer.momentum=0.7", "sweep=null")
        edited = self.write("edited.yaml", SPEC.replace("train.optimizer.stepsize: 0.3", "train.optimizer.stepsize: 0.4"))
        done = self.train("a.db", file=edited)
        self.assertIn("not above: 12 trials of generation 1 (train.optimizer.stepsize 0.3, now 0.4)\n", done.stdout)
        self.assertIn("not above: 6 one-off trials", done.stdout)
        shown = self.call("show", "cl", "--db", self.path("a.db")).stdout
        self.assertIn("other trials", shown)
        self.assertIn("train.optimizer.stepsize 0.3, now 0.4", shown)
        listed = self.call("ls", "--db", self.path("a.db"), "--format=csv").stdout.splitlines()
        row = dict(zip(listed[0].split(","), listed[1].split(",")))
        self.assertEqual((row["trials"], row["done"], row["others"]), ("24", "24", "18"))
        self.assertNotIn("not above", self.train("b.db").stdout)

    def test_bad_trials_of_a_cell_change_no_other(self):
        """Every view, for each way in which one trial of a cell can be bad: the rows of all other cells are what they were."""
        bad = {"numerics": "numerics_version = 0, outdated = 1", "bytes": "inputs = '{\"x\":\"00\"}', outdated = 1", "diverged": "state = 'diverged'",
               "failed": "state = 'failed'", "unfinished": "state = 'interrupted'", "raised": "budget = budget + 1", "queued": "state = 'queued'"}
        self.train("plain.db")
        ((variant, cell),) = self.sql("plain.db", "SELECT variant, cell FROM trials ORDER BY trial_id LIMIT 1")
        per_cell = [name for (name,) in self.sql("plain.db", "SELECT name FROM sqlite_master m WHERE type = 'view' AND 2 = (SELECT count(*) FROM "
                                                             "pragma_table_info(m.name) WHERE name IN ('variant', 'cell'))")]
        self.assertGreater(len(per_cell), 12)

        def others(db, name):
            columns = ", ".join(f'"{c[1]}"' for c in self.sql(db, f'PRAGMA table_info("{name}")') if c[1] not in RUNTIME)
            return sorted(self.sql(db, f"SELECT {columns} FROM \"{name}\" WHERE NOT (variant = '{variant}' AND cell = '{cell}')"), key=repr)

        for what, change in bad.items():
            shutil.copy(self.path("plain.db"), self.path("bad.db"))
            self.sql("bad.db", f"UPDATE trial SET {change} WHERE variant = '{variant}' AND cell = '{cell}' AND seed = 1")
            self.call("claims", "--db", self.path("bad.db"))
            for name in per_cell:
                self.assertEqual(others("bad.db", name), others("plain.db", name), f"{what}: {name}")
            self.assertEqual(self.sql("bad.db", f"SELECT DISTINCT n, n_asked, last_mean IS NULL, last_mean_finished IS NULL FROM finals WHERE variant = '{variant}' "
                                                f"AND cell = '{cell}'"), [(2, 3, 1, 0)], what)

    def test_means_are_over_the_seeds_that_were_asked_for(self):
        text = """version: 1
experiment: un
seeds: 2
dataset: {name: temporal_order, length: 10, eval_size: 100, test_size: 100}
network: {layers: [{rnn: {units: 8, activation: tanh}}, {dense: {units: 4}}]}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 5, iterations: 40}
log: {every: 10, metrics: [train_loss]}
variants:
  bp: {algorithm: bp}
"""
        file = self.write("un.yaml", text)
        self.train("a.db", "seeds=[1]", file=file)
        ((last,),) = self.sql("a.db", "SELECT last_train_loss FROM trials WHERE seed = 1")
        process = subprocess.Popen([TPRUN, "run", file, "--db", self.path("a.db"), "--no-progress", "seeds=[2]", "train.iterations=1000000000"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment)
        while process.poll() is None and self.sql("a.db", "SELECT count(*) FROM metrics WHERE seed = 2") == [(0,)]:
            time.sleep(0.01)
        process.terminate()
        process.communicate()
        self.assertEqual(process.returncode, 75)
        finals = "SELECT n, n_asked, n_unfinished, n_failed, last_mean, last_sd, best_mean, last_mean_finished FROM finals"
        curves = "SELECT DISTINCT n, n_asked, mean IS NULL FROM curves WHERE step IN (0, 40)"
        for state in "interrupted", "failed":
            if state == "failed":
                self.sql("a.db", "UPDATE trial SET state = 'failed' WHERE seed = 2")
            table = self.train("a.db", "seeds=[1]", file=file).stdout
            failed = int(state == "failed")
            self.assertEqual(self.sql("a.db", "SELECT state FROM trials WHERE seed = 2"), [(state,)])
            self.assertEqual(self.sql("a.db", finals), [(1, 2, 1 - failed, failed, None, None, None, last)])
            self.assertEqual(self.sql("a.db", curves), [(2, 2, 0)])  # both have these steps
            self.assertRegex(table, r"bp +train_loss +1 of 2 +0 +\(" + re.escape(f"{last:.4g}") + r"\) +\(.*\)")
            self.assertIn("of the finished trials only", table)
            report = self.call("report", "un", "--db", self.path("a.db")).stdout
            self.assertIn(f"| ({last:.4g}) |", report)
            self.assertIn("| 1 of 2 |", report)
            compared = self.compare("un", file)
            self.assertIn(f"of 2 pairs: 1 {'failed' if failed else 'unfinished'}; survivors are not a mean", compared)
            bars = self.call("plot", "un", "--db", self.path("a.db"), "--bars", "--metric", "train_loss").stdout
            self.assertIn(", n = 1 of 2 seeds", bars)
            self.assertIn('<g opacity="0.45">', bars)
            curve = self.call("plot", "un", "--db", self.path("a.db")).stdout
            self.assertIn("thin and pale: seeds are missing", curve)
            self.assertEqual(curve.count('stroke-width="1.8"'), 1)  # where both are
            self.assertGreaterEqual(curve.count('stroke-width="0.9" stroke-opacity="0.5"'), 1)

    def test_a_last_value_that_is_not_finite_is_none(self):
        text = """version: 1
experiment: nn
seeds: 3
precision: double
dataset: {name: adding, length: 10, eval_size: 50, test_size: 50}
network: {layers: [{rnn: {units: 4, activation: linear}}, {dense: {units: 1}}]}
loss: squared_error
train: {optimizer: {name: sgd, stepsize: 1e3}, batch_size: 5, iterations: 6, stop: {nonfinite: false}}
log: {every: 1, metrics: [test_loss]}
variants:
  bp: {algorithm: bp}
claims:
  - {id: c, text: t, measure: "SELECT last_mean FROM finals WHERE metric = 'test_loss'", expect: [0, 1e100]}
"""
        file = self.write("nan.yaml", text)
        done = self.train("a.db", file=file)
        self.assertIn("test_loss nan", done.stderr)
        self.assertNotIn("-nan", done.stderr)
        self.assertEqual(self.sql("a.db", "SELECT DISTINCT state, step, last_test_loss FROM trials"), [("done", 6, None)])
        self.assertEqual(self.sql("a.db", "SELECT count(*) FROM summaries WHERE last IS NULL AND last_finite > 0 AND last_step < 6"), [(3,)])
        self.assertEqual(self.sql("a.db", "SELECT n, n_asked, last_mean, last_sd, last_median, last_min, last_max FROM finals"),
                         [(0, 3, None, None, None, None, None)])
        self.assertEqual(self.sql("a.db", "SELECT verdict, measured, note FROM claims"), [("undecided", None, "the measure gives no value")])
        self.assertRegex(done.stdout, r"bp +test_loss +0 of 3 +0 +- ")
        compared = self.compare("nn", file, "--format=csv").splitlines()
        row = dict(zip(compared[0].split(","), compared[1].split(",")))
        self.assertEqual((row["n"], row["n_asked"], row["difference"]), ("0", "3", ""))
        self.assertIn("of 3 pairs: 3 without a value", row["note"])


if __name__ == "__main__":
    unittest.main()
