"""Meulemans et al. 2020: dense networks with a target for the output itself."""
import math
import re

from tensors import Tensor

from . import Skip, Translation, base_spec, need, same
from .images import channel_rows, conv_block, pixel_rows, rename

PRESET = {"bp": "bp", "tp": "tp_vanilla", "dtp": "dtp", "dfa": "dfa", "dtp_drl": "dtp_drl", "ddtp_linear": "ddtp_linear", "ddtp_rhl": "ddtp_rhl",
          "ddtp_control": "ddtp_control", "gnt": "gnt"}
UNIT_REDUCTION = {"mean": "unit_mean", "sum": "mean"}
LOSS = {"softmax_cross_entropy": "cross_entropy", "mse": {"name": "squared_error", "outputs": "mean"},
        "squared_error": {"name": "squared_error", "outputs": "sum"}}


def feedback_of(case):
    """The mapping: every feedback layer has a bias, or none has, or each has one where the layer has whose target it yields."""
    names = {f["activation"] for f in case["feedback"]}
    if len(names) > 1:
        raise Skip("feedback layers that differ in activation")
    bias = [f["bias"] for f in case["feedback"]]
    layers = [case["layers"][f["to_output_of_layer"]] for f in case["feedback"]]
    mirrored = [layer["bias"] and layer["type"] == "dense" for layer in layers]
    if any(bias) and bias != mirrored:
        raise Skip("feedback layers whose biases are not those of the layers they are for")
    mapping = {"activation": names.pop(), "bias": any(bias)}
    if "feedback_hidden" in case:
        hidden = case["feedback_hidden"]
        mapping.update(hidden_units=hidden["out"], hidden_activation=hidden["activation"])
        mapping["append_state"] = any(f["source"] == "hidden" and f["in"] != hidden["out"] for f in case["feedback"])
    return mapping


def algorithm_of(case, inputs):
    if case["algorithm"] not in PRESET:
        raise Skip(f"no algorithm '{case['algorithm']}'")
    p, name = case["hyperparameters"], PRESET[case["algorithm"]]
    if name == "gnt":
        return {"name": "gnt", "target_stepsize": p["target_stepsize"], "target": {"gradient": p["output_gradient"]},
                "mapping": {"name": "pinv", "damping": p["damping"]}}
    if name == "bp":
        return {"name": "bp"}
    common = {"name": name, "target_stepsize": p["target_stepsize"], "head": 0,
              "target": {"name": "gradient", "gradient": p["output_gradient"]},
              "update": {"name": "gradient", "reduction": "position_mean" if case["layers"][0]["type"] == "conv2d" else "mean"}}
    if name == "dfa":
        return {**common, "mapping": {"name": "fixed", **feedback_of(case)}}
    noisy = any(n.startswith("noise.") for n in inputs)
    loss = "difference_reconstruction" if name in ("dtp_drl", "ddtp_linear", "ddtp_rhl") else "reconstruction"
    return {**common, "mapping": {"name": "learned", **feedback_of(case)},
            "feedback_loss": {"name": loss, "noise": p["sigma"] if noisy else 0, "scale": p["reconstruction_scale"], "noise_scaling": "none",
                              "reduction": UNIT_REDUCTION[p["reconstruction_unit_reduction"]], "weight_decay": p.get("feedback_weight_decay", 0)},
            "feedback": {"optimizer": {"name": "sgd", "stepsize": 0.1}, "schedule": "joint"}}


def nothing_or(values):
    """Degrees that are the arc cosine of 1 up to rounding (0 to 2e-6) stand for an angle of 0."""
    return Tensor(values.shape, [0.0 if abs(v) < 1e-5 else v for v in values.values], values.dtype)


def metric_of(case, expected):
    """The specification's log and tprun's names of a case that judges a given direction; nothing else is left to the algorithm."""
    metric, expect = case["metric"], {}
    log = {"metrics": [metric] + ([metric + "_bias"] if metric.startswith("angle") else [])}
    if "damping" in case["metric_parameters"]:
        log["damping"] = case["metric_parameters"]["damping"]
    for name in expected:
        part = re.fullmatch(r"(?:angle|nullspace_ratio)\.layers\.(\d+)\.(weight|bias)", name)
        if part and name.startswith("angle"):
            expected[name] = nothing_or(expected[name])
        known = part and f"metric.{metric}{'_bias' if part.group(2) == 'bias' else ''}.{part.group(1)}"
        expect[name] = (known or name, same) if known or re.match(r"(loss|state\.\d+)$", name) else None
    return log, expect


def network_of(case, parts):
    """(layers, what stands before each layer's parameters)"""
    layers, inner, map_below = [], [], False
    for layer in case["layers"]:
        need(parts, "activation", layer["activation"])
        if layer["type"] == "dense":
            dense = {"dense": {"units": layer["out"], "activation": layer["activation"], "bias": layer["bias"]}}
            layers.append({"unit": ["flatten", dense]} if map_below else dense)
            inner.append("1." if map_below else "")
        else:
            pool = layer.get("pool")
            block, where = conv_block(layer["out_channels"], layer["kernel"][0], layer["stride"][0], layer["padding"][0], layer["activation"],
                                      layer["bias"], pool and (pool["kernel"][0], pool["stride"][0], pool["padding"][0]))
            layers.append(block)
            inner.append(where)
        map_below = layer["type"] != "dense"
    return layers, inner


def dataset_of(case, inputs, loss):
    x, first = inputs["batch.x"].shape[1:], case["layers"][0]
    dataset = {"name": "given", "features": math.prod(x), "outputs": case["layers"][-1]["out"], "labels": "classes" if loss == "cross_entropy" else "real"}
    return dataset if first["type"] == "dense" else {**dataset, "image": list(x)}


def translate(case, inputs, expected, parts):
    judges = case["algorithm"].startswith("metric_")
    layers, inner = network_of(case, parts)
    loss = LOSS[case["loss"]["name"]]
    dataset = dataset_of(case, inputs, loss)
    spec = base_spec(case["batch_size"], dataset, layers, loss, {"name": "bp"} if judges else algorithm_of(case, inputs))
    if judges:
        spec["log"], expect = metric_of(case, expected)
        return Translation(spec, inputs, expect)
    maps = {str(i): s for i, s in enumerate(case.get("feature_shapes", [])) if len(s) == 3}
    names, expect = {}, {}
    for name, t in inputs.items():
        to_map = re.fullmatch(r"feedback\.(\d+)\.weight", name)
        if to_map and to_map.group(1) in maps:
            t = pixel_rows(maps[to_map.group(1)])(t)
        names[rename(re.sub(r"^noise\.(\d+)$", r"noise.feedback.\1", name), inner)] = t
    for name in expected:
        known = re.match(r"(loss|state\.\d+|target\.\d+)$|update\.", name)
        to_map = re.fullmatch(r"update\.feedback\.(\d+)\.weight", name)
        loss_of = re.fullmatch(r"reconstruction_loss\.(\d+)", name)
        turn = channel_rows(maps[to_map.group(1)]) if to_map and to_map.group(1) in maps else same
        expect[name] = (rename(name, inner), turn) if known else (f"metric.feedback_loss.{loss_of.group(1)}", same) if loss_of else None
    return Translation(spec, names, expect)
