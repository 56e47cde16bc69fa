"""Lee et al. 2015: dense networks, targets from the last hidden layer down."""
import re

from tensors import softmax

from . import Skip, Translation, base_spec, lee2015_autoencoder, lee2015_parts, need, same

ACTIVATION = {"identity": "linear", "softmax": "linear"}
ORDER = {"simultaneous": "simultaneous", "sequential_fresh": "sequential", "sequential_kept": "sequential_kept"}
PRESET = {"vanilla_target_propagation": "tp_vanilla", "difference_target_propagation": "dtp"}


def feedback_of(case):
    """Mapping and feedback loss of the case."""
    p = case["hyperparameters"]
    names = {f["activation"] for f in case["feedback"]}
    if len(names) > 1:
        raise Skip("feedback layers of different activations")
    activation = ACTIVATION.get(*names, *names) if names else "same"
    kind = p.get("inverse_loss")
    if kind is None:
        return {"name": "fixed", "activation": activation, "bias": True}, "none"
    loss = {"name": "reconstruction" if kind == "reconstruct_input" else "inversion", "noise": p.get("sigma", 0), "reduction": "mean"}
    return {"name": "learned", "activation": activation}, loss


def algorithm_of(case):
    if case["algorithm"] == "back_propagation":
        return {"name": "bp"}
    if case["algorithm"] not in PRESET:
        raise Skip(f"no algorithm for '{case['algorithm']}'")
    p = case["hyperparameters"]
    mapping, loss = feedback_of(case)
    return {"name": PRESET[case["algorithm"]], "target_stepsize": p["eta0"],
            "target": {"name": "gradient", "gradient": p["target_gradient"]}, "mapping": mapping, "feedback_loss": loss,
            "update": {"name": "gradient", "reduction": "mean", "order": ORDER[p["order"]]},
            "feedback": {"optimizer": {"name": "sgd", "stepsize": 0.1}, "schedule": "joint"}}


def translate(case, inputs, expected, parts):
    if case["algorithm"] == "backprop_free_autoencoder":
        return lee2015_autoencoder.translate(case, inputs, expected, parts)
    if case["algorithm"] in lee2015_parts.PARTS:
        return lee2015_parts.PARTS[case["algorithm"]](case, inputs, expected)
    if "layers" not in case:
        raise Skip(f"no step of a network: '{case['algorithm']}'")
    algorithm = algorithm_of(case)
    layers = []
    for layer in case["layers"]:
        if layer["input_transmission"] != "identity":
            raise Skip(f"no unit '{layer['input_transmission']}'")
        name = ACTIVATION.get(layer["activation"], layer["activation"])
        need(parts, "activation", name)
        layers.append({"dense": {"units": layer["out"], "activation": name}})
    top, classes = len(layers) - 1, case["loss"] == "ce"
    rows = inputs["batch.x"].shape[0]
    dataset = {"name": "given", "features": case["layers"][0]["in"], "outputs": case["layers"][-1]["out"],
               "labels": "classes" if classes else "real"}
    loss = "cross_entropy" if classes else {"name": "squared_error", "outputs": "sum"}
    spec = base_spec(rows, dataset, layers, loss, algorithm, case["hyperparameters"].get("stepsize", 0.1))
    takes_noise = isinstance(algorithm.get("feedback_loss"), dict) and algorithm["feedback_loss"]["noise"] > 0
    names = {n: t for n, t in inputs.items() if takes_noise or not n.startswith("noise.")}
    expect = {}
    for name in expected:
        inverse = re.fullmatch(r"inverse_loss\.(\d+)", name)
        if inverse:
            expect[name] = (f"metric.feedback_loss.{inverse.group(1)}", same)
        elif name == f"state.{top}" and case["layers"][-1]["activation"] == "softmax":
            expect[name] = (name, softmax)
        elif re.match(r"(loss|state\.\d+|target\.\d+)$|update\.", name):
            expect[name] = (name, same)
        else:
            expect[name] = None
    return Translation(spec, names, expect)
