#!/usr/bin/env python3
"""`tprun submit` with an sbatch and an scontrol that only take notes; their scripts are then run here, as Slurm would."""
import json
import os
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_work  # noqa: E402

NOTES = """#!{python}
import json, os, sys
path = {path!r}
if sys.argv[1:] == ["show", "config"]:
    print("MaxArraySize            = 2")
    sys.exit()
with open(path, "a", encoding="ascii") as f:
    print(json.dumps([os.path.basename(sys.argv[0])] + sys.argv[1:]), file=f)
with open(path, encoding="ascii") as f:
    print(100 + len(f.readlines()))
sys.exit({status})
"""


class Submit(test_work.Cluster):
    def setUp(self):
        super().setUp()
        self.bin = self.path("bin")
        self.notes = self.path("notes")
        os.mkdir(self.bin)
        self.fake(0)
        self.environment["PATH"] = self.bin + os.pathsep + self.environment["PATH"]
        self.out = self.path("results.db")
        self.shards = self.out + ".shards/cluster"

    def fake(self, status):
        for name in ("sbatch", "scontrol"):
            path = os.path.join(self.bin, name)
            with open(path, "w", encoding="ascii") as f:
                f.write(NOTES.format(python=sys.executable, path=self.notes, status=status))
            os.chmod(path, 0o755)

    def noted(self):
        with open(self.notes, encoding="ascii") as f:
            return [json.loads(line) for line in f]

    def submit(self, *args, **kwargs):
        return self.call("submit", self.spec, "--db", self.out, *args, **kwargs)

    def task(self, script, first=0, task=0):
        """Starts a script as Slurm would, with its variables."""
        variables = {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_JOB_ID": "101", "TPRUN_FIRST": str(first), "SLURM_CPUS_PER_TASK": "1"}
        process = subprocess.Popen(["sh", os.path.join(self.shards, script)], env={**self.environment, **variables},
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (process.poll() is None and process.kill(), process.communicate()))
        return process

    def test_arrays_of_the_largest_size_and_a_merge_behind_them(self):
        said = self.submit("--shards", "3", "--max-parallel", "2", "--time", "1:00:00", "--partition", "long", "--mem", "2G", "--account", "lab")
        self.assertRegex(said.stdout, r"array 101 102: 3 shards in .*\.shards/cluster\nmerge 103: into .*results\.db when all have ended\n")
        first, second, merge = self.noted()
        self.assertEqual(first[1:-1], ["--parsable", "--export=ALL,TPRUN_FIRST=0", "--array=0-1%2"])
        self.assertEqual(second[1:-1], ["--parsable", "--export=ALL,TPRUN_FIRST=2", "--array=0-0%2"])
        self.assertEqual(merge[1:-1], ["--parsable", "--dependency=afterany:101:102"])
        with open(first[-1], encoding="ascii") as f:
            script = f.read()
        for line in ("--time=1:00:00", "--partition=long", "--mem=2G", "--account=lab", "--cpus-per-task=1", "--open-mode=append", "--requeue",
                     "--signal=B:USR1@60"):
            self.assertIn(f"#SBATCH {line}\n", script)
        self.assertEqual(self.sql("SELECT state, count(*) FROM trial GROUP BY state", self.out), [("queued", 12)])
        for start, task in ((0, 0), (0, 1), (2, 0)):
            self.assertEqual(self.task("shards.sbatch", start, task).wait(test_work.HANG), 0)
        table = self.submit("--status").stdout.splitlines()
        self.assertEqual([line.split()[:2] for line in table[1:]], [["0", "4"], ["1", "4"], ["2", "4"]])
        for line in table[1:]:
            self.assertRegex(line, r"[0-9] (ms|s|min) ago ")
        self.assertEqual(self.task("merge.sbatch").wait(test_work.HANG), 0)
        straight = self.path("straight.db")
        self.call("run", self.spec, "--db", straight, "-q")
        self.assertEqual(self.digest(self.out), self.digest(straight))

    def test_status_of_shards_that_are_being_made_or_cannot_be_read(self):
        os.makedirs(self.shards)
        for i in (0, 3):
            self.work(f"{i}/4", os.path.join(self.shards, f"{i}.db"), "-q")
        with open(os.path.join(self.shards, "1.db"), "wb"):
            pass
        with open(os.path.join(self.shards, "2.db"), "wb") as f:
            f.write(b"not a database at all" * 1000)
        said = self.submit("--status", status=5)
        self.assertEqual([line.split()[:2] for line in said.stdout.splitlines()[1:]], [["0", "3"], ["1", "-"], ["3", "3"]])
        self.assertIn("2.db is damaged or not a database", said.stderr)

    def test_a_task_whose_time_is_up_is_queued_again(self):
        long = ["train.iterations=200000", "log.every=10000", "--variant", "bp", "seeds=1"]
        self.submit("--shards", "1", *long)
        process = self.task("shards.sbatch")
        shard = os.path.join(self.shards, "0.db")
        end = time.monotonic() + test_work.HANG
        while time.monotonic() < end and not (os.path.exists(shard) and self.sql("SELECT 1 FROM sqlite_master WHERE name = 'run'", shard)
                                              and self.sql("SELECT 1 FROM run", shard)):
            time.sleep(0.05)
        process.send_signal(signal.SIGUSR1)
        end = time.monotonic() + test_work.HANG
        while time.monotonic() < end and ["scontrol", "requeue", "101_0"] not in self.noted():
            time.sleep(0.05)
        self.assertIn(["scontrol", "requeue", "101_0"], self.noted())
        self.assertEqual(self.sql("SELECT count(*) FROM trial WHERE state = 'running'", shard), [(0,)])
        self.assertGreater(self.sql("SELECT max(step) FROM checkpoint", shard)[0][0], 0)

    def test_print_changes_nothing(self):
        said = self.submit("--print", "--shards", "2").stdout
        self.assertEqual(said.count("#!/bin/sh"), 2)
        self.assertFalse(os.path.exists(self.out))
        self.assertFalse(os.path.exists(self.notes))

    def test_what_is_wrong_is_told(self):
        self.assertIn("cannot stand in a script of Slurm", self.submit("--time", "1 00", status=2).stderr)
        self.assertIn("no shard has begun", self.submit("--status", status=2).stderr)
        self.fake(1)
        self.assertRegex(self.submit(status=2).stderr, r"sbatch refused .*shards\.sbatch: 101")
        with open(os.path.join(self.bin, "sbatch"), encoding="ascii") as f:
            script = f.read()
        with open(os.path.join(self.bin, "sbatch"), "w", encoding="ascii") as f:
            f.write(script.replace("sys.exit(1)", "print('no such\\npartition')\nsys.exit(1)"))
        self.assertRegex(self.submit(status=2).stderr, r"shards\.sbatch: \d+ no such partition\n")
        os.unlink(os.path.join(self.bin, "sbatch"))
        self.assertIn("there is no sbatch here", self.submit(status=2, env={"PATH": self.bin}).stderr)


if __name__ == "__main__":
    unittest.main()
