#!/usr/bin/env python3
"""What `tprun plan` says of time, memory and disk, and --max-hours. No test knows how long anything takes."""
import json
import os
import unittest

from test_cli import Cli

STUDY = """version: 1
experiment: price
seeds: {seeds}
dataset: {{name: temporal_order, length: 10, eval_size: 40, test_size: 40}}
network: {{layers: [{{rnn: {{units: 6}}}}, {{dense: {{units: 4}}}}]}}
loss: cross_entropy
train: {{optimizer: {{name: sgd, stepsize: 0.1}}, batch_size: 5, iterations: 20}}
log: {{every: 10, metrics: [train_loss, weight_norm]}}
variants: {{bp: {{algorithm: bp}}, tp: {{algorithm: {{name: tp, target_stepsize: 0.1}}}}}}
{more}
"""
SWEEP = """sweep:
  grid:
    train.batch_size: [4, 64]
    train.optimizer.stepsize: [0.1, 0.01, 0.001]
"""


class Price(Cli):
    def setUp(self):
        super().setUp()
        self.db = os.path.join(self.folder, "r.db")
        self.spec = self.write("price.yaml")

    def write(self, name, seeds=2, more=""):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as f:
            f.write(STUDY.format(seeds=seeds, more=more))
        return path

    def plan(self, *args, **kwargs):
        return json.loads(self.call("plan", *args, "--db", self.db, "--format=json", **kwargs).stdout)

    def kept(self):
        folder = os.path.join(self.cache, "tprun")
        return [os.path.join(folder, name) for name in os.listdir(folder) if name.startswith("calibration-")] if os.path.isdir(folder) else []

    def check_range(self, r):
        self.assertLessEqual(r["low"], r["expected"])
        self.assertLessEqual(r["expected"], r["high"])
        self.assertGreater(r["low"], 0)


