#!/usr/bin/env python3
"""A step of a trained trial, checked from outside: `tprun probe --from` writes it with all that it takes, and what is read back gives the
same results bit for bit. TPRUN_BUILD names the build folder."""
import json
import math
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
sys.dont_write_bytecode = True
import tensors  # noqa: E402

TPRUN = os.path.abspath(os.path.join(os.environ.get("TPRUN_BUILD", "."), "tprun"))
HANG = 1000  # seconds: ends what hangs
RESULTS = ("loss", "state.", "target.", "sent.", "update.", "after.", "metric.")

HEAD = """version: 1
experiment: st
precision: %s
loss: cross_entropy
log: {every: 10, metrics: [train_loss, weight_norm]}
train: {optimizer: {name: %s, stepsize: 0.05}, batch_size: 5, iterations: 20}
"""
BLOBS = "dataset: {name: gaussian, features: 9, classes: 10, train_size: 40, test_size: 20}\n"
DENSE = BLOBS + "network: {layers: [{dense: {units: 8, activation: tanh}}, {dense: {units: 7, activation: tanh}}, {dense: {units: 10}}]%s}\n"
ORDER = "dataset: {name: temporal_order, length: 12, eval_size: 20, test_size: 20}\n"
NOISY = BLOBS + """network:
  layers: [{dense: {units: 8, activation: sigmoid, transmit: bernoulli}}, {dense: {units: 7, activation: tanh}}, {dense: {units: 10}}]
  input_noise: {std: 0.3}
"""
# file, and a tensor that it must bring beside parameters and batch
TRIALS = {
    "bp": (HEAD % ("single", "adam") + DENSE % "" + "variants: {v: {algorithm: bp}}\n", "optimizer.2"),
    "learned": (HEAD % ("double", "adam") + DENSE % "" + "variants: {v: {algorithm: {name: dtp, target_stepsize: 0.1, feedback_loss: {name: reconstruction, noise: 0.2}, feedback: {steps: 3, optimizer: {name: adam, stepsize: 0.01}}}}}\n",
                "feedback_optimizer.0"),
    "pretrained": (HEAD % ("single", "sgd") + DENSE % "" + "variants: {v: {algorithm: {name: dtp, target_stepsize: 0.1, feedback_loss: {name: reconstruction, noise: 0.2}, feedback: {steps: 0, pretrain_epochs: 1, extra_epochs: 1, optimizer: {name: sgd, stepsize: 0.01}}}}}\n",
                   "feedback_only.done"),
    "in_turn": (HEAD % ("single", "adam") + DENSE % "" + "variants: {v: {algorithm: {name: dtp, target_stepsize: 0.1, feedback_loss: {name: reconstruction, noise: 0.2}, update: {name: gradient, order: sequential}, feedback.optimizer: {name: adam, stepsize: 0.01}}}}\n", "optimizer.0"),
    "recurrent": (HEAD % ("single", "sgd") + ORDER + "network: {layers: [{rnn: {units: 8, activation: tanh}}, {dense: {units: 4}}]}\n"
                  "variants: {v: {algorithm: {name: tp, target_stepsize: 0.1}}}\n", "step"),
    "noisy": (HEAD % ("double", "sgd") + NOISY + "variants: {v: {algorithm: bp}}\n", "noise.uniform.0"),
}


