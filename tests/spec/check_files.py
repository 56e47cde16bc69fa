#!/usr/bin/env python3
"""check_files.py TPRUN [--update]: every file of good/ is planned, every file of bad/ is refused, by the real program.

bad/NAME.err is all that `tprun plan NAME.yaml` prints, in the folder of the file; `tprun run` prints the same. Both exit with 2, and nothing is
created. --update writes the .err files: read each of them as somebody who made that mistake would.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TPRUN = os.path.abspath(sys.argv[1])
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("TPRUN_")}

# Trials of each variant, where a sweep decides on them.
TRIALS = {
    "claims": {"bp": 2, "tp": 2},
    "whole": {"tp": 6 * 5 * 2 * 20 * 3, "bp": 6 * 1 * 1 * 20 * 3},
    "grid_and_random": {"base": 12},
    "drawn_over_grid": {"base": 3},
    "short_forms": {"base": 8},
    "sweep_forms": {"base": 120},
    "sweep_left_out": {"tp": 8, "dtp": 24, "bp": 2, "gru": 2},
    "sweep_of_parts": {"base": 9},
    "composed": {"short": 2, "adam": 2, "plain": 2},
}


def names(folder):
    return sorted(f[:-5] for f in os.listdir(os.path.join(HERE, folder)) if f.endswith(".yaml"))


def listing(folder):
    return sorted(os.path.join(path, f) for path, folders, files in os.walk(folder) for f in folders + files)


class Files(unittest.TestCase):
    """Works on a copy: what a command leaves behind is seen."""
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tprun-files-")
        self.addCleanup(shutil.rmtree, self.folder)

    def copy(self, kind):
        return shutil.copytree(os.path.join(HERE, kind), os.path.join(self.folder, kind))

    def call(self, folder, *args):
        return subprocess.run([TPRUN, *args], cwd=folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, timeout=1000,
                              check=False)

    def test_good(self):
        folder = self.copy("good")
        before = listing(folder)
        for name in names("good"):
            with self.subTest(file=name):
                done = self.call(folder, "plan", name + ".yaml")
                warning = os.path.join(folder, name + ".warning")
                expected = open(warning, encoding="utf-8").read() if os.path.exists(warning) else ""
                self.assertEqual(done.stderr.decode(), expected)
                self.assertEqual(done.returncode, 0)
                if name in TRIALS:
                    found = re.findall(r"^  (\w+): (\d+) trials", done.stdout.decode(), re.M)
                    self.assertEqual({variant: int(n) for variant, n in found}, TRIALS[name])
        self.assertEqual(listing(folder), before)

    def test_bad(self):
        folder = self.copy("bad")
        before = listing(folder)
        self.assertGreater(len(names("bad")), 100)
        for name in names("bad"):
            with self.subTest(file=name):
                with open(os.path.join(HERE, "bad", name + ".err"), "rb") as f:
                    expected = f.read().decode()
                for command in "plan", "run":
                    done = self.call(folder, command, name + ".yaml")
                    self.assertEqual(done.stderr.decode(), expected)
                    self.assertEqual((done.returncode, done.stdout), (2, b""))
                    self.assertEqual(listing(folder), before)

    def test_every_expectation_has_its_file(self):
        stems = {f[:-4] for f in os.listdir(os.path.join(HERE, "bad")) if f.endswith(".err")}
        self.assertEqual(stems, set(names("bad")))


def update():
    bad = os.path.join(HERE, "bad")
    for name in names("bad"):
        done = subprocess.run([TPRUN, "plan", name + ".yaml"], cwd=bad, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=1000, check=False)
        with open(os.path.join(bad, name + ".err"), "wb") as f:
            f.write(done.stderr)


if __name__ == "__main__":
    if "--update" in sys.argv:
        update()
    else:
        unittest.main(argv=sys.argv[:1])
