#!/usr/bin/env python3
"""Trials of several threads, end to end: the same trial for any number of them, one that goes on with another number, how many run at once, and limits."""
import os
import resource
import signal
import subprocess
import time
import unittest

from test_cli import Cli, HANG, TPRUN

STUDY = """version: 1
experiment: threads
seeds: {seeds}
dataset: {{name: gaussian, features: 530, classes: 10, train_size: 200, eval_size: 50, test_size: 50}}
network: {{layers: [{{dense: {{units: 520, activation: tanh}}}}, {{dense: {{units: 10}}}}]}}
loss: cross_entropy
train: {{optimizer: {{name: adam, stepsize: 0.001}}, batch_size: 40, iterations: {iterations}, threads: {threads}}}
checkpoint: {{keep: last}}
log: {{every: 5, metrics: [train_loss]}}
variants: {{bp: {{algorithm: bp}}}}
"""
ROWS = "SELECT step, value FROM metrics ORDER BY step"


class Threads(Cli):
    def setUp(self):
        super().setUp()
        self.db = os.path.join(self.folder, "r.db")

    def write(self, threads, iterations=10, seeds=1):
        path = os.path.join(self.folder, "threads.yaml")
        with open(path, "w", encoding="ascii") as f:
            f.write(STUDY.format(threads=threads, iterations=iterations, seeds=seeds))
        return path

    def weights(self, db=None):
        return self.sql("SELECT key, weights_sha256 FROM trial", db)

    def test_the_same_trial_goes_on_with_another_number(self):
        straight = os.path.join(self.folder, "straight.db")
        self.call("run", self.write(1, 20), "--db", straight, "-q")
        self.call("run", self.write(2), "--db", self.db, "-j", "16")
        self.assertIn("1 trial", self.call("run", self.write(1), "--db", self.db, "-j", "16").stderr)
        self.assertEqual(self.sql("SELECT count(*) FROM run"), [(1,)])  # it was done
        self.call("run", self.write(16, 20), "--db", self.db, "-j", "16", "-q")
        self.assertEqual(self.sql("SELECT from_step FROM run ORDER BY id"), [(0,), (10,)])
        self.assertEqual(self.weights(), self.weights(straight))
        self.assertEqual(self.sql(ROWS), self.sql(ROWS, straight))
        self.assertTrue(all(cpu > 0 and wall > 0 for wall, cpu in self.sql("SELECT wall_ns, cpu_ns FROM cost WHERE phase = 'train'")))

    def threads_of(self, pid):
        try:
            return len(os.listdir(f"/proc/{pid}/task"))
        except OSError:
            return 0

    def most_at_once(self, jobs, *files):
        """Of threads of all workers together, and of one, until there were as many as `jobs`; then the run is ended."""
        process = self.spawn("run", *files, "--db", self.db, "-j", str(jobs), "-q")
        most = [0, 0]
        deadline = time.monotonic() + HANG
        while most[0] < jobs and process.poll() is None and time.monotonic() < deadline:
            each = [self.threads_of(pid) for pid in self.workers(process)]
            most = [max(most[0], sum(each)), max(most[1], max(each, default=0))]
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=HANG)
        self.assertEqual(process.returncode, 75, errors)  # stopped
        return most

    def spawn(self, *args):
        process = subprocess.Popen([TPRUN, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment)
        self.addCleanup(lambda: (process.poll() is None and process.kill(), process.stdout.closed or process.communicate()))
        return process

    def test_threads_count_as_workers(self):
        self.assertEqual(self.most_at_once(4, self.write(2, 100000, 3)), [4, 2])

    def test_more_than_there_are(self):
        self.assertEqual(self.most_at_once(3, self.write(64, 100000, 2)), [3, 3])

    def test_auto(self):
        self.assertEqual(self.most_at_once(5, self.write("auto", 100000)), [5, 5])

    def test_auto_is_shared(self):
        self.assertEqual(self.most_at_once(5, self.write("auto", 100000, 2)), [5, 3])

    def test_without_address_space(self):
        with open(TPRUN, "rb") as f:
            if b"__asan_init" in f.read():
                self.skipTest("AddressSanitizer needs terabytes of address space")
        limit = 1 << 30
        done = self.call("run", self.write(16), "--db", self.db, "-j", "16", status=1,
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        self.assertIn("train.threads: those beside the first need 2400 MB of address space for OpenBLAS alone", done.stderr)
        self.assertIn("`ulimit -v` is 1048576 KB", done.stderr)

    def test_the_limit_of_a_worker_is_for_its_trial(self):
        self.call("run", self.write(4), "--db", self.db, "-j", "4", "--memory-limit", "500M", "-q")

    def test_mistakes(self):
        for word, message in (("0", "0 is out of range; expected an integer >= 1 and <= 64, or auto"), ("all", "expected an integer, or auto, found a string 'all'")):
            done = self.call("plan", self.write(word), status=2)
            self.assertIn(f"train.threads: {message}", done.stderr)


if __name__ == "__main__":
    unittest.main()
