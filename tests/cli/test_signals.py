#!/usr/bin/env python3
"""Signals at every stage of a run: while it starts, while 20,000 trials are being queued, while it trains. Nothing here
waits for a time: a signal is sent when the program has been seen to be somewhere."""
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
import unittest

from test_cli import Cli, SPEC, TPRUN

STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1]
ALL = STOPS + [signal.SIGHUP]
BURST_TOTAL = 1000
STUDY = """version: 1
experiment: {name}
seeds: {seeds}
dataset: {{name: temporal_order, length: 10, eval_size: 20, test_size: 20}}
network: {{layers: [{{rnn: {{units: 8, activation: tanh}}}}, {{dense: {{units: 4}}}}]}}
loss: cross_entropy
train: {{optimizer: {{name: sgd, stepsize: 0.1}}, batch_size: 5, iterations: 20}}
log: {{every: 10, metrics: [train_loss]}}
variants: {{{variant}: {{algorithm: bp}}}}
"""


def mask(pid, field):
    """A set of signals of /proc/PID/status."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith(field + ":"):
                bits = int(line.split()[1], 16)
                return {n for n in range(1, 65) if bits >> (n - 1) & 1}
    return set()


class Signals(Cli):
    def begin(self, *args, ignored=()):
        def dispose(): # whatever the tests were started with: nohup ignores SIGHUP
            for number in ALL:
                signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
        process = subprocess.Popen([TPRUN, "run", *args, "--db", self.db], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env=self.environment, preexec_fn=dispose)
        self.addCleanup(lambda: (process.poll() is None and process.kill(), process.stdout.closed or process.communicate()))
        return process

    def until(self, process, fact, what):
        """Polls until the fact is so, or the process has ended (False)."""
        deadline = time.monotonic() + 100
        while process.poll() is None:
            try:
                if fact():
                    return True
            except (FileNotFoundError, ProcessLookupError, sqlite3.OperationalError):
                pass
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.001)
        return False

    def handles(self, process):
        return self.until(process, lambda: set(ALL) <= mask(process.pid, "SigCgt"), "no handlers")

    def has_open(self, process, ending):
        folder = f"/proc/{process.pid}/fd"
        return any(os.readlink(os.path.join(folder, fd)).endswith(ending) for fd in os.listdir(folder))

    def count(self):
        return self.sql("SELECT count(*) FROM trial")[0][0] if os.path.exists(self.db) else 0

    def log(self):
        return os.path.getsize(self.db + "-wal")

    def end(self, process, sent):
        """The exit status that a run with these signals may have."""
        _, errors = process.communicate(timeout=100)
        stops = [number for number in sent if number in STOPS]
        allowed = {0, 75} if stops else {0}
        if len(stops) > 1:
            allowed |= {-number for number in stops}
        self.assertIn(process.returncode, allowed, f"after {sent}: {errors}")
        return process.returncode


class Start(Signals):
    def test_a_signal_at_each_stage_of_the_start(self):
        self.run_study("-q", db=os.path.join(self.folder, "straight.db"))
        expected = self.digest(os.path.join(self.folder, "straight.db"))
        stages = [self.handles,
                  lambda p: self.until(p, lambda: self.has_open(p, "results.db.lock"), "not opened"),
                  lambda p: self.until(p, lambda: self.has_open(p, "-wal"), "not opened"),
                  lambda p: self.until(p, lambda: self.has_open(p, "-wal") and self.log() > 0, "not queued"),
                  lambda p: self.until(p, lambda: self.workers(p), "no worker")]
        for number in ALL:
            for stage in stages:
                process = self.begin(SPEC, "train.iterations=60", "seeds=1", "-q")
                reached = stage(process)
                if reached:
                    process.send_signal(number)
                self.end(process, [number] if reached else [])
        self.run_study("-q")
        self.assertEqual(self.digest(), expected)

    def test_before_anything_is_begun(self):
        """An experiment file from a pipe that says nothing holds the program where it plans."""
        for number in STOPS:
            process = subprocess.Popen([TPRUN, "run", "-", "--db", self.db], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True, env=self.environment)
            self.assertTrue(self.handles(process))
            process.send_signal(signal.SIGHUP)
            process.send_signal(number)
            _, errors = process.communicate(timeout=100)
            self.assertEqual(process.returncode, 75)
            self.assertEqual(errors, "tprun: stopped before anything was begun\n")
        self.assertFalse(os.path.exists(self.db))


class Queue(Signals):
    """A thousand signals while 20,000 trials are being queued."""
    def test_a_thousand_signals_while_queueing(self):
        chance = random.Random(2385)
        studies = []
        for name, seeds, variant in (("big", 20000, "many"), ("small", 4, "few")):
            studies.append(os.path.join(self.folder, name + ".yaml"))
            with open(studies[-1], "w", encoding="ascii") as f:
                f.write(STUDY.format(name=name, seeds=seeds, variant=variant))
        command = [*studies, "--variant", "few", "-q"]  # `big` is queued but not trained
        sent_in_all = caught_queueing = starts = 0
        while sent_in_all < BURST_TOTAL:
            if self.count() > 20000:  # all are queued, and would not be queued again
                shutil.rmtree(os.path.dirname(self.db))
            process = self.begin(*command)
            size = starts % 4 << 20  # nothing can be counted until all is there
            reached = self.until(process, lambda least=size: self.log() >= least, "not queueing")
            self.assertTrue(reached or self.count() > 20000, "it ended by itself")
            sent = []
            while process.poll() is None and len(sent) < 40:
                hang_ups = len(sent) < 20 and sent_in_all + len(sent) < BURST_TOTAL
                sent.append(signal.SIGHUP if hang_ups and chance.random() < 0.9 else chance.choice(ALL))
                process.send_signal(sent[-1])
            if self.end(process, sent) == 75 and self.count() < 20000:
                caught_queueing += 1
            sent_in_all += len(sent)
            starts += 1
        self.assertGreater(caught_queueing, 5)
        self.assertEqual(self.sql("SELECT count(*) FROM trial WHERE state = 'running'"), [(0,)])
        self.call("run", *command, "--db", self.db)
        self.assertEqual(self.count(), 20004)
        straight = os.path.join(self.folder, "straight.db")
        self.call("run", *command, "--db", straight)
        self.assertEqual(self.digest(), self.digest(straight))


class Dispositions(Signals):
    def test_ignored_signals_stay_ignored(self):
        """A shell without job control starts `command &` with SIGINT ignored, nohup with SIGHUP."""
        for number in ALL:
            process = self.begin(SPEC, "seeds=1", "train.iterations=100000000", ignored=[number])
            others = set(ALL) - {number}
            self.assertTrue(self.until(process, lambda o=others: o <= mask(process.pid, "SigCgt"), "no handlers"))
            self.assertIn(number, mask(process.pid, "SigIgn"))
            self.assertNotIn(number, mask(process.pid, "SigCgt"))
            self.wait_rows(process, 1)
            process.send_signal(number)
            self.assertIsNone(process.poll())
            process.send_signal((others - {signal.SIGHUP}).pop())
            self.assertEqual(self.end(process, STOPS[:1]), 75)

    def test_what_is_timed_ends_with_the_plan(self):
        """A worker that times steps for `plan` is not left behind when that is killed."""
        spec = os.path.join(self.folder, "large.yaml")
        with open(spec, "w", encoding="ascii") as f:
            f.write(STUDY.format(name="large", seeds=1, variant="v").replace("units: 8", "units: 600").replace("length: 10", "length: 800").replace("batch_size: 5", "batch_size: 200"))
        environment = {**self.environment, "XDG_CACHE_HOME": os.path.join(self.folder, "cache")}
        process = subprocess.Popen([TPRUN, "plan", spec, "--db", self.db], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        children = f"/proc/{process.pid}/task/{process.pid}/children"

        def timing():
            with open(children, encoding="ascii") as f:
                pids = f.read().split()
            for pid in pids:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    if b"--time" in f.read():
                        return int(pid)
            return None
        self.assertTrue(self.until(process, timing, "nothing is timed"))
        worker = timing()
        process.kill()
        process.wait()
        deadline = time.monotonic() + 100
        while worker and self.runs(worker):
            self.assertLess(time.monotonic(), deadline, "it goes on")
            time.sleep(0.01)

    def runs(self, pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                return f.read().rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def test_workers_leave_signals_to_their_runner(self):
        """systemd and scancel signal every process of a job: the worker must live until its checkpoint."""
        process = self.begin(SPEC, "seeds=1", "train.iterations=100000000", "checkpoint.seconds=1000", "-j", "1")
        self.wait_rows(process, 3)
        worker = self.wait_worker(process)
        self.assertLessEqual(set(ALL), mask(worker, "SigIgn"))
        self.assertEqual(mask(worker, "SigBlk"), set())
        for number in ALL:
            os.kill(worker, number)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.end(process, STOPS[:1]), 75)
        self.assertEqual(self.sql("SELECT count(*) FROM event WHERE kind = 'worker_died'"), [(0,)])
        self.assertEqual(self.sql("SELECT count(*) FROM checkpoint"), [(1,)])


if __name__ == "__main__":
    unittest.main()
