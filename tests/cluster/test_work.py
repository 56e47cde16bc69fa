#!/usr/bin/env python3
"""Shards, and databases on network file systems, which a preloaded library tells of."""
import contextlib
import errno
import hashlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from test_cli import Cli, HANG, TPRUN  # noqa: E402

STUDY = """version: 1
experiment: cluster
seeds: 3
dataset: {name: temporal_order, length: 10, eval_size: 100, test_size: 100}
network: {layers: [{rnn: {units: 8, activation: tanh}}, {dense: {units: 4}}]}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 5, iterations: 60}
log: {every: 10, metrics: [train_loss, direction_norm]}
checkpoint: {seconds: 0.1, keep: last}
variants: {bp: {algorithm: bp}, dfa: {algorithm: dfa}}
sweep: {grid: {train.batch_size: [5, 50]}}
"""
TUNED = """version: 1
experiment: tuned
seeds: 2
dataset: {name: student_teacher, units: 10, train_size: 40, validation_size: 40, test_size: 40, data_seed: 1}
network: {layers: [dense: {units: 4, activation: tanh}, dense: {units: 2}]}
loss: squared_error
train: {optimizer: {name: sgd, stepsize: 0.01}, batch_size: 10, iterations: 30}
log: {every: 10, metrics: [train_loss, valid_loss, test_loss]}
variants: {bp: {algorithm: bp}}
sweep: {grid: {train.optimizer.stepsize: [0.01, 0.1]}}
tune: {metric: valid_loss, retrain: {seeds: [11, 12]}}
"""


class Cluster(Cli):
    def setUp(self):
        super().setUp()
        self.spec = self.path("cluster.yaml")
        with open(self.spec, "w", encoding="ascii") as f:
            f.write(STUDY)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def work(self, shard, db, *args, **kwargs):
        return self.call("work", self.spec, "--shard", shard, "--db", db, *args, **kwargs)

    def trained(self, db):
        return {row[0] for row in self.sql("SELECT key FROM trial WHERE state = 'done'", db)}


class Shards(Cluster):
    def test_every_trial_is_trained_in_one_shard(self):
        shards = [self.path(f"{i}.db") for i in range(3)]
        keys = []
        for i, db in enumerate(shards):
            said = self.work(f"{i}/3", db).stderr
            self.assertIn("tprun: 4 trials: 4 done", said)
            keys.append(self.trained(db))
            self.assertEqual(self.sql("SELECT count(*) FROM trial", db), [(12,)])
            self.assertIn("4 were finished before", self.work(f"{i}/3", db).stderr)
        self.assertEqual(len(set.union(*keys)), 12)
        # the batches of 50 are the long ones: two in each shard
        self.assertEqual([self.sql("SELECT count(*) FROM trial WHERE state = 'done' AND cell LIKE '%50'", db) for db in shards], 3 * [[(2,)]])

    def test_the_deal_does_not_depend_on_what_is_asked_for(self):
        self.work("1/3", self.path("all.db"))
        self.work("1/3", self.path("some.db"), "--variant", "bp")
        self.assertLess(self.trained(self.path("some.db")), self.trained(self.path("all.db")))

    def test_what_is_missing_is_told(self):
        self.assertIn("--shard I/K is needed", self.call("work", self.spec, "--db", self.db, status=2).stderr)
        self.assertIn("--db PATH is needed", self.call("work", self.spec, "--shard", "0/2", status=2).stderr)
        self.assertIn("'2' is not I/K", self.work("2", self.db, status=2).stderr)
        self.assertIn("numbered from 0 to K - 1", self.work("2/2", self.db, status=2).stderr)

    def test_what_is_left_of_tune_is_told(self):
        """Shards train the sweep; which cells are chosen depends on all of them."""
        spec, merged = self.path("tuned.yaml"), self.path("merged.db")
        with open(spec, "w", encoding="ascii") as f:
            f.write(TUNED)
        left = f"2 of 2 trials with the fresh seeds of `tune` are left; `tprun run {spec} --db {merged}` chooses the cells and trains them"
        shards = [self.path(f"{i}.db") for i in range(2)]
        for i, db in enumerate(shards):
            self.assertIn(f"tuned: shards train the sweep of `tune` alone; when all are merged, `tprun run {spec} --db MERGED` chooses the cells",
                          self.call("work", spec, "--shard", f"{i}/2", "--db", db).stderr)
            self.assertIn("are left (2 of 4 trials of the sweep are not finished); ", self.call("ls", "--db", db).stderr)
        self.assertIn(left, self.call("merge", "-o", merged, *shards).stderr)
        self.assertIn(left, self.call("ls", "--db", merged).stderr)
        self.assertIn(left, self.call("show", "tuned", "--db", merged).stderr)
        self.call("run", spec, "--db", merged, "-q")
        for command in (["ls"], ["show", "tuned"], ["merge", "-o", merged, shards[0]]):
            self.assertNotIn("left", self.call(*command, *([] if command[0] == "merge" else ["--db", merged])).stderr)
        straight = self.path("straight.db")
        self.call("run", spec, "--db", straight, "-q")
        self.assertEqual(self.digest(merged), self.digest(straight))


