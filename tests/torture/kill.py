#!/usr/bin/env python3
"""SIGKILL at random instants: the runner alone, the runner with all its workers, or one worker.

A study is trained once without interruption. Then it is trained again and again in another database, killed each time at a random instant
within the time a whole training takes, until it ends by itself; a round is the sequence of kills until then. After every kill the
database must pass integrity_check and no worker may be left after two seconds; after every round `tprun digest` must equal that of the
uninterrupted run.

    kill.py --kills 30 --build BUILD --spec tests/torture/small.yaml
"""
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

CHECKED = 0
FAILED = 0


def check(good, what):
    global CHECKED, FAILED
    CHECKED += 1
    if not good:
        FAILED += 1
        print("FAILED:", what, flush=True)


def children(pid):
    """Pids of the workers of a runner."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(word) for word in f.read().split()]
    except OSError:
        return []


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            text = f.read()
        return text[text.rindex(")") + 2] != "Z" and "tprun-worker" in text
    except OSError:
        return False


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


def wait_gone(pids, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.02)
    return False


def acknowledged(db):
    """(rows of metrics, trials done) of a database that a killed runner left."""
    if not os.path.exists(db):
        return 0, 0
    with sqlite3.connect(f"file:{db}?mode=ro", uri=True) as connection:
        try:
            rows = connection.execute("SELECT count(*) FROM metric").fetchone()[0]
            done = connection.execute("SELECT count(*) FROM trial WHERE state = 'done'").fetchone()[0]
            good = connection.execute("PRAGMA integrity_check").fetchone()[0]
        except sqlite3.OperationalError as error:  # killed before the schema was committed
            return (0, 0) if "no such table" in str(error) else (-1, str(error))
    connection.close()
    return (rows, done) if good == "ok" else (-1, good)


class Torture:
    def __init__(self, args):
        self.tprun = os.path.join(args.build, "tprun")
        self.spec = os.path.abspath(args.spec)
        self.jobs = str(args.jobs)
        self.folder = tempfile.mkdtemp(prefix="tprun-kill-")
        self.kills = {"runner": 0, "group": 0, "worker": 0}
        self.rounds = 0
        self.environment = dict(os.environ)
        self.environment.pop("TPRUN_DB", None)

    def start(self, db):
        return subprocess.Popen([self.tprun, "run", self.spec, "--db", db, "-j", self.jobs, "-q"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=self.environment)

    def digest(self, db):
        return subprocess.run([self.tprun, "digest", db], capture_output=True, text=True, check=True).stdout.split()[0]

    def straight(self):
        db = os.path.join(self.folder, "straight.db")
        start = time.monotonic()
        process = self.start(db)
        _, errors = process.communicate()
        seconds = time.monotonic() - start
        if process.returncode:
            sys.exit(f"the uninterrupted run ended with {process.returncode}: {errors.decode()}")
        return self.digest(db), seconds

    def strike(self, process, how):
        """Returns the pids that must be gone afterwards, or None if there was nothing to hit."""
        workers = children(process.pid)
        if how == "worker":
            return [] if workers and kill(random.choice(workers)) else None
        if process.poll() is not None:
            return None
        kill(process.pid)
        if how == "group":
            for pid in workers:
                kill(pid)
        return workers

    def one_round(self, number, seconds, expected, limit):
        db = os.path.join(self.folder, f"round-{number}.db")
        before = (0, 0)
        while True:
            process = self.start(db)
            strikes = sum(self.kills.values())
            if strikes < limit:
                time.sleep(random.uniform(0, seconds * 1.05))
                how = random.choice(["runner", "group", "worker", "runner", "group"])
                gone = self.strike(process, how)
                if gone is not None:
                    self.kills[how] += 1
                if gone is not None and how != "worker":
                    process.communicate()
                    check(wait_gone(gone, 2), f"round {number}: orphans {gone}")
                    after = acknowledged(db)
                    check(after[0] >= before[0] and after[1] >= before[1], f"round {number}: {before} became {after}")
                    before = after
                    continue
            _, errors = process.communicate()
            check(process.returncode == 0, f"round {number}: exit status {process.returncode}: {errors.decode()}")
            break
        found = self.digest(db)
        check(found == expected, f"round {number}: digest {found}, expected {expected}")
        with sqlite3.connect(db) as connection:
            states = connection.execute("SELECT DISTINCT state FROM trial").fetchall()
            check(connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok", f"round {number}: integrity")
            named = {os.path.basename(row[0]) for row in connection.execute("SELECT path FROM checkpoint")}
        connection.close()
        check({row[0] for row in states} <= {"done", "diverged"}, f"round {number}: states {states}")
        found_files = set(os.listdir(db + ".checkpoints"))
        check(found_files == named, f"round {number}: files {sorted(found_files ^ named)} are not the named ones")
        for path in (db, db + "-wal", db + "-shm"):
            if os.path.exists(path):
                os.unlink(path)
        shutil.rmtree(db + ".checkpoints")
        self.rounds += 1

    def run(self, kills):
        expected, seconds = self.straight()
        print(f"uninterrupted: {seconds:.1f} s, digest {expected[:16]}", flush=True)
        number = 0
        while sum(self.kills.values()) < kills:
            number += 1
            self.one_round(number, seconds, expected, kills)
            print(f"round {number}: {self.kills}", flush=True)
        shutil.rmtree(self.folder)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--build", required=True, help="build folder")
    parser.add_argument("--spec", default=os.path.join(here, "small.yaml"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=None)
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32)
    random.seed(seed)
    print(f"seed {seed}", flush=True)
    torture = Torture(args)
    torture.run(args.kills)
    print(f"{sum(torture.kills.values())} kills {torture.kills} in {torture.rounds} rounds")
    print(f"{CHECKED - FAILED} passed, {FAILED} failed")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
