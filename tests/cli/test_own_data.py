#!/usr/bin/env python3
"""Data of one's own, from files to a figure. TPRUN_BUILD names the build folder."""
import array
import json
import os
import random
import shutil
import sqlite3
import subprocess
import tempfile
import time
import unittest

TPRUN = os.path.join(os.environ.get("TPRUN_BUILD", "."), "tprun")
HANG = 1000  # seconds: ends what hangs
SPEC = """\
version: 1
experiment: own
seeds: 2
dataset: {name: files, train: {x: in/x.npy, y: in/y.npy}, test: {x: out/x.npy, y: out/y.npy}, scaling: standard, validation_size: 10}
network: {layers: [dense: {units: 3}]}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 10, epochs: 3}
log: {every: 5, metrics: [train_loss, valid_loss, test_accuracy]}
variants: {bp: {algorithm: bp}}
"""


def write_npy(path, typecode, descr, shape, values):
    header = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n" % (descr, tuple(shape))
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + array.array(typecode, values).tobytes())


class OwnData(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tprun-own-")
        self.here = os.path.join(self.folder, "here")
        rng = random.Random(1)
        for name, n in [("in", 60), ("out", 30)]:
            os.makedirs(os.path.join(self.here, name))
            write_npy(os.path.join(self.here, name, "x.npy"), "f", "<f4", [n, 2], [rng.gauss(0, 1) for _ in range(2 * n)])
            write_npy(os.path.join(self.here, name, "y.npy"), "B", "|u1", [n], [i % 3 for i in range(n)])
        self.spec = os.path.join(self.here, "own.yaml")
        with open(self.spec, "w") as file:
            file.write(SPEC)
        self.db = os.path.join(self.folder, "r.db")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def call(self, *arguments, status=0, cwd=None):
        done = subprocess.run([TPRUN, *arguments], capture_output=True, text=True, cwd=cwd or self.folder)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def trials(self):
        with sqlite3.connect(self.db) as db:
            return db.execute("SELECT key, inputs FROM all_trials ORDER BY key").fetchall()

    def test_the_folder_is_no_part_of_a_trial(self):
        self.call("here/own.yaml", "--db", self.db)
        first = self.trials()
        self.assertEqual(sorted(json.loads(first[0][1])), ["in/x.npy", "in/y.npy", "out/x.npy", "out/y.npy"])
        self.assertIn("2 were finished before", self.call("own.yaml", "--db", self.db, cwd=self.here))
        os.rename(self.here, os.path.join(self.folder, "there"))
        self.assertIn("2 were finished before", self.call("there/own.yaml", "--db", self.db))
        self.assertIn("2 were finished before", self.call("there/own.yaml", "--db", self.db, "dataset.path=there"))
        self.assertEqual(self.trials(), first)

    def test_a_file_that_is_missing_is_a_mistake_with_its_place(self):
        os.remove(os.path.join(self.here, "out", "y.npy"))
        message = self.call("plan", "here/own.yaml", status=2)
        self.assertIn("own.yaml:4:", message)
        self.assertIn("dataset.test.y", message)
        self.assertIn("here/out/y.npy: No such file", message)

    def test_a_file_that_changed_is_told(self):
        labels = os.path.join(self.here, "in", "y.npy")
        first = [i % 3 for i in range(60)]
        second = [1] + first[1:]
        warning = "'in/y.npy' is not the file that %s read: their numbers are those of its former bytes; --force trains them again"
        table = "(%d of these trials read files that have other bytes now"
        self.call("here/own.yaml", "--db", self.db)
        write_npy(labels, "B", "|u1", [60], second)
        said = self.call("here/own.yaml", "--db", self.db)
        self.assertIn("warning: own: " + warning % "2 finished trials", said)
        self.assertIn(table % 2, said)
        self.assertIn(warning % "2 finished trials", self.call("plan", "here/own.yaml", "--db", self.db))
        self.call("here/own.yaml", "--db", self.db, "seeds=[1]", "--force")
        self.assertIn(warning % "1 finished trial", self.call("here/own.yaml", "--db", self.db, "-q"))
        write_npy(labels, "B", "|u1", [60], first)  # and back
        self.assertIn(table % 1, self.call("here/own.yaml", "--db", self.db))
        os.remove(os.path.join(self.here, "in", "y.npy"))  # nothing is known of a file that is gone; it is a mistake of its own
        self.assertNotIn("is not the file", self.call("plan", "here/own.yaml", "--db", self.db, status=2))
        write_npy(labels, "B", "|u1", [60], second)
        said = self.call("here/own.yaml", "--db", self.db, "--force")
        self.assertNotIn("is not the file", said)
        self.assertNotIn("other bytes now", said)
        self.assertNotIn("is not the file", self.call("plan", "here/own.yaml", "--db", self.db))

    def test_one_off_trials_of_a_file_that_changed(self):
        self.call("here/own.yaml", "--db", self.db, "train.clip_norm=5")
        write_npy(os.path.join(self.here, "out", "y.npy"), "B", "|u1", [30], [2] + [i % 3 for i in range(1, 30)])
        self.assertIn("'out/y.npy' is not the file that 2 finished trials read", self.call("here/own.yaml", "--db", self.db, "train.clip_norm=5"))

    def test_a_missing_value_fails_before_training(self):
        write_npy(os.path.join(self.here, "in", "x.npy"), "f", "<f4", [60, 2], [float("nan") if i == 7 else i for i in range(120)])
        self.assertIn("row 3, column 1", self.call("here/own.yaml", "--db", self.db, status=1))

    def test_parts_of_the_same_bytes_are_a_mistake_with_its_place(self):
        shutil.copy(os.path.join(self.here, "out", "x.npy"), os.path.join(self.here, "v.npy"))
        message = self.call("plan", "here/own.yaml", "dataset.validation_size=0", "dataset.valid={x: v.npy, y: out/y.npy}", status=2)
        self.assertIn("own.yaml:4:", message)
        self.assertIn(f"error: dataset.test.x: {self.here}/out/x.npy has the same bytes as dataset.valid.x, {self.here}/v.npy: what validation chooses", message)
        self.assertIn("has the same bytes as dataset.train.x", self.call("here/own.yaml", "--db", self.db, "dataset.test={x: in/x.npy, y: in/y.npy}", status=2))

    def test_classes_without_samples_are_told(self):
        write_npy(os.path.join(self.here, "in", "y.npy"), "B", "|u1", [60], [1 + i % 3 for i in range(60)])
        message = self.call("plan", "here/own.yaml", status=2)
        self.assertIn("own.yaml:4:", message)
        self.assertIn(f"error: dataset.train.y: no sample of class 0: labels are counted from 0, and those of {self.here}/in/y.npy are 1 to 3", message)
        warning = f"warning: {self.here}/in/y.npy: none of the 50 samples that are trained on is of class 0: 1 of the 4 classes, which are counted from 0, cannot be learned\n"
        with open(self.spec, "w") as file:
            file.write(SPEC.replace("units: 3", "units: 4").replace("scaling:", "classes: 4, scaling:"))
        for command in (["data", "here/own.yaml"], ["plan", "here/own.yaml", "--db", self.db], ["run", "here/own.yaml", "--db", self.db]):
            self.assertEqual(self.call(*command).count(warning), 1, command)

    def test_classes_that_a_subset_leaves_out_are_told(self):
        warning = f"warning: {self.here}/in/y.npy: none of the 2 samples that are trained on is of class "
        subset = ["dataset.subset={count: 2, seed: 1}", "train.batch_size=2"]
        for command in (["data", "here/own.yaml"], ["plan", "here/own.yaml", "--db", self.db], ["run", "here/own.yaml", "--db", self.db]):
            self.assertEqual(self.call(*command, *subset).count(warning), 1, command)

    def test_a_number_beyond_the_precision_fails_before_training(self):
        write_npy(os.path.join(self.here, "out", "x.npy"), "d", "<f8", [30, 2], [1e39 if i == 7 else i for i in range(60)])
        said = self.call("here/own.yaml", "--db", self.db, "dataset.scaling=none", status=1)
        beyond = "/out/x.npy: row 3, column 1 (counted from 0) is 1e+39: beyond the numbers of this precision, which end at 3.4e+38"
        self.assertIn(beyond, said)
        self.assertIn(beyond, self.call("data", "here/own.yaml", "dataset.scaling=none", status=1))
        self.assertIn(beyond, self.call("plan", "here/own.yaml", "--db", self.db, "dataset.scaling=none"))
        self.assertNotIn(beyond, self.call("data", "here/own.yaml", "dataset.scaling=none", "precision=double"))
        said = self.call("here/own.yaml", "--db", self.db, "dataset.scaling=none", "train.epochs=0", "sweep={grid: {precision: [double, single]}}", status=1)
        self.assertEqual(said.count(beyond), 3, said)  # once for all, and with each trial of that precision
        self.call("here/own.yaml", "--db", self.db, "dataset.scaling=none", "precision=double", "train.epochs=0")

    def test_time_that_is_up_ends_as_interrupted(self):
        with open(self.spec, "a") as file:
            file.write("checkpoint: {seconds: 1000}\n")
        step, end = 0, time.monotonic() + HANG
        while step == 0 and time.monotonic() < end:  # a worker may be slow to begin
            self.call("here/own.yaml", "--db", self.db, "seeds=1", "train.epochs=1000000", "--stop-after", "0.5", status=75)
            with sqlite3.connect(self.db) as db:
                self.assertEqual(db.execute("SELECT state FROM trials WHERE seed = 1").fetchall(), [("interrupted",)])
                (step,) = db.execute("SELECT step FROM trials WHERE seed = 1").fetchone()
        self.assertIn("1 trials: 1 done", self.call("here/own.yaml", "--db", self.db, "seeds=1", "train.epochs=%d" % (step // 5 + 2)))

    def test_how_a_csv_is_written_says_nothing_of_other_files(self):
        self.assertIn("dataset.csv.header: has no effect, as no file is a CSV", self.call("plan", "here/own.yaml", "--db", self.db, "dataset.csv.header=yes", status=2))
        self.call("plan", "here/own.yaml", "--db", self.db, "dataset.csv={header: auto, delimiter: comma}")  # as it is anyway
        with open(os.path.join(self.here, "in", "y.csv"), "w") as file:
            file.write("".join(f"{i % 3}\n" for i in range(60)))
        self.call("plan", "here/own.yaml", "--db", self.db, "dataset.csv.delimiter=semicolon", "dataset.train={x: in/x.npy, y: in/y.csv}")

    def test_data_tells_what_is_there(self):
        text = self.call("data", "here/own.yaml")
        self.assertIn("flat, 2 numbers a sample; 3 classes", text)
        self.assertIn("train: 50 samples", text)
        self.assertIn("validation: 10 samples", text)
        self.assertIn("classes: 0: 10, 1: 10, 2: 10", text)
        test = json.loads(self.call("data", "here/own.yaml", "--format=json"))["parts"][-1]
        self.assertEqual([test["name"], test["samples"], test["classes"], test["first"][1]["class"]], ["test", 30, [10, 10, 10], 1])
        self.assertEqual([len(sample["x"]) for sample in test["first"]], [2] * len(test["first"]))
        self.assertIn("60 x 2 of float32", self.call("data", "here/in/x.npy"))
        with open(os.path.join(self.folder, "t.csv"), "w") as file:
            file.write("a,b\x1b[31m\n1,2\n3,4\n")
        text = self.call("data", "t.csv")
        self.assertIn("column 1 b\\x1b[31m 2 to 4, mean 3", text)
        for words in (["dataset.csv.delimiter=semicolon"], ["--variant", "bp"], ["--profile", "quick"]):
            self.assertIn("t.csv: KEY=VALUE, --variant and --profile are for an experiment file", self.call("data", "t.csv", *words, status=2))
        with open(os.path.join(self.folder, "w.csv"), "w") as file:
            file.write("a,kind\n1,no\n3,yes\n2,no\n")
        self.assertIn("classes: 0 no: 2, 1 yes: 1", self.call("data", "w.csv"))
        self.assertIn("no such file", self.call("data", "no.npy", status=1).lower())


if __name__ == "__main__":
    unittest.main()
