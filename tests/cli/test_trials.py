#!/usr/bin/env python3
"""Trials as a user meets them: what harms one of them harms no other, each exists once, and what is written of them can be checked from
outside. TPRUN_BUILD names the build folder."""
import gzip
import json
import os
import re
import shutil
import sqlite3
import struct
import subprocess
import tempfile
import unittest

TPRUN = os.path.abspath(os.path.join(os.environ.get("TPRUN_BUILD", "."), "tprun"))
HANG = 1000  # seconds: ends what hangs

TASK = """version: 1
experiment: st
seeds: 1
dataset: {name: temporal_order, length: 10, eval_size: 100, test_size: 100}
network: {layers: [{rnn: {units: 8, activation: tanh}}, {dense: {units: 4}}]}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 5, iterations: 20}
log: {every: 10, metrics: [train_loss]}
"""
BLOBS = """version: 1
experiment: st
dataset: {name: gaussian, features: 9, classes: 10}
network: {layers: [{dense: {units: 10}}]}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 5, iterations: 20}
log: {every: 10, metrics: [train_loss]}
"""


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tprun-trials-")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("TPRUN_", "OPENBLAS_"))}
        self.environment["XDG_CACHE_HOME"] = self.path("cache")
        self.db = self.path("r.db")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write(text)
        return self.path(name)

    def call(self, *args, status=0, **kwargs):
        done = subprocess.run([TPRUN, *args], capture_output=True, text=True, env=self.environment, timeout=HANG, check=False, cwd=self.folder, **kwargs)
        self.assertEqual(done.returncode, status, f"tprun {' '.join(args)}\n{done.stdout}\n{done.stderr}")
        return done

    def sql(self, text):
        with sqlite3.connect(self.db) as connection:
            rows = connection.execute(text).fetchall()
        connection.close()
        return rows

    def states(self):
        return self.sql("SELECT variant, state, reason FROM trials ORDER BY variant")


class Warnings(Case):
    def test_a_warning_is_told_once_a_trial(self):
        feedback = "{name: idtp, target_stepsize: 0.1, mapping: {transpose_gain: 1e-3}, feedback: {optimizer: {name: sgd, stepsize: 0}}}"
        file = self.write("warn.yaml", BLOBS.replace("[{dense: {units: 10}}]", "[{dense: {units: 10, activation: tanh}, repeat: 2}, {dense: {units: 10}}]")
                          .replace("[train_loss]", "[inverse_residual]") + f"algorithm: {feedback}\nseeds: 2\ncheckpoint: {{keep: last}}\n")
        said = self.call("run", file, "--db", self.db).stderr
        self.assertEqual(len(re.findall(r"tprun: warning: .*, step 10: inverse_residual of layer 0 is [0-9.]+, above 0\.9: ", said)), 2, said)
        self.assertNotIn("warning", self.call("run", file, "--db", self.db, "train.iterations=40").stderr)
        self.assertEqual(self.sql("SELECT trial_id, step, kind FROM event ORDER BY 1"), [(1, 10, "warning"), (2, 10, "warning")])
        self.assertIn("above 0.9", self.call("show", self.sql("SELECT key FROM trial")[0][0], "--db", self.db).stdout)


TEACHER = """version: 1
experiment: st
seeds: 2
dataset: {name: student_teacher, units: 50, train_size: 100, validation_size: 60, test_size: 40}
network: {layers: [{dense: {units: 8, activation: tanh}}, {dense: {units: 2}}]}
loss: squared_error
train: {optimizer: {name: sgd, stepsize: 0.02}, batch_size: 10, epochs: 100, stop: {metric: valid_loss, patience: 3, every_epochs: 1}}
algorithm: bp
log: {every: 15, metrics: [train_loss, valid_loss]}
"""


