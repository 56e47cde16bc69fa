#!/usr/bin/env python3
"""Files are made durable in the order that a power cut demands: shim.c, preloaded, writes down what the programs do."""
import gzip
import hashlib
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from test_cli import Cli, SPEC, TPRUN  # noqa: E402

SHIM = os.environ["TPRUN_ORDER_SHIM"]
FETCH_ONE = os.environ["TPRUN_FETCH_ONE"]


class Order(Cli):
    def setUp(self):
        super().setUp()
        with open(TPRUN, "rb") as f:
            if b"__asan_init" in f.read():
                self.skipTest("AddressSanitizer must be the first library that is loaded")
        self.folder = os.path.realpath(self.folder)
        self.db = os.path.join(self.folder, "deep", "results.db")
        self.log = os.path.join(self.folder, "order.log")
        self.environment.update(LD_PRELOAD=SHIM, TPRUN_ORDER_LOG=self.log)

    def lines(self):
        """What was done since the last call."""
        with open(self.log, encoding="utf-8") as f:
            lines = [line.split() for line in f]
        os.unlink(self.log)
        return lines

    def position(self, lines, wanted, start=0):
        for i in range(start, len(lines)):
            if lines[i] == wanted:
                return i
        self.fail(f"no {' '.join(wanted)} after line {start}:\n" + "\n".join(" ".join(line) for line in lines[start:start + 40]))
        return None

    def assert_durable(self, lines, path):
        """Written under another name, synced, then named, then its folder synced. Returns the place of the last."""
        named = [i for i, line in enumerate(lines) if line[0] in ("rename", "link") and line[2] == path]
        self.assertEqual(len(named), 1, f"{path} is named {len(named)} times")
        temporary = lines[named[0]][1]
        self.assertEqual(os.path.dirname(temporary), os.path.dirname(path))
        created = self.position(lines, ["create", temporary])
        synced = self.position(lines, ["sync", temporary], created)
        self.assertLess(synced, named[0], f"{path} has its name before it is durable")
        return self.position(lines, ["sync", os.path.dirname(path)], named[0])

    def assert_folders(self, lines):
        """A new folder is made durable before anything is done in it."""
        for i, line in enumerate(lines):
            if line[0] == "mkdir" and line[1].startswith(self.folder + "/"):  # what git is asked with is nobody's loss
                synced = self.position(lines, ["sync", os.path.dirname(line[1])], i)
                inside = [k for k, other in enumerate(lines) if any(word.startswith(line[1] + "/") for word in other[1:])]
                self.assertTrue(not inside or synced < inside[0], f"{line[1]} is used before it is durable")

    def test_checkpoints(self):
        self.run_study("-j", "1", "--variant", "bp", "train.iterations=300", "checkpoint.seconds=0.001", "-q")
        lines = self.lines()
        folder, wal = self.db + ".checkpoints", self.db + "-wal"
        self.position(lines, ["mkdir", folder])
        self.assert_folders(lines)
        made = [line[2] for line in lines if line[0] == "rename" and line[2].startswith(folder)]
        self.assertGreater(len(made), 3)
        for path in made:
            durable = self.assert_durable(lines, path)
            first_named = self.position(lines, ["names", wal, os.path.basename(path)])
            self.assertLess(durable, first_named, f"{path} is in the database before it is durable")
            self.position(lines, ["sync", wal], first_named)
        removed = [(i, line[1]) for i, line in enumerate(lines) if line[0] == "unlink" and line[1].endswith(".safetensors")]
        self.assertGreater(len(removed), 1)
        for at, path in removed:
            self.assertNotEqual(path, made[-1])
            newer = made[min(made.index(path) + 2, len(made) - 1)]  # two are kept while it runs, the last one after its end
            named = self.position(lines, ["names", wal, os.path.basename(newer)])
            committed = self.position(lines, ["sync", wal], named)
            self.assertLess(committed, at, f"{path} is removed before {newer} is committed")

    def test_exports(self):
        self.run_study("-j", "1", "-q", "checkpoint.keep=last")
        key = self.sql("SELECT key FROM trial WHERE variant = 'bp'")[0][0][:16]
        self.lines()
        out = os.path.join(self.folder, "out")
        os.mkdir(out)
        for name, command in {"weights.safetensors": ["export", "weights", key], "curves.svg": ["plot", "torture"],
                              "report.md": ["report", "torture", "--figures", os.path.join(out, "a", "b")]}.items():
            path = os.path.join(out, name)
            self.call(*command, "--db", self.db, "-o", path)
            lines = self.lines()
            self.assert_durable(lines, path)
            self.assert_folders(lines)
            for line in lines:
                if line[0] == "rename":
                    self.assert_durable(lines, line[2])

    def test_fetch(self):
        source, target = os.path.join(self.folder, "source"), os.path.join(self.folder, "x", "target")
        os.mkdir(source)
        contents = os.urandom(5000)
        with gzip.open(os.path.join(source, "data.gz"), "wb") as f:
            f.write(contents)
        subprocess.run([FETCH_ONE, target, "5", "file", "data", str(len(contents)), hashlib.sha256(contents).hexdigest(), source],
                       check=True, stdout=subprocess.DEVNULL, env=self.environment, timeout=100)
        lines = self.lines()
        self.assert_durable(lines, os.path.join(target, "data"))
        self.assert_folders(lines)

    def test_a_device_is_not_replaced(self):
        self.run_study("-j", "1", "-q")
        fifo, folder = os.path.join(self.folder, "fifo.svg"), os.path.join(self.folder, "folder.svg")
        os.mkfifo(fifo)
        os.mkdir(folder)
        self.assertIn("is not a regular file", self.call("plot", "torture", "--db", self.db, "-o", fifo, status=1).stderr)
        self.assertIn("is a folder", self.call("plot", "torture", "--db", self.db, "-o", folder, status=1).stderr)


if __name__ == "__main__":
    unittest.main()
