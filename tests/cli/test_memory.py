#!/usr/bin/env python3
"""The memory that `tprun plan` tells is what trials take, within a quarter: by the kernel's largest resident size of a run and its worker, each less those of a
network of a few numbers, so that the program itself is on neither side."""
import json
import os
import random
import subprocess
import unittest

from test_cli import Cli, TPRUN

STUDY = """version: 1
experiment: memory
seeds: 1
dataset: {{name: files, train: {{x: x.npy, y: y.npy}}, test: {{x: t.npy, y: y.npy}}, scaling: unit, validation_size: 8}}
network: {{layers: [{layers}]}}
loss: cross_entropy
train: {{optimizer: {{name: sgd, stepsize: 1e-3, momentum: 0.9}}, batch_size: {batch}, iterations: 2}}
log: {{metrics: [train_loss, test_accuracy]}}
variants: {{one: {{algorithm: {algorithm}}}}}
"""
BLOCK = "{{unit: [conv: {{channels: {}, kernel: 3, padding: 1, activation: elu}}, max_pool: {{kernel: 3, stride: 2, padding: 1}}]}}"
IMAGES = ", ".join([BLOCK.format(32), BLOCK.format(48), "{unit: [flatten, dense: {units: 128, activation: elu}]}", "dense: {units: 10}"])
DENSE = "{dense: {units: 1500, activation: tanh}, repeat: 3}, dense: {units: 10}"
LEARNED = "feedback: {steps: 1, optimizer: {name: sgd, stepsize: 1e-3, momentum: 0.9}}"
SAMPLES = 136
# what is compared is above 60 MB each time: the program, its libraries and OpenBLAS' packed operands are some megabytes
TRIALS = {
    "bp of images": (IMAGES, 128, "bp"),
    "tjml of images": (IMAGES, 128, "tjml"),
    "bp of a dense network": (DENSE, 100, "bp"),
    "dtp of a dense network": (DENSE, 100, f"{{name: dtp, target_stepsize: 0.1, feedback_loss: {{noise: 0.1}}, {LEARNED}}}"),
    "ldrl of images": (IMAGES, 128, f"{{name: ldrl, target_stepsize: 0.1, mapping: {{bias: false}}, feedback_loss: {{noise: 0.1}}, {LEARNED}}}"),
}


class Memory(Cli):
    def setUp(self):
        super().setUp()
        with open(TPRUN, "rb") as f:
            if b"__asan_init" in f.read():
                self.skipTest("AddressSanitizer keeps shadows and freed memory of its own")
        self.write_array("x.npy", (SAMPLES, 3, 32, 32), random.Random(1).randbytes(SAMPLES * 3 * 32 * 32))
        self.write_array("t.npy", (SAMPLES, 3, 32, 32), random.Random(2).randbytes(SAMPLES * 3 * 32 * 32))
        self.write_array("y.npy", (SAMPLES,), bytes(i % 10 for i in range(SAMPLES)))

    def write_array(self, name, shape, data):
        header = "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }\n" % (shape,)
        with open(os.path.join(self.folder, name), "wb") as f:
            f.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + data)

    def taken_and_planned(self, layers, batch, algorithm):
        """Bytes. The plan has its prices from the run's own rows, so that it times nothing."""
        spec, db = os.path.join(self.folder, "memory.yaml"), os.path.join(self.folder, f"{len(os.listdir(self.folder))}.db")
        with open(spec, "w", encoding="ascii") as f:
            f.write(STUDY.format(layers=layers, batch=batch, algorithm=algorithm))
        process = subprocess.Popen([TPRUN, "run", spec, "--db", db, "-q"], stdout=subprocess.DEVNULL, env=self.environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status  # it has been waited for
        self.assertEqual(status, 0)
        plan = json.loads(self.call("plan", spec, "--db", db, "--format=json").stdout)
        return 1024 * usage.ru_maxrss, plan["studies"][0]["variants"][0]["shapes"][0]["memory_bytes"]

    def test_within_a_quarter(self):
        none = self.taken_and_planned("dense: {units: 10}", 2, "bp")
        for name, trial in TRIALS.items():
            with self.subTest(name):
                taken, planned = (a - b for a, b in zip(self.taken_and_planned(*trial), none))
                self.assertGreater(taken, 60e6)
                self.assertLess(abs(taken / planned - 1), 0.25, f"{taken / 1e6:.1f} MB taken, {planned / 1e6:.1f} MB planned")


if __name__ == "__main__":
    unittest.main()
