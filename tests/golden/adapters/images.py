"""What the papers' networks of images share: blocks of a convolution and a pool, and the order of a map's numbers.

tprun's maps lie pixel by pixel in memory, and `tprun probe` shows them as [B, C, H, W]; a dense feedback weight to a map has its rows in memory's order.
"""
import math
import re

from tensors import Tensor


def pixel_rows(shape):
    """Rows of a weight that leads to a map [C, H, W], from channel by channel to pixel by pixel."""
    channels, pixels = shape[0], shape[1] * shape[2]

    def turn(t):
        n = math.prod(t.shape[1:])
        values = [t.values[(c * pixels + p) * n + j] for p in range(pixels) for c in range(channels) for j in range(n)]
        return Tensor(t.shape, values, t.dtype)
    return turn


def channel_rows(shape):
    """The way back."""
    channels, pixels = shape[0], shape[1] * shape[2]

    def turn(t):
        n = math.prod(t.shape[1:])
        values = [t.values[(p * channels + c) * n + j] for c in range(channels) for p in range(pixels) for j in range(n)]
        return Tensor(t.shape, values, t.dtype)
    return turn


def conv_block(channels, kernel, stride, padding, activation, bias, pool):
    """(the unit, where its parameters are): pool is (kernel, stride, padding) or None."""
    conv = {"channels": channels, "kernel": kernel, "stride": stride, "padding": padding, "activation": activation, "bias": bias}
    if not pool:
        return {"conv": conv}, ""
    return {"unit": [{"conv": conv}, {"max_pool": dict(zip(("kernel", "stride", "padding", "duplicates"), pool))}]}, "0."


def rename(name, inner):
    """A parameter's name where parameters of layer i are layers.<i>.<inner[i]>*."""
    m = re.match(r"(.*\b)?layers\.(\d+)\.(.*)$", name)
    return f"{m.group(1) or ''}layers.{m.group(2)}.{inner[int(m.group(2))]}{m.group(3)}" if m else name