class Steps(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tprun-steps-")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("TPRUN_", "OPENBLAS_"))}
        self.db = self.path("r.db")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write(text)
        return self.path(name)

    def call(self, *args, status=0):
        done = subprocess.run([TPRUN, *args], capture_output=True, text=True, env=self.environment, timeout=HANG, check=False, cwd=self.folder)
        self.assertEqual(done.returncode, status, f"tprun {' '.join(args)}\n{done.stdout}\n{done.stderr}")
        return done

    def sql(self, text):
        with sqlite3.connect(self.db) as connection:
            return connection.execute(text).fetchall()

    def tensors(self, name):
        """{name: (type, shape, bytes)} and the metadata."""
        with open(self.path(name), "rb") as file:
            data = file.read()
        (size,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8:8 + size])
        metadata = header.pop("__metadata__", {})
        return {k: (t["dtype"], t["shape"], data[8 + size + t["data_offsets"][0]:8 + size + t["data_offsets"][1]]) for k, t in header.items()}, metadata

    def train(self, text, *more):
        """The key of a trial with checkpoints at steps 20 and 40."""
        file = self.write("in.yaml", text + "checkpoint.keep: all\n")
        self.call("run", file, "--db", self.db, *more)
        self.call("run", file, "--db", self.db, "train.iterations=40", *more)
        self.assertEqual(self.sql("SELECT state, step FROM trial"), [("done", 40)])
        self.assertEqual(self.sql("SELECT step FROM checkpoint ORDER BY id"), [(20,), (40,)])
        return self.sql('SELECT "key" FROM trial')[0][0]

    def step(self, key, step, to, *more):
        """What it said."""
        return self.call("probe", "--from", key, "--step", str(step), "-o", self.path(to), "--db", self.db, *more).stderr

    def check(self, name):
        text, own = TRIALS[name]
        key = self.train(text)
        for step, said in ((0, "from the start: 0"), (10, "from the start: 10"), (20, "from the checkpoint at step 20: 0"),
                           (27, "from the checkpoint at step 20: 7"), (39, "from the checkpoint at step 20: 19")):
            self.assertEqual(self.step(key[:8], step, "step", "--metrics"), f"tprun: {said} steps to train\n")
            found, metadata = self.tensors("step")
            self.assertIn(own, found)
            self.assertEqual((metadata["trial"], metadata["step"], found["step"][2]), (key, str(step), struct.pack("<q", step)))
            results = {k: v for k, v in found.items() if k.startswith(RESULTS)}
            self.assertIn("loss", results)
            self.assertIn("update.layers.0." + ("weight_ih" if name == "recurrent" else "weight"), results)
            # read back, alone and under the file's specification
            self.call("probe", self.path("step"), "-o", self.path("again"), "--metrics")
            self.assertEqual(self.tensors("again")[0], results)
            self.call("probe", self.path("in.yaml"), "--input", self.path("step"), "-o", self.path("given"), "--metrics")
            self.assertEqual(self.tensors("given")[0], results)
        if name == "noisy": # plain SGD: what comes of the step is what the trial has after it
            self.step(key, 27, "step")
            self.step(key, 28, "next")
            before, after = ({k: struct.unpack(f"<{len(v[2]) // 8}d", v[2]) for k, v in self.tensors(n)[0].items()} for n in ("step", "next"))
            for parameter in (k for k in before if k.startswith("layers.")):
                for w, u, x in zip(before[parameter], before["update." + parameter], after[parameter]):
                    self.assertAlmostEqual(w - 0.05 * u, x, delta=1e-14)
        # without its checkpoints it is trained to the same
        os.rename(self.db + ".checkpoints", self.path("elsewhere"))
        said = self.step(key, 27, "anew")
        self.assertIn("tprun: from the start: 27 steps to train\n", said)
        self.assertEqual(self.step(key, 27, "moved", "--checkpoints", self.path("elsewhere")), "tprun: from the checkpoint at step 20: 7 steps to train\n")
        self.assertEqual(self.tensors("anew"), self.tensors("moved"))

    def test_wrong(self):
        key = self.train(TRIALS["bp"][0])
        for args, message in (
                (("--from", key[:8], "--step", "40"), f"--step 40: trial {key[:16]} takes 40 steps, from --step 0 to 39"),
                (("--from", "0123456789", "--step", "4"), f"{self.db}: no trial whose key begins with 0123456789"),
                (("--from", "st", "--step", "4"), "'st' is no trial; it is named by at least 4 digits of its key"),
                (("--from", key,), "--from needs --step N: how many steps the trial has taken before"),
                (("--from", key, "--step", "-1"), "--step: '-1' is not a number from 0 to 1000000000000"),
                (("--step", "1"), "--step is about a trial of the database: --from KEY"),
                (("--from", key, "--step", "4", "in.yaml"), "--from names a trial of the database"),
                (("--from", key, "--step", "4", "train.batch_size=4"), "--from names a trial of the database"),
                (("in.yaml",), "in.yaml: no step that `tprun probe --from` has written; on a specification, probe needs --input FILE"),
                ((), "probe needs a SPEC with --input FILE, or a step that --from has written")):
            done = self.call("probe", *args, "-o", self.path("o"), "--db", self.db, status=2)
            self.assertIn("tprun: error: " + message, done.stderr)
        self.call("probe", "--from", key, "--step", "4", "--db", self.db, status=2)
        self.assertFalse(os.path.exists(self.path("o")))

    def test_diverged(self):
        text = (HEAD % ("double", "sgd") + BLOBS + "network: {layers: [{dense: {units: 10, activation: relu}}, {dense: {units: 10}}]}\n"
                "variants: {v: {algorithm: bp}}\n")
        text = text.replace("cross_entropy", "squared_error").replace("classes: 10", "classes: 10, target: one_hot").replace("stepsize: 0.05", "stepsize: 1e9")
        self.call("run", self.write("in.yaml", text), "--db", self.db)
        ((key, state, end),) = self.sql('SELECT "key", state, diverged_step FROM trial')
        self.assertEqual(state, "diverged")
        for step in (end, 19):
            done = self.call("probe", "--from", key, "--step", str(step), "-o", self.path("o"), "--db", self.db, status=1)
            self.assertIn(f"tprun: note: here the trial diverges: it takes no whole step after {end} others\n", done.stderr)
        self.assertFalse(os.path.exists(self.path("o")))
        self.step(key, end - 1, "o")

    def test_damaged(self):
        key = self.train(TRIALS["bp"][0])
        self.step(key, 27, "before")
        for name in os.listdir(self.db + ".checkpoints"):
            with open(os.path.join(self.db + ".checkpoints", name), "r+b") as file:
                file.seek(-1, os.SEEK_END)
                file.write(b"\x55")
        said = self.step(key, 27, "after")
        self.assertIn("tprun: warning: a checkpoint is done without: ", said)
        self.assertIn("tprun: from the start: 27 steps to train\n", said)
        self.assertEqual(self.tensors("before"), self.tensors("after"))

    def test_origin(self):
        """What a resumed trial refuses."""
        text, _ = TRIALS["bp"]
        self.call("run", self.write("first.yaml", text), "--db", self.path("first.db"), "train.iterations=0", "checkpoint.keep=last")
        first = sqlite3.connect(self.path("first.db")).execute('SELECT "key" FROM trial').fetchone()[0]
        weights = self.path("w.safetensors")
        self.call("export", "weights", first, "-o", weights, "--db", self.path("first.db"))
        key = self.train(text + "network.init.from.file: " + weights + "\nseeds: [2]\n")
        self.step(key, 5, "before")
        self.call("export", "weights", self.sql('SELECT "key" FROM trial')[0][0], "-o", weights, "--force", "--db", self.db)
        done = self.call("probe", "--from", key, "--step", "5", "-o", self.path("o"), "--db", self.db, status=4)
        self.assertIn(f"tprun: error: '{weights}' is not the file that the trial was begun with: SHA-256 ", done.stderr)
        with sqlite3.connect(self.db) as connection:
            connection.execute("UPDATE trial SET numerics_version = 99")
        done = self.call("probe", "--from", key, "--step", "5", "-o", self.path("o"), "--db", self.db, status=4)
        self.assertIn("tprun: error: begun by a tprun whose numbers have version 99, and this one's have ", done.stderr)
        self.assertFalse(os.path.exists(self.path("o")))

    def test_metrics_together(self):
        """The value of a metric is the same whatever others are asked for."""
        for name in ("learned", "recurrent"):
            self.train(TRIALS[name][0])
            self.step(self.sql('SELECT "key" FROM trial')[0][0], 20, "step")
            alone = {}
            for metric in json.loads(self.call("list", "metric", "--format", "json").stdout):
                done = subprocess.run([TPRUN, "probe", "in.yaml", "--input", "step", "-o", "one", "--metrics", f"log.metrics=[{metric['name']}]"],
                                      capture_output=True, text=True, env=self.environment, timeout=HANG, check=False, cwd=self.folder)
                if done.returncode == 0: # else it is none of this trial's
                    alone[metric["name"]] = {k: v for k, v in self.tensors("one")[0].items() if k.startswith("metric.")}
            self.assertGreater(len([m for m in alone if alone[m]]), 8)
            for order in (sorted(alone), sorted(alone, reverse=True)):
                self.call("probe", "in.yaml", "--input", "step", "-o", "all", "--metrics", f"log.metrics=[{', '.join(order)}]")
                together = {k: v for k, v in self.tensors("all")[0].items() if k.startswith("metric.")}
                self.assertEqual(together, {k: v for found in alone.values() for k, v in found.items()})
            os.remove(self.db)

    def test_shown_in_turn(self):
        """States and targets of layers that move in turn are those of the first pass, behind feedback weights that have moved."""
        for schedule in ("first", "joint"):
            self.train(HEAD % ("double", "sgd") + DENSE % "" + "variants: {v: {algorithm: {name: dtp, target_stepsize: 0.1, feedback_loss: {name: reconstruction, noise: 0.2}, "
                       "update: {name: gradient, order: sequential}, feedback: {schedule: %s, optimizer: {name: adam, stepsize: 0.01}}}}}\n" % schedule)
            self.step(self.sql('SELECT "key" FROM trial')[0][0], 20, "step")
            shown = {}
            for order in ("sequential", "sequential_kept", "simultaneous"):
                self.call("probe", "in.yaml", "--input", "step", "-o", order, "algorithm.update.order=" + order)
                shown[order] = {k: v for k, v in self.tensors(order)[0].items() if k.startswith(("state.", "target.", "loss", "after."))}
                self.assertIn("target.0", shown[order])
                self.assertEqual(shown[order], shown["sequential"])
            os.remove(self.db)

    def test_evaluated_classes(self):
        """Where the classes are the first of more outputs, an evaluation tells of them alone."""
        self.write("in.yaml", "version: 1\nexperiment: e\nprecision: double\ndataset: {name: given, features: 2, outputs: 3}\n"
                   "network: {layers: [{dense: {units: 5}}]}\nloss: {name: cross_entropy, outputs: 3}\nalgorithm: {name: bp, head: 0}\n"
                   "train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 2, iterations: 1}\n")
        outputs = [1.0, 0.5, 2.0, 9.0, 5.0]
        tensors.write(self.path("in"), {"layers.0.weight": tensors.Tensor((5, 2), [0.0] * 10), "layers.0.bias": tensors.Tensor((5,), outputs),
                                        "batch.x": tensors.Tensor((2, 2), [1.0] * 4), "batch.y": tensors.Tensor((2,), [2, 0], "I64")})
        self.call("probe", "in.yaml", "--input", "in", "-o", "out", "--evaluate")
        found = tensors.read(self.path("out"))
        self.assertEqual((list(found["prediction"].values), list(found["errors"].values), found["probabilities"].shape), ([2, 2], [1], (2, 3)))
        z = sum(math.exp(o) for o in outputs[:3])
        for got, output in zip(found["probabilities"].values, 2 * outputs[:3]):
            self.assertAlmostEqual(got, math.exp(output) / z, delta=1e-15)

    def test_extra(self):
        """What a file brings that was not written so is no result."""
        key = self.train(TRIALS["recurrent"][0])
        self.step(key, 3, "step")
        with open(self.path("step"), "rb") as file:
            data = file.read()
        with open(self.path("other"), "wb") as out:
            out.write(data.replace(b"tprun step 1", b"tprun step 0", 1))
        done = self.call("probe", self.path("in.yaml"), "--input", self.path("other"), "-o", self.path("o"), status=1)
        self.assertIn("tensor 'loss' of shape [] is not an input of this trial", done.stderr)


for trial in TRIALS:
    setattr(Steps, "test_" + trial, lambda self, trial=trial: self.check(trial))

if __name__ == "__main__":
    unittest.main()