class Shared(Cluster):
    """A folder that lies on a network file system, and one that does not."""
    TYPES = {"NFS": "6969", "Lustre": "0BD00BD0", "GPFS": "47504653", "FUSE": "65735546"}

    def setUp(self):
        super().setUp()
        self.net = self.path("net")
        self.local = self.path("local")
        os.mkdir(self.net)

    def on(self, kind="NFS"):
        return {"LD_PRELOAD": os.environ["TPRUN_STATFS_SHIM"], "FAKE_STATFS_FOLDER": os.path.realpath(self.net),
                "FAKE_STATFS_TYPE": self.TYPES[kind], "TPRUN_LOCAL": self.local}

    def with_error(self, call, reason, part, first=1):
        return {**self.on(), "FAKE_ERROR": f"{call}:{first}:{reason}:{part}"}

    @staticmethod
    def files(folder):
        """What lies below it: relative path, SHA-256."""
        found = {}
        for base, _, names in os.walk(folder):
            for name in names:
                with open(os.path.join(base, name), "rb") as f:
                    found[os.path.relpath(os.path.join(base, name), folder)] = hashlib.sha256(f.read()).hexdigest()
        return found


class Long(Shared):
    LONG = ["train.iterations=300000", "log.every=10000", "--variant", "bp", "seeds=1"]

    def start(self, db, env):
        process = subprocess.Popen([TPRUN, "work", self.spec, "--shard", "0/1", "--db", db, *self.LONG,
                                    "-j", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**self.environment, **env})
        self.addCleanup(lambda: (process.poll() is None and process.kill(), process.communicate()))
        return process

    def steps(self, db):
        """Of the checkpoints that a database names, in all."""
        return self.sql("SELECT total(m) FROM (SELECT max(step) AS m FROM checkpoint GROUP BY trial_id)", db)[0][0]

    def wait_for_checkpoints(self, process, db, more_than):
        """Until the published database names checkpoints of more steps."""
        end = time.monotonic() + HANG
        while time.monotonic() < end and process.poll() is None:
            if os.path.exists(db):
                step = self.steps(db)
                if step > more_than:
                    return step
            time.sleep(0.05)
        self.fail(f"no checkpoint was published: {process.poll()}")
        return 0


