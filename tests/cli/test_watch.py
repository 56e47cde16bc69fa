#!/usr/bin/env python3
"""`tprun ls --watch`: drawn again at each commit, in place on a terminal; ends when all is done, or is told to. TPRUN_BUILD names the build folder."""
import fcntl
import os
import pty
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "report"))
import studies  # noqa: E402 pylint: disable=wrong-import-position

TPRUN = os.path.abspath(os.path.join(os.environ.get("TPRUN_BUILD", "."), "tprun"))
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("TPRUN_") and k != "COLUMNS"}
HANG = 600  # seconds: ends what hangs, decides nothing


class Watch(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tprun-watch-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.db = os.path.join(self.folder, "results.db")
        studies.make(self.db)

    def write(self, statement):
        connection = sqlite3.connect(self.db)
        with connection:
            connection.execute(statement)
        connection.close()

    def command(self, *args):
        return [TPRUN, "ls", *args, "--watch", "--db", self.db]

    def step(self, n):
        self.write(f"UPDATE trial SET step = {n} WHERE id = (SELECT min(t.id) FROM trial t JOIN study s ON s.id = t.study_id WHERE s.name = 'diverging')")

    def finish(self):
        self.write("UPDATE trial SET state = 'done' WHERE state IN ('queued', 'running', 'interrupted')")

    def test_blocks(self):
        """Into a pipe: a block for each change, the last when all is done; then it ends by itself."""
        process = subprocess.Popen(self.command("diverging"), stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
        self.addCleanup(process.stdout.close)
        for n in (7777, 8888):
            if n == 7777:
                self.until(process, "going_on")
            self.step(n)
            self.until(process, f" {n} ")
        self.finish()
        rest = process.communicate(timeout=HANG)[0]
        self.assertEqual(process.returncode, 0)
        self.assertNotIn("running", rest.split("\n\n")[-1])
        self.assertNotIn("\x1b", rest)

    def test_equal_blocks(self):
        """Into a pipe: what is committed and changes nothing of what is shown prints nothing. Pauses give it time to look; without them it is never wrong."""
        process = subprocess.Popen(self.command("diverging"), stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
        self.addCleanup(process.stdout.close)
        for n in (7777, 8888):
            for _ in range(2):
                self.write("UPDATE study SET path = path || '.'")
                time.sleep(0.8)
            self.step(n)
        self.finish()
        blocks = process.communicate(timeout=HANG)[0].split("\n\n")
        self.assertGreater(len(blocks), 1)
        for block, following in zip(blocks, blocks[1:]):
            self.assertNotEqual(block.strip(), following.strip())

    def test_one_offs_go_on(self):
        """Trials beside those of the file are waited for too."""
        self.finish()
        self.write("UPDATE trial SET generation = 0, state = 'running' WHERE id = 1")
        process = subprocess.Popen(self.command("two_lines"), stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
        self.addCleanup(process.stdout.close)
        self.until(process, "running")
        self.finish()
        process.communicate(timeout=HANG)
        self.assertEqual(process.returncode, 0)

    def test_another_file(self):
        """What is removed or replaced is told, and not watched any more."""
        process = subprocess.Popen(self.command("diverging"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        self.addCleanup(process.stdout.close)
        self.until(process, "going_on")
        os.rename(self.db, self.db + ".away")
        said = process.communicate(timeout=HANG)[1]
        self.assertEqual((process.returncode, said), (1, f"tprun: error: {self.db}: the database was removed, or another one has its name now\n"))

    def until(self, process, words):
        for line in process.stdout:
            if words in line:
                return
        self.fail(f"ended before '{words}'")

    def test_all_is_done(self):
        self.finish()
        done = subprocess.run(self.command("two_lines"), capture_output=True, text=True, check=False, env=ENVIRONMENT, timeout=HANG)
        once = subprocess.run([TPRUN, "ls", "two_lines", "--db", self.db], capture_output=True, text=True, check=True, env=ENVIRONMENT, timeout=HANG)
        self.assertEqual((done.returncode, done.stdout), (0, once.stdout))

    def on_terminal(self, term, rows, *words):
        """Status and output: after each of the words has been seen a trial changes; after the last it is told to end."""
        pid, fd = pty.fork()
        if pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 80, 0, 0))
            os.execve(TPRUN, self.command("diverging"), {**ENVIRONMENT, "TERM": term})
        said = b""
        for i, word in enumerate(words):
            if i:
                self.step(7777)
            while word not in said:
                said += os.read(fd, 65536)
        os.kill(pid, signal.SIGINT)
        try:
            while more := os.read(fd, 65536):
                said += more
        except OSError:
            pass  # the other end is closed
        status = os.waitpid(pid, 0)[1]
        os.close(fd)
        return os.waitstatus_to_exitcode(status), said.decode().replace("\r\n", "\n")

    def test_in_place(self):
        """Each drawing goes back over all lines of the one before, and no line is wider than the terminal."""
        status, said = self.on_terminal("xterm", 1000, b"\x1b[J", b"7777")
        self.assertEqual(status, 0)
        first, second = said.split("\x1b[J\n")[:2]
        self.assertEqual(int(re.match(r"\x1b\[(\d+)F", second).group(1)), first.count("\n") + 1)
        for line in re.sub(r"\x1b\[\d*[A-Z]", "", said).split("\n"):
            self.assertLessEqual(len(line), 80)

    def test_a_low_terminal(self):
        """What does not fit is counted: lines that have scrolled away cannot be drawn over."""
        status, said = self.on_terminal("xterm", 12, b"\x1b[J")
        self.assertEqual(status, 0)
        drawing = said.split("\x1b[J")[0]
        self.assertEqual(drawing.count("\n") + 1, 11)
        self.assertRegex(drawing, r"\.\.\. and \d+ more lines")

    def test_dumb_terminal(self):
        status, said = self.on_terminal("dumb", 24, b"going_on", b"7777")
        self.assertEqual(status, 0)
        self.assertNotIn("\x1b", said)

    def test_what_cannot_be_watched(self):
        for args, status in ((["--format=json"], 2), (["no_such_study"], 2)):
            done = subprocess.run(self.command(*args), capture_output=True, text=True, check=False, env=ENVIRONMENT, timeout=HANG)
            self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
