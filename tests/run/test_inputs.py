#!/usr/bin/env python3
"""What decides a result beside its configuration, the bytes of data files and of files of weights and the version of the numbers, is known
of a trial: it is not continued on others, and not averaged with them. TPRUN_BUILD names the build folder."""
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

TPRUN = os.path.join(os.environ.get("TPRUN_BUILD", "."), "tprun")
HANG = 1000  # seconds: ends what hangs
DATA = """version: 1
experiment: dc
seeds: 2
dataset: {name: mnist, path: DATA, eval_size: 200, test_size: 200}
network: {layers: [{dense: {units: 10}}]}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 50, iterations: 40}
checkpoint: {keep: last}
log: {every: 20, metrics: [train_loss, test_accuracy]}
variants:
  bp: {algorithm: bp}
"""
WEIGHTS = """version: 1
experiment: wt
seeds: 2
dataset: {name: temporal_order, length: 10, eval_size: 100, test_size: 100}
network: {layers: [{rnn: {units: 8, activation: tanh}}, {dense: {units: 4}}]}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 5, iterations: 20}
checkpoint: {keep: last}
log: {every: 10, metrics: [train_loss]}
variants:
  bp: {algorithm: bp}
"""
LABELS = "train-labels-idx1-ubyte"


def sha(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


class Inputs(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tprun-inputs-")
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

    def call(self, *args, status=0, db=None):
        done = subprocess.run([TPRUN, *args, "--db", db or self.db], capture_output=True, text=True, env=self.environment, timeout=HANG, check=False,
                              cwd=self.folder)
        self.assertEqual(done.returncode, status, f"tprun {' '.join(args)}\n{done.stdout}\n{done.stderr}")
        return done

    def sql(self, text, db=None):
        with sqlite3.connect(db or self.db) as connection:
            rows = connection.execute(text).fetchall()
        connection.close()
        return rows

    def put_images(self):
        """Files in the form of MNIST, whose pixels and labels follow from their places."""
        os.mkdir(self.path("d"))
        for name, n in ("train", 60000), ("t10k", 10000):
            with open(self.path(f"d/{name}-images-idx3-ubyte"), "wb") as out:
                out.write(bytes([0, 0, 8, 3]) + n.to_bytes(4, "big") + bytes([0, 0, 0, 28, 0, 0, 0, 28]))
                out.write((bytes(range(251)) * (n * 784 // 251 + 1))[:n * 784])
            self.put_labels(f"{name}-labels-idx1-ubyte", n, 0)
        return self.write("in.yaml", DATA.replace("DATA", self.path("d")))

    def put_labels(self, name, n, shift):
        with open(self.path("d/" + name), "wb") as out:
            out.write(bytes([0, 0, 8, 1]) + n.to_bytes(4, "big") + bytes((i * 7 + shift) % 10 for i in range(n)))

    def test_other_data_under_the_same_name(self):
        spec = self.put_images()
        self.call("run", spec, "-q", "seeds=[1]")
        first = sha(self.path("d/" + LABELS))
        inputs = json.loads(self.sql("SELECT inputs FROM trials WHERE seed = 1")[0][0])
        self.assertEqual(inputs, {name: sha(self.path("d/" + name)) for name in sorted(os.listdir(self.path("d")))})
        self.assertEqual(list(inputs), sorted(inputs))
        rows = self.sql("SELECT * FROM metric")
        self.put_labels(LABELS, 60000, 1)
        said = self.call("run", spec, "--no-progress", "seeds=[1]", "train.iterations=80", status=1).stderr
        self.assertIn(f"'{LABELS}' is not the file that the trial was begun with: SHA-256 {first} then, {sha(self.path('d/' + LABELS))} now", said)
        self.assertIn("1 failed", said)
        self.assertEqual(self.sql("SELECT state, step FROM trials WHERE seed = 1"), [("done", 40)])
        self.assertEqual(self.sql("SELECT * FROM metric"), rows)
        # another seed on the new bytes: one of the two counts, and it is said
        said = self.call("run", spec, "--no-progress", "seeds=[2]", "train.iterations=40").stderr
        self.assertIn("1 earlier trial of its cell read other files", said)
        self.assertEqual(self.sql("SELECT seed, outdated FROM trials ORDER BY 1"), [(1, 1), (2, 0)])
        finals = "SELECT n, n_asked, n_outdated, last_mean IS NULL, last_mean_finished IS (SELECT last_test_accuracy FROM trials WHERE seed = {}) FROM finals " \
                 "WHERE metric = 'test_accuracy'"
        self.assertEqual(self.sql(finals.format(2)), [(1, 2, 1, 1, 1)])
        self.assertIn("| 1 of 2 |", self.call("report", "dc").stdout)
        self.assertEqual([[r[k] for k in ("trials", "done", "waiting", "outdated")] for r in json.loads(self.call("ls", "--format=json").stdout)], [[2, 1, 0, 1]])
        # the old bytes again: it goes on
        self.put_labels(LABELS, 60000, 0)
        self.call("run", spec, "-q", "seeds=[1]", "train.iterations=80")
        self.assertEqual(self.sql("SELECT from_step, state FROM run WHERE trial_id = (SELECT trial_id FROM trials WHERE seed = 1) ORDER BY id DESC LIMIT 1"),
                         [(40, "done")])
        self.assertEqual(self.sql("SELECT seed, outdated FROM trials ORDER BY 1"), [(1, 0), (2, 1)])
        self.assertEqual(self.sql(finals.format(1)), [(1, 2, 1, 1, 1)])
        # and one that is trained again is of these bytes
        self.call("run", spec, "-q", "--force", "seeds=[2]", "train.iterations=80")
        self.assertEqual(self.sql("SELECT n, n_asked, n_outdated, last_mean IS NULL FROM finals WHERE metric = 'test_accuracy'"), [(2, 2, 0, 0)])

    def test_what_cannot_be_trained_again_keeps_what_it_has(self):
        spec = self.put_images()
        self.call("run", spec, "-q", "seeds=[1]")
        budgets = "SELECT state, step, budget, finished_budget FROM trial WHERE seed = 1"
        before = self.sql("SELECT * FROM metric"), self.sql(budgets), self.sql("SELECT * FROM run")
        with open(self.path("d/" + LABELS), "r+b") as f:
            f.seek(100)
            f.write(b"\x63")
        for budget in ([], ["train.iterations=20"]):
            said = self.call("run", spec, "--no-progress", "--force", "seeds=[1]", *budget, status=1).stderr
            self.assertIn("; what it has stays)", said)
            self.assertIn("1 failed", said)
            self.assertEqual((self.sql("SELECT * FROM metric"), self.sql(budgets), self.sql("SELECT * FROM run")), before)
        other = self.write("other.yaml", WEIGHTS)
        self.call("run", other, "-q")
        rows = self.sql("SELECT count(*) FROM metric")
        self.call("run", other, spec, "--no-progress", "--force", "--fail-fast", "seeds=[1]", status=1)
        self.assertEqual(self.sql("SELECT count(*) FROM metric"), rows, "a run that is over already drops nothing")
        self.put_labels(LABELS, 60000, 1)
        self.call("run", spec, "-q", "--force", "seeds=[1]")
        self.assertNotEqual(self.sql("SELECT * FROM metric"), before[0])

    def test_other_weights_under_the_same_name(self):
        spec = self.write("in.yaml", WEIGHTS)
        source = self.path("a.db")
        self.call("run", spec, "-q", db=source)
        keys = [key for (key,) in self.sql("SELECT key FROM trials ORDER BY seed", db=source)]
        started = self.write("from.yaml", WEIGHTS.replace("network: {", "network: {init: {from: {file: w.safetensors}}, "))
        self.call("export", "weights", keys[0], "--output", "w.safetensors", db=source)
        self.call("run", started, "-q", "seeds=[1]")
        self.assertEqual(json.loads(self.sql("SELECT inputs FROM trials WHERE seed = 1")[0][0]), {"w.safetensors": sha(self.path("w.safetensors"))})
        self.call("export", "weights", keys[1], "--output", "w.safetensors", "--force", db=source)
        self.assertIn("is not the file that the trial was begun with", self.call("run", started, "seeds=[1]", "train.iterations=30", status=1).stderr)
        self.call("run", started, "-q", "seeds=[2]")
        self.assertEqual(self.sql("SELECT seed, outdated FROM trials ORDER BY 1"), [(1, 1), (2, 0)])
        self.assertEqual(self.sql("SELECT n, n_asked, last_mean IS NULL FROM finals"), [(1, 2, 1)])

    def test_other_numerics(self):
        spec = self.write("in.yaml", WEIGHTS)
        with open(spec, "a", encoding="utf-8") as f:
            f.write("claims:\n- {id: sql, text: t, measure: \"SELECT last_train_loss, seed FROM trials WHERE state = 'done'\", expect: [0, 99]}\n"
                    "- {id: value, text: t, value: {variant: bp, metric: train_loss}, expect: [0, 99]}\n")
        self.call("run", spec, "-q")
        ((version,),) = self.sql("SELECT DISTINCT numerics_version FROM trials")
        self.sql("UPDATE trial SET numerics_version = numerics_version - 1 WHERE seed = 1")
        said = self.call("run", spec, "--no-progress", "seeds=[1]", "train.iterations=30", status=1).stderr
        self.assertIn(f"whose numbers have version {version - 1}, and this one's have {version}; `tprun run --force` trains it again", said)
        self.call("run", spec, "-q", "train.iterations=40", status=1)
        self.assertEqual(self.sql("SELECT seed, outdated, step FROM trials ORDER BY 1"), [(1, 1, 20), (2, 0, 40)])
        self.assertEqual(self.sql("SELECT n, n_asked, n_outdated, last_mean IS NULL FROM finals"), [(1, 2, 1, 1)])
        outdated = "is outdated: a later one of its cell read other files or has other numerics"
        for name, what in (("sql", "1 of the study's trials "), ("value", "1 of the 2 seeds of 'bp' ")):
            ((verdict, note, unfinished),) = self.sql(f"SELECT verdict, note, n_unfinished FROM claims WHERE id = '{name}'")
            self.assertEqual((verdict, unfinished or 0), ("undecided", 0))
            self.assertIn(what + outdated, note)
        self.call("run", spec, "-q", "--force", "seeds=[1]", "train.iterations=40")
        self.assertEqual(self.sql("SELECT n, n_asked, n_outdated, last_mean IS NULL FROM finals"), [(2, 2, 0, 0)])


if __name__ == "__main__":
    unittest.main()
