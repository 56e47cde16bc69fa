"""Bengio 2020: iterated inverses, changes of least norm, the continuously running network. Layers count from 0 here, from 1 in the paper."""
import re

from . import Skip, Translation, base_spec, same

UPDATE = {"dtp1": "unit", "dtp": "influence", "equal": "equal"}
OBJECTIVE = {"regular": {"name": "reconstruction"}, "regular_noise": {"name": "reconstruction"}, "reverse_gradient": {"name": "inversion"},
             "reverse_target": {"name": "reverse_target"}}
ACTIVATION = {"identity": "linear", "leaky_relu": "leaky_relu", "tanh": "tanh", "sigmoid": "sigmoid"}


def activation_of(case):
    name = ACTIVATION[case["sigma"]]
    return {"name": name, "slope": case["slope"]} if name == "leaky_relu" else name


def network_of(case):
    act, top, w_sigma = activation_of(case), len(case["layers"]) - 1, case["form"] == "W_sigma"
    layers = [{"dense": {"units": layer["out"], "activation": act if w_sigma or i < top else "linear", "bias": case["bias"]}}
              for i, layer in enumerate(case["layers"])]
    return {"layers": layers, "form": "w_sigma" if w_sigma else "sigma_w"}


def propagate_of(p):
    rule = p.get("refinement", "output")
    if rule == "none" or "iterations" not in p and rule == "output":
        return "plain"
    if rule == "difference":
        return "difference"
    options = {"name": "iterate", "refinement": rule, "sweep": p.get("sweep", "layer"), "iterations": p["iterations"]}
    for theirs, ours in (("start", "start"), ("precision", "precision"), ("relaxation", "relaxation"), ("output_iterations", "output_iterations")):
        if p.get(theirs) is not None:
            options[ours] = p[theirs]
    return options


def update_of(p):
    rule = UPDATE[p["normalisation"]]
    options = {"name": rule, "eps": p.get("eps", 0)}
    return {**options, "c_max": p.get("c_max", 0)} if rule == "influence" else options


def decoders(case, loss, rate):
    """Parts of decoders that learn; without a loss they stay as they are."""
    mapping = {"name": "learned" if loss else "fixed", "activation": "same", "bias": case["decoder_bias"]}
    return {"mapping": mapping, "feedback_loss": {"reduction": "half_mean", **loss} if loss else "none",
            **({"feedback": {"optimizer": {"name": "sgd", "stepsize": rate}, "schedule": "first"}} if loss else {})}


def algorithm_of(case):
    p, kind = case["hyperparameters"], case["algorithm"]
    parts = {"name": "dtp1", "target": {"name": "gradient", "gradient": "per_sample"}, "target_stepsize": p.get("beta", 1), "head": 0}
    if kind == "differential_target_propagation":
        return {**parts, **decoders(case, None, 0), "propagate": propagate_of(p), "update": update_of(p)}
    if kind == "algorithm1":
        loss = {"name": "reconstruction", "normalised": True, "noise": p.get("decoder_noise", 0)}
        return {**parts, **decoders(case, loss, p["decoder_rate"]), "propagate": propagate_of(p), "update": update_of(p)}
    if kind == "decoder_training":
        loss = {**OBJECTIVE[p["objective"]], "normalised": p.get("normalised", False)}
        if p.get("decoder_noise"):
            loss["noise"] = p["decoder_noise"]
        parts = {**parts, **decoders(case, loss, 1), "propagate": propagate_of(p), "update": "unit"}
        parts["feedback"]["schedule"] = "joint"
        return parts
    if kind == "continuous_dtp":
        parts = {**parts, **decoders(case, {"name": "settle", "normalised": False, "teacher": "target" if p["decoder_variant"] == 1 else "state"}, 1)}
        parts["feedback"]["schedule"] = "joint"
        times = {k: p[k] for k in ("feedforward_steps", "ramp_steps", "feedback_steps", "gamma_min")}
        return {**parts, "propagate": {"name": "relax", **times},
                "update": {"name": "influence", "c_max": p.get("c_max", 0)} if p["influence"] else "unit"}
    if kind == "scaled_targets":
        rule = {"name": "iterate", "start": p.get("start", "state"), "iterations": p.get("iterations", 1), "scaled_targets": p["rho"]}
        return {**parts, **decoders(case, None, 0), "propagate": rule, "update": update_of(p)}
    raise Skip(f"no algorithm for '{kind}'")