class Network(Long):
    def test_a_run_says_what_to_do(self):
        for kind in self.TYPES:
            said = self.call("run", self.spec, "--db", self.path("net", "new", "r.db"), status=5, env=self.on(kind)).stderr
            self.assertIn(f"is on a network file system ({kind})", said)
            self.assertIn("tprun work SPEC --shard 0/1 --db PATH", said)
        self.assertEqual([f for _, _, files in os.walk(self.net) for f in files], [])

    def test_a_shard_is_published_whole(self):
        db = self.path("net", "new", "0.db")
        self.work("0/2", db, env=self.on())
        straight = self.path("0.db")
        self.work("0/2", straight)
        self.assertEqual(self.digest(db), self.digest(straight))
        named = {row[0] for row in self.sql("SELECT path FROM checkpoint", db)}
        self.assertEqual(set(os.listdir(db + ".checkpoints")), named)
        self.assertTrue(named)
        self.assertEqual(set(os.listdir(os.path.dirname(db))), {"0.db", "0.db.checkpoints"})
        kept = [f for _, _, files in os.walk(self.local) for f in files]
        self.assertEqual(kept, ["published.lock"])
        self.assertEqual(self.call("digest", "--db", db, env=self.on()).stdout, self.call("digest", "--db", db).stdout)
        self.assertIn("cluster", self.call("ls", "--db", db, env=self.on()).stdout)
        self.assertEqual(self.call("sql", "--format=csv", "SELECT count(*) FROM trial", "--db", db, env=self.on()).stdout.split(), ["count(*)", "12"])
        self.assertIn("were finished before", self.work("0/2", db, env=self.on()).stderr)

    def test_a_log_beside_it_is_not_read(self):
        db = self.path("net", "r.db")
        self.work("0/2", db)
        with open(db + "-wal", "wb") as f:
            f.write(b"a log")
        said = self.call("ls", "--db", db, status=5, env=self.on()).stderr
        self.assertIn("can be read on the machine alone that writes it", said)

    def test_no_local_disk(self):
        said = self.work("0/2", self.path("net", "0.db"), "--local", self.path("net", "x"), status=5, env=self.on()).stderr
        self.assertIn("name a folder on a disk of this machine by --local", said)

    def test_what_was_published_goes_on_elsewhere(self):
        """SIGKILL, and the local disk is lost with the machine; then a second worker of the same shard; then SIGUSR1."""
        db, env, step = self.path("net", "0.db"), self.on(), 0
        for end in (signal.SIGKILL, signal.SIGUSR1):
            process = self.start(db, env)
            step = self.wait_for_checkpoints(process, db, step)
            second = self.work("0/1", db, status=3, env=env).stderr
            self.assertIn("is in use by tprun, process", second)
            process.send_signal(end)
            process.wait(HANG)
            self.assertEqual(process.returncode, -9 if end == signal.SIGKILL else 75)
            for name, in self.sql("SELECT path FROM checkpoint", db):
                self.assertTrue(os.path.exists(os.path.join(db + ".checkpoints", name)))
            self.local = self.path("local of another machine")
            env = self.on()
        self.work("0/1", db, *self.LONG, env=env)
        self.assertGreater(self.sql("SELECT max(from_step) FROM run WHERE state = 'done'", db)[0][0], 0)
        straight = self.path("straight.db")
        self.work("0/1", straight, *self.LONG)
        self.assertEqual(self.digest(db), self.digest(straight))


class Fetching(Long):
    """What is published stays, whatever becomes of its copy."""
    def setUp(self):
        super().setUp()
        self.shard = self.path("net", "0.db")
        self.step = 0
        self.assertEqual(self.train_on(), "")
        self.assertEqual(len(os.listdir(self.shard + ".checkpoints")), self.sql("SELECT count(*) FROM checkpoint", self.shard)[0][0])

    def train_on(self):
        """Until checkpoints of more steps are published; what was said of them at the beginning."""
        process = self.start(self.shard, self.on())
        self.wait_for_checkpoints(process, self.shard, self.step)
        process.send_signal(signal.SIGUSR1)
        said = process.communicate(timeout=HANG)[1]
        self.assertEqual(process.returncode, 75, said)
        self.step = self.steps(self.shard)
        return "".join(line for line in said.splitlines() if "start anew" in line)

    def test_what_cannot_be_copied_is_neither_damaged_nor_absent(self):
        before = self.files(self.net)
        for call, reason, part, where in (("write", errno.ENOSPC, ".checkpoints/", self.local), ("read", errno.ESTALE, ".checkpoints/", self.net),
                                          ("read", errno.ESTALE, "net/0.db", self.net), ("access", errno.ESTALE, "net/0.db", self.net)):
            said = self.work("0/1", self.shard, *self.LONG, status=5, env=self.with_error(call, reason, part)).stderr
            name = r"0\.db\.checkpoints/[0-9a-f.]+safetensors" if "checkpoints" in part else r"0\.db"
            self.assertRegex(said, f"(?m)^tprun: error: {where}/(.*/)?{name}: .*{os.strerror(reason)}$")
            self.assertEqual(self.files(self.net), before)
        self.assertEqual(self.train_on(), "")
        self.assertGreater(self.sql("SELECT min(from_step) FROM run WHERE id > 2", self.shard)[0][0], 0)

    def test_what_is_absent_or_damaged_is_made_again(self):
        names = sorted(os.listdir(self.shard + ".checkpoints"))
        with open(os.path.join(self.shard + ".checkpoints", names[0]), "r+b") as f:
            f.truncate(100)
        for name in names[1:]:
            os.unlink(os.path.join(self.shard + ".checkpoints", name))
        self.assertIn("start anew from step 0", self.train_on())
        for name, sha256 in self.sql("SELECT path, sha256 FROM checkpoint", self.shard):
            with open(os.path.join(self.shard + ".checkpoints", name), "rb") as f:
                self.assertEqual(hashlib.sha256(f.read()).hexdigest(), sha256)


