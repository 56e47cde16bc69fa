#!/usr/bin/env python3
"""Machines that allow little: few open files, little address space, a control group with little memory."""
import os
import resource
import subprocess
import unittest

from test_cli import Cli, SPEC, TPRUN

STUDY = """version: 1
experiment: limits
seeds: {seeds}
dataset: {{name: temporal_order, length: {length}, eval_size: 100, test_size: 100}}
network: {{layers: [{{rnn: {{units: {units}, activation: tanh}}}}, {{dense: {{units: 4}}}}]}}
loss: cross_entropy
train: {{optimizer: {{name: sgd, stepsize: 0.1}}, batch_size: {batch}, iterations: {iterations}}}
log: {{every: 10, metrics: [train_loss]}}
variants: {{bp: {{algorithm: bp}}}}
"""


class Limits(Cli):
    def setUp(self):
        super().setUp()
        with open(TPRUN, "rb") as f:
            if b"__asan_init" in f.read():
                self.skipTest("AddressSanitizer needs terabytes of address space and files of its own")
        self.spec = self.write("limits.yaml", seeds=12, length=10, units=8, batch=5, iterations=20)
        self.db = os.path.join(self.folder, "r.db")

    def write(self, name, **values):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as f:
            f.write(STUDY.format(**values))
        return path

    def limited(self, which, soft, hard, *args, status=0, db=None):
        return self.call(*args, "--db", db or self.db, status=status, preexec_fn=lambda: resource.setrlimit(which, (soft, hard)))

    def digest_of(self, *args, db="straight.db"):
        path = os.path.join(self.folder, db)
        self.call(*args, "--db", path, "-q")
        return self.digest(path)


class Files(Limits):
    def test_fewer_workers_when_files_are_few(self):
        expected = self.digest_of("run", self.spec)
        for limit in (18, 20, 24):
            db = os.path.join(self.folder, f"{limit}.db")
            done = self.limited(resource.RLIMIT_NOFILE, limit, limit, "run", self.spec, "-j", "50", db=db)
            self.assertEqual(done.stderr.count("warning: "), 1, done.stderr)
            self.assertRegex(done.stderr, rf"too many open files \(`ulimit -n` is {limit}\); going on with \d workers? at once instead of \d+")
            self.assertIn("12 trials: 12 done", done.stderr)
            self.assertEqual(self.digest(db), expected)

    def test_the_soft_limit_is_raised(self):
        done = self.limited(resource.RLIMIT_NOFILE, 16, 256, "run", self.spec, "-j", "12")
        self.assertNotIn("warning", done.stderr)
        self.assertIn("12 trials: 12 done", done.stderr)

    def test_too_few_for_anything(self):
        for limit in (8, 12, 16):
            done = self.limited(resource.RLIMIT_NOFILE, limit, limit, "run", self.spec, status=6)
            self.assertRegex(done.stderr, rf"a run needs \d+ more open files at once, and only \d+ can be had: too many open files \(`ulimit -n` is {limit}\)")
            self.assertFalse(os.path.exists(self.db))


