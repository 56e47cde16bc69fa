"""Bao et al. 2024: convolutions with their pools, mixers and reversible blocks."""
import math
import re

from tensors import Tensor

from . import Skip, Translation, bao2024_parts, base_spec, need, same
from .images import conv_block, rename

# Methods by the mapping and the feedback loss that they need.
NEEDS = {"TJML-DTP": ("mapping", "transpose"), "IJML-DTP": ("mapping", "transpose"), "PJML-DTP": ("mapping", "transpose"),
         "reversible structure": ("mapping", "transpose"), "LDRL": ("feedback loss", "local_difference_reconstruction"),
         "LDRL, feedback training only": ("feedback loss", "local_difference_reconstruction"),
         "FWDTP with batch normalisation": ("preset", "fwdtp_bn"), "FWDTP with batch normalisation, evaluation": ("preset", "fwdtp_bn"),
         "analytic feedback of one layer": ("mapping", "transpose"), "Jacobian matching losses": ("mapping", "transpose")}


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


def network_of(case, inputs, parts):
    """(layers, what stands before each layer's parameters, and before those of its mirror, which layers give tokens)"""
    layers, inner, back, of_tokens, map_below = [], [], [], [], False
    for layer in case["layers"]:
        kind, where, act = layer["type"], "", layer.get("activation")
        if act == "leaky_relu":
            act = {"name": "leaky_relu", "slope": case["leaky_relu_slope"]}
        if kind == "conv":
            pool = layer.get("pool")
            block, where = conv_block(layer["out"], layer["kernel"], layer["stride"], layer["padding"], act, True,
                                      pool and (pool["k"], pool["s"], pool["p"]))
        elif kind == "dense":
            block = {"dense": {"units": layer["out"], "activation": act, "bias": f"layers.{layer['index']}.bias" in inputs}}
            if map_below:
                block, where = {"unit": ["flatten", block]}, "1."
        elif kind == "embed":
            block = {"patches": {"channels": layer["out"], "size": layer["patch"]}}
        elif kind == "gap":
            block = "global_average_pool"
        else:
            kind = "mixer" if kind == "mixer_block" else kind
            need(parts, "layer", kind)
            block = {kind: {"activation": act, **({"hidden": layer["hidden"]} if "hidden" in layer else {})}}
        layers.append(block)
        inner.append(where)
        back.append({"1.": "0.", "0.": "1.", "": ""}[where])
        of_tokens.append(kind in ("embed", "spatial_mlp", "channel_mlp", "mixer", "coupling"))
        map_below = kind == "conv"
    return layers, inner, back, of_tokens


def algorithm_of(case, inputs, stepsize):
    """Targets by feedback with weights that the case gives, whoever trained them."""
    p = case["hyperparameters"]
    reduction = {0.5: "half_mean", 1.0: "mean"}[p["local_loss_scale"]]
    bias = any(re.match(r"feedback\..*bias$", n) for n in inputs)
    return {"name": "dfa", "route": "chain", "target_stepsize": stepsize, "target": {"name": "gradient", "gradient": "per_sample"},
            "mapping": {"name": "fixed", "bias": bias, "activation": "tanh" if p["feedback"] == "fwdtp" else "argument"},
            "propagate": "difference", "update": {"name": "gradient", "reduction": reduction}}


def inputs_of(case, inputs, inner, back):
    """Under tprun's names; a feedback unit's parameters stand where the mirror of the layer above has them."""
    named = {}
    for name, t in inputs.items():
        feedback = re.fullmatch(r"(draw\.)?feedback\.(\d+)\.(.*)", name)
        if feedback:
            name = f"feedback.{feedback.group(2)}.{back[int(feedback.group(2)) + 1]}{feedback.group(3)}"
            if feedback.group(1):
                scale = case["hyperparameters"]["fb_scale"]
                t = Tensor(t.shape, [scale * v for v in t.values], t.dtype)
        named[rename(name, inner)] = t
    return named


def translate(case, inputs, expected, parts):
    if case["algorithm"] in bao2024_parts.IMAGES:
        return bao2024_parts.images(case, inputs, expected)
    if "momentum.0.layers.0.weight" in expected:
        return bao2024_parts.steps(case, inputs, expected, lambda *step: translate(*step, parts))
    if case["algorithm"] not in ("BP", "FWDTP", "LDRL, forward update"):
        kind, name = NEEDS.get(case["algorithm"], ("algorithm", case["algorithm"]))
        need({**parts, kind: parts.get(kind, set())}, kind, name)
        raise Skip(f"no translation of '{case['algorithm']}'")
    if "steps" in case:
        raise Skip("steps one after the other")
    layers, inner, back, of_tokens = network_of(case, inputs, parts)
    x, p = case["input_shape"], case["hyperparameters"]
    squares, trains_by_bp = p["loss"] == "mse", case["algorithm"] == "BP"  # half the sum of squares, where tprun has the sum
    dataset = {"name": "given", "features": math.prod(x), "outputs": case["layers"][-1]["out"], "labels": "real" if squares else "classes",
               **({"image": x} if len(x) == 3 else {})}
    algorithm = {"name": "bp"} if trains_by_bp else algorithm_of(case, inputs, p["beta"] / (2 if squares else 1))
    spec = base_spec(case["batch_size"], dataset, layers, "squared_error" if squares else "cross_entropy", algorithm)
    expect = {}
    for name in expected:
        state = re.fullmatch(r"(?:state|target)\.(\d+)", name)
        known = state or name == "loss" or name.startswith("update.")
        turn = half if squares and (trains_by_bp or name == "loss") and not state else same
        if state:
            turn = tokens if of_tokens[int(state.group(1))] else shaped(expected[name].shape)
        expect[name] = (rename(name, inner), turn) if known else None
    return Translation(spec, inputs_of(case, inputs, inner, back), expect)
