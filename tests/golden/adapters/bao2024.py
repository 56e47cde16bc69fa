"""Bao et al. 2024: convolutions with their pools, mixers and reversible blocks."""
import math
import re

from tensors import Tensor

from . import Skip, Translation, base_spec, need, same
from .images import conv_block, rename

# Methods by the mapping and the feedback loss that they need.
NEEDS = {"TJML-DTP": ("mapping", "transpose"), "IJML-DTP": ("mapping", "transpose"), "PJML-DTP": ("mapping", "transpose"),
         "reversible structure": ("mapping", "transpose"), "LDRL": ("feedback loss", "local_difference_reconstruction"),
         "LDRL, feedback training only": ("feedback loss", "local_difference_reconstruction"),
         "LDRL, forward update": ("feedback loss", "local_difference_reconstruction"), "FWDTP": ("preset", "fwdtp"),
         "FWDTP with batch normalisation": ("preset", "fwdtp_bn"), "FWDTP with batch normalisation, evaluation": ("preset", "fwdtp_bn"),
         "analytic feedback of one layer": ("mapping", "transpose"), "Jacobian matching losses": ("mapping", "transpose"),
         "data augmentation": ("data transform", "augment"), "background padding": ("data transform", "pad")}


def tokens(planes):
    """[B, C, H, W] as tokens [B, H * W, C]."""
    b, c, n = planes.shape[0], planes.shape[1], math.prod(planes.shape[2:])
    values = [planes.values[(i * c + k) * n + p] for i in range(b) for p in range(n) for k in range(c)]
    return Tensor((b, n, c), values, planes.dtype)


def shaped(shape):
    """A map of one pixel is [B, n] here."""
    return lambda t: Tensor(shape, t.values, t.dtype)


def half(t):
    return Tensor(t.shape, [v / 2 for v in t.values], t.dtype)


def network_of(case, parts):
    """(layers, what stands before each layer's parameters, which layers give tokens)"""
    layers, inner, of_tokens, map_below = [], [], [], False
    for layer in case["layers"]:
        kind, where, act = layer["type"], "", layer.get("activation")
        if act == "leaky_relu":
            act = {"name": "leaky_relu", "slope": case["leaky_relu_slope"]}
        if kind == "conv":
            pool = layer.get("pool")
            block, where = conv_block(layer["out"], layer["kernel"], layer["stride"], layer["padding"], act, True,
                                      pool and (pool["k"], pool["s"], pool["p"]))
        elif kind == "dense":
            block = {"dense": {"units": layer["out"], "activation": act}}
            if map_below:
                block, where = {"unit": ["flatten", block]}, "1."
        elif kind == "embed":
            block = {"patches": {"channels": layer["out"], "size": layer["patch"]}}
        elif kind == "gap":
            block = "global_average_pool"
        else:
            need(parts, "layer", kind)
            block = {kind: {"activation": act, **({"hidden": layer["hidden"]} if "hidden" in layer else {})}}
        layers.append(block)
        inner.append(where)
        of_tokens.append(kind in ("embed", "spatial_mlp", "channel_mlp", "mixer", "coupling"))
        map_below = kind == "conv"
    return layers, inner, of_tokens


def translate(case, inputs, expected, parts):
    if case["algorithm"] != "BP":
        kind, name = NEEDS.get(case["algorithm"], ("algorithm", case["algorithm"]))
        need({**parts, kind: parts.get(kind, set())}, kind, name)
        raise Skip(f"no translation of '{case['algorithm']}'")
    if "steps" in case:
        raise Skip("steps one after the other")
    layers, inner, of_tokens = network_of(case, parts)
    x = case["input_shape"]
    dataset = {"name": "given", "features": math.prod(x), "outputs": case["layers"][-1]["out"], **({"image": x} if len(x) == 3 else {})}
    squares = case["hyperparameters"]["loss"] == "mse"  # half the sum of squares, where tprun has the sum
    if squares:
        dataset["labels"] = "real"
    spec = base_spec(case["batch_size"], dataset, layers, "squared_error" if squares else "cross_entropy", {"name": "bp"})
    expect = {}
    for name in expected:
        state = re.fullmatch(r"(?:state|target)\.(\d+)", name)
        known = state or name == "loss" or name.startswith("update.")
        turn = half if squares and not state else same
        if state:
            turn = tokens if of_tokens[int(state.group(1))] else shaped(expected[name].shape)
        expect[name] = (rename(name, inner), turn) if known else None
    return Translation(spec, {rename(n, inner): t for n, t in inputs.items()}, expect)
