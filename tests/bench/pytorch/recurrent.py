"""Recurrent training steps for steps.py: back-propagation through time and target propagation (Roulet 2022) on whole minibatches, without autograd.

The loops over time are scripted (torch.jit.script) and work in place in buffers that are made once; what does not need the recursion is one product over all
steps; slopes are made for 64 steps at once. What has vanished on the way down is not carried on, and the steps below have no part in the products of the gradients,
as in tprun; every eighth step is asked, which costs little.
"""
from typing import List

import torch
from torch import Tensor
from torch import nn

# name: (cell, steps, features, classes, rows, method, target_stepsize, regularization)
ROWS = {"order_60_bp": ("rnn", 60, 6, 4, 20, "bp", 0, 0), "order_60_tp": ("rnn", 60, 6, 4, 20, "tp", 1e-2, 10),
        "order_120_bp": ("rnn", 120, 6, 4, 20, "bp", 0, 0), "order_120_tp": ("rnn", 120, 6, 4, 20, "tp", 1e-2, 10),
        "pixels_784_bp": ("rnn", 784, 1, 10, 16, "bp", 0, 0), "pixels_784_tp": ("rnn", 784, 1, 10, 16, "tp", 1e-4, 1),
        "pixels_3072_bp": ("rnn", 3072, 1, 10, 16, "bp", 0, 0), "pixels_3072_tp": ("rnn", 3072, 1, 10, 16, "tp", 1e-2, 10),
        "gru_784_bp": ("gru", 784, 1, 10, 16, "bp", 0, 0), "gru_784_tp": ("gru", 784, 1, 10, 16, "tp", 1e-4, 1)}
UNITS, CLAMP, STEPSIZE = 100, 1e-3, 1e-3


@torch.jit.script
def rnn_forward(own, wt, states, before):
    for t in range(own.size(0)):
        torch.addmm(own[t], states[t], wt, out=before)
        torch.tanh(before, out=states[t + 1])


@torch.jit.script
def rnn_back(s, add, first: int, w, states, delta, tiny: float) -> int:
    """Down the chain; with target propagation add[t] joins the signal of the state after t steps, for t >= first. The lowest step with a delta."""
    steps = delta.size(0)
    slopes = delta
    lowest = 0
    for i in range(steps):
        t = steps - 1 - i
        if i == 0 or t % 64 == 63:
            lowest = t - t % 64
            slopes = 1 - states[lowest + 1:t + 2].square()
        torch.mul(s, slopes[t - lowest], out=delta[t])
        if t > 0:
            torch.mm(delta[t], w, out=s)
            if t >= first:
                s.add_(add[t])
            if t % 8 == 0 and t <= first and float(s.abs().max()) < tiny:
                return t
    return 0


@torch.jit.script
def rnn_targets(d, states, clamp: float, m, scratch, tiny: float) -> int:
    """d[t]: displacement of the state after t steps, the last one given. The first of those that are not 0."""
    steps = d.size(0) - 1
    factors = d
    lowest = 0
    for i in range(steps - 1):
        t = steps - i
        if i == 0 or t % 64 == 63:
            lowest = t - t % 64
            a = states[lowest:t + 1].clamp(clamp - 1, 1 - clamp)
            factors = 1 / ((1 - a) * (1 + a))
        torch.mul(d[t], factors[t - lowest], out=scratch)
        torch.mm(scratch, m, out=d[t - 1])
        if t % 8 == 0 and float(d[t - 1].abs().max()) < tiny:
            return t
    return 1


@torch.jit.script
def gru_forward(own, wt, bias, states, gates, hidden):
    n = states.size(2)
    for t in range(own.size(0)):
        h, g, q = states[t], gates[t], hidden[t]
        torch.addmm(bias, h, wt, out=q)
        rz = g[:, :2 * n]
        torch.add(own[t][:, :2 * n], q[:, :2 * n], out=rz)
        rz.sigmoid_()
        new = g[:, 2 * n:]
        torch.addcmul(own[t][:, 2 * n:], g[:, :n], q[:, 2 * n:], out=new)
        new.tanh_()
        torch.lerp(new, h, g[:, n:2 * n], out=states[t + 1])


