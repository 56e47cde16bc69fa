#!/usr/bin/env python3
"""Many short trials: workers are forked from a starter, and nothing of one is left for the next, whatever is killed."""
import contextlib
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import time
import unittest

from test_cli import HANG, TPRUN, Cli

STUDY = """version: 1
experiment: short
seeds: {seeds}
precision: {precision}
dataset: {{name: gaussian, features: 8, classes: 3, train_size: 64, test_size: 32, eval_size: 32}}
network: {{layers: [{{dense: {{units: 6, activation: tanh}}}}, {{dense: {{units: 3}}}}]}}
loss: cross_entropy
train: {{optimizer: {{name: adam, stepsize: 0.01}}, batch_size: 8, iterations: {iterations}}}
log: {{every: 50, metrics: [train_loss, test_accuracy]}}
variants:
  bp: {{algorithm: bp}}
  dtp: {{algorithm: {{name: dtp, target_stepsize: 0.1, feedback: {{optimizer: {{name: adam, stepsize: 0.001}}}}}}}}
"""


class Short(Cli):
    def setUp(self):
        super().setUp()
        self.db = os.path.join(self.folder, "r.db")
        self.straight = os.path.join(self.folder, "straight.db")

    def start(self, *args):
        os.makedirs(os.path.dirname(self.db), exist_ok=True)
        process = subprocess.Popen([TPRUN, "run", *args, "--db", self.db], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                   env=self.environment)
        self.addCleanup(lambda: (process.poll() is None and process.kill(), process.stderr.closed or process.communicate()))
        return process

    def study(self, seeds, precision="single", iterations=100):
        path = os.path.join(self.folder, f"{precision}.yaml")
        with open(path, "w", encoding="ascii") as f:
            f.write(STUDY.format(seeds=seeds, precision=precision, iterations=iterations))
        return path

    def test_each_is_as_if_it_were_alone(self):
        """All trials of a study out of one starter, and each out of one of its own."""
        for precision in ("single", "double"):
            spec = self.study(4, precision)
            together, alone = (os.path.join(self.folder, f"{precision}-{name}.db") for name in ("together", "alone"))
            self.call("run", spec, "--db", together, "-q", "-j", "2")
            for variant in ("bp", "dtp"):
                for seed in (3, 1, 4, 2):
                    self.call("run", spec, "--db", alone, "-q", "-j", "1", "--variant", variant, f"seeds=[{seed}]")
            self.call("run", spec, "--db", alone, "-q")
            self.assertEqual(self.sql("SELECT count(*), count(DISTINCT pid) FROM run", together), [(8, 8)])
            self.assertEqual(self.sql("SELECT count(*) FROM run", alone), [(8,)])
            self.assertEqual(self.digest(together), self.digest(alone))

    def test_logs_are_sent_together(self):
        """A trial that logs every step does not write to its runner at every step."""
        if not os.path.exists("/proc/self/io"):
            self.skipTest("this kernel counts no writes")
        path = os.path.join(self.folder, "every.yaml")
        with open(path, "w", encoding="ascii") as f:
            f.write(STUDY.format(seeds=1, precision="single", iterations=10000000).replace("every: 50, metrics: [train_loss, test_accuracy]",
                                                                                          "every: 1, metrics: [batch_loss]"))
        process = self.start(path, "-q", "-j", "1", "--variant", "bp")
        steps = 0
        while steps < 5000:
            self.assertIsNone(process.poll())
            with contextlib.suppress(sqlite3.OperationalError):  # not there yet
                steps = self.sql("SELECT coalesce(max(step), 0) FROM progress")[0][0]
        (worker,) = self.children(process, "--worker")
        with open(f"/proc/{worker}/io", encoding="ascii") as f:
            writes = dict(line.split(": ") for line in f.read().splitlines())["syscw"]
        self.assertLess(int(writes), steps)
        process.kill()

    def kill_at_every_tenth(self, process, option, kills):
        """SIGKILL for one such child each time that ten more trials have begun. Adds those that were sent to kills."""
        at = 10
        while process.poll() is None:
            try:
                begun = self.sql("SELECT count(*) FROM run")[0][0]
            except sqlite3.OperationalError:  # not there yet
                continue
            for pid in self.children(process, option)[:1] if begun >= at else []:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    kills.append(pid)
                    at = begun + 10

    def test_kills_cost_one_trial_each(self):
        spec = self.study(50)
        self.call("run", spec, "--db", self.straight, "-q")
        for option in ("--starter", "--worker"):
            deaths, end = 0, time.monotonic() + HANG
            while deaths < 3 and time.monotonic() < end:  # a run that was over before there were so many proves little
                shutil.rmtree(self.folder + "/run", ignore_errors=True)
                self.db = os.path.join(self.folder, "run", "r.db")
                kills = []
                process = self.start(spec, "-q", "-j", "2")
                self.kill_at_every_tenth(process, option, kills)
                said = process.communicate()[1]
                self.assertEqual(process.returncode, 0, said)
                self.assertEqual(self.sql("SELECT count(*) FROM trial WHERE state <> 'done'"), [(0,)])
                runs, died = self.sql("SELECT count(*), (SELECT count(*) FROM event WHERE kind = 'worker_died') FROM run")[0]
                self.assertEqual(runs, 100 + died)
                self.assertLessEqual(died, len(kills) if option == "--worker" else 0)
                self.assertEqual(self.digest(), self.digest(self.straight))
                deaths = died if option == "--worker" else len(kills)
            self.assertGreaterEqual(deaths, 3)

    def test_a_starter_does_not_outlive_its_runner(self):
        process = self.start(self.study(2, iterations=1000000), "-q", "-j", "1")
        self.assertIsNotNone(self.wait_worker(process))
        starter, = self.children(process, "--starter")
        process.kill()
        process.wait()
        end = time.monotonic() + HANG
        while os.path.exists(f"/proc/{starter}") and time.monotonic() < end:
            time.sleep(0.01)
        self.assertFalse(os.path.exists(f"/proc/{starter}"))

    def test_a_starter_that_dies_always_is_told(self):
        """A worker program that cannot be run, beside a copy of tprun."""
        program = shutil.copy(TPRUN, self.folder)
        worker = os.path.join(self.folder, "tprun-worker-single")
        with open(worker, "w", encoding="ascii") as f:
            f.write("#!/bin/sh\nkill -SEGV $$\n")
        os.chmod(worker, stat.S_IRWXU)
        done = subprocess.run([program, "run", self.study(1), "--db", self.db], capture_output=True, text=True, env=self.environment, timeout=HANG,
                              check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"{worker} starts no worker: killed by SIGSEGV", done.stderr)
        self.assertEqual(self.sql("SELECT state FROM trial"), [("queued",), ("queued",)])


if __name__ == "__main__":
    unittest.main()
