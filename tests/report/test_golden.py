#!/usr/bin/env python3
"""A report and its figures, of the studies of studies.py, are what they were: tests/report/golden. After a change that is meant,
look at them, and write them anew with

    TPRUN_BUILD=build tests/report/test_golden.py --update
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import studies

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "golden")
TPRUN = os.path.join(os.path.abspath(os.environ.get("TPRUN_BUILD", ".")), "tprun")
STUDIES = ["two_lines", "same_lines", "diverging", "one_seed", "many_decades", "all_zero", "two_keys", "three_keys", "random_search", "who_wins", "cells", "asked"]


def write(folder):
    """report.md and its figures, and what `compare` says."""
    db = os.path.join(folder, "results.db")
    studies.make(db)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TPRUN_")}

    def tprun(*args, status=(0,)):
        done = subprocess.run([TPRUN, *args, "--db", db], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode in status, done.stderr
        return done.stdout
    tprun("claims", status=(1,))  # one is refuted
    out = os.path.join(folder, "out")
    os.mkdir(out)
    tprun("report", *STUDIES, "--figures", os.path.join("out", "figures"), "-o", os.path.join("out", "report.md"))
    for name, words in {"bars": ["two_lines", "--bars", "--metric", "test_accuracy"], "layers": ["all_zero", "--layers", "--metric", "angle_bp"],
                        "heatmap": ["two_keys", "--heatmap", "--metric", "test_accuracy"], "against": ["cells", "--x", "stepsize"]}.items():
        tprun("plot", *words, "-o", os.path.join("out", "figures", name + ".svg"))
    for name, words in {"compare": [], "compare_target": ["--target", "step"]}.items():
        with open(os.path.join(out, name + ".txt"), "w", encoding="utf-8") as f:
            f.write(tprun("compare", "two_lines:back_propagation", "two_lines:target_propagation", *words))
    return out


def files(folder):
    return sorted(os.path.relpath(os.path.join(path, name), folder) for path, _, names in os.walk(folder) for name in names)


class Golden(unittest.TestCase):
    maxDiff = None

    def test_everything_is_as_it_was(self):
        folder = tempfile.mkdtemp(prefix="tprun-golden-")
        self.addCleanup(shutil.rmtree, folder)
        out = write(folder)
        self.assertEqual(files(out), files(GOLDEN))
        for name in files(GOLDEN):
            with self.subTest(file=name), open(os.path.join(out, name), encoding="utf-8") as ours, \
                    open(os.path.join(GOLDEN, name), encoding="utf-8") as theirs:
                self.assertEqual(ours.read().splitlines(), theirs.read().splitlines())


if __name__ == "__main__":
    if sys.argv[1:] == ["--update"]:
        with tempfile.TemporaryDirectory(prefix="tprun-golden-") as temporary:
            made = write(temporary)
            shutil.rmtree(GOLDEN, ignore_errors=True)
            shutil.copytree(made, GOLDEN)
    else:
        unittest.main()