@torch.jit.script
def gru_slopes(states, gates, hidden):
    """What the signal of a state is multiplied by for the pre-activations of r, z and n on the hidden side; all steps at once."""
    n = states.size(2)
    r, z, new = gates[:, :, :n], gates[:, :, n:2 * n], gates[:, :, 2 * n:]
    of_new = (1 - z) * (1 - new * new)
    return torch.cat([of_new * hidden[:, :, 2 * n:] * r * (1 - r), (states[:-1] - new) * z * (1 - z), of_new * r], 2)


@torch.jit.script
def gru_back(s, add, first: int, w, states, gates, hidden, delta, tiny: float) -> int:
    """delta: on the hidden side."""
    n, steps = s.size(1), delta.size(0)
    slopes = delta
    lowest = 0
    for i in range(steps):
        t = steps - 1 - i
        if i == 0 or t % 64 == 63:
            lowest = t - t % 64
            slopes = gru_slopes(states[lowest:t + 2], gates[lowest:t + 1], hidden[lowest:t + 1])
        torch.mul(s.repeat(1, 3), slopes[t - lowest], out=delta[t])
        if t > 0:
            s.mul_(gates[t][:, n:2 * n])
            s.addmm_(delta[t], w)
            if t >= first:
                s.add_(add[t])
            if t % 8 == 0 and t <= first and float(s.abs().max()) < tiny:
                return t
    return 0


@torch.jit.script
def gru_inverse_factors(states, gates, hidden, clamp: float):
    n = states.size(2)
    r, z, new = gates[:, :, :n], gates[:, :, n:2 * n], gates[:, :, 2 * n:]
    of_new = (1 - new * new) * (1 - z)
    rc, zc = r.clamp(clamp, 1 - clamp), z.clamp(clamp, 1 - clamp)
    return torch.cat([hidden[:, :, 2 * n:] * of_new / (rc * (1 - rc)), (states[:-1] - new) / (zc * (1 - zc)), r * of_new], 2)


@torch.jit.script
def gru_targets(d, states, gates, hidden, clamp: float, m, scratch, tiny: float) -> int:
    n, steps = d.size(2), d.size(0) - 1
    factors = d
    lowest = 0
    for i in range(steps - 1):
        t = steps - 1 - i
        if i == 0 or t % 64 == 63:
            lowest = t - t % 64
            factors = gru_inverse_factors(states[lowest:t + 2], gates[lowest:t + 1], hidden[lowest:t + 1], clamp)
        torch.mul(d[t + 1].repeat(1, 3), factors[t - lowest], out=scratch)
        torch.mul(d[t + 1], gates[t][:, n:2 * n], out=d[t])
        d[t].addmm_(scratch, m)
        if t % 8 == 0 and float(d[t].abs().max()) < tiny:
            return t + 1
    return 1


