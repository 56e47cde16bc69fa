"""Bao et al. 2024: images before they reach a network, and optimizers over several steps."""
import array
import json
import re

from tensors import Tensor

from . import PartTranslation, Skip

IMAGES = ("data augmentation", "background padding")


def shaped(shape):
    return lambda t: Tensor(shape, t.values, t.dtype)


def images(case, inputs, expected):
    """Offsets and flags are those of training; without them the images are those of an evaluation."""
    p, augments = case["hyperparameters"], "offsets" in inputs
    options = {"name": "cifar10" if inputs["batch.x"].shape[1] == 3 else "mnist", "mean": p["mean"], "deviation": p["standard_deviation"],
               **({"crop": p["pad"], "flip": True} if augments else {"pad": p["pad"]})}
    return PartTranslation("images", [json.dumps(options)], inputs, {name: (name, shaped(t.shape)) for name, t in expected.items()})


def part_of(begin, shape):
    n = 1
    for d in shape:
        n *= d
    return lambda t: Tensor(shape, t.values[begin:begin + n], t.dtype)


def optimizer(case, inputs, expected, names, n):
    """All parameters as one vector, moved by the updates that the case gives."""
    p = case["hyperparameters"]

    def vector(tensors):
        return Tensor((sum(len(t.values) for t in tensors),), array.array("d", (x for t in tensors for x in t.values)))
    options = {"name": "sgd", "stepsize": p["stepsize"], "momentum": p["momentum"], "weight_decay": p["weight_decay"]}
    given = {"layers.0.weight": vector([inputs[name] for name in names])}
    if "t_max" in p:
        options["schedule"] = {"name": "cosine", "over": p["t_max"], "minimum": p["eta_min"]}
        given["epochs"] = Tensor((n,), array.array("d", p["epochs_of_steps"]))
    expect = {}
    for s in range(n):
        at, of_step = 0, f"stepsize.{s}"
        given[f"gradient.{s}"] = vector([expected[f"update.{s}.{name}"] for name in names])
        if of_step in expected:
            expect[of_step] = (of_step, shaped(()))
        for name in names:
            shape = inputs[name].shape
            expect[f"after.{s}.{name}"] = (f"param.{s}", part_of(at, shape))
            expect[f"momentum.{s}.{name}"] = (f"slot.{s}.0", part_of(at, shape))
            at += len(inputs[name].values)
    return PartTranslation("optimizer", [json.dumps(options)], given, expect)


def steps(case, inputs, expected, translate):
    """The optimizer over all steps, and each step of the network from the parameters that the one before left."""
    names = [name for name in inputs if name.startswith("layers.") and f"after.0.{name}" in expected]
    n = sum(1 for name in expected if re.fullmatch(r"after\.\d+\." + re.escape(names[0]), name))
    whole = last = optimizer(case, inputs, expected, names, n)
    one_step = {k: v for k, v in case.items() if k != "steps"}
    for s in range(n):
        now = {name: t for name, t in inputs.items() if not re.match(r"batch\.\d", name)}
        if s > 0:
            now.update({name: expected[f"after.{s - 1}.{name}"] for name in names})
            now.update({f"batch.{axis}": inputs[f"batch.{s}.{axis}"] for axis in "xy"})
        own = {m.group(1) + (m.group(2) or ""): name for name in expected for m in [re.fullmatch(rf"(loss|update)\.{s}(\..*)?", name)] if m}
        try:
            step = translate(one_step, now, {short: expected[name] for short, name in own.items()})
        except Skip:
            return whole  # a network of parts that do not exist yet: the optimizer alone
        step.expect = {own[short]: how for short, how in step.expect.items()}
        last.also = last = step
    return whole
