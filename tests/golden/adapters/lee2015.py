"""Lee et al. 2015: dense networks, targets from the last hidden layer down."""
import re

from tensors import softmax

from . import Skip, Translation, base_spec, lee2015_autoencoder, lee2015_parts, need, same

ACTIVATION = {"identity": "linear", "softmax": "linear"}
ORDER = {"simultaneous": "simultaneous", "sequential_fresh": "sequential", "sequential_kept": "sequential_kept"}
TRANSMIT = {"identity": "identity", "sign_pm1": "sign", "sign_01": "step"}
CORRUPTS = {"sampled_after_noise": "state", "noisy_sample": "sent"}
PRESET = {"vanilla_target_propagation": "tp_vanilla", "difference_target_propagation": "dtp", "difference_target_propagation_discrete": "dtp",
          "difference_target_propagation_stochastic": "dtp"}
BP = {"back_propagation", "back_propagation_discrete_direct", "back_propagation_discrete_indirect", "biased_gradient_estimator_stochastic",
      "stochastic_evaluation"}
STOCHASTIC = {"difference_target_propagation_stochastic", "biased_gradient_estimator_stochastic", "stochastic_evaluation"}


def only(values, what):
    if len(set(values)) > 1:
        raise Skip(f"feedback layers that differ in {what}")
    return values[0]


def feedback_of(case):
    """Mapping and feedback loss of the case."""
    p = case["hyperparameters"]
    kind = p.get("inverse_loss", "reconstruct_input" if "feedback_pair" in p else None)
    mapping = {"name": "learned" if kind else "fixed", "activation": "same", "bias": True}
    if case["feedback"]:
        activation = only([f["activation"] for f in case["feedback"]], "activation")
        mapping["activation"] = ACTIVATION.get(activation, activation)
        mapping["transmit"] = TRANSMIT[only([f.get("input_transmission", "identity") for f in case["feedback"]], "transmission")]
    if kind is None:
        return mapping, "none"
    loss = {"name": "reconstruction" if kind == "reconstruct_input" else "inversion", "noise": p.get("sigma", 0), "reduction": "mean"}
    if "feedback_pair" in p:
        loss["corrupts"] = CORRUPTS[p["feedback_pair"]]
    return mapping, loss


def algorithm_of(case):
    if case["algorithm"] in BP:
        return {"name": "bp"}
    if case["algorithm"] not in PRESET:
        raise Skip(f"no algorithm for '{case['algorithm']}'")
    p = case["hyperparameters"]
    mapping, loss = feedback_of(case)
    return {"name": PRESET[case["algorithm"]], "target_stepsize": p["eta0"],
            "target": {"name": "gradient", "gradient": p["target_gradient"]}, "mapping": mapping, "feedback_loss": loss,
            "update": {"name": "gradient", "reduction": "mean", "order": ORDER[p.get("order", "simultaneous")]},
            "feedback": {"optimizer": {"name": "sgd", "stepsize": 0.1}, "schedule": "joint"}}


def transmit_of(case, i):
    """What layer i sends is what the next one names as its input."""
    if case["algorithm"] in STOCHASTIC:
        return "bernoulli"
    name = TRANSMIT[case["layers"][i + 1]["input_transmission"]]
    if name != "identity" and case["algorithm"] == "back_propagation_discrete_indirect":
        return {"name": name, "training": "continuous"}
    return name


def layers_of(case, parts):
    layers = []
    if case["layers"][0]["input_transmission"] != "identity":
        raise Skip("a transmission of the input itself")
    for i, layer in enumerate(case["layers"]):
        name = ACTIVATION.get(layer["activation"], layer["activation"])
        need(parts, "activation", name)
        options = {"units": layer["out"], "activation": name}
        if i + 1 < len(case["layers"]):
            options["transmit"] = transmit_of(case, i)
        layers.append({"dense": options})
    return layers


def expect_of(case, expected, renamed):
    """renamed: expected name -> tprun's name, or None."""
    top, softmax_top = len(case["layers"]) - 1, case["layers"][-1]["activation"] == "softmax"
    return {n: renamed(n) and (renamed(n), softmax if renamed(n) == f"state.{top}" and softmax_top else same) for n in expected}


def of_step(name):
    inverse = re.fullmatch(r"inverse_loss\.(\d+)", name)
    if inverse:
        return f"metric.feedback_loss.{inverse.group(1)}"
    if name.startswith("sample."):
        return name.replace("sample", "sent")
    return name if re.match(r"(loss|state\.\d+|target\.\d+)$|update\.", name) else None


def of_discrete_evaluation(name):
    return name.replace("_discrete", "") if "_discrete" in name else None


def of_evaluation(name):
    return name


def translate(case, inputs, expected, parts):
    if case["algorithm"] == "backprop_free_autoencoder":
        return lee2015_autoencoder.translate(case, inputs, expected, parts)
    if case["algorithm"] in lee2015_parts.PARTS:
        return lee2015_parts.PARTS[case["algorithm"]](case, inputs, expected)
    if "layers" not in case:
        raise Skip(f"no step of a network: '{case['algorithm']}'")
    p, algorithm, layers = case["hyperparameters"], algorithm_of(case), layers_of(case, parts)
    classes = case["loss"] == "ce"
    rows = inputs["batch.x"].shape[0]
    dataset = {"name": "given", "features": case["layers"][0]["in"], "outputs": case["layers"][-1]["out"],
               "labels": "classes" if classes else "real"}
    loss = "cross_entropy" if classes else {"name": "squared_error", "outputs": "sum"}
    spec = base_spec(rows, dataset, layers, loss, algorithm, p.get("stepsize", 0.1))
    if "input_sigma" in p:
        spec["network"]["input_noise"] = {"std": p["input_sigma"], "gradient": p.get("first_layer_input", "noisy")}
    if case["algorithm"] == "stochastic_evaluation":
        spec["log"]["samples"] = p["samples"]
        return Translation(spec, inputs, expect_of(case, expected, of_evaluation), "--evaluate")
    takes_noise = isinstance(algorithm.get("feedback_loss"), dict) and algorithm["feedback_loss"]["noise"] > 0
    names = {n: t for n, t in inputs.items() if takes_noise or not n.startswith("noise.feedback")}
    also = None
    if case["algorithm"] == "back_propagation_discrete_indirect":
        also = Translation(spec, names, expect_of(case, expected, of_discrete_evaluation), "--evaluate")
    return Translation(spec, names, expect_of(case, expected, of_step), also=also)