class Recurrent:
    """A layer of 100 units and a linear one on its last state."""

    def __init__(self, name, rows=None, dtype=torch.float32):
        self.cell, self.steps, features, classes, own_rows, self.method, self.beta, self.regularization = ROWS[name]
        rows = rows or own_rows
        torch.manual_seed(1)
        gates = 3 if self.cell == "gru" else 1
        empty = lambda *shape: torch.zeros(*shape, dtype=dtype)
        self.u, self.v = empty(gates * UNITS, features), empty(classes, UNITS)
        self.w = torch.cat([nn.init.orthogonal_(empty(UNITS, UNITS)) for _ in range(gates)])
        nn.init.orthogonal_(self.u), nn.init.orthogonal_(self.v)
        biases = ["bias_ih", "bias_hh"] if self.cell == "gru" else ["bias"]
        self.biases, self.c = [empty(gates * UNITS).normal_(0, 0.1) for _ in biases], empty(classes)
        self.parameters = [self.u, self.w, *self.biases, self.v, self.c]
        self.names = [f"layers.0.{n}" for n in ("weight_ih", "weight_hh", *biases)] + ["layers.1.weight", "layers.1.bias"]
        self.x, self.y, self.rows = torch.rand(rows, self.steps, features, dtype=dtype), torch.randint(classes, (rows,)), rows
        self.tiny = 1e-25 if dtype == torch.float32 else 1e-250
        self.states, self.d = empty(self.steps + 1, rows, UNITS), empty(self.steps + 1, rows, UNITS)
        self.delta = empty(self.steps, rows, gates * UNITS)
        self.gates, self.hidden = (empty(self.steps, rows, gates * UNITS) for _ in range(2)) if gates > 1 else (None, None)
        self.scratch, self.before = empty(rows, gates * UNITS), empty(rows, UNITS)
        self.gradients: List[Tensor] = []

    def __call__(self):
        with torch.inference_mode():
            loss = self.step()
            torch._foreach_add_(self.parameters, self.gradients, alpha=-STEPSIZE)
        return loss

    def step(self):
        x = self.x.transpose(0, 1).reshape(self.steps * self.rows, -1)
        own = torch.addmm(self.biases[0], x, self.u.t()).view(self.steps, self.rows, -1)
        wt = self.w.t().contiguous()
        if self.cell == "gru":
            gru_forward(own, wt, self.biases[1], self.states, self.gates, self.hidden)
        else:
            rnn_forward(own, wt, self.states, self.before)
        last = self.states[-1]
        probabilities = torch.addmm(self.c, last, self.v.t()).softmax(1)
        picked = probabilities[torch.arange(self.rows), self.y]
        top = probabilities / self.rows
        top[torch.arange(self.rows), self.y] -= 1 / self.rows
        of_head = [top.t() @ last, top.sum(0)]
        s, first = top @ self.v, self.steps
        if self.method == "tp":
            first = self.targets(s)
            s = -self.d[-1]
        self.gradients = self.below(x, s, first) + of_head
        return -picked.log().mean()

    def targets(self, top):
        """The regularized inverse of the layer, and displacements down to the first that has not vanished."""
        w = self.w.double()
        inverses = [torch.cholesky_solve(one.t(), torch.linalg.cholesky(one.t() @ one + self.regularization * torch.eye(UNITS, dtype=torch.float64))).t()
                    for one in w.split(UNITS)]
        m = torch.cat(inverses).to(self.w.dtype)
        torch.mul(top, -self.beta, out=self.d[-1])
        if self.cell == "gru":
            return gru_targets(self.d, self.states, self.gates, self.hidden, CLAMP, m, self.scratch, self.tiny)
        return rnn_targets(self.d, self.states, CLAMP, m, self.scratch, self.tiny)

    def below(self, x, s, first):
        """Gradients of the recurrent layer, of the steps that a signal reaches."""
        errors = self.d.neg() if self.method == "tp" else self.d
        if self.cell == "rnn":
            lowest = rnn_back(s, errors, first, self.w, self.states, self.delta, self.tiny)
        else:
            lowest = gru_back(s, errors, first, self.w, self.states, self.gates, self.hidden, self.delta, self.tiny)
        reached, x = self.delta[lowest:], x[lowest * self.rows:]
        below, delta = self.states[lowest:-1].view(-1, UNITS), reached.view(len(x), -1)
        if self.cell == "rnn":
            return [delta.t() @ x, delta.t() @ below, delta.sum(0)]
        of_hidden = [delta.t() @ below, delta.sum(0)]
        reached[:, :, 2 * UNITS:] /= self.gates[lowest:, :, :UNITS]  # on the input side; r is a logistic of moderate numbers
        return [delta.t() @ x, of_hidden[0], delta.sum(0), of_hidden[1]]
