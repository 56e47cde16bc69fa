"""Bao et al. 2024: convolutions with their pools, mixers and reversible blocks."""
import math
import re

from tensors import Tensor

from . import Skip, Translation, base_spec, need, same
from .images import conv_block, rename

# Methods whose targets come from feedback that the case gives or that is made of the forward weights.
DIRECT = ("FWDTP", "LDRL, forward update", "TJML-DTP", "IJML-DTP", "PJML-DTP", "reversible structure")
# Others by the mapping and the feedback loss that they need.
NEEDS = {"LDRL": ("feedback loss", "local_difference_reconstruction"),
         "LDRL, feedback training only": ("feedback loss", "local_difference_reconstruction"),
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
                                      pool and (pool["k"], pool["s"], pool["p"], case["unpool_duplicates"]))
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


def mapping_of(case, inputs):
    p = case["hyperparameters"]
    if p["feedback"] == "transpose":
        name = "reversible" if case["algorithm"] == "reversible structure" else "transpose"
        return {"name": name, "activation": p["activation_feedback"]}
    if p["feedback"] == "pseudo_inverse":
        raise Skip("no mapping 'pinv' of one layer's weights")
    if p["feedback"] == "inverse":
        return {"name": "inverse", "regularization": 0, "clamp": 1e-6}
    if p["feedback"] == "jacobian_pseudo_inverse":
        raise Skip("no mapping 'pinv' of one layer's Jacobian")
    bias = any(re.match(r"feedback\..*bias$", n) for n in inputs)
    return {"name": "fixed", "bias": bias, "activation": "tanh" if p["feedback"] == "fwdtp" else "argument"}


def algorithm_of(case, inputs, stepsize):
    """Targets by feedback with weights that the case gives, whoever trained them, or by analytic feedback. The step size of squared errors is half of the paper's."""
    p = case["hyperparameters"]
    scale = p["local_loss_scale"]
    reduction = {0.5: "half_mean", 1.0: "mean"}.get(scale)
    if not reduction and abs(scale - 0.5 / p["beta"]) < 1e-12 * scale:
        reduction = "mean_per_stepsize"
    return {"name": "dfa", "route": "chain", "target_stepsize": stepsize, "target": {"name": "gradient", "gradient": "per_sample"},
            "mapping": mapping_of(case, inputs), "propagate": "difference" if p.get("difference_correction", True) else "plain",
            "update": {"name": "gradient", "reduction": reduction}}


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
    if case["algorithm"] not in ("BP", *DIRECT):
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
    # by 1/(2 beta) an update does not know beta, so tprun's half of it doubles what it is to be
    doubled = squares and algorithm.get("update", {}).get("reduction") == "mean_per_stepsize"
    spec = base_spec(case["batch_size"], dataset, layers, "squared_error" if squares else "cross_entropy", algorithm)
    expect = {}
    for name in expected:
        state = re.fullmatch(r"(?:state|target)\.(\d+)", name)
        known = state or name == "loss" or name.startswith("update.")
        turn = half if squares and (trains_by_bp or doubled or name == "loss") and not state else same
        if state:
            turn = tokens if of_tokens[int(state.group(1))] else shaped(expected[name].shape)
        expect[name] = (rename(name, inner), turn) if known else None
    return Translation(spec, inputs_of(case, inputs, inner, back), expect)
