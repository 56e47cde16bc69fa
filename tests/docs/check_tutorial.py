#!/usr/bin/env python3
"""check_tutorial.py TPRUN: every command of docs/tutorial.md prints what the page says, but for times, memory, the order in which trials end, and
the last digits of numbers, which are those of another processor."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs")
TPRUN = os.path.abspath(sys.argv.pop(1))
with open(os.path.join(DOCS, "tutorial.md"), encoding="utf-8") as file:
    PAGE = file.read()
TIME = re.compile(r"\b[0-9.]+(?:e[-+]?[0-9]+)? (?:ms|s|min|h|d)(?: [0-9]+ (?:s|min|h))?\b")
MEMORY = re.compile(r"memory [0-9.]+ (?=[kM]B)")
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def commands():
    """[(command, [line that is printed])]"""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", PAGE, re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            lines = part.splitlines()
            found.append((lines[0], lines[1:]))
    return found


def plain(lines):
    """Words and numbers of each line; trials that end are one sorted run, without their count, as they end in any order."""
    words = []
    for line in lines:
        line = MEMORY.sub("memory SIZE ", TIME.sub("TIME", re.sub(r"^\[\d+/(\d+)\]", r"[of \1]", line)))
        words.append(" ".join(line.split()))
    ended = sorted(w for w in words if w.startswith("[of"))
    return [w for w in words if not w.startswith("[of")], ended


def alike(a, b):
    """Equal but for the last digits of numbers."""
    x, y = NUMBER.findall(a), NUMBER.findall(b)
    return NUMBER.sub("#", a) == NUMBER.sub("#", b) and all(abs(float(p) - float(q)) <= 2e-3 * max(abs(float(p)), abs(float(q))) for p, q in zip(x, y))


class Tutorial(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tprun-tutorial-")
        os.mkdir(os.path.join(self.folder, "bin"))
        os.symlink(TPRUN, os.path.join(self.folder, "bin", "tprun"))
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("TPRUN_", "OPENBLAS_"))}
        self.environment.update(COLUMNS="80", LC_ALL="C.UTF-8", PATH=os.path.join(self.folder, "bin") + ":" + os.environ["PATH"],
                                XDG_CACHE_HOME=os.path.join(self.folder, "cache"))

    def tearDown(self):
        shutil.rmtree(self.folder)

    def compare(self, command, printed, expected):
        got, ended = plain(printed)
        parts, expected_ended = plain(expected)
        whole = "...\n" not in "\n".join(expected) + "\n"
        for line in expected_ended:
            self.assertTrue(any(alike(line, e) for e in ended), f"$ {command}\nno line as '{line}' in\n" + "\n".join(printed))
        if whole:
            self.assertEqual(len(ended), len(expected_ended), command)
        at = 0
        for line in parts:
            if line == "...":
                continue
            where = next((i for i in range(at, len(got)) if alike(line, got[i])), None)
            self.assertIsNotNone(where, f"$ {command}\nno line as '{line}' in\n" + "\n".join(printed))
            if whole:
                self.assertEqual(where, at, f"$ {command}\nbefore '{line}':\n" + "\n".join(printed))
            at = where + 1
        if whole:
            self.assertEqual(at, len(got), f"$ {command}\nmore is printed:\n" + "\n".join(printed))

    def test_every_command(self):
        files = re.findall(r"`(\w+\.yaml)`[^`]*```yaml\n(.*?)^```", PAGE, re.M | re.S)
        self.assertEqual([name for name, _ in files], ["first.yaml", "fair.yaml"])
        for name, text in files:
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as out:
                out.write(text)
        self.assertGreaterEqual(len(commands()), 10)
        for command, expected in commands():
            done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, cwd=self.folder, env=self.environment, timeout=1000)
            self.assertEqual(done.returncode, 0, f"$ {command}\n{done.stdout}\n{done.stderr}")
            self.compare(command, (done.stderr + done.stdout).splitlines(), expected)
        figure = {}
        for name in (os.path.join(DOCS, "tutorial.svg"), os.path.join(self.folder, "tutorial.svg")):
            with open(name, encoding="utf-8") as svg:
                figure[name] = re.findall(r"<text[^>]*>([^<]*)<", svg.read())
        page, made = figure.values()
        self.assertEqual(page, made, "docs/tutorial.svg has other words than what the page's command draws")


if __name__ == "__main__":
    unittest.main()
