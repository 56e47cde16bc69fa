"""Roulet & Harchaoui 2022: recurrent cells, a readout, one local loss per step."""
import re

from . import Skip, Translation, base_spec, need, same

ACTIVATION = {"identity": "linear"}
PROPAGATE = {"linearized": "linear", "difference": "difference", "direct": "plain", "zero": "none"}
UPDATE = {"detached": "gradient", "through_time": "through_chain"}
REDUCTION = {"batch_mean": "half_mean", "unit_mean": "unit_mean"}


def algorithm_of(case):
    p = case["hyperparameters"]
    if case["algorithm"] == "bp":
        return {"name": "bp"}
    update = UPDATE[p["hidden_update"]]
    if case["algorithm"] == "tp_regularized_inverse":
        mapping = {"name": "inverse", "regularization": p["regularization"], "clamp": p["tol"]}
        if "inverse" in p:
            mapping["matrix"] = p["inverse"]
        if "gates" in p:
            mapping["gates"] = p["gates"]
        return {"name": "tp", "target_stepsize": p["target_stepsize"], "mapping": mapping,
                "propagate": PROPAGATE[p.get("propagation", "linearized")], "update": {"name": update, "reduction": "half_sum"}}
    if case["algorithm"] == "tp_learned_reverse":
        reduction = REDUCTION[p["scaling"]]
        return {"name": "dtp", "target_stepsize": p["target_stepsize"], "mapping": {"name": "learned"},
                "feedback_loss": {"name": "reconstruction", "noise": p["noise_std"], "reduction": reduction},
                "update": {"name": update, "reduction": reduction},
                "feedback": {"optimizer": {"name": "sgd", "stepsize": p["reverse_stepsize"]}, "schedule": "first"}}
    raise Skip(f"no algorithm '{case['algorithm']}'")


def rename(name, cell):
    name = re.sub(rf"feedback\.{cell}\.", "feedback.0.", name)
    name = re.sub(rf"\b{cell}\.", "layers.0.", name)
    return name.replace("readout.", "layers.1.").replace("noise.hidden", "noise.feedback.0")


def translate(case, inputs, expected, parts):
    m = case["model"]
    cell = m["type"]
    need(parts, "layer", cell)
    units = {"units": m["hidden"]}
    if cell == "rnn":
        units["activation"] = ACTIVATION.get(m["activation"], m["activation"])
    layers = [{cell: units}, {"dense": {"units": m["output"]}}]
    classes = case["loss"] == "cross_entropy"
    dataset = {"name": "given", "length": case["length"], "features": m["input"], "outputs": m["output"],
               "labels": "classes" if classes else "real"}
    loss = "cross_entropy" if classes else {"name": "squared_error", "outputs": "mean"}
    spec = base_spec(case["batch_size"], dataset, layers, loss, algorithm_of(case))
    noise = spec["algorithm"].get("feedback_loss", {}).get("noise", 0)
    names = {rename(n, cell): t for n, t in inputs.items() if noise or not n.startswith("noise.")}
    expect = {}
    for name in expected:
        step = re.fullmatch(r"(state|target)\.(\d+)", name)
        if step:
            t = int(step.group(2))
            expect[name] = (f"{step.group(1)}.0", lambda x, t=t: x.slice(t))
        elif name == "output":
            expect[name] = ("state.1", same)
        elif name == "feedback.loss":
            expect[name] = ("metric.feedback_loss.0", same)
        elif name == "loss" or name.startswith("update."):
            expect[name] = (rename(name, cell), same)
        else:
            expect[name] = None
    return Translation(spec, names, expect)