class EarlyEnd(Case):
    """train.stop.metric: trials that end before their budget are done, and count as what they are."""

    def setUp(self):
        super().setUp()
        self.file = self.write("st.yaml", TEACHER)
        self.done = self.call("run", self.file, "--db", self.db)
        self.trials = self.sql("SELECT seed, state, step, budget, reason FROM trials ORDER BY seed")

    def test_they_are_done_and_say_why(self):
        self.assertEqual(self.done.stderr.count("(plateau: valid_loss not better than "), 2, self.done.stderr)
        for seed, state, step, budget, reason in self.trials:
            self.assertEqual((state, budget, step % 10), ("done", 1000, 0), seed)
            self.assertLess(step, budget)
            self.assertRegex(reason, f"^plateau: valid_loss not better than [0-9.]+ of step {step - 30} in 3 tests$")
        self.assertIn("2 trials: 0 done, 2 were finished before", self.call("run", self.file, "--db", self.db).stderr)

    def test_a_larger_budget_changes_nothing(self):
        digest = self.sql("SELECT weights_sha256 FROM trial ORDER BY seed")
        self.call("run", self.file, "--db", self.db, "train.epochs=200")
        self.assertEqual(self.sql("SELECT seed, state, step, budget, reason FROM trials ORDER BY seed"),
                         [(seed, state, step, 2000, reason) for seed, state, step, _, reason in self.trials])
        self.assertEqual(self.sql("SELECT weights_sha256 FROM trial ORDER BY seed"), digest)

    def test_no_mean_goes_on_without_them(self):
        first, last = sorted(step for _, _, step, _, _ in self.trials)
        self.assertLess(first, last, "the case shows nothing: both ended at one step")
        for step, mean, n, unfinished in self.sql("SELECT step, mean, n, n_unfinished FROM curves WHERE metric = 'valid_loss'"):
            self.assertEqual(mean is not None, step <= first and step % 15 == 0, step)
            self.assertEqual(n + unfinished, 2, step)
        (mean, n), = self.sql("SELECT last_mean, n FROM finals WHERE metric = 'valid_loss'")
        ends = self.sql("SELECT m.value FROM metrics m JOIN trials t USING (trial_id) WHERE m.metric = 'valid_loss' AND m.step = t.step")
        self.assertEqual((n, round(mean, 9)), (2, round(sum(v for v, in ends) / 2, 9)))

    def test_a_stop_in_the_middle_does_not_move_the_end(self):
        told = self.call("verify", self.file).stdout
        self.assertIn(f"(stopped at step {self.trials[0][2] // 2})\nidentical", told)

    def test_no_step_after_the_end(self):
        key, step = self.sql("SELECT key, step FROM trials WHERE seed = 1")[0]
        told = self.call("probe", "--from", key, "--step", str(step), "--db", self.db, "-o", self.path("s.safetensors"), status=2).stderr
        self.assertIn(f"takes {step} steps, from --step 0 to {step - 1}", told)