def skip_translation(case, inputs, expected):
    """A layer that feeds several branches, which the output reads side by side; decoders stay as they are."""
    p, sizes, classes, n = case["hyperparameters"], case["sizes"], case["loss"] == "ce", case["branches"]
    branches = sizes["B"] if isinstance(sizes["B"], list) else [sizes["B"]] * n
    dense = [{"dense": {"units": units, "activation": activation_of(case)}} for units in [sizes["A"], *branches, sizes["output"]]]
    for layer in dense[2:n + 1]:
        layer["from"] = [0]
    if n > 1:
        dense[n + 1].update({"from": list(range(1, n + 1)), "join": "concat"})
    dataset = {"name": "given", "features": sizes["x"], "outputs": sizes["output"], "labels": "classes" if classes else "real"}
    rule = {**case, "decoder_bias": False}
    algorithm = {"name": "idtp", "target": {"name": "gradient", "gradient": "per_sample"}, "target_stepsize": p["beta"], "head": 0,
                 **decoders(rule, None, 0), "propagate": propagate_of({"start": "state", **p}),
                 "update": {"name": "influence", "eps": p.get("eps", 0), "c_max": p.get("c_max", 0)}}
    loss = "cross_entropy" if classes else {"name": "squared_error", "outputs": "sum"}
    spec = base_spec(inputs["batch.x"].shape[0], dataset, dense, loss, algorithm, 1)
    spec["network"] = {"layers": dense, "form": "w_sigma"}
    names = {re.sub(r"^feedback\.0\.1\.", "feedback.0.", name) if n == 1 else name: t for name, t in inputs.items()}
    return Translation(spec, names, {name: skip_name(name, n) and (skip_name(name, n), same) for name in expected})


def skip_name(name, branches):
    if branches == 1:  # a chain: no mixing, and the branch's target is the layer's own
        name = re.sub(r"^branch_target\.0\.1$", "target.0", name)
    elif name == "mixing":
        return "mixing.0"
    return name if re.match(r"(loss|state\.\d+|target\.\d+|branch_target\.0\.\d+)$|update\.", name) else None


def known_name(name, case):
    loss_of = re.fullmatch(r"reconstruction_loss\.(\d+)", name)
    if loss_of:
        return f"metric.feedback_loss.{loss_of.group(1)}"
    if re.match(r"(loss|state\.\d+|target\.\d+|influence\.\d+|settled\.\d+|offset\.\d+|scale\.\d+|decoder_input\.\d+|sweeps|last_change)$|update\.", name):
        return name
    return re.sub(r"^after\.0\.feedback", "after.feedback", name) if name.startswith("after.0.feedback") else None


def translate(case, inputs, expected, parts):
    if case["algorithm"] == "skip_connection_mixing":
        return skip_translation(case, inputs, expected)
    if "form" not in case:
        raise Skip(f"no algorithm for '{case['algorithm']}'")
    p, classes = case["hyperparameters"], case["loss"] == "ce"
    dataset = {"name": "given", "features": case["layers"][0]["in"], "outputs": case["layers"][-1]["out"], "labels": "classes" if classes else "real"}
    loss = "cross_entropy" if classes else {"name": "squared_error", "outputs": "sum"}
    network = network_of(case)
    spec = base_spec(inputs["batch.x"].shape[0], dataset, network["layers"], loss, algorithm_of(case), 1)
    spec["network"] = network
    names = {re.sub(r"^noise\.(\d+)$", r"noise.feedback.\1", n): t for n, t in inputs.items()
             if not n.startswith("initial.")}  # gamma = 1 overwrites them
    return Translation(spec, names, {n: known_name(n, case) and (known_name(n, case), same) for n in expected})
