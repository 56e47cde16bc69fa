"""Bao et al. 2024: the analytic feedback of one layer, on a target and on its own output."""
import json
import math

from tensors import Tensor

from . import PartTranslation, Skip


def rows(t):
    """A value of the case as rows in the program's order: maps [B, C, H, W] pixel by pixel; tokens and flat values as they lie."""
    if len(t.shape) != 4:
        return Tensor((t.shape[0], math.prod(t.shape[1:])), t.values, t.dtype)
    b, c, n = t.shape[0], t.shape[1], t.shape[2] * t.shape[3]
    values = [t.values[(i * c + k) * n + p] for i in range(b) for p in range(n) for k in range(c)]
    return Tensor((b, n * c), values, t.dtype)


def from_rows(shape):
    """The way back."""
    def turn(t):
        if len(shape) != 4:
            return Tensor(shape, t.values, t.dtype)
        b, c, n = shape[0], shape[1], shape[2] * shape[3]
        return Tensor(shape, [t.values[(i * n + p) * c + k] for i in range(b) for k in range(c) for p in range(n)], t.dtype)
    return turn


def activation_of(case):
    name = case["activation"]
    return {"name": name, "slope": case["leaky_relu_slope"]} if name == "leaky_relu" else name


def layer_of(case, inputs):
    """(the layer, its feedback of activations, its parameters' names in the case)"""
    kind, dense = case["layer"], {"activation": "linear", "bias": "bias" in inputs}
    if kind == "conv":
        w = inputs["weight"].shape
        return {"conv": {"channels": w[0], "kernel": w[2], "stride": case["stride"], "padding": case["padding"], **dense}}, "zeta", ""
    if kind == "dense":
        return {"dense": {"units": inputs["weight"].shape[0], **dense}}, "zeta", ""
    if kind == "maxpool":
        p = case["pool"]
        return {"max_pool": {"kernel": p["k"], "stride": p["s"], "padding": p["p"], "duplicates": case["unpool_duplicates"]}}, "zeta", ""
    if kind == "global average pooling":
        return "global_average_pool", "zeta", ""
    if kind == "layernorm":
        return "layer_norm", "zeta", ""
    if kind.startswith("activation"):
        return {"activation": {"activation": activation_of(case)}}, "hadamard" if "Hadamard" in kind else case.get("activation_feedback", "zeta"), ""
    if kind.startswith("skip"):
        return {"residual": [{"dense": {"units": inputs["weight"].shape[0], **dense}}]}, "zeta", "0."
    if kind == "composite: leaky_relu(W2 leaky_relu(W1 x))":
        act = {"activation": {"name": "leaky_relu", "slope": case["leaky_relu_slope"]}, "bias": False}
        return {"unit": [{"dense": {"units": inputs[n].shape[0], **act}} for n in ("w1", "w2")]}, "zeta", {"w1": "0.weight", "w2": "1.weight"}
    if kind in ("spatial_mlp", "channel_mlp"):
        hidden = {"hidden": inputs["fc1.weight"].shape[0]} if kind == "channel_mlp" else {}
        return {kind: {"activation": activation_of(case), **hidden}}, case["activation_feedback"], ""
    raise Skip(f"no layer '{kind}'")


def translate(case, inputs, expected):
    layer, activation, where = layer_of(case, inputs)
    x = inputs["x"].shape
    shape = [x[1]] if len(x) == 2 else [x[2], x[1], 1] if len(x) == 3 else list(x[1:])
    options = {"layer": [layer], "input": shape, "activation": activation}
    named = {"x": rows(inputs["x"]), "t": rows(inputs["t"])}
    for name, t in inputs.items():
        if name not in ("x", "t"):
            named["layers.0." + (where[name] if isinstance(where, dict) else where + name)] = t
    known = {name: (name, from_rows(t.shape)) for name, t in expected.items() if name in ("output", "feedback.target", "feedback.output", "target.input")}
    if "index" in expected:
        known["index"] = ("cache", from_rows(expected["index"].shape))
    return PartTranslation("layer", [json.dumps(options)], named, known)