class OneBadTrial(Case):
    """A data file or a file of weights that cannot be used fails the trials that need it; the others are trained."""

    def mnist(self, name, cut):
        """A folder that is called MNIST: empty files of the right form, the labels cut off where `cut`."""
        os.mkdir(self.path(name))
        for part, n in (("train", 60000), ("t10k", 10000)):
            for what, header, size in (("images-idx3", (2051, n, 28, 28), 784), ("labels-idx1", (2049, n), 1)):
                data = gzip.compress(struct.pack(f">{len(header)}I", *header) + bytes(n * size), 1)
                with open(self.path(f"{name}/{part}-{what}-ubyte.gz"), "wb") as out:
                    out.write(data[:100] if cut and part == "train" and size == 1 else data)

    def test_of_which_study(self):
        """Where several studies are trained at once, each line says of which its trial is."""
        paths = [self.write(f"{name}.yaml", f"{TASK.replace('experiment: st', f'experiment: {name}')}variants: {{a: {{algorithm: bp}}}}\n") for name in ("one", "two")]
        done = self.call("run", *paths, "--db", self.db, "-j1")
        self.assertEqual(sorted(re.findall(r"^\[\d/2\] (.*?)  done", done.stderr, re.M)), ["one a seed 1", "two a seed 1"])

    def test_many_files_with_draws(self):
        """What a study draws is remembered with the study, wherever the list of studies has moved to."""
        draws = "sweep: {random: {samples: 16, parameters: {train.optimizer.stepsize: {loguniform: [1e-4, 0.03]}, algorithm.target_stepsize: {loguniform: [0.05, 1]}}}}\n"
        tp = "algorithm: {name: tp, mapping: {regularization: 1}}\n"
        paths = [self.write(f"{name}.yaml", TASK.replace("experiment: st", f"experiment: {name}") + (tp + draws if name != "b" else "algorithm: bp\n")) for name in "abcdef"]
        studies = json.loads(self.call("plan", *paths, "--db", self.db, "--format", "json").stdout)["studies"]
        self.assertEqual([sum(v["trials"] for v in study["variants"]) for study in studies], [16, 1, 16, 16, 16, 16])

    def test_mistakes_of_a_file_are_told_by_every_command(self):
        """Messages point into the file's text, which is there until they are printed."""
        path = self.write("in.yaml", BLOBS + "algorithm: bp\n")
        for command in ("run", "plan", "data", "verify", "diff", "submit", "work"):
            arguments = ["--shard", "0/2", "--db", self.db] if command == "work" else [path] if command == "diff" else []
            done = self.call(command, path, *arguments, "train.bach=1", status=2)
            self.assertIn("unknown key 'bach' in train", done.stderr, command)

    def test_data(self):
        self.mnist("good", False)
        self.mnist("bad", True)
        text = BLOBS.replace("{name: gaussian, features: 9, classes: 10}", "{name: mnist, path: good, eval_size: 20, test_size: 20}")
        text += """variants:
  a: {algorithm: bp, dataset.path: bad}
  b: {algorithm: bp}
  c: {algorithm: bp, dataset.path: none}
  d: {algorithm: bp, dataset.path: bad, train.batch_size: 4}
"""
        cut = "bad/train-labels-idx1-ubyte.gz: the gzip data is cut off at byte 100"
        none = "dataset.path: none: no file train-images-idx3-ubyte, nor with .gz"
        done = self.call("run", self.write("in.yaml", text), "--db", self.db, "-j1", status=1)
        self.assertEqual(self.states(), [("a", "failed", cut), ("b", "done", None), ("c", "failed", none), ("d", "failed", cut)])
        self.assertEqual(done.stderr.count(f"tprun: error: {cut}\n"), 1)
        self.assertRegex(done.stderr, r"\[1/4\] a seed 1  failed  step 0  [0-9.]+ \w+  \(" + re.escape(cut) + r"\)\n")
        self.assertIn("tprun: 4 trials: 1 done, 3 failed\n", done.stderr)
        # plan warns, and says of whom
        done = self.call("plan", self.path("in.yaml"), "--db", self.db)
        self.assertIn(f"tprun: warning: the data cannot be read here, and trials that need it would fail: {cut}\n", done.stderr)
        self.assertIn(f"tprun: warning: the data cannot be read here, and trials that need it would fail: {none}\n", done.stderr)
        # they get another chance
        shutil.rmtree(self.path("bad"))
        os.rename(self.path("good"), self.path("bad"))
        os.symlink("bad", self.path("good"))
        self.call("run", self.path("in.yaml"), "--db", self.db, status=1)
        self.assertEqual(self.states(), [("a", "done", None), ("b", "done", None), ("c", "failed", none), ("d", "done", None)])

    def test_fail_fast(self):
        text = BLOBS + "variants: {a: {algorithm: bp, dataset: {name: mnist, path: none}}, b: {algorithm: bp}}\n"
        self.call("run", self.write("in.yaml", text), "--db", self.db, "--fail-fast", status=1)
        self.assertEqual([row[:2] for row in self.states()], [("a", "failed"), ("b", "queued")])

    def test_weights(self):
        text = BLOBS + """variants:
  a: {algorithm: bp, network.init.from.file: none.safetensors}
  b: {algorithm: bp}
"""
        reason = "network.init.from.file: none.safetensors: No such file or directory"
        done = self.call("run", self.write("in.yaml", text), "--db", self.db, status=1)
        self.assertEqual(self.states(), [("a", "failed", reason), ("b", "done", None)])
        self.assertEqual(done.stderr.count("tprun: error:"), 1)

    def test_zero_iterations(self):
        for key in ("iterations", "epochs"):
            self.db = self.path(key + ".db")
            text = BLOBS.replace("iterations: 20", key + ": 0") + "seeds: 2\nvariants: {bp: {algorithm: bp}}\n"
            done = self.call("run", self.write("in.yaml", text), "--db", self.db)
            self.assertIn("tprun: 2 trials: 2 done\n", done.stderr)
            self.assertEqual(self.sql("SELECT state, step, budget, reason FROM trials"), [("done", 0, 0, None)] * 2)
            self.assertEqual(self.sql("SELECT count(*), max(step) FROM metrics"), [(2, 0)])
            done = self.call("run", self.path("in.yaml"), "--db", self.db)
            self.assertIn("2 were finished before", done.stderr)
        # more of them go on from there
        done = self.call("run", self.path("in.yaml"), "--db", self.db, "train.epochs=1")
        self.assertIn("tprun: 2 trials: 2 done\n", done.stderr)
        self.assertEqual(self.sql("SELECT DISTINCT state, step > 0 FROM trials"), [("done", 1)])


