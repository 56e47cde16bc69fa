"""Translators: from a paper's case.json to a tprun specification and tprun's names. Nothing else knows the papers' own words.

An adapter is translate(case, inputs, parts) -> Translation, or raises Skip with the part of tprun that does not exist yet.
"""


class Skip(Exception):
    """This case needs a part that does not exist; the text says which."""


class Translation:
    single = None  # a tolerance of its own in single precision

    def __init__(self, spec, inputs, expect, argument="--metrics", also=None):
        self.spec = spec      # a trial's specification, a dict
        self.inputs = inputs  # tprun's name -> Tensor, or a function of the precision that gives it
        self.expect = expect  # expected name -> (tprun's name, function of its Tensor) or None where tprun has no name
        self.argument = argument  # of `tprun probe`: --metrics or --evaluate
        self.also = also      # another translation of the same case, for tensors of another run


class PartTranslation:
    """A case about one part alone: arguments of golden-part instead of a specification."""
    also, single = None, None

    def __init__(self, kind, options, inputs, expect):
        self.kind, self.options, self.inputs, self.expect = kind, options, inputs, expect


def all_runs(translation):
    """A translation and those that go with it."""
    return [translation] + (all_runs(translation.also) if translation.also else [])


def chained(translations):
    """Several runs of one case as one translation."""
    first = None
    for one in reversed(translations):
        last = one
        while last.also:
            last = last.also
        last.also, first = first, one
    return first


def same(tensor):
    return tensor


def base_spec(batch_size, dataset, layers, loss, algorithm, stepsize=0.1):
    return {
        "version": 1, "experiment": "golden", "dataset": dataset,
        "network": {"layers": layers}, "loss": loss, "algorithm": algorithm,
        "train": {"optimizer": {"name": "sgd", "stepsize": stepsize}, "batch_size": batch_size, "iterations": 1},
        "log": {"metrics": ["feedback_loss"] if algorithm.get("mapping") == "learned" or
                (isinstance(algorithm.get("mapping"), dict) and algorithm["mapping"].get("name") == "learned") else ["weight_norm"]},
    }


def need(parts, kind, name):
    if name not in parts[kind]:
        raise Skip(f"no {kind} '{name}'")