class Unpublished(Shared):
    """What was told to be done is published in the end: after an error there, and after SIGKILL."""
    def setUp(self):
        super().setUp()
        self.shard = self.path("net", "0.db")
        self.straight = self.path("straight.db")
        self.work("0/1", self.straight)

    def copy(self, db="0.db"):
        target = os.path.realpath(self.path("net", db))
        return os.path.join(self.local, f"tprun-{os.geteuid()}-{hashlib.sha256(target.encode()).hexdigest()[:16]}", os.path.basename(db))

    def full(self, first=1):
        """Renaming is the last step of a publication. `first`: the second one is that of what was trained since the first."""
        return self.with_error("renameat", errno.ENOSPC, "net/", first)

    def fill(self, **kwargs):
        said = self.work("0/1", self.shard, status=5, env=self.full(2), **kwargs).stderr
        self.assertIn(os.strerror(errno.ENOSPC), said)
        self.assertIn(f"tprun: note: what is not published stays in {self.copy()}; the same command on this machine publishes it first", said)
        self.assertEqual(self.trained(self.shard), set())
        done = self.trained(self.copy())
        self.assertTrue(done)
        return done

    def assert_whole(self):
        self.assertEqual(self.digest(self.shard), self.digest(self.straight))
        self.assertEqual(set(os.listdir(self.shard + ".checkpoints")), {row[0] for row in self.sql("SELECT path FROM checkpoint", self.shard)})

    def told(self, *databases):
        """What is done in those that are there; of a copy that a kill left is read what a reader must not change."""
        done = set()
        for db in filter(os.path.exists, databases):
            there = tempfile.mkdtemp(dir=self.folder)
            for ending in filter(lambda x: os.path.exists(db + x), ("", "-wal", "-journal")):
                shutil.copyfile(db + ending, os.path.join(there, "read.db" + ending))
            with contextlib.suppress(sqlite3.OperationalError):  # killed before it had tables
                done |= self.trained(os.path.join(there, "read.db"))
        return done

    def test_after_an_error(self):
        done = self.fill()
        kept = self.files(self.local)
        said = self.work("0/1", self.shard, status=5, env=self.full()).stderr
        self.assertIn(f"tprun: note: {self.copy()} holds what is not published; when its folder is moved away", said)
        self.assertEqual(set(self.files(self.local)), set(kept))
        self.assertEqual(self.trained(self.copy()), done)
        self.assertIn(f"{len(done)} were finished before", self.work("0/1", self.shard, env=self.on()).stderr)
        self.assert_whole()
        self.assertEqual([f for _, _, files in os.walk(self.local) for f in files], ["published.lock"])

    def test_after_a_kill(self):
        process = subprocess.Popen([TPRUN, "work", self.spec, "--shard", "0/1", "--db", self.shard, "-j", "1"], stderr=subprocess.PIPE, text=True,
                                   env={**self.environment, **self.on()})
        told = 0
        for line in process.stderr:
            told += " done " in line
            if told == 2:
                process.kill()
        process.wait(HANG)
        process.stderr.close()
        done = self.told(self.copy())
        self.assertGreaterEqual(len(done), told)
        self.assertLess(len(self.trained(self.shard)), told)
        self.assertIn(f"{len(done)} were finished before", self.work("0/1", self.shard, env=self.on()).stderr)
        self.assert_whole()

    def test_killed_at_any_instant(self):
        """Again and again, in what is trained and what is published."""
        chance = random.Random(1)
        done = set()
        for _ in range(12):
            process = subprocess.Popen([TPRUN, "work", self.spec, "--shard", "0/1", "--db", self.shard, "-q"], stderr=subprocess.PIPE, text=True,
                                       env={**self.environment, **self.on()})
            try:
                process.wait(chance.uniform(0.05, 0.8))
            except subprocess.TimeoutExpired:
                process.kill()
            self.assertIn(process.wait(HANG), (0, -9), process.stderr.read())
            process.stderr.close()
            there = self.told(self.shard, self.copy())
            self.assertLessEqual(done, there)
            done = there
        self.work("0/1", self.shard, env=self.on())
        self.assert_whole()

    def test_when_another_worker_went_on(self):
        done = self.fill()
        mine, kept = self.local, self.files(self.local)
        self.local = self.path("another")
        self.work("0/1", self.shard, env=self.on())
        there = self.files(self.net)
        self.local = mine
        said = self.work("0/1", self.shard, status=5, env=self.on()).stderr
        self.assertIn(f"tprun: error: {os.path.realpath(self.shard)}: another worker has published it since", said)
        self.assertIn(f"tprun: note: {self.copy()} holds what is not published", said)
        self.assertEqual(self.files(self.net), there)
        self.assertEqual({k: v for k, v in self.files(self.local).items() if "lock" not in k}, {k: v for k, v in kept.items() if "lock" not in k})
        moved = self.path("moved")
        os.rename(os.path.dirname(self.copy()), moved)
        self.assertEqual(self.trained(os.path.join(moved, "0.db")), done)
        self.call("merge", "-o", self.shard, moved, env=self.on())
        self.assertIn("12 were finished before", self.work("0/1", self.shard, env=self.on()).stderr)
        self.assert_whole()

    def test_a_kill_when_another_worker_went_on(self):
        """As documented: it loses what it did since it published."""
        self.fill()
        os.rename(self.copy() + ".unpublished", self.copy() + ".publishing")  # as a kill leaves it
        mine, self.local = self.local, self.path("another")
        self.work("0/1", self.shard, env=self.on())
        self.local = mine
        self.assertIn("12 were finished before", self.work("0/1", self.shard, env=self.on()).stderr)
        self.assert_whole()

    def test_two_shards_of_one_name(self):
        self.fill()
        kept = self.files(os.path.dirname(self.copy()))
        self.work("0/1", self.path("net", "other", "0.db"), env=self.on())
        self.assertEqual(self.files(os.path.dirname(self.copy())), kept)
        self.assertEqual(self.trained(self.shard), set())

    def test_merging_publishes_it_first(self):
        done = self.fill()
        other = self.path("other.db")
        self.work("0/2", other)
        self.call("merge", "-o", self.shard, other, env=self.on())
        self.assertEqual(self.trained(self.shard), done | self.trained(other))

    def test_a_merge_leaves_nothing(self):
        other = self.path("other.db")
        self.work("0/2", other)
        self.work("1/2", self.shard)
        os.mkdir(self.local)
        before = self.files(self.net)
        said = self.call("merge", "-o", self.shard, other, status=5, env=self.with_error("renameat", errno.ENOSPC, "net/0.db")).stderr
        self.assertIn(os.strerror(errno.ENOSPC), said)
        self.assertNotIn("note", said)
        self.assertEqual({k: v for k, v in self.files(self.net).items() if "checkpoints" not in k}, {k: v for k, v in before.items() if "checkpoints" not in k})
        self.assertEqual([f for _, _, files in os.walk(self.local) for f in files], ["published.lock"])


if __name__ == "__main__":
    unittest.main()
