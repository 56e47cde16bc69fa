#!/usr/bin/python3
"""Training steps in PyTorch, to hold those of bench_step.c against: the same networks and minibatches (128 samples, w_sigma 20, recurrent ones 20 and 16), one thread.

steps.py check TPRUN BENCH_STEP   every row in double precision on the same weights, batch and draws as `tprun probe`: gradients and moved feedback weights agree to 1e-5
steps.py time NAME BLOCKS PRECISION   prints `NAME median ms`, processor time of a step; PRECISION: single or double

Written for this comparison, without loops over samples and with no more products than the method needs. `lenet_ldrl` computes its feedback loss as it is
written, with three passes through the feedback layer; `lenet_ldrl_stacked` uses that the layer is linear behind its activation, as tprun does, and needs two.
`w_sigma_3x128_idtp` (Bengio 2020, Alg. 1) takes the difference of two values of a feedback layer as one product with the difference of what it reads.
Dense rows are in dense.py, recurrent ones in recurrent.py.
`lenet_ldrl_released` does what the released code does in an iteration: as `lenet_ldrl`, and the unit's output is computed anew before it.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "golden"))
import dense  # noqa: E402
import recurrent  # noqa: E402
import tensors  # noqa: E402
from tensors import Tensor  # noqa: E402

LENET, VGG = [(32, 5, 2, (3, 2, 1)), (64, 5, 2, (3, 2, 1)), 512, 10], [(c, 3, 1, (2, 2, 0)) for c in (128, 128, 256, 256, 512)] + [10]
# name: (units, method); a unit is (channels, kernel, padding, pool) or a number of dense outputs
ROWS = {**dense.ROWS, "lenet_bp": (LENET, "bp"), "lenet_tjml": (LENET, "tjml"), "lenet_ldrl": (LENET, "ldrl"),
        "lenet_ldrl_stacked": (LENET, "ldrl_stacked"), "lenet_ldrl_released": (LENET, "ldrl_released"),
        "vgg_bp": (VGG, "bp"), "vgg_tjml": (VGG, "tjml"),
        "w_sigma_3x128_bp": ([784, 128, 128, 128, 10], "bp"), "w_sigma_3x128_idtp": ([784, 128, 128, 128, 10], "idtp"), **recurrent.ROWS}
BETA, NOISE, STEPS, FEEDBACK_STEPSIZES = 0.5, (0.4, 0.38, 0.14), 2, (7e-4, 5e-3, 0.1)


def zeta(y):
    """The feedback of ELU: the integral of its derivative as a function of its value, constant below -1."""
    below = y.clamp(-1, 0)
    return F.relu(y) + below + below * below / 2


class Unit(nn.Module):
    """A convolution or a dense layer with its activation, and with its pool or the flattening before it."""

    def __init__(self, what, shape, activation):
        super().__init__()
        self.is_conv, self.below, self.activation = isinstance(what, tuple), shape, activation
        if self.is_conv:
            channels, kernel, self.padding, self.pool = what
            self.layer = nn.Conv2d(shape[0], channels, kernel, padding=self.padding)
            side = (shape[1] + 2 * self.pool[2] - self.pool[0]) // self.pool[1] + 1
            self.above, self.map = (channels, side, side), shape[1:]
        else:
            self.layer = nn.Linear(torch.Size(shape).numel(), what)
            self.above = (what,)

    def forward(self, h):
        """(output, positions of the largest numbers)"""
        if not self.is_conv:
            return self.activation(self.layer(h.flatten(1))), None
        return F.max_pool2d(self.activation(self.layer(h)), *self.pool, return_indices=True)

    def unpool(self, t, where):
        return F.max_unpool2d(t, where, *self.pool, output_size=self.map) if self.is_conv else t

    def linear_back(self, u, weight):
        """Through the transposed affine map with these weights."""
        if self.is_conv:
            return F.conv_transpose2d(u, weight, padding=self.padding)
        return (u @ weight).view(-1, *self.below)


class Step:
    def __init__(self, name, rows=128, dtype=torch.float32):
        units, self.method = ROWS[name]
        torch.manual_seed(1)
        shape, self.units = (3, 32, 32), []
        for i, what in enumerate(units):
            activation = (lambda a: a) if i + 1 == len(units) else F.elu
            self.units.append(Unit(what, shape, activation).to(dtype))
            shape = self.units[-1].above
        self.x = torch.rand(rows, *self.units[0].below, dtype=dtype)
        self.y = torch.randint(10, (rows,))
        parameters = [p for u in self.units for p in u.parameters()]
        self.optimizer = torch.optim.SGD(parameters, lr=1e-3, momentum=0.9, weight_decay=1e-4)
        self.draws = None
        if self.method.startswith("ldrl"):
            self.feedback = [(torch.randn_like(u.layer.weight) * u.layer.weight.detach().std()).requires_grad_() for u in self.units[1:]]
            self.feedback_optimizers = [torch.optim.SGD([v], lr=s, momentum=0.9) for v, s in zip(self.feedback, FEEDBACK_STEPSIZES)]

    def __call__(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.bp() if self.method == "bp" else self.target_propagation()
        self.optimizer.step()
        return loss

    def bp(self):
        h = self.x
        for u in self.units:
            if u.is_conv:
                h = F.max_pool2d(u.activation(u.layer(h)), *u.pool)
            else:
                h = u.activation(u.layer(h.flatten(1)))
        loss = F.cross_entropy(h, self.y)
        loss.backward()
        return loss.detach()

    def target_propagation(self):
        states, places, below = [], [], self.x
        for u in self.units:
            h, where = u(below)
            states.append(h)
            places.append(where)
            below = h.detach()
        fixed = [h.detach() for h in states]
        if self.method.startswith("ldrl"):
            for i in range(1, len(self.units)):
                self.train_feedback(i, fixed[i - 1], fixed[i], places[i])
        with torch.no_grad():
            loss = F.cross_entropy(fixed[-1], self.y)
            targets = [fixed[-1] - BETA * (fixed[-1].softmax(1) - F.one_hot(self.y, 10))]
            for i in range(len(self.units) - 1, 0, -1):
                u, weight = self.units[i], self.feedback[i - 1] if self.method != "tjml" else self.units[i].layer.weight
                back = (lambda t: t) if i + 1 == len(self.units) and self.method == "tjml" else zeta if self.method == "tjml" else u.activation
                change = back(u.unpool(targets[0], places[i])) - back(u.unpool(fixed[i], places[i]))
                targets.insert(0, fixed[i - 1] + u.linear_back(change, weight))
        local = sum(0.5 / len(self.x) * (h - t).square().sum() for h, t in zip(states, targets))
        local.backward()
        return loss

    def train_feedback(self, i, h, y, where):
        u, weight = self.units[i], self.feedback[i - 1]
        for k in range(STEPS):
            own = self.draws[i - 1] if self.draws else None
            dx, dy = [NOISE[i - 1] * (own[side][k] if own else torch.randn_like(t)) for side, t in ((0, h), (1, y))]
            self.feedback_optimizers[i - 1].zero_grad(set_to_none=True)
            with torch.no_grad():
                if self.method == "ldrl_released":
                    y, where = u(h)
                moved, moved_where = u(h + dx)
                a = [u.activation(u.unpool(t, w)) for t, w in ((y, where), (moved, moved_where), (y + dy, where))]
            if self.method == "ldrl_stacked":
                dr, dry = u.linear_back(torch.cat([a[1] - a[0], a[2] - a[0]]), weight).chunk(2)
            else:
                r, there, near = [u.linear_back(t, weight) for t in a]
                dr, dry = there - r, near - r
            loss = (-2 * (dx * dr).sum() + dry.square().sum()) / len(h)
            loss.backward()
            self.feedback_optimizers[i - 1].step()


class Iterated:
    """Dense layers f(h) = W a(h) + b with decoders g of the same form, all of whose inverses are iterated at once from the states, and
    the smallest changes times the influence of each sample. Without autograd: every gradient is known."""
    BETA, NOISE, SWEEPS, LARGEST, EPS = 0.2, 0.3, 5, 10, 4e-10

    def __init__(self, name, rows=20, dtype=torch.float32):
        sizes, self.method = ROWS[name]
        torch.manual_seed(1)
        self.sizes = sizes
        self.weights = [nn.init.orthogonal_(torch.empty(n, m, dtype=dtype)).requires_grad_(self.method == "bp") for m, n in zip(sizes, sizes[1:])]
        self.biases = [torch.zeros(n, dtype=dtype).requires_grad_(self.method == "bp") for n in sizes[1:]]
        self.feedback = [1.6 * w.t() for w in self.weights[1:]] if self.method == "idtp" else []
        self.feedback_biases = [torch.zeros(len(v), dtype=dtype) for v in self.feedback]
        self.x, self.y, self.rows = torch.rand(rows, sizes[0], dtype=dtype), torch.randint(10, (rows,)), rows
        self.optimizer = torch.optim.Adam(self.weights + self.biases, lr=1e-3, foreach=True)
        self.draws = None

    @staticmethod
    def a(h):
        return F.leaky_relu(h, 0.5)

    def __call__(self):
        if self.method == "idtp":
            with torch.no_grad():
                return self.iterated()
        self.optimizer.zero_grad(set_to_none=True)
        h = self.x
        for w, b in zip(self.weights, self.biases):
            h = F.linear(self.a(h), w, b)
        loss = F.cross_entropy(h, self.y)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def iterated(self):
        states, read = [], [self.a(self.x)]
        for w, b in zip(self.weights, self.biases):
            states.append(F.linear(read[-1], w, b))
            read.append(self.a(states[-1]))
        self.train_decoders(states)
        last = len(states) - 1
        probabilities = states[-1].softmax(1)
        loss = -probabilities[torch.arange(self.rows), self.y].log().mean()
        targets = list(states)
        targets[-1] = states[-1] - self.BETA * (probabilities - F.one_hot(self.y, 10))
        for sweep in range(self.SWEEPS):
            changes = {k: F.linear(self.a(targets[k + 1]) - self.a(F.linear(self.a(targets[k]), self.weights[k + 1], self.biases[k + 1])), self.feedback[k])
                       for k in range(max(0, last - 1 - sweep), last)}  # the loss comes down one layer a sweep
            for k, change in changes.items():
                targets[k] = targets[k] + change
        moved = [t - h for t, h in zip(targets, states)]
        squares = [d.square().sum(1) for d in moved]
        for k, (w, b) in enumerate(zip(self.weights, self.biases)):
            influence = torch.where(squares[k] > self.EPS, squares[-1] / (squares[k] + self.EPS), torch.zeros_like(squares[k])).clamp(max=self.LARGEST)
            scaled = moved[k] * (influence / (read[k].square().sum(1) + 1 + self.EPS) / -self.rows)[:, None]
            w.grad, b.grad = scaled.t() @ read[k], scaled.sum(0)
        self.optimizer.step()
        return loss

    def train_decoders(self, states):
        for k, (v, c) in enumerate(zip(self.feedback, self.feedback_biases)):
            noisy = states[k] + self.NOISE * (self.draws[k] if self.draws else torch.randn_like(states[k]))
            read = self.a(F.linear(self.a(noisy), self.weights[k + 1], self.biases[k + 1]))
            error = F.linear(read, v, c) - noisy
            error *= (1 / (read.square().sum(1) + 1) / self.rows)[:, None]
            v.addmm_(error.t(), read, alpha=-1)
            c -= error.sum(0)


def step_of(name, **how):
    """how: rows, dtype"""
    if name in dense.ROWS:
        return dense.Dense(name, **how)
    if name in recurrent.ROWS:
        return recurrent.Recurrent(name, **how)
    return (Iterated if name.startswith("w_sigma") else Step)(name, **how)


# ---- the same numbers as tprun ----

def tensor(t):
    return Tensor(tuple(t.shape), t.detach().flatten().tolist(), "I64" if t.dtype == torch.int64 else "F64")


def inner_name(step, i, back=False):
    """What stands before the parameters of a unit that is a group: its layer comes first where a pool follows, and second behind a flattening."""
    u = step.units[i]
    if not u.is_conv and len(u.below) == 1:
        return ""
    return "0." if u.is_conv != back else "1."


def parameters_of(step):
    if isinstance(step, dense.Dense):
        return step.parameters
    if isinstance(step, recurrent.Recurrent):
        return dict(zip(step.names, step.parameters))
    if isinstance(step, Iterated):
        return {f"layers.{i}.{kind}": p for kind, all_of in (("weight", step.weights), ("bias", step.biases)) for i, p in enumerate(all_of)}
    return {f"layers.{i}.{inner_name(step, i)}{kind}": getattr(u.layer, kind) for i, u in enumerate(step.units) for kind in ("weight", "bias")}


def gradients_of(step):
    if isinstance(step, dense.Dense):
        return step.gradients
    if isinstance(step, recurrent.Recurrent):
        return dict(zip(step.names, step.gradients))
    return {n: p.grad for n, p in parameters_of(step).items()}


def feedback_of(step):
    """tprun has the weights of a dense feedback layer as of a layer of its own."""
    if isinstance(step, Iterated):
        return {f"feedback.{i}.{kind}": p for kind, all_of in (("weight", step.feedback), ("bias", step.feedback_biases)) for i, p in enumerate(all_of)}
    return {f"feedback.{i}.{inner_name(step, i + 1, True)}weight": v if step.units[i + 1].is_conv else v.t() for i, v in enumerate(step.feedback)}


def check(name, tprun, bench_step):
    step = step_of(name, rows=4, dtype=torch.float64)
    row = name.removesuffix("_stacked").removesuffix("_released")
    yaml = subprocess.run([bench_step, "--yaml", row], check=True, capture_output=True, text=True).stdout.strip()
    given = {"batch.x": step.x, "batch.y": step.y, **parameters_of(step)}
    if step.method.startswith("ldrl"):
        given.update(feedback_of(step))
        step.draws = [[torch.randn(STEPS, 4, *u.below, dtype=torch.float64), torch.randn(STEPS, 4, *u.above, dtype=torch.float64)] for u in step.units[1:]]
        for i, (dx, dy) in enumerate(step.draws):
            given.update({f"noise.feedback.{i}": dx, f"noise.feedback_source.{i}": dy})
    if isinstance(step, dense.Dense):
        given.update({**step.feedback_parameters, **step.make_draws()})
    if step.method == "idtp":
        given.update(feedback_of(step))
        step.draws = [torch.randn(4, n, dtype=torch.float64) for n in step.sizes[1:-1]]
        given.update({f"noise.feedback.{i}": draw for i, draw in enumerate(step.draws)})
    with tempfile.TemporaryDirectory() as folder:
        spec, source, result = (os.path.join(folder, n) for n in ("s.yaml", "in.safetensors", "out.safetensors"))
        with open(spec, "w", encoding="utf-8") as out:
            out.write("{version: 1, experiment: bench, precision: double, " + yaml.lstrip("{"))
        tensors.write(source, {n: tensor(t) for n, t in given.items()})
        subprocess.run([tprun, "probe", spec, "--input", source, "--output", result, "train.batch_size=4"], check=True)
        found = tensors.read(result)
    loss = step()
    expected = {"loss": loss, **{f"update.{n}": g for n, g in gradients_of(step).items()}}
    if isinstance(step, dense.Dense):
        expected.update({f"update.{n}": g for n, g in step.feedback_gradients.items()})
    if step.method.startswith("ldrl") or step.method == "idtp":
        expected.update({f"after.{n}": v for n, v in feedback_of(step).items()})
    errors = {n: tensors.relative_error(found[n], tensor(t)) for n, t in expected.items()}
    worst = max(errors, key=errors.get)
    print(f"# {name}: {len(errors)} tensors, largest relative difference {errors[worst]:.1e} ({worst})")
    if not errors[worst] <= 1e-5:
        sys.exit(f"steps.py: {name} is not the step that tprun takes: {json.dumps(errors)}")


def measure(name, blocks, precision):
    step = step_of(name, dtype=torch.float64 if precision == "double" else torch.float32)
    step()
    step()
    begin = time.process_time()
    step()
    n = 1 + int(0.05 / (time.process_time() - begin))
    times = []
    for _ in range(blocks):
        begin = time.process_time()
        for _ in range(n):
            step()
        times.append(1e3 * (time.process_time() - begin) / n)
    print(f"{name} {statistics.median(times):.4g} ms")


def main():
    torch.set_num_threads(1)
    if len(sys.argv) == 4 and sys.argv[1] == "check":
        for name in ROWS:
            check(name, sys.argv[2], sys.argv[3])
    elif len(sys.argv) == 5 and sys.argv[1] == "time" and sys.argv[2] in ROWS and sys.argv[4] in ("single", "double"):
        measure(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
