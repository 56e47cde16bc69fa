#!/usr/bin/env python3
"""P23: random partitions of a study into shards, merged in random orders, overlapping, twice, and with SIGKILL in the middle.

    tests/torture/merge.py --build BUILD [--partitions 8] [--orders 20] [--kills 50] [--torn 50] [--seed 1]

Every merge has the digest of one machine, and a merge that was killed has changed nothing or everything. Shards whose runner, workers or both
were killed at any instant, of their first too, can be merged as they are, and go on."""
import argparse
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

STUDY = """version: 1
experiment: merge
seeds: 3
dataset: {name: temporal_order, length: 10, eval_size: 100, test_size: 100}
network: {layers: [{rnn: {units: 6, activation: tanh}}, {dense: {units: 4}}]}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 5, iterations: 40}
log: {every: 2, metrics: [train_loss, direction_norm]}
variants: {bp: {algorithm: bp}, dfa: {algorithm: dfa}}
checkpoint: {keep: last}
sweep: {grid: {train.batch_size: [5, 8]}}
"""
HANG = 1000


class Merging:
    def __init__(self, build, folder, seed):
        self.tprun, self.folder, self.random = os.path.join(build, "tprun"), folder, random.Random(seed)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("TPRUN_")}
        self.environment["TMPDIR"] = os.path.join(folder, "tmp")
        os.mkdir(self.environment["TMPDIR"])
        self.spec = self.path("merge.yaml")
        self.long = self.path("long.yaml")
        for path, text in ((self.spec, STUDY), (self.long, STUDY.replace("iterations: 40", "iterations: 1000000"))):
            with open(path, "w", encoding="ascii") as f:
                f.write(text)
        self.wrong = []
        self.merges = 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def call(self, *args, check=True):
        done = subprocess.run([self.tprun, *args], capture_output=True, text=True, env=self.environment, timeout=HANG, check=False)
        if check and done.returncode:
            raise SystemExit(f"tprun {' '.join(args)} ended with {done.returncode}:\n{done.stderr}")
        return done

    def digest(self, db):
        return self.call("digest", db).stdout.split()[0]

    def fresh(self):
        db = self.path("merged.db")
        for name in os.listdir(self.folder):
            if name.startswith("merged.db"):
                path = self.path(name)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        return db

    def expect(self, db, what):
        self.merges += 1
        if self.digest(db) != self.expected:
            self.wrong.append(f"{what}: another digest")
        with sqlite3.connect(f"file:{db}?mode=ro", uri=True) as connection:
            names = connection.execute("SELECT path FROM checkpoint").fetchall()
        connection.close()
        absent = [name for name, in names if not os.path.exists(os.path.join(db + ".checkpoints", name))]
        if absent or len(names) != 12:  # one of each trial, at its end
            self.wrong.append(f"{what}: {len(names)} checkpoints, of which {len(absent)} are absent")

    def train(self, partition, k):
        """The shards of a partition, and one that overlaps them: half of another partition."""
        shards = [self.path(f"{partition}-{i}.db") for i in range(k)]
        for i, db in enumerate(shards):
            self.call("work", self.spec, "--shard", f"{i}/{k}", "--db", db, "-q")
        other = self.path(f"{partition}-other.db")
        self.call("work", self.spec, "--shard", f"{self.random.randrange(2)}/2", "--db", other, "-q")
        return shards, other

    def orders(self, shards, other, n):
        for i in range(n):
            order = shards[:]
            self.random.shuffle(order)
            if i % 2:
                order.insert(self.random.randrange(len(order) + 1), other)
            cuts = sorted(self.random.sample(range(1, len(order)), min(i % 3, len(order) - 1)))
            db = self.fresh()
            for a, b in zip([0] + cuts, cuts + [len(order)]):
                self.call("merge", "-q", "-o", db, *order[a:b])
            self.expect(db, f"{len(shards)} shards, order {i}")
            if i % 4 == 0:
                self.call("merge", "-q", "-o", db, *order, db)
                self.expect(db, f"{len(shards)} shards, order {i}, again")

    @staticmethod
    def count(db):
        if not os.path.exists(db):
            return 0
        with sqlite3.connect(db) as connection:
            if connection.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                return -1
            tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'trial'").fetchone()[0]
            n = connection.execute("SELECT count(*) FROM trial WHERE state = 'done'").fetchone()[0] if tables else 0
        connection.close()
        return n

    def kills(self, shards, n):
        """The first shard is there already: a kill leaves that, or all."""
        start = time.monotonic()
        self.call("merge", "-q", "-o", self.fresh(), *shards)
        took = time.monotonic() - start
        told = {}
        for i in range(n):
            db = self.fresh()
            self.call("merge", "-q", "-o", db, shards[0])
            before = self.count(db)
            process = subprocess.Popen([self.tprun, "merge", "-q", "-o", db, *shards], env=self.environment)
            time.sleep(self.random.uniform(0, took))
            process.kill()
            process.wait(HANG)
            after = self.count(db)
            if after not in (before, 12):
                self.wrong.append(f"kill {i}: {after} trials, of {before} before")
            told[after] = told.get(after, 0) + 1
            self.call("merge", "-q", "-o", db, *shards)
            self.expect(db, f"kill {i}")
        return told

    @staticmethod
    def workers(process):
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as f:
            return [int(pid) for pid in f.read().split()]

    def strike(self, process):
        """The runner while it makes the database; or, when it has workers, it or them, or one after the other: then the runner has stored that
        they died."""
        late = self.random.random() < 0.7
        while late and process.poll() is None and not self.workers(process):
            time.sleep(0.001)
        time.sleep(self.random.uniform(0, 0.04))
        if process.poll() is not None:
            return 0
        struck = self.random.choice([[process.pid], self.workers(process), self.workers(process) + [process.pid]] if late else [[process.pid]])
        for pid in struck:
            if pid == process.pid and len(struck) > 1:
                time.sleep(self.random.uniform(0, 0.06))
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        return len(struck)

    def torn(self, k, n):
        """n strikes at shards that begin and go on, every fifth at one of the budget before it was lowered; all there is is merged after each."""
        shards = [self.path(f"torn-{i}.db") for i in range(k)]
        long = self.path("torn-long.db")
        db, struck = self.fresh(), 0
        for i in range(n):
            at = self.random.randrange(k)
            spec, path = (self.long, long) if i % 5 == 4 else (self.spec, shards[at])
            process = subprocess.Popen([self.tprun, "work", spec, "--shard", f"{at}/{k}", "--db", path, "-q", "--no-progress"], env=self.environment,
                                       stderr=subprocess.DEVNULL)
            struck += self.strike(process)
            if spec == self.long and process.poll() is None:
                process.send_signal(self.random.choice([signal.SIGTERM, signal.SIGKILL]))
            process.wait(HANG)
            there = [path for path in shards + [long] if os.path.exists(path)]
            if there:
                done = self.call("merge", "-q", "-o", db, *there, check=False)
                if done.returncode:
                    self.wrong.append(f"strike {i}: {done.stderr.strip()}")
        for i, path in enumerate(shards):
            self.call("work", self.spec, "--shard", f"{i}/{k}", "--db", path, "-q")
        order = shards + [long] if os.path.exists(long) else shards[:]
        self.random.shuffle(order)
        self.call("merge", "-q", "-o", db, *order)
        self.expect(db, f"{k} shards that were struck")
        for path in shards + [long]:
            shutil.rmtree(path + ".checkpoints", ignore_errors=True)
            for end in ("", "-wal", "-shm", ".lock"):
                if os.path.exists(path + end):
                    os.unlink(path + end)
        return struck


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--orders", type=int, default=20)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--torn", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="tprun-partitions-")
    m = Merging(os.path.abspath(options.build), folder, options.seed)
    straight = m.path("straight.db")
    m.call("run", m.spec, "--db", straight, "-q")
    m.expected = m.digest(straight)
    sizes = list(range(1, 9))
    m.random.shuffle(sizes)
    for partition in range(options.partitions):
        shards, other = m.train(partition, sizes[partition % 8])
        m.orders(shards, other, options.orders)
    shards, _ = m.train("killed", 3)
    told = m.kills(shards, options.kills)
    struck = sum(m.torn(4, min(10, options.torn - i)) for i in range(0, options.torn, 10))
    print(f"seed {options.seed}: {options.partitions} partitions x {options.orders} orders, {m.merges} merges looked at, {options.kills} kills "
          f"(trials that were there after one: {told}), {struck} processes of shards killed; wrong: {len(m.wrong)}")
    for text in m.wrong[:20]:
        print(" ", text)
    shutil.rmtree(folder, ignore_errors=True)
    return 1 if m.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