class Address(Limits):
    """OpenBLAS waits for ever where it finds no address space: a call that hangs is ended by the limit of `call`."""
    KB = 1024

    def test_a_message_instead_of_a_hang(self):
        for which, option in ((resource.RLIMIT_AS, "-v"), (resource.RLIMIT_DATA, "-d")):
            limit = 150000 * self.KB
            done = self.limited(which, limit, limit, "run", self.spec, status=6)
            self.assertIn(f"address space for OpenBLAS alone, and they cannot be had: Cannot allocate memory; `ulimit {option}` is 150000 KB",
                          done.stderr)
            self.assertFalse(os.path.exists(self.db))

    def test_what_needs_no_worker_goes_on(self):
        self.call("run", self.spec, "--db", self.db, "-q")
        for limit in (150000 * self.KB, 220000 * self.KB):
            for command in (["ls"], ["show", "limits"], ["sql", "SELECT count(*) FROM trial"]):
                self.limited(resource.RLIMIT_AS, limit, limit, *command)

    def test_a_limit_that_suffices(self):
        limit = 1000000 * self.KB
        self.limited(resource.RLIMIT_AS, limit, limit, "run", self.spec)

    def test_a_worker_alone(self):
        worker = os.path.join(os.path.dirname(TPRUN), "tprun-worker-double")
        limit = 150000 * self.KB
        done = subprocess.run([worker, "--kernel"], env={**self.environment, "OPENBLAS_NUM_THREADS": "1"}, capture_output=True, text=True,
                              timeout=60, check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        self.assertEqual(done.returncode, 1)
        self.assertIn("address space for OpenBLAS", done.stderr)

    def test_memory_limits_that_are_far_too_small(self):
        for limit in ("1M", "20M", "150M"):
            db = os.path.join(self.folder, limit + ".db")
            self.call("run", SPEC, "seeds=1", "train.iterations=2", "--memory-limit", limit, "--db", db, status=1)
            self.assertEqual(self.sql("SELECT DISTINCT state, reason FROM trial WHERE seed = 1", db), [("failed", "out of memory")])


class Processors(Limits):
    def at_once(self, environment=None, affinity=None):
        done = self.call("plan", self.spec, preexec_fn=lambda: os.sched_setaffinity(0, affinity or os.sched_getaffinity(0)),
                         env=environment)
        return int(done.stdout.rsplit(" at once", 1)[0].rsplit(" ", 1)[1])

    def test_the_default_of_jobs_is_what_the_process_may_use(self):
        allowed = os.sched_getaffinity(0)
        self.assertLessEqual(self.at_once(), len(allowed))
        self.assertEqual(self.at_once(affinity={min(allowed)}), 1)
        self.assertEqual(self.at_once({"SLURM_CPUS_PER_TASK": "1"}), 1)


class Budget(Limits):
    def runs(self, db, *args):
        """The most that trained at the same time, by their times in the database, and what was said."""
        done = self.call("run", self.spec, "-j", "3", "--db", db, *args)
        rows = self.sql("SELECT started_ms, ended_ms FROM run", db)
        return max(sum(a <= start < b for a, b in rows) for start, _ in rows), done.stderr

    def test_large_trials_wait_for_each_other(self):
        self.spec = self.write("large.yaml", seeds=6, length=40, units=200, batch=100, iterations=2)
        at_once, said = self.runs(self.db, "--memory", "20M")
        self.assertEqual(at_once, 1)
        self.assertRegex(said, r"by its plan a trial takes [0-9.]+ MB, and there are 20 MB for all \(--memory\): such trials are trained alone")
        free = os.path.join(self.folder, "free.db")
        _, said = self.runs(free)
        self.assertNotIn("--memory", said)
        self.assertEqual(self.digest(), self.digest(free))


class Group(Limits):
    """Control groups with limits, of version 1 or 2; needs the rights to make them."""
    ROOT = "/sys/fs/cgroup"

    def make_group(self, controller, limit):
        """limit: its file, in version 1 and in version 2."""
        first = os.path.isdir(os.path.join(self.ROOT, controller))
        self.group = os.path.join(self.ROOT, controller if first else "", f"tprun-test-{os.getpid()}")
        self.limit = limit[0 if first else 1]
        try:
            os.mkdir(self.group)
            self.addCleanup(os.rmdir, self.group)
            self.set_limit(1 << 20)
        except OSError as e:
            self.skipTest(f"no control group can be made: {e}")

    def read(self, *names):
        for name in names:
            if os.path.exists(os.path.join(self.group, name)):
                with open(os.path.join(self.group, name), encoding="ascii") as f:
                    return int(f.read())
        self.skipTest(f"the control group has no {' or '.join(names)}")
        return 0

    def set_limit(self, limit):
        with open(os.path.join(self.group, self.limit), "w", encoding="ascii") as f:
            f.write(str(limit))

    def inside(self, *args, db=None, status=0):
        def enter():
            with open(os.path.join(self.group, "cgroup.procs"), "w", encoding="ascii") as f:
                f.write(str(os.getpid()))
        return self.call("run", self.spec, "--db", db or self.db, *args, status=status, preexec_fn=enter)

    def test_few_processes(self):
        expected = self.digest_of("run", self.spec)
        self.make_group("pids", ("pids.max", "pids.max"))
        self.set_limit(len(os.sched_getaffinity(0)) + 3)  # OpenBLAS gives the runner a thread for each processor
        done = self.inside("-j", "12")
        self.assertRegex(done.stderr, r"too many processes .*; going on with \d workers? at once instead of 12")
        self.assertIn("12 trials: 12 done", done.stderr)
        self.assertEqual(self.digest(), expected)


    def test_a_group_without_memory(self):
        self.spec = self.write("large.yaml", seeds=4, length=60, units=300, batch=300, iterations=3)
        self.make_group("memory", ("memory.limit_in_bytes", "memory.max"))
        self.set_limit(1 << 40)
        straight = os.path.join(self.folder, "straight.db")
        self.inside("-j", "1", "-q", db=straight)
        enough_for_one = self.read("memory.max_usage_in_bytes", "memory.peak") * 5 // 4
        self.set_limit(enough_for_one)
        done = self.inside("-j", "4", "--memory", "1000G")
        self.assertIn("by the kernel, as the memory of its control group was used up (by its plan a worker takes", done.stderr)
        self.assertRegex(done.stderr, r"warning: memory is short; going on with \d workers? at once instead of 4")
        self.assertIn("4 trials: 4 done", done.stderr)
        self.assertEqual(self.digest(), self.digest(straight))
        self.set_limit(enough_for_one // 2)
        none = os.path.join(self.folder, "none.db")
        done = self.inside("-j", "2", "seeds=1", "--memory", "1000G", db=none, status=1)
        self.assertIn("1 trials: 0 done, 1 failed", done.stderr)
        self.assertIn("control group", self.sql("SELECT reason FROM trial", none)[0][0])


if __name__ == "__main__":
    unittest.main()