class Plans(Price):
    def test_each_shape_has_a_price(self):
        plan = self.plan(self.write("sweep.yaml", more=SWEEP), "-j", "3")
        self.assertEqual(plan["jobs"], 3)
        (study,) = plan["studies"]
        self.assertEqual([v["variant"] for v in study["variants"]], ["bp", "tp"])
        for variant in study["variants"]:
            self.assertEqual(variant["trials"], 12)
            self.assertEqual([(s["trials"], s["steps"]) for s in variant["shapes"]], [(6, 20), (6, 20)])
            self.assertEqual([s["cell"] for s in variant["shapes"]], [f"train.batch_size={n}, train.optimizer.stepsize=0.1" for n in (4, 64)])
            for shape in variant["shapes"]:
                self.assertIn(shape["source"], ("timed", "scaled"))
                self.check_range(shape["processor_seconds_each"])
                self.assertEqual(shape["rows_each"], 3 * (1 + 2))
            small, large = variant["shapes"]
            self.assertGreater(large["memory_bytes"], small["memory_bytes"])
            self.assertGreater(large["flop_per_step"], small["flop_per_step"])
        price = plan["price"]
        self.assertEqual(price, study["price"])
        self.assertEqual((price["trials"], price["finished"], price["unpriced"]), (24, 0, 0))
        self.assertEqual(price["rows"], 24 * 9)
        shapes = [s for v in study["variants"] for s in v["shapes"]]
        self.assertAlmostEqual(price["processor_seconds"]["expected"], sum(s["trials"] * s["processor_seconds_each"]["expected"] for s in shapes))
        largest = max(s["memory_bytes"] for s in shapes)
        self.assertAlmostEqual(price["memory_bytes"], 3 * largest)
        self.check_range(price["seconds"])

    def test_the_table(self):
        out = self.call("plan", self.write("sweep.yaml", more=SWEEP), "--db", self.db).stdout
        self.assertRegex(out, r"6 of 20 steps: [\d.]+ m?s .*each, by .*; first cell train\.batch_size=64, train\.optimizer\.stepsize=0\.1\n")
        self.assertRegex(out, r"to train: .* of processor time\n    memory [\d.]+ MB, data beside; disk: 216 rows, [\d.]+ kB of database, [\d.]+ kB of checkpoints\n")

    def test_timings_are_kept(self):
        first = self.plan(self.spec)
        (path,) = self.kept()
        with open(path, encoding="ascii") as f:
            text = f.read()
        self.assertRegex(text, r"^tprun calibration 1\nprocessor: .+\nbuild: tprun .+\n([0-9a-f]{64}( [-+.0-9e]+){8}\n){2}$")
        self.assertEqual(self.plan(self.spec), first)
        with open(path, "w", encoding="ascii") as f:
            f.write("rubbish\n")
        self.plan(self.spec)
        with open(path, encoding="ascii") as f:
            self.assertTrue(f.read().startswith("tprun calibration 1\n"))
        os.unlink(path)
        self.plan(self.spec)
        self.assertEqual(self.kept(), [path])
        self.assertFalse(os.path.exists(self.db))

    def test_a_cache_that_cannot_be_written_is_a_warning(self):
        with open(os.path.join(self.cache, "tprun"), "w", encoding="ascii"):
            pass
        done = self.call("plan", self.spec, "--db", self.db)
        self.assertEqual(done.stderr.count("the timings cannot be kept"), 1, done.stderr)
        self.assertIn("by steps that were timed", done.stdout)

    def test_of_many_shapes_some_are_timed(self):
        batches = ", ".join(str(n) for n in range(1, 25))
        plan = self.plan(self.write("many.yaml", seeds=1, more=f"sweep: {{grid: {{train.batch_size: [{batches}]}}}}"), "--variant=bp")
        (variant,) = plan["studies"][0]["variants"]
        sources = [s["source"] for s in variant["shapes"]]
        self.assertEqual(len(sources), 24)
        self.assertEqual(sources.count("timed") + sources.count("scaled"), 24)
        self.assertTrue(1 < sources.count("timed") <= 16, sources)
        self.assertIn("timed", sources[:14])  # not the largest alone
        for shape in variant["shapes"]:
            self.check_range(shape["processor_seconds_each"])

    def test_what_ran_tells(self):
        self.call("run", self.spec, "--db", self.db, "-q", "seeds=1")
        plan = self.plan(self.spec, "train.optimizer.stepsize=0.2", "seeds=[3, 4]", "train.iterations=30")
        shapes = [s for v in plan["studies"][0]["variants"] for s in v["shapes"]]
        self.assertEqual([(s["source"], s["runs"], s["rows_each"]) for s in shapes], [("database", 1, 12)] * 2)
        self.assertEqual(self.kept(), [])
        finished = self.plan(self.spec, "seeds=1")["price"]
        self.assertEqual((finished["finished"], finished["rows"], finished["memory_bytes"], finished["seconds"]["high"]), (2, 0, 0, 0))

    def test_several_studies_and_formats(self):
        other = os.path.join(self.folder, "other.yaml")
        with open(other, "w", encoding="ascii") as f:
            f.write(STUDY.format(seeds=1, more="").replace("experiment: price", "experiment: other"))
        plan = self.plan(self.spec, other)
        self.assertEqual([s["study"] for s in plan["studies"]], ["price", "other"])
        self.assertEqual([s["price"]["trials"] for s in plan["studies"]] + [plan["price"]["trials"]], [4, 2, 6])
        self.assertIn("\n2 studies, to train: ", self.call("plan", self.spec, other, "--db", self.db).stdout)
        self.assertIn("a plan is a table or json, not csv", self.call("plan", self.spec, "--db", self.db, "--format=csv", status=2).stderr)


class MaxHours(Price):
    def refused(self, *args):
        done = self.call(*args, "--db", self.db, "--max-hours", "1e-9", status=2)
        self.assertRegex(done.stderr, r"--max-hours allows .* ms, and the trials that are left may take up to .* \(.* is expected\) with \d+ at once: nothing was started")
        return done

    def test_nothing_is_written(self):
        self.refused("run", self.spec)
        self.refused("run", "-n", self.spec)
        self.assertIn("to train", self.refused("plan", self.spec).stdout)
        self.assertEqual(sorted(os.listdir(self.folder)), ["price.yaml"])

    def test_what_fits_is_trained(self):
        done = self.call("run", self.spec, "--db", self.db, "--max-hours", "1e6")
        self.assertIn("4 trials: 4 done", done.stderr)
        self.call("plan", self.spec, "--db", self.db, "--max-hours", "1e-9")  # nothing is left
        done = self.call("run", self.spec, "--db", self.db, "--max-hours", "1e-9")
        self.assertIn("4 were finished before", done.stderr)
        self.assertIn("2 trials, 0 finished", self.call("run", "-n", "--force", self.spec, "--db", self.db).stdout)
        with open(self.db, "rb") as f:
            before = f.read()
        self.refused("run", "--force", self.spec)
        self.refused("run", self.spec, "train.iterations=40")
        with open(self.db, "rb") as f:
            self.assertEqual(f.read(), before)

    def test_the_number(self):
        for wrong in ("0", "-1", "x", "nan", ""):
            self.assertIn(f"--max-hours: '{wrong}' is not a time above 0",
                          self.call("run", self.spec, "--db", self.db, "--max-hours=" + wrong, status=2).stderr)


if __name__ == "__main__":
    unittest.main()
