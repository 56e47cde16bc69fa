#!/usr/bin/env python3
"""bench_threads.py TPRUN [--threads N] [--pairs N] [--against TPRUN] [WORD]: wall time of trials with N threads over that with one, in interleaved pairs.

LeNet of experiments/lenet_mnist.yaml and the networks 1024 wide of experiments/meulemans2020/table1_cifar10.yaml, batches of 128, on random bytes in the layout of
the sets. Time: all phases of `cost`. Without --against: train.threads N over 1. With it: this program with one thread over another build, which need not know of
threads. Weights must be the same for any number of threads. On an idle machine, with as many processors as threads.
"""
import argparse
import os
import random
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile

EXPERIMENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "experiments")
LENET = ("lenet_mnist.yaml", "mnist", ["train.epochs=null", "log.every=100000", "dataset.eval_size=1000", "dataset.test_size=1000"])
WIDE = ("meulemans2020/table1_cifar10.yaml", "cifar10", ["seeds=1", "precision=single", "train.epochs=null", "log.every=100000", "log.metrics=[train_loss]",
                                                         "dataset.eval_size=1000"])
NO_EXTRA = ["algorithm.feedback.pretrain_epochs=0", "algorithm.feedback.extra_epochs=0"]
# name: (file, set, variant, iterations, overrides)
JOBS = {
    "lenet_bp": (*LENET[:2], "bp", 20, LENET[2]), "lenet_tjml": (*LENET[:2], "tjml", 20, LENET[2]),
    "cifar10_1024_bp": (*WIDE[:2], "bp", 60, WIDE[2]), "cifar10_1024_dtp_drl": (*WIDE[:2], "dtp_drl", 20, WIDE[2] + NO_EXTRA),
    "cifar10_1024_ddtp_linear": (*WIDE[:2], "ddtp_linear", 20, WIDE[2] + NO_EXTRA),
}


def make_sets(folder):
    r = random.Random(1)
    os.makedirs(os.path.join(folder, "mnist"))
    for name, n in (("train", 60000), ("t10k", 10000)):
        with open(os.path.join(folder, "mnist", f"{name}-images-idx3-ubyte"), "wb") as f:
            f.write(struct.pack(">4i", 2051, n, 28, 28) + r.randbytes(n * 784))
        with open(os.path.join(folder, "mnist", f"{name}-labels-idx1-ubyte"), "wb") as f:
            f.write(struct.pack(">2i", 2049, n) + bytes(r.randrange(10) for _ in range(n)))
    os.makedirs(os.path.join(folder, "cifar10"))
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        with open(os.path.join(folder, "cifar10", f"{name}.bin"), "wb") as f:
            for _ in range(10000):
                f.write(bytes([r.randrange(10)]) + r.randbytes(3072))


def run(tprun, folder, job, threads):
    """Seconds of all phases, and the hash of the weights."""
    file, data, variant, iterations, overrides = JOBS[job]
    db = os.path.join(folder, "bench.db")
    for name in os.listdir(folder):
        if name.startswith("bench.db") and os.path.isfile(os.path.join(folder, name)):
            os.unlink(os.path.join(folder, name))
    arguments = [f"dataset.path={os.path.join(folder, data)}", f"train.iterations={iterations}", *overrides]
    if threads:
        arguments.append(f"train.threads={threads}")
    done = subprocess.run([tprun, "run", os.path.join(EXPERIMENTS, file), *arguments, "--variant", variant, "--db", db, "--force", "-q", "-j", str(threads or 1)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{job}: {done.stderr.strip()}")
    with sqlite3.connect(db) as base:
        (seconds,) = base.execute("SELECT sum(wall_ns) / 1e9 FROM cost").fetchone()
        ((weights,),) = base.execute("SELECT weights_sha256 FROM trial").fetchall()
    base.close()
    return seconds, weights


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tprun")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--against", metavar="TPRUN")
    parser.add_argument("word", nargs="?", default="")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tprun-bench-threads-") as folder:
        make_sets(folder)
        for job in (x for x in JOBS if args.word in x):
            ratios, seconds = [], []
            for _ in range(args.pairs):
                one, weights = run(args.against or args.tprun, folder, job, 0 if args.against else 1)
                many, same = run(args.tprun, folder, job, 1 if args.against else args.threads)
                if not args.against and weights != same:
                    sys.exit(f"{job}: other weights with {args.threads} threads")
                ratios.append(many / one)
                seconds.append(one)
            print(f"{job:26} {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}) of {statistics.median(seconds):.3f} s", flush=True)


if __name__ == "__main__":
    main()