class OneTrialOnce(Case):
    """Two cells that would be one trial are a mistake with a place; equal random draws are one trial."""

    def refused(self, sweep, *messages, more=()):
        text = TASK + "variants: {bp: {algorithm: bp}}\nsweep: " + sweep + "\n"
        file = self.write("in.yaml", text)
        for command in ("plan", "run"):
            done = self.call(command, file, "--db", self.db, *more, status=2)
            found = [line for line in done.stderr.splitlines() if ": error: " in line or ": note: " in line and "in.yaml" in line]
            self.assertEqual([line.removeprefix(file + ":") for line in found], list(messages))
        self.assertFalse(os.path.exists(self.db))

    def test_budgets(self):
        longer = "train to the largest and log more often (log.every)"
        self.refused("{grid: {train.iterations: [10, 20]}}",
                     "10:39: error: sweep.grid.train.iterations: 10 and 20 would be one trial, since 'train.iterations' is no part of what makes a"
                     " trial; " + longer, "10:35: note: the other one is here")
        self.refused("{grid: {train.iterations: {linspace: [10, 20, 2]}}}",
                     "10:34: error: sweep.grid.train.iterations: 10 and 20 would be one trial, since 'train.iterations' is no part of what makes a"
                     " trial; " + longer)
        self.refused("{grid: {log.metrics: [[train_loss], [test_accuracy]]}}",
                     '10:44: error: sweep.grid.log.metrics: ["train_loss"] and ["test_accuracy"] would be one trial, since \'log.metrics\' is no part'
                     " of what makes a trial; set it once, in the file", "10:30: note: the other one is here")
        self.refused("{grid: {train.threads: [1, 2]}}",
                     "10:35: error: sweep.grid.train.threads: 1 and 2 would be one trial, since 'train.threads' is no part of what makes a trial;"
                     " set it once, in the file", "10:32: note: the other one is here")
        self.refused("{zip: {g: {log.every: [5, 10], checkpoint.seconds: [1, 2]}}}",
                     "10:34: error: sweep.zip.g.log.every: 5 and 10 would be one trial, since 'log.every' is no part of what makes a trial; set it once,"
                     " in the file", "10:31: note: the other one is here")
        self.refused("{random: {samples: 4, parameters: {train.batch_size: {choice: [5]}, log.every: {choice: [5, 10]}}}}",
                     "10:18: note: sweep.random: 4 draws have 2 different values; equal draws are one trial",
                     "10:100: error: sweep.random.parameters.log.every: 5 and 10 would be one trial, since 'log.every' is no part of what makes a trial;"
                     " set it once, in the file", "10:97: note: the other one is here")
        # one value of a budget says nothing twice
        self.call("plan", self.write("one.yaml", TASK + "variants: {bp: {algorithm: bp}}\nsweep: {grid: {train.iterations: [10], train.batch_size: [3, 4]}}\n"))

    def test_spellings_of_a_value(self):
        self.refused("{grid: {train.optimizer.momentum: [null, 0, 0.5]}}",
                     "10:49: error: sweep.grid.train.optimizer.momentum: null and 0 would be one trial", "10:43: note: the other one is here")
        self.refused("{grid: {algorithm: [bp, {name: bp}], train.batch_size: [3, 4]}}",
                     '10:32: error: sweep.grid.algorithm: bp and {"name":"bp"} would be one trial', "10:28: note: the other one is here")

    def test_spellings_of_a_key(self):
        self.refused("{grid: {network.layers.0.rnn.units: [3, 4], network.layers.00.rnn.units: [5, 6]}}",
                     "10:74: error: '00' is no index of a list: indices have no leading zeros")
        self.refused("{grid: {network.layers.0.rnn.units: [3, 4]}}", "command line:1:1: error: '000' is no index of a list: indices have no leading zeros",
                     more=("network.layers.000.rnn.units=9",))
        self.refused("{grid: {network.layers.0.rnn.units: [3, 4]}, exclude: [{network.layers.00.rnn.units: 3}]}",
                     "10:86: error: sweep.exclude: 'network.layers.00.rnn.units' is not swept; did you mean 'network.layers.0.rnn.units'?")
        self.refused("{grid: {train.batch_size: ['${network.layers.00.rnn.units}', 4]}}", "10:35: error: '${network.layers.00.rnn.units}': there is no such key")

    def test_equal_draws(self):
        file = self.write("in.yaml", TASK + "variants: {bp: {algorithm: bp}}\nsweep: {random: {samples: 30, parameters: {train.batch_size: {choice: [1, 2]}}}}\n")
        note = file + ":10:18: note: sweep.random: 30 draws have 2 different values; equal draws are one trial\n"
        done = self.call("plan", file)
        self.assertIn("  bp: 2 trials, 0 finished\n", done.stdout)
        self.assertTrue(done.stderr.startswith(note), done.stderr)
        done = self.call("run", file, "--db", self.db)
        self.assertTrue(done.stderr.startswith(note), done.stderr)
        self.assertIn("tprun: 2 trials: 2 done\n", done.stderr)
        self.assertEqual(self.sql("SELECT cell, count(*) FROM trials GROUP BY 1 ORDER BY 1"), [("train.batch_size=1", 1), ("train.batch_size=2", 1)])
        self.assertIn("tprun: 2 trials: 0 done, 2 were finished before\n", self.call("run", file, "--db", self.db).stderr)


ABLATION = BLOBS.replace("units: 10}}]", "units: 12, activation: tanh}}, {dense: {units: 10}}]") + """algorithm:
  name: dtp
  target_stepsize: 0.1
  feedback_loss: {noise: 0.2}
  feedback: {optimizer: {name: sgd, stepsize: 0.01}}
variants:
  plain: {}
  chain: {algorithm.update: through_chain}
  drl: {algorithm: {feedback_loss: difference_reconstruction}}
  back: {algorithm: {mapping: adjoint, propagate: linear, feedback_loss: none, feedback: null}}
"""


