#!/usr/bin/env python3
"""Text for a terminal: no line of any command is wider than it, and a reader that leaves is no failure. TPRUN_BUILD names the build folder."""
import fcntl
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import unittest

TPRUN = os.path.join(os.environ.get("TPRUN_BUILD", "."), "tprun")
SPEC = """\
version: 1
experiment: wide
title: a study whose title is long enough to reach beyond the end of a line of sixty characters
seeds: 2
dataset: {name: gaussian, classes: 4, train_size: 100, eval_size: 50, test_size: 50}
network: {layers: [dense: {units: 5, activation: tanh}, dense: {units: 4}]}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 10, iterations: 20}
log: {every: 10, metrics: [train_loss, test_loss, test_accuracy, weight_norm]}
variants: {back_propagation: {algorithm: bp}, target_propagation: {algorithm: {name: tp, target_stepsize: 0.1}}}
sweep: {grid: {train.optimizer.stepsize: {geomspace: [1e-3, 10, 7]}, network.layers.0.dense.units: [5, 10]}}
claims:
  - {id: a_claim, text: "a text that says at some length what the source has reported, and where it is", measure: SELECT max(last_mean) FROM finals, expect: [0, 100]}
"""
WIDTHS = [60, 80, 120]
COMMANDS = re.findall(r"^  (\w+) ", subprocess.run([TPRUN, "--help"], capture_output=True, text=True, check=True).stdout, re.M)


def plain(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


class Width(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="tprun-width-")
        with open(os.path.join(cls.folder, "wide.yaml"), "w") as file:
            file.write(SPEC)
        done = subprocess.run([TPRUN, "wide.yaml", "--db", "r.db", "-q"], capture_output=True, text=True, cwd=cls.folder)
        assert done.returncode == 0, done.stderr
        cls.key = subprocess.run([TPRUN, "sql", "--db", "r.db", "--format=csv", "SELECT key FROM trials LIMIT 1"], capture_output=True,
                                 text=True, cwd=cls.folder, check=True).stdout.split()[1]

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def on_terminal(self, width, *arguments, term="xterm"):
        """What the program writes to a terminal of this width: standard output alone."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        child = subprocess.Popen([TPRUN, *arguments], stdout=slave, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd=self.folder,
                                 env={**os.environ, "TERM": term})
        os.close(slave)
        parts = []
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            parts.append(part)
        os.close(master)
        child.wait()
        return b"".join(parts).decode().replace("\r\n", "\n")

    def calls(self):
        db = ["--db", "r.db"]
        return [["wide.yaml", *db], ["plan", "wide.yaml", *db], ["ls", *db], ["ls", "wide", *db], ["show", "wide", *db],
                ["show", self.key[:8], *db], ["claims", "wide", *db],
                ["compare", "wide:back_propagation", "wide:target_propagation", "--metric", "test_accuracy", *db],
                ["diff", "wide:back_propagation", "wide:target_propagation", *db], ["sql", "SELECT * FROM trials LIMIT 3", *db],
                ["sql", "SELECT * FROM finals", *db], ["list"], ["list", "mapping"], ["list", "metrics"], ["digest", "r.db"],
                ["data", "wide.yaml"], ["--help"], *[[name, "--help"] for name in COMMANDS]]

    def test_no_line_is_wider_than_the_terminal(self):
        for width in WIDTHS:
            for call in self.calls():
                text = plain(self.on_terminal(width, *call))
                self.assertTrue(text.strip(), call)
                wide = [line for line in text.split("\n") if len(line) > width and call[0] != "digest"]
                self.assertEqual(wide, [], "%s at %d columns" % (call, width))

    def test_tables_are_short(self):
        text = self.on_terminal(120, "wide.yaml", "--db", "r.db")
        self.assertIn("stepsize=0.464159, units=10", text)
        self.assertNotIn("train.optimizer", text)
        for variant in ["back_propagation", "target_propagation"]:
            self.assertEqual(len(re.findall("^%s +test_accuracy" % variant, text, re.M)), 8, text)
        whole = subprocess.run([TPRUN, "sql", "--db", "r.db", "--format=csv", "SELECT cell FROM finals"], capture_output=True, text=True,
                               cwd=self.folder, check=True).stdout
        self.assertIn("train.optimizer.stepsize=", whole)

    def test_cells_are_in_the_order_of_their_numbers(self):
        with open(os.path.join(self.folder, "order.yaml"), "w") as file:
            file.write(SPEC[:SPEC.index("claims:")].replace("experiment: wide", "experiment: order").replace("{geomspace: [1e-3, 10, 7]}", "[2, 10, 1e-5]")
                       .replace("seeds: 2", "seeds: 1").replace("[5, 10]", "[10, 9]"))
        subprocess.run([TPRUN, "order.yaml", "--db", "order.db", "-q"], capture_output=True, cwd=self.folder, check=True)
        text = subprocess.run([TPRUN, "ls", "order", "--db", "order.db"], capture_output=True, text=True, cwd=self.folder, check=True).stdout
        cells = re.findall(r"back_propagation +(stepsize=\S+ units=\d+)", text)
        self.assertEqual(cells, ["stepsize=%s, units=%d" % (s, u) for s in ("1e-5", "2", "10") for u in (9, 10)])

    def test_kinds_are_named_as_files_name_them(self):
        for word in ["feedback_loss", "feedback loss", "update", "update_rule", "mappings"]:
            self.assertIn("[", subprocess.run([TPRUN, "list", word], capture_output=True, text=True, check=True).stdout, word)

    def test_a_reader_that_leaves_is_no_failure(self):
        """SIGPIPE ends a command that prints, and those that train go on; where it is ignored nothing is said either."""
        for call in self.calls():
            for ignored in (False, True):
                read, write = os.pipe()
                os.close(read)
                done = subprocess.run([TPRUN, *call], stdout=write, stderr=subprocess.PIPE, text=True, cwd=self.folder, restore_signals=not ignored)
                os.close(write)
                expected = 1 if call[:2] == ["diff", "wide:back_propagation"] else 0  # they differ
                self.assertIn(done.returncode, [expected] if ignored else [expected, -signal.SIGPIPE], call)
                self.assertNotIn("write", done.stderr, call)

    def test_a_full_disk_is_a_failure(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([TPRUN, "list"], stdout=full, stderr=subprocess.PIPE, text=True, cwd=self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left", done.stderr)

    def test_a_dumb_terminal_gets_plain_lines(self):
        for term, moves in [("dumb", False), ("xterm", True)]:
            master, slave = pty.openpty()
            child = subprocess.Popen([TPRUN, "wide.yaml", "--db", term + ".db", "train.iterations=4000"], stdout=subprocess.DEVNULL, stderr=slave,
                                     cwd=self.folder, env={**os.environ, "TERM": term})
            os.close(slave)
            text = b""
            while True:
                try:
                    part = os.read(master, 65536)
                except OSError:
                    break
                if not part:
                    break
                text += part
            os.close(master)
            self.assertEqual(child.wait(), 0)
            self.assertEqual(b"\x1b" in text, moves, text[:200])


if __name__ == "__main__":
    unittest.main()
