#!/usr/bin/env python3
"""Seconds of processor time until the first worker of a study of 20,000 trials runs, and of starting the study again when all are finished: in
20,000 cells of one seed, and in 5 cells of 4000. bench_start.py TPRUN SPEC"""
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

TPRUN, SPEC = (os.path.abspath(x) for x in sys.argv[1:3])
STUDIES = {  # of a file: what a command line sweeps is beside the study, and composed anew at each start
    "seeds": "seeds: 4000",
    "cells": "seeds: 1\nsweep: {random: {samples: 4000, parameters: {train.optimizer.stepsize: {loguniform: [1e-7, 1]}}}}",
}


def trains(pid):
    """Whether a child is a worker: the starter that forks them (src/run/starter.h) comes before the queue."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return b"--worker" in f.read()
    except OSError:
        return False  # it has ended


def queue(db, spec):
    """Runs until a worker appears, then kills."""
    process = subprocess.Popen([TPRUN, "run", spec, "--db", db, "-j", "1", "--quiet"], stdout=subprocess.DEVNULL)
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    while process.poll() is None:
        with open(children, encoding="ascii") as f:
            if any(trains(pid) for pid in f.read().split()):
                break
        time.sleep(0.001)
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    process.kill()
    process.wait()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resume(db, spec):
    process = subprocess.Popen([TPRUN, "run", spec, "--db", db, "--quiet"], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"bench_start.py: status {status}")
    return usage.ru_utime + usage.ru_stime


def main():
    for name, changes in STUDIES.items():
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(SPEC, os.path.join(folder, "whole.yaml"))
            spec = os.path.join(folder, "changed.yaml")
            with open(spec, "w", encoding="utf-8") as f:
                f.write(f"extends: whole.yaml\nversion: 1\nexperiment: start\nclaims: []\n{changes}\n")
            queued = []
            for i in range(3):
                db = os.path.join(folder, f"{i}.db")
                queued.append(queue(db, spec))
            connection = sqlite3.connect(db)
            with connection:
                connection.execute("UPDATE trial SET state = 'done', step = budget, finished_budget = budget")
                trials = connection.execute("SELECT count(*) FROM trial").fetchone()[0]
                connection.execute("UPDATE run SET state = 'interrupted', ended_ms = started_ms")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
            resume(db, spec)  # makes the statistics
            resumed = sorted(resume(db, spec) for _ in range(3))
            print(f"queue_20000_{name} {sorted(queued)[1]:.3f} s")
            print(f"queue_20000_{name}_size {os.path.getsize(db) / trials:.0f} bytes/trial")
            print(f"resume_20000_{name} {resumed[1]:.3f} s")


if __name__ == "__main__":
    main()