class Ablation(Case):
    """A part that is replaced by its name changes that alone."""

    def test_plan_tells(self):
        file = self.write("in.yaml", ABLATION)
        done = self.call("plan", file, "--db", self.db)
        self.assertEqual([line for line in done.stdout.splitlines() if line.startswith(("  plain", "  chain", "  drl", "  back", "    algorithm"))], [
            "  plain: 1 trials, 0 finished", "  chain: 1 trials, 0 finished", "    algorithm.update: through_chain keeps reduction: mean, set in preset dtp",
            "  drl: 1 trials, 0 finished", f"    algorithm.feedback_loss: difference_reconstruction keeps noise: 0.2, set in {file}:11:19",
            "  back: 1 trials, 0 finished", f"    algorithm.feedback_loss: none drops noise: 0.2, set in {file}:11:19"])
        plan = json.loads(self.call("plan", file, "--db", self.db, "--format=json").stdout)
        noise = {"option": "noise", "value": "0.2", "set_in": file + ":11:19", "why": None, "key": "algorithm.feedback_loss"}
        self.assertEqual({v["variant"]: v["replaced_parts"] for v in plan["studies"][0]["variants"]}, {
            "plain": [], "drl": [{**noise, "part": "difference_reconstruction", "kept": True}], "back": [{**noise, "part": "none", "kept": False}],
            "chain": [{"key": "algorithm.update", "part": "through_chain", "option": "reduction", "value": "mean", "set_in": "preset dtp", "why": None, "kept": True}]})
        done = self.call("plan", file, "--variant", "plain", "algorithm.update.name=through_chain")
        self.assertIn("    algorithm.update: through_chain keeps reduction: mean, set in preset dtp\n", done.stdout)

    def test_merged(self):
        base = ABLATION[:ABLATION.index("algorithm:")]
        file = self.write("in.yaml", base + """variants:
  plain:
    algorithm: &plain
      name: dtp
      target_stepsize: 0.1
      feedback_loss: {name: reconstruction, noise: 0.2, corrupts: sent}
      feedback: {optimizer: {name: sgd, stepsize: 0.01}}
  drl: {algorithm: {<<: *plain, feedback_loss: difference_reconstruction}}
  decays: {algorithm: {<<: *plain, feedback_loss: {noise_decay: 3}}}
""")
        done = self.call("plan", file, "--db", self.db)
        self.assertEqual([line for line in done.stdout.splitlines() if line.startswith("    algorithm")], [
            f"    algorithm.feedback_loss: difference_reconstruction keeps noise: 0.2, set in {file}:13:45",
            f"    algorithm.feedback_loss: difference_reconstruction drops corrupts: sent, set in {file}:13:57"])
        self.call("run", file, "--db", self.db)
        for a, b, differs in (("plain", "drl", ["corrupts", "name"]), ("plain", "decays", ["noise_decay"])):
            rows = json.loads(self.call("diff", f"st:{a}", f"st:{b}", "--db", self.db, "--format=json", status=1).stdout)
            self.assertEqual([row["key"] for row in rows], [f"algorithm.feedback_loss.{key}" for key in differs])

    def test_what_is_trained(self):
        self.call("run", self.write("in.yaml", ABLATION), "--db", self.db)
        self.assertEqual(self.sql("SELECT variant, value FROM params WHERE param = 'algorithm.update.reduction' ORDER BY 1"),
                         [(v, "mean") for v in ("back", "chain", "drl", "plain")])
        self.assertEqual({state for _, state, _ in self.states()}, {"done"})


