"""Lee et al. 2015: cases about one part, for the program golden-part."""
import array
import json
import re

from tensors import Tensor

from . import PartTranslation, same


def optimizer(case, inputs, expected):
    p = case["hyperparameters"]
    options = {"name": "rmsprop", "stepsize": p["lr"], "decay": p["decay"], "momentum": p["momentum"], "epsilon": p["stabilizer"],
               "centered": True, "epsilon_inside": True}
    slots = {"mean_square": (0, 1), "mean": (1, 1), "inc": (2, -p["lr"])}
    expect = {}
    for name in expected:
        kind, step = re.fullmatch(r"(\w+)\.(\d+)", name).groups()
        if kind == "param":
            expect[name] = (name, same)
        else:
            slot, factor = slots[kind]
            expect[name] = (f"slot.{step}.{slot}", lambda t, factor=factor: Tensor(t.shape, array.array("d", (factor * x for x in t.values))))
    return PartTranslation("optimizer", [json.dumps(options)], inputs, expect)


def orthogonal(case, inputs, expected):
    return PartTranslation("orthogonal", [], inputs, {name: (name, same) for name in expected})


PARTS = {"rmsprop_centred_momentum": optimizer, "orthogonal_initialisation": orthogonal}
