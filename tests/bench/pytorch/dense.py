"""Dense training steps for steps.py: back-propagation, direct feedback alignment and the feed-forward methods of Meulemans 2020 on whole minibatches, without autograd.

Every gradient is written out. Minibatches that go through one layer go through it as one product: those that the noise of different layers has started, on their way
up and, along the chain, down. Adam moves one flat vector in pieces that stay in the cache. There are as many products as in tprun.
"""
import torch
from torch.nn import functional as F

# name: (method, target_stepsize); both gradients of a minibatch and both steps of Adam
ROWS = {f"dense_5x256_{method}": (method, beta) for method, beta in (("bp", 1), ("dfa", 1), ("dtp", 0.06), ("dtp_drl", 0.06), ("ddtp_linear", 0.06),
                                                                     ("ddtp_control", 0.06), ("ddtp_rhl", 0.06))}
SIZES, HIDDEN, NOISE, STEPSIZE, PIECE = [784, 256, 256, 256, 256, 256, 10], 1024, 0.1, 1e-3, 1 << 15


class Adam:
    """Parameters and gradients are views of flat vectors."""

    def __init__(self, shapes, dtype):
        n = sum(torch.Size(s).numel() for s in shapes)
        self.w, self.g, self.m, self.v, self.t = torch.zeros(n, dtype=dtype), torch.zeros(n, dtype=dtype), torch.zeros(n, dtype=dtype), torch.zeros(n, dtype=dtype), 0
        self.parameters, self.gradients = self.views(self.w, shapes), self.views(self.g, shapes)
        self.pieces = list(zip(*(x.split(PIECE) for x in (self.w, self.g, self.m, self.v))))
        self.root = torch.empty(PIECE, dtype=dtype)

    @staticmethod
    def views(flat, shapes):
        return [part.view(s) for part, s in zip(flat.split([torch.Size(s).numel() for s in shapes]), shapes)]

    def step(self):
        self.t += 1
        stepsize, root_correction = STEPSIZE / (1 - 0.9 ** self.t), (1 - 0.999 ** self.t) ** 0.5
        for w, g, m, v in self.pieces:
            root = self.root[:len(w)]
            m.mul_(0.9).add_(g, alpha=0.1)
            v.mul_(0.999).addcmul_(g, g, value=0.001)
            torch.sqrt(v, out=root).div_(root_correction).add_(1e-8)
            w.addcdiv_(m, root, value=-stepsize)


def shapes_of(sizes):
    return [s for m, n in sizes for s in ((n, m), (n,))]


def slope(h):
    return 1 - h * h