class Diff(Case):
    """What differs, key by key, and nothing else."""

    def test_what_differs(self):
        file = self.write("in.yaml", ABLATION)
        self.call("run", file, "--db", self.db, "train.iterations=5")
        for a, b in (("st:plain", "st:chain"), ("st:plain::1", "st:chain::1")):
            rows = json.loads(self.call("diff", a, b, "--db", self.db, "--format=json", status=1).stdout)
            rows = [row for row in rows if row["key"] != "variant"]
            self.assertEqual(rows, [{"key": "algorithm.update.name", "a": "gradient", "b": "through_chain"}])
        key = {v: k for v, k in self.sql("SELECT variant, \"key\" FROM trials")}
        done = self.call("diff", key["plain"][:12], "st:drl", "--db", self.db, status=1)
        self.assertEqual([line.split() for line in done.stdout.splitlines()], [
            ["key", key["plain"][:12], "st:drl"], ["algorithm.feedback_loss.corrupts", "state", "-"],
            ["algorithm.feedback_loss.name", "reconstruction", "difference_reconstruction"]])
        self.assertEqual(self.call("diff", "st", "st", "--db", self.db).stdout, "")
        self.assertEqual(self.call("diff", key["plain"], "st:plain::1", "--db", self.db).stdout, "")

    def test_files(self):
        file, other = self.write("in.yaml", ABLATION), self.write("other.yaml", ABLATION.replace("noise: 0.2", "noise: 0.3").replace("  back: ", "  end: "))
        self.assertEqual(self.call("diff", file, file).stdout, "")
        rows = json.loads(self.call("diff", file, other, "--format=json", status=1).stdout)
        self.assertEqual(rows, [{"key": "variant", "variant": "back", "a": "back", "b": None}]
                         + [{"key": "algorithm.feedback_loss.noise", "variant": v, "a": "0.2", "b": "0.3"} for v in ("chain", "drl")]
                         + [{"key": "variant", "variant": "end", "a": None, "b": "end"},
                            {"key": "algorithm.feedback_loss.noise", "variant": "plain", "a": "0.2", "b": "0.3"}])
        self.call("run", file, "--db", self.db, "train.iterations=5")
        rows = json.loads(self.call("diff", "st", file, "--db", self.db, "--format=json", status=1).stdout)
        self.assertEqual({(row["key"], row["a"], row["b"]) for row in rows}, {("train.iterations", "5", "20")})
        swept = self.write("swept.yaml", TASK + "variants: {bp: {algorithm: bp}}\nsweep: {grid: {train.optimizer.stepsize: [1, 10, 0.5]}}\n")
        plain = self.write("plain.yaml", TASK + "variants: {bp: {algorithm: bp}}\n")
        rows = json.loads(self.call("diff", swept, plain, "--format=json", status=1).stdout)
        self.assertEqual(rows, [{"key": "train.optimizer.stepsize", "variant": "bp", "a": "0.5, 1, 10", "b": "0.1"}])

    def test_cells(self):
        swept = self.write("swept.yaml", TASK + "variants: {bp: {algorithm: bp}}\nsweep: {grid: {train.optimizer.stepsize: [1, 0.5]}}\n")
        self.call("run", swept, "--db", self.db, "-q", "train.iterations=1")
        for cells in (("train.optimizer.stepsize=1", "train.optimizer.stepsize=0.5"), ("stepsize=1", "stepsize=0.5")):
            done = self.call("diff", *(f"st:bp:{cell}:1" for cell in cells), "--db", self.db, "--format=json", status=1)
            self.assertEqual(json.loads(done.stdout), [{"key": "train.optimizer.stepsize", "a": "1", "b": "0.5"}])

    def test_what_is_not_there(self):
        self.call("run", self.write("in.yaml", ABLATION), "--db", self.db, "train.iterations=0")
        for side, message in (("sx", f"{self.db}: no study 'sx'; `tprun ls` lists them"), ("st:plan", "study 'st' has no variant 'plan'"),
                              ("st:plain:x", "'st:plain:x' is not STUDY:VARIANT:CELL:SEED (without a sweep: STUDY:VARIANT::SEED)"),
                              ("st:plain::2", "study 'st' has no trial of variant 'plain' in the cell '' with seed 2"),
                              ("none.yaml", "none.yaml: cannot be compared")):
            self.assertIn(f"tprun: error: {message}", self.call("diff", "st", side, "--db", self.db, status=2).stderr)


