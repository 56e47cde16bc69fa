#!/usr/bin/env python3
"""Trials a second of a study of short trials (1 ms of training each) on two workers, its queueing and statistics with it; and the processor
time of all processes for each trial. On memory (/dev/shm) and on the disk of the current temporary folder. bench_trials.py TPRUN"""
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

TRIALS, ROUNDS = 1000, 3
STUDY = f"""version: 1
experiment: short
seeds: {TRIALS}
dataset: {{name: gaussian, features: 8, classes: 3, train_size: 64, test_size: 32, eval_size: 32}}
network: {{layers: [{{dense: {{units: 6, activation: tanh}}}}, {{dense: {{units: 3}}}}]}}
loss: cross_entropy
train: {{optimizer: {{name: sgd, stepsize: 0.01}}, batch_size: 8, iterations: 100}}
log: {{every: 50, metrics: [train_loss, test_accuracy]}}
variants: {{bp: {{algorithm: bp}}}}
"""


def processor_s():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(tprun, folder):
    spec = os.path.join(folder, "short.yaml")
    with open(spec, "w", encoding="ascii") as f:
        f.write(STUDY)
    before, begun = processor_s(), time.monotonic()
    subprocess.run([tprun, "run", spec, "--db", os.path.join(folder, "r.db"), "-q", "-j", "2"], stdout=subprocess.DEVNULL, check=True)
    return TRIALS / (time.monotonic() - begun), 1000 * (processor_s() - before) / TRIALS


def main():
    tprun = os.path.abspath(sys.argv[1])
    for name, home in (("memory", "/dev/shm"), ("disk", None)):
        if home and not os.access(home, os.W_OK):
            print(f"# short_trials_{name}: no {home} here")
            continue
        rates, times = [], []
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory(dir=home) as folder:
                rate, cpu_ms = measure(tprun, folder)
            rates.append(rate)
            times.append(cpu_ms)
        print(f"short_trials_{name} {statistics.median(rates):.0f} trials/s")
        print(f"short_trials_{name}_cpu {statistics.median(times):.2f} ms")


if __name__ == "__main__":
    main()