class Dense:
    def __init__(self, name, rows=128, dtype=torch.float32):
        self.method, self.beta = ROWS[name]
        self.rows, self.draws = rows, None
        torch.manual_seed(1)
        self.x, self.y = torch.rand(rows, SIZES[0], dtype=dtype), torch.randint(10, (rows,))
        self.own = Adam(shapes_of(zip(SIZES, SIZES[1:])), dtype)
        self.weights, self.biases = self.own.parameters[::2], self.own.parameters[1::2]
        if self.method == "bp":
            sources = []
        elif self.method in ("dtp", "dtp_drl"):
            sources = SIZES[2:]
        elif self.method == "ddtp_rhl":
            sources = [HIDDEN] * 4 + [10]
        else:
            sources = [10] * 5
        self.feedback = Adam(shapes_of([(m, 256) for m in sources]), dtype)
        self.back, self.offsets = self.feedback.parameters[::2], self.feedback.parameters[1::2]
        self.hidden = [torch.empty(HIDDEN, 10, dtype=dtype), torch.empty(HIDDEN, dtype=dtype)] if self.method == "ddtp_rhl" else []
        for p in [*self.own.parameters, *self.feedback.parameters, *self.hidden]:
            p.copy_(torch.randn_like(p) * (2 / sum(p.shape)) ** 0.5 if p.dim() == 2 else 0.1 * torch.randn_like(p))
        self.a = (lambda u: u) if self.method in ("ddtp_linear", "ddtp_control") else torch.tanh

    # what steps.py checks
    @property
    def parameters(self):
        return {f"layers.{i}.{kind}": p for i, pair in enumerate(zip(self.weights, self.biases)) for kind, p in zip(("weight", "bias"), pair)}

    @property
    def gradients(self):
        return dict(zip(self.parameters, self.own.gradients))

    @property
    def feedback_parameters(self):
        """Without biases in direct feedback alignment."""
        learned = {f"feedback.{i}.{kind}": p for i, pair in enumerate(zip(self.back, self.offsets)) for kind, p in zip(("weight", "bias"), pair)}
        if self.method == "dfa":
            return {n: p for n, p in learned.items() if n.endswith("weight")}
        return {**learned, **dict(zip(("feedback.hidden.weight", "feedback.hidden.bias"), self.hidden))}

    @property
    def feedback_gradients(self):
        return dict(zip(self.feedback_parameters, self.feedback.gradients)) if self.draws else {}

    def make_draws(self):
        self.draws = [torch.randn(self.rows, 256, dtype=self.x.dtype) for _ in range(5)] if self.method not in ("bp", "dfa") else None
        return {f"noise.feedback.{i}": d for i, d in enumerate(self.draws or [])}

    def __call__(self):
        with torch.no_grad():
            return self.step()

    def layer(self, i, h):
        u = torch.addmm(self.biases[i], h, self.weights[i].t())
        return u.tanh_() if i < 5 else u

    def g(self, k, v):
        u = torch.addmm(self.offsets[k], v, self.back[k].t())
        return u if self.a is not torch.tanh else u.tanh_()

    def expansion(self, v):
        return torch.addmm(self.hidden[1], v, self.hidden[0].t()).tanh_()

    def step(self):
        h = [self.x]
        for i in range(6):
            h.append(self.layer(i, h[-1]))
        p = h[6].softmax(1)
        loss = -p.gather(1, self.y[:, None]).log().mean()
        p.scatter_add_(1, self.y[:, None], p.new_full((self.rows, 1), -1.0))
        signals = getattr(self, self.method)(h, p.mul_(self.beta / self.rows))
        factor = 1 / self.beta if self.method in ("bp", "dfa") else 2 / self.rows
        for i, s in enumerate(signals):
            s = s * factor if i == 5 else slope(h[i + 1]).mul_(s).mul_(factor)
            torch.mm(s.t(), h[i], out=self.own.gradients[2 * i])
            torch.sum(s, 0, out=self.own.gradients[2 * i + 1])
        self.own.step()
        if self.method not in ("bp", "dfa"):
            self.feedback.step()
        return loss

    # Each gives states less targets, from that of the output.

    def bp(self, h, top):
        signals = [top]
        for i in range(5, 0, -1):
            signals.insert(0, (signals[0] if i == 5 else slope(h[i + 1]).mul_(signals[0])) @ self.weights[i])
        return signals

    def dfa(self, h, top):
        return [top @ v.t() for v in self.back] + [top]

    def noisy(self, h, k):
        """The state above layer k with its noise."""
        return torch.add(h[k + 1], self.draws[k] if self.draws else torch.randn_like(h[k + 1]), alpha=NOISE)

    def train(self, k, error, read, factor):
        """error: at the pre-activation."""
        error = error.mul_(factor * 2 / (self.rows * 256))
        torch.mm(error.t(), read, out=self.feedback.gradients[2 * k])
        torch.sum(error, 0, out=self.feedback.gradients[2 * k + 1])

    def dtp(self, h, top):
        values = [self.g(k, h[k + 2]) for k in range(5)]
        signals = [top]
        for k in range(4, -1, -1):
            signals.insert(0, values[k] - self.g(k, h[k + 2] - signals[0]))
        for k in range(5):
            noisy = self.noisy(h, k)
            read = self.layer(k + 1, noisy)
            value = self.g(k, read)
            self.train(k, (value - noisy).mul_(slope(value)), read, 1 / NOISE ** 2)
        return signals

    def ddtp_control(self, h, top):
        for k in range(5):
            noisy = read = self.noisy(h, k)
            for i in range(k + 1, 6):
                read = self.layer(i, read)
            self.train(k, self.g(k, read) - noisy, read, 1)
        return [top @ v.t() for v in self.back] + [top]

    def up(self, h):
        """The outputs that the noise of each layer leads to, one minibatch below the other, and the noise."""
        noisy = [self.noisy(h, k) for k in range(5)]
        stack = noisy[0]
        for i in range(1, 6):
            stack = self.layer(i, stack)
            if i < 5:
                stack = torch.cat([stack, noisy[i]])
        return stack, [n - h[k + 1] for k, n in enumerate(noisy)]

    def train_difference(self, k, value, moved, noise, read, moved_read):
        """Of |g(moved_read) - g(read) - noise|^2."""
        error = (moved - value).sub_(noise).mul_(2 / (self.rows * 256 * NOISE ** 2))
        at_moved, at_value = slope(moved).mul_(error), slope(value).mul_(error)
        torch.mm(at_moved.t(), moved_read, out=self.feedback.gradients[2 * k]).addmm_(at_value.t(), read, alpha=-1)
        torch.sum(at_moved.sub_(at_value), 0, out=self.feedback.gradients[2 * k + 1])

    def dtp_drl(self, h, top):
        values = [self.g(k, h[k + 2]) for k in range(5)]
        signals = [top]
        for k in range(4, -1, -1):
            signals.insert(0, values[k] - self.g(k, h[k + 2] - signals[0]))
        stack, noise = self.up(h)
        for k in range(4, -1, -1):  # on its way down the stack loses the minibatch that has arrived
            moved = self.g(k, stack)
            self.train_difference(k, values[k], moved[k * self.rows:], noise[k], h[k + 2], stack[k * self.rows:])
            if k > 0:
                stack = (moved[:k * self.rows].view(k, self.rows, -1) + (h[k + 1] - values[k])).view(k * self.rows, -1)
        return signals

    def ddtp_linear(self, h, top):
        stack, noise = self.up(h)
        moved = (stack.view(5, self.rows, -1) - h[6]).unbind()
        for k in range(5):
            error = (moved[k] @ self.back[k].t()).sub_(noise[k]).mul_(2 / (self.rows * 256 * NOISE ** 2))
            torch.mm(error.t(), moved[k], out=self.feedback.gradients[2 * k])
            self.feedback.gradients[2 * k + 1].zero_()
        return [top @ v.t() for v in self.back] + [top]

    def ddtp_rhl(self, h, top):
        target, read = h[6] - top, [self.expansion(h[6])] * 4 + [h[6]]
        of_target = [self.expansion(target)] * 4 + [target]
        values = [self.g(k, read[k]) for k in range(5)]
        signals = [values[k] - self.g(k, of_target[k]) for k in range(5)] + [top]
        stack, noise = self.up(h)
        for k, v in enumerate(stack.split(self.rows)):
            moved_read = self.expansion(v) if k < 4 else v
            self.train_difference(k, values[k], self.g(k, moved_read), noise[k], read[k], moved_read)
        return signals