class Relog(Case):
    """What a finished trial did not log is written for its last step, from the checkpoint of that step; nothing is trained."""
    WANTED = "log.metrics=[train_loss, test_loss, weight_norm]"

    def setUp(self):
        super().setUp()
        self.file = self.write("in.yaml", TASK.replace("seeds: 1", "seeds: 2") + "checkpoint: {keep: last}\nvariants: {bp: {algorithm: bp}}\n")
        self.call("run", self.file, "--db", self.db)

    def relog(self, *args, status=0):
        return self.call("run", self.file, "--db", self.db, "--relog", *args, status=status)

    def rows(self, db=None):
        """Rows of the last step."""
        db = sqlite3.connect(db or self.db)
        found = db.execute("SELECT t.key, k.name, NULL, m.step, m.value FROM metric m JOIN metric_key k ON k.id = m.key_id JOIN trial t ON t.id = m.trial_id "
                           "WHERE m.step = 20 UNION ALL SELECT t.key, k.name, m.layer, m.step, m.value FROM layer_metric m JOIN metric_key k "
                           "ON k.id = m.key_id JOIN trial t ON t.id = m.trial_id WHERE m.step = 20 ORDER BY 1, 2, 3").fetchall()
        db.close()
        return found

    def untouched(self):
        return self.sql("SELECT id, state, step, weights_sha256, reason FROM trial"), self.sql("SELECT count(*) FROM run"), self.sql("SELECT * FROM metric"), \
            self.sql("SELECT * FROM layer_metric"), self.sql("SELECT id, path FROM checkpoint")

    def test_rows_are_those_of_a_training_that_logged_them(self):
        other = self.path("other.db")
        self.call("run", self.file, "--db", other, self.WANTED)
        done = self.relog(self.WANTED)
        self.assertIn("tprun: 2 trials: 2 logged what they lacked\n", done.stderr)
        self.assertEqual(done.stderr.count("  logged  step 20"), 2, done.stderr)
        self.assertEqual(self.rows(), self.rows(other))
        self.assertEqual(self.sql("SELECT DISTINCT step FROM layer_metric"), [(20,)])
        self.assertEqual(self.sql("SELECT count(*) FROM run"), [(2,)], "no attempt is recorded")
        self.assertEqual(self.sql("SELECT kind, step, count(*) FROM event GROUP BY 1, 2"), [("relogged", 20, 2)])
        finals = "SELECT metric, n, last_mean FROM finals WHERE metric = 'test_loss'"
        db = sqlite3.connect(other)
        self.assertEqual(self.sql(finals), db.execute(finals).fetchall(), "statistics are made again")
        db.close()
        before = self.untouched()
        self.assertIn("2 trials: 0 logged what they lacked, 2 lacked nothing\n", self.relog(self.WANTED).stderr)
        self.assertEqual(self.untouched(), before)

    def test_what_would_end_a_trial_is_there_already(self):
        stop = ("train.stop.metric=train_loss", "train.stop.patience=5", "train.stop.every=10", "train.stop.loss_above_initial=3")
        self.call("run", self.file, "--db", self.path("stop.db"), "log.metrics=[train_loss]", *stop)
        done = self.call("run", self.file, "--db", self.path("stop.db"), "--relog", "log.metrics=[train_loss, weight_norm]", *stop)
        self.assertIn("2 trials: 2 logged what they lacked\n", done.stderr)

    def test_what_a_checkpoint_does_not_tell(self):
        before = self.untouched()
        for more in ("", ", weight_norm"):  # nothing is written of what could be
            said = self.relog(f"log.metrics=[train_loss, angle_bp, update_norm{more}]", status=2).stderr
            self.assertEqual(said.count("error: "), 1, said)
            self.assertIn("--relog: angle_bp, update_norm: of a training step, not of the weights that a checkpoint has: nothing was logged; leave it out", said)
            self.assertNotIn("logged what they lacked", said)
            self.assertEqual(self.untouched(), before)
        self.call("run", self.file, "--db", self.db, "log.metrics=[train_loss, angle_bp]", "--force")
        done = self.relog("log.metrics=[train_loss, angle_bp, weight_norm]")  # they have what is of a step
        self.assertIn("2 trials: 2 logged what they lacked\n", done.stderr)
        self.assertEqual(self.sql("SELECT k.name, count(*) FROM layer_metric m JOIN metric_key k ON k.id = m.key_id WHERE k.name = 'weight_norm' GROUP BY 1"), [("weight_norm", 4)])

    def fails(self, why, *args):
        """One trial cannot; the other can."""
        done = self.relog(self.WANTED, *args, status=1)
        self.assertIn(why, done.stderr)
        self.assertIn("bp seed 1  failed", done.stderr)
        self.assertIn("2 trials: 1 logged what they lacked, 1 could not\n", done.stderr)
        self.assertEqual(self.sql("SELECT seed, state, reason FROM trial"), [(1, "done", None), (2, "done", None)])
        self.assertEqual(self.sql("SELECT DISTINCT t.seed FROM layer_metric m JOIN trial t ON t.id = m.trial_id"), [(2,)])

    def test_without_a_checkpoint(self):
        self.sql("DELETE FROM checkpoint WHERE trial_id = 1")
        self.fails("(no checkpoint of its last step is kept; --force trains it again)")

    def test_without_its_file(self):
        path = os.path.join(self.db + ".checkpoints", self.sql("SELECT path FROM checkpoint WHERE trial_id = 1 ORDER BY id DESC")[0][0])
        os.makedirs(self.path("home"))
        shutil.move(path, self.path("home"))
        self.fails("(the checkpoint of its last step is not there; --checkpoints FOLDER reads it from another folder, --force trains it again)")
        self.relog(self.WANTED, "--checkpoints", self.path("home"))
        self.assertEqual(self.sql("SELECT count(DISTINCT trial_id) FROM layer_metric"), [(2,)])

    def test_of_a_damaged_file(self):
        path = os.path.join(self.db + ".checkpoints", self.sql("SELECT path FROM checkpoint WHERE trial_id = 1 ORDER BY id DESC")[0][0])
        with open(path, "r+b") as f:
            f.seek(-1, os.SEEK_END)
            last = f.read(1)
            f.seek(-1, os.SEEK_END)
            f.write(bytes([last[0] ^ 1]))
        self.fails("SHA-256")

    def test_of_other_weights(self):
        self.sql("UPDATE trial SET weights_sha256 = replace(weights_sha256, substr(weights_sha256, 1, 4), 'beef') WHERE id = 1")
        self.fails("(its checkpoint does not hold the weights that it ended with: SHA-256 ")

    def test_of_other_numerics(self):
        self.sql("UPDATE trial SET numerics_version = 99 WHERE id = 1")
        self.fails("whose numbers have version 99")

    def test_what_is_not_finished_stays(self):
        done = self.relog(self.WANTED, "train.iterations=30")
        self.assertIn("2 trials: 0 logged what they lacked, 2 not finished\n", done.stderr)
        self.assertEqual(self.sql("SELECT DISTINCT step, state FROM trial"), [(20, "done")])
        self.assertIn("give one of them", self.relog("--force", status=2).stderr)


