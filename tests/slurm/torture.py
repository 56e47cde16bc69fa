#!/usr/bin/env python3
"""P25: an array on a real Slurm, with scancel, requeue, nodes that go down, and the signal of a time limit, at random.

    tests/slurm/cluster start FOLDER; export SLURM_CONF=FOLDER/slurm.conf
    tests/slurm/torture.py --build BUILD [--tasks 20] [--faults 15] [--seed 1]
    tests/slurm/run --build BUILD ...      the same on a cluster of its own

What was cancelled for good is submitted once more; the digest is that of one machine."""
import argparse
import glob
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

STUDY = """version: 1
experiment: slurm
seeds: 5
dataset: {name: temporal_order, length: 10, eval_size: 100, test_size: 100}
network: {layers: [{rnn: {units: 8, activation: tanh}}, {dense: {units: 4}}]}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 5, iterations: ITERATIONS}
log: {every: 1000, metrics: [train_loss]}
checkpoint: {seconds: 0.2}
variants: {bp: {algorithm: bp}, dfa: {algorithm: dfa}}
sweep: {grid: {train.batch_size: [5, 8]}}
"""
HANG = 1500


def call(*args, **kwargs):
    return subprocess.run(args, capture_output=True, text=True, timeout=HANG, check=False, **kwargs)


def must(*args, **kwargs):
    done = call(*args, **kwargs)
    if done.returncode:
        raise SystemExit(f"{' '.join(args)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def queue(ids, state=None):
    """Tasks of the jobs that are queued or run: "12_3"."""
    lines = must("squeue", "-h", "-r", "-o", "%i %T %F").splitlines()
    return [line.split()[0] for line in lines if line.split()[2] in ids and state in (None, line.split()[1])]


KINDS = ["requeue", "scancel", "time", "node"]


def fault(chance, array, counts):
    """One more of a kind that there were fewest of, for a task that runs or the node that it runs on."""
    running = queue([array], "RUNNING")
    kind = chance.choice([kind for kind in KINDS if counts[kind] == min(counts.values())])
    if not running:
        return
    if kind == "node":  # what runs there is queued again
        node = chance.choice(must("sinfo", "-h", "-N", "-t", "alloc,mix", "-o", "%N").split() or ["n1"])
        must("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=torture")
        time.sleep(1)
        call("scontrol", "update", f"NodeName={node}", "State=RESUME")  # it may have come back by itself
    elif kind == "requeue":
        call("scontrol", "requeue", chance.choice(running))
    elif kind == "scancel":
        call("scancel", chance.choice(running))
    else:  # what the time limit sends a minute before the end
        call("scancel", "--batch", "--signal=USR1", chance.choice(running))
    counts[kind] += 1


def wait_for_end(ids, chance, faults, counts):
    end = time.monotonic() + HANG
    while time.monotonic() < end:
        if not queue(ids):
            return
        for task in queue(ids, "PENDING"):  # a requeued task waits two minutes unless it is told
            call("scontrol", "update", f"JobId={task}", "StartTime=now")
            call("scontrol", "release", task)
        if sum(counts.values()) < faults:
            fault(chance, ids[0], counts)
        time.sleep(chance.uniform(0.2, 1.5))
    raise SystemExit("the jobs do not end")


def tell(tprun, spec, db):
    """What a reader needs to see why trials are missing: states, shards, and what the tasks said."""
    print(call(tprun, "sql", "--db", db, "SELECT state, count(*) FROM trials GROUP BY state").stdout)
    print(call(tprun, "submit", spec, "--db", db, "--status").stdout)
    for path in sorted(glob.glob(f"{db}.shards/*/*.log"), key=os.path.getmtime):
        with open(path, encoding="utf-8", errors="replace") as f:
            print(f"-- {os.path.basename(path)}\n{f.read()[-2000:]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--faults", type=int, default=15)
    parser.add_argument("--iterations", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not shutil.which("sbatch") or call("sinfo", "-h").returncode:
        print("skipped: no Slurm answers here (tests/slurm/cluster start FOLDER)")
        return 77
    chance, counts = random.Random(options.seed), dict.fromkeys(KINDS, 0)
    tprun = os.path.join(os.path.abspath(options.build), "tprun")
    with tempfile.TemporaryDirectory(prefix="tprun-slurm-") as folder:
        spec, db, straight = (os.path.join(folder, name) for name in ("slurm.yaml", "r.db", "straight.db"))
        with open(spec, "w", encoding="ascii") as f:
            f.write(STUDY.replace("ITERATIONS", str(options.iterations)))
        submissions = 0
        while submissions < 5:
            said = must(tprun, "submit", spec, "--db", db, "--shards", str(options.tasks), "--time", "5:00")
            submissions += 1
            ids = [line.split()[1].rstrip(":") for line in said.splitlines()[:2]]
            wait_for_end(ids, chance, options.faults, counts)
            if "left" not in must(tprun, "sql", "--db", db, "--format=csv", "SELECT CASE WHEN count(*) > 0 THEN 'left' ELSE 'none' END AS x FROM trials "
                                  "WHERE state <> 'done'"):
                break
        must(tprun, "run", spec, "--db", straight, "-q")
        digests = [must(tprun, "digest", path).split()[0] for path in (db, straight)]
        begun = must(tprun, "sql", "--db", db, "--format=csv", "SELECT count(*), sum(from_step > 0) FROM run").splitlines()[1]
        print(f"seed {options.seed}: {options.tasks} tasks, faults {counts}, {submissions} submissions; attempts, of which resumed: {begun}; "
              f"digest {'equal' if digests[0] == digests[1] else 'DIFFERENT'}")
        if digests[0] != digests[1]:
            tell(tprun, spec, db)
        return 0 if digests[0] == digests[1] else 1


if __name__ == "__main__":
    sys.exit(main())
