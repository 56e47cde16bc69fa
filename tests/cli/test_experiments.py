#!/usr/bin/env python3
"""The smoke profile of every file of experiments/ about networks of images, on made-up images: all trials end, none diverges or fails, no claim is broken, and the
report has K and the stepsize by which methods are compared. The other files are known to tests by their networks; theirs take minutes. TPRUN_BUILD names the build folder."""
import glob
import os
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
EXPERIMENTS = os.path.join(HERE, "..", "..", "experiments")
TPRUN = os.path.join(os.environ.get("TPRUN_BUILD", "."), "tprun")
HANG = 1000  # seconds: ends what hangs
PATTERNS = ("bao2024/*.yaml", "meulemans2020/table3*.yaml", "meulemans2020/angles_cnn*.yaml", "lenet_mnist.yaml")
FILES = sorted(os.path.relpath(path, EXPERIMENTS) for pattern in PATTERNS for path in glob.glob(os.path.join(EXPERIMENTS, pattern)))
KNOWN = 1000  # images of each file with pixels and labels; the others are black, of class 0


def write_idx(folder, name, n):
    pixels, labels = bytes(range(251)) * (KNOWN * 784 // 251 + 1), bytes(i * 7 % 10 for i in range(KNOWN))
    for kind, head, known, size in (("images-idx3", (n, 28, 28), pixels[:KNOWN * 784], n * 784), ("labels-idx1", (n,), labels, n)):
        with open(os.path.join(folder, f"{name}-{kind}-ubyte"), "wb") as out:
            out.write(bytes([0, 0, 8, len(head)]) + b"".join(x.to_bytes(4, "big") for x in head) + known)
            out.truncate(4 + 4 * len(head) + size)


def write_cifar(folder, name):
    with open(os.path.join(folder, name), "wb") as out:
        out.writelines(bytes([i * 7 % 10]) + (bytes(range(i % 240, 256)) * 192)[:3072] for i in range(KNOWN))
        out.truncate(10000 * 3073)


class Experiments(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="tprun-experiments-")
        for name in ("mnist", "fashion_mnist", "cifar10"):
            os.mkdir(os.path.join(cls.folder, name))
            if name == "cifar10":
                for part in [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]:
                    write_cifar(os.path.join(cls.folder, name), part)
            else:
                write_idx(os.path.join(cls.folder, name), "train", 60000)
                write_idx(os.path.join(cls.folder, name), "t10k", 10000)
        cls.environment = {k: v for k, v in os.environ.items() if not k.startswith(("TPRUN_", "OPENBLAS_"))}
        cls.environment.update(XDG_CACHE_HOME=os.path.join(cls.folder, "cache"), TPRUN_DATA=cls.folder)
        cls.db = os.path.join(cls.folder, "r.db")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def call(self, *args):
        done = subprocess.run([TPRUN, *args, "--db", self.db], capture_output=True, text=True, env=self.environment, timeout=HANG, check=False)
        self.assertEqual(done.returncode, 0, f"tprun {' '.join(args)}\n{done.stdout}\n{done.stderr}")
        return done

    def sql(self, text):
        with sqlite3.connect(self.db) as connection:
            rows = connection.execute(text).fetchall()
        connection.close()
        return rows

    def test_smoke(self):
        self.assertGreater(len(FILES), 10)
        for name in FILES:
            with self.subTest(file=name):
                self.call("run", os.path.join(EXPERIMENTS, name), "--profile", "smoke", "-q", "-j", "2")
        self.assertEqual(self.sql("SELECT state, count(*) FROM trials GROUP BY state"), [("done", self.sql("SELECT count(*) FROM trials")[0][0])])
        self.assertEqual(self.sql("SELECT count(DISTINCT study) FROM trials"), [(len(FILES),)])
        report = self.call("report", "bao2024_table1_mnist", "--figures", os.path.join(self.folder, "figures")).stdout
        self.assertIn("| setting | `fwdtp` | `tjml` | `bp` | `ldrl` |", report)
        self.assertIn("| `algorithm.feedback.steps` | – | – | – | 2 |", report)
        self.assertIn("(2 c beta lr) | 0.1 | 0.05 | 0.05 | 0.0168418 |", report)


if __name__ == "__main__":
    unittest.main()