class Logs(Case):
    """What a finished trial did not log is told, as nothing is trained for it."""

    def test_told(self):
        """Once, whatever number of trials it is about."""
        file = self.write("in.yaml", TASK + "variants: {bp: {algorithm: bp}, too: {algorithm: bp}}\n")
        more = ("log.metrics=[train_loss, weight_norm]",)
        note = "tprun: note: st: weight_norm was not logged by trials that are finished; --relog writes its last row from their checkpoints, --force trains them again\n"
        self.assertNotIn("note", self.call("run", file, "--db", self.db).stderr)
        done = self.call("run", file, "--db", self.db, *more)
        self.assertEqual(done.stderr.count(note), 1, done.stderr)
        self.assertIn("2 were finished before", done.stderr)
        self.assertNotIn("weight_norm was not", self.call("run", file, "--db", self.db, *more, "--force").stderr)
        self.assertEqual(self.sql("SELECT count(DISTINCT step) FROM layer_metric"), [(3,)])


    def test_other_keys(self):
        """What decides which values are logged, and how they are taken."""
        layers = "[{dense: {units: 6, activation: sigmoid, transmit: bernoulli}}, {dense: {units: 10}}]"
        random = BLOBS.replace("[{dense: {units: 10}}]", layers) + "variants: {bp: {algorithm: bp}}\n"
        angles = random.replace(", transmit: bernoulli", "").replace("[train_loss]", "[train_loss, angle_gnt]")
        for text, key, old, new in ((random, "every", "10", "5"), (random, "samples", "1", "3"), (angles, "damping", "0", "0.1")):
            self.db = self.path(key + ".db")
            file = self.write("in.yaml", text)
            self.call("run", file, "--db", self.db)
            done = self.call("run", file, "--db", self.db, f"log.{key}={new}")
            note = f"tprun: note: st: log.{key} was {old} when trials that are finished were logged, and is {new} now; --force trains them again\n"
            self.assertEqual(done.stderr.count("note: "), 1, done.stderr)
            self.assertIn(note, done.stderr)
            # forced or unfinished ones are logged so
            for more in (("--force",), ("train.iterations=30",)):
                self.assertNotIn("note: ", self.call("run", file, "--db", self.db, f"log.{key}={old}", *more).stderr)

    def test_no_matter(self):
        """A key that is about no value is not told."""
        file = self.write("in.yaml", TASK + "variants: {bp: {algorithm: bp}}\n")
        self.call("run", file, "--db", self.db)
        self.assertNotIn("note: ", self.call("run", file, "--db", self.db, "checkpoint.seconds=3").stderr)


class Weights(Case):
    """What is exported at step 0, feedback weights too, is what another trial can begin with."""

    def export(self, study, to):
        key = self.sql(f"SELECT \"key\" FROM trials WHERE study = '{study}'")[0][0]
        self.call("export", "weights", key, "--output", to, "--db", self.db)
        with open(self.path(to), "rb") as file:
            data = file.read()
        (size,) = struct.unpack("<Q", data[:8])
        tensors = json.loads(data[8:8 + size])
        return {name: data[8 + size + t["data_offsets"][0]:8 + size + t["data_offsets"][1]] for name, t in tensors.items() if name != "__metadata__"}

    def begin(self, name, more=""):
        """The tensors of a trial before its first step. more: lines of its file."""
        text = ABLATION.replace("experiment: st", "experiment: " + name).replace("[{dense: {units: 12", "[{dense: {units: 6}}, {dense: {units: 12")
        self.call("run", self.write(name + ".yaml", text + more), "--db", self.db, "--variant", "plain", "train.iterations=0",
                  "checkpoint.keep=last")
        return self.export(name, name + ".safetensors")

    def test_feedback_weights(self):
        first = self.begin("first")
        self.assertEqual(sorted(first), ["feedback.0.bias", "feedback.0.weight"] + [f"layers.{i}.{p}" for i in (0, 1, 2) for p in ("bias", "weight")])
        given = "seeds: [2]\nnetwork.init.from: {file: first.safetensors%s}\n"
        other = self.begin("other", given % "")
        self.assertEqual({name for name in first if first[name] != other[name]}, {"feedback.0.weight"}) # biases begin with 0
        self.assertEqual(self.begin("same", given % ", feedback: true"), first)

    def test_no_feedback_weights(self):
        self.begin("first")
        text = BLOBS.replace("units: 10}}]", "units: 6}}, {dense: {units: 12, activation: tanh}}, {dense: {units: 10}}], init.from: {file: first.safetensors, feedback: true}")
        alone = self.call("run", self.write("bp.yaml", text + "variants: {bp: {algorithm: bp}}\n"), "--db", self.path("o.db"), status=2)
        self.assertIn("network.init.from.feedback: has no effect, as the algorithm has no feedback weights", alone.stderr)
        dtp = "dtp: {algorithm: {name: dtp, target_stepsize: 0.1, feedback: {optimizer: {name: sgd, stepsize: 0.1}}}}"
        one = (self.write("two.yaml", text + "variants: {bp: {algorithm: bp}, " + dtp + "}\n"), "--db", self.path("o.db"), "--variant", "bp")
        self.assertIn("1 done", self.call("run", *one).stderr) # back-propagation has none: nothing is asked for
        self.call("run", *one, "network.layers.1.dense.units=13", status=1)


if __name__ == "__main__":
    unittest.main()
