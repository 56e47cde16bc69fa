"""Bao et al. 2024: convolutions with their pools, mixers and reversible blocks."""
import math
import re

from tensors import Tensor

from . import Skip, Translation, all_runs, bao2024_layers, bao2024_parts, base_spec, chained, need, same
from .images import conv_block, rename

# Methods whose targets come from feedback that the case gives or that is made of the forward weights.
TRAINED = ("LDRL", "LDRL, feedback training only")
DIRECT = ("FWDTP", "FWDTP with batch normalisation", "LDRL, forward update", "TJML-DTP", "IJML-DTP", "PJML-DTP", "reversible structure")


def tokens(planes):
    """[B, C, H, W] as tokens [B, H * W, C]."""
    b, c, n = planes.shape[0], planes.shape[1], math.prod(planes.shape[2:])
    values = [planes.values[(i * c + k) * n + p] for i in range(b) for p in range(n) for k in range(c)]
    return Tensor((b, n, c), values, planes.dtype)


def shaped(shape):
    """A map of one pixel is [B, n] here."""
    return lambda t: Tensor(shape, t.values, t.dtype)


def planes(image):
    """Tokens [B, H * W, C] as a map [B, C, H, W]."""
    c, h, w = image

    def turn(t):
        values = [t.values[(i * h * w + p) * c + k] for i in range(t.shape[0]) for k in range(c) for p in range(h * w)]
        return Tensor((t.shape[0], c, h, w), values, t.dtype)
    return turn


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
            if layer.get("batchnorm"):
                block, where = {"unit": [block, "batch_norm"]}, "0." + where
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
        back.append("" if layer.get("batchnorm") else {"1.": "0.", "0.": "1.", "": ""}[where])
        of_tokens.append(kind in ("embed", "spatial_mlp", "channel_mlp", "mixer", "coupling"))
        map_below = kind == "conv"
    return layers, inner, back, of_tokens


def mapping_of(case, inputs):
    p = case["hyperparameters"]
    if p["feedback"] == "transpose":
        name = "reversible" if case["algorithm"] == "reversible structure" else "transpose"
        return {"name": name, "activation": p["activation_feedback"]}
    if p["feedback"] in ("pseudo_inverse", "jacobian_pseudo_inverse"):
        return {"name": "pinv", "of": "weights" if p["feedback"] == "pseudo_inverse" else "jacobian"}
    if p["feedback"] == "inverse":
        return {"name": "inverse", "regularization": 0, "clamp": 1e-6}
    bias = any(re.match(r"feedback\..*bias$", n) for n in inputs)
    if case["algorithm"] in TRAINED:
        return {"name": "learned", "bias": bias, "activation": "argument"}
    normed = {"batch_norm": True} if p["feedback"] == "fwdtp_bn" else {}
    return {"name": "fixed", "bias": bias, "activation": "tanh" if p["feedback"].startswith("fwdtp") else "argument", **normed}


def algorithm_of(case, inputs, stepsize):
    """Targets by feedback with weights that the case gives, whoever trained them, or by analytic feedback. The step size of squared errors is half of the paper's."""
    p = case["hyperparameters"]
    scale = p["local_loss_scale"]
    reduction = {0.5: "half_mean", 1.0: "mean"}.get(scale)
    if not reduction and abs(scale - 0.5 / p["beta"]) < 1e-12 * scale:
        reduction = "mean_per_stepsize"
    trained = {}
    if case["algorithm"] in TRAINED:
        trained = {"feedback_loss": {"name": "local_difference_reconstruction", "noise": p["noise_sigma"]},
                   "feedback": {"steps": p["feedback_iterations"], "stepsize": p["feedback_stepsize"],
                                "optimizer": {"name": "sgd", "stepsize": 1, "momentum": p["feedback_momentum"]}}}
    propagate = "difference" if p.get("difference_correction", True) else "plain"
    if p["feedback"] == "fwdtp_bn":
        propagate = {"name": "difference", "batch_norm": True}
    return {"name": "dfa", **trained, "route": "chain", "target_stepsize": stepsize, "target": {"name": "gradient", "gradient": "per_sample"},
            "mapping": mapping_of(case, inputs), "propagate": propagate,
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


def draws_of(case, inputs):
    """Draws for both sides of every feedback unit, with an axis for the steps; those of a mean, which trains nothing, are not in the case."""
    batch, named, image, images = case["batch_size"], {}, case["input_shape"], []
    steps = [int(k) for k in case["hyperparameters"]["feedback_iterations"]]
    for layer in case["layers"]:
        if layer["type"] == "embed":
            image = [layer["out"], image[1] // layer["patch"], image[2] // layer["patch"]]
        elif layer["type"] in ("gap", "dense"):
            image = [layer.get("out", image[0])]
        images.append(image if layer["type"] != "conv" else None)
    for i, (below, above) in enumerate(zip(images, images[1:])):
        for side, shape, name in (("x", below, "feedback"), ("y", above, "feedback_source")):
            every = [inputs.get(f"noise.{i}.{min(k, steps[i] - 1)}.{side}") for k in range(max(steps))]
            if every[0] is None:
                every = [Tensor((batch, *shape), [0.0] * (batch * math.prod(shape)), "F64")] * max(steps)
            elif shape and len(shape) > 1:
                every = [planes(shape)(t) for t in every]
            lead = (max(steps),) if max(steps) > 1 else ()
            named[f"noise.{name}.{i}"] = Tensor(lead + every[0].shape, [v for t in every for v in t.values], every[0].dtype)
    return named


def expected_feedback(case, name, back, whole):
    """What `tprun probe` calls it, or None: it shows the last of several steps; not the whole training: no result of it."""
    loss = re.fullmatch(r"loss\.feedback\.(\d+)\.(\d+)", name)
    weight = re.fullmatch(r"(update|after)\.feedback\.(\d+)\.(.*)", name)
    steps = case["hyperparameters"]["feedback_iterations"]
    if loss and int(loss.group(2)) + 1 == steps[int(loss.group(1))]:
        return f"metric.feedback_loss.{loss.group(1)}"
    if weight and (whole if weight.group(1) == "after" else steps[int(weight.group(2))] == 1):
        return f"{weight.group(1)}.feedback.{weight.group(2)}.{back[int(weight.group(2)) + 1]}{weight.group(3)}"
    return None


def fewer_steps(case, k):
    """The same case with at most k steps of every feedback layer: its loss and gradient are those of step k."""
    p = case["hyperparameters"]
    return {**case, "hyperparameters": {**p, "feedback_iterations": [min(k, n) for n in p["feedback_iterations"]]}}


def order_in_vector(name):
    """Parameters of a feedback layer as they lie one after the other: in the order of the way back."""
    return ("spatial" in name, "fc1" in name, "bias" in name)


def momentum(tensors):
    """The slots of one feedback layer's optimizer [1, n]: every parameter begins at a multiple of 64 bytes."""
    def of(precision):
        line, values = 64 // (8 if precision == "double" else 4), []
        for t in tensors:
            values += [0.0] * (-len(values) % line)
            values += list(t.values)
        return Tensor((1, len(values)), values)
    return of


def minibatch(case, inputs, expected, m):
    """Minibatch m of several as a case of its own, from the parameters and momentum that the one before left."""
    keep = {n: t for n, t in inputs.items() if not re.match(r"(batch\.\d|noise\.)", n)}
    keep.update({n[len(f"noise.{m}."):]: t for n, t in inputs.items() if n.startswith(f"noise.{m}.")})
    now = {("noise." + n if re.match(r"\d", n) else n): t for n, t in keep.items()}
    if m > 0:
        now.update({n: expected.get(f"after.{m - 1}.{n}", t) for n, t in now.items()})
        now.update({f"batch.{axis}": inputs[f"batch.{m}.{axis}"] for axis in "xy"})
    own = {}
    for name in expected:
        part = re.fullmatch(rf"(loss|loss\.feedback|target|state|update|after)\.{m}((?:\..*)?)", name)
        if part and (part.group(1) != "after" or part.group(2).startswith(".feedback")):
            own[part.group(1) + part.group(2)] = name
    return now, own


def minibatches(case, inputs, expected, parts):
    """Minibatches of feedback training one after the other, each with its forward step where the case has one."""
    n = 1 + max(int(m.group(1)) for m in (re.match(r"noise\.(\d+)\.", name) for name in inputs) if m)
    one = {k: v for k, v in case.items() if k != "steps"}
    runs = []
    for m in range(n):
        now, own = minibatch(case, inputs, expected, m)
        step = translate(one, now, {short: expected[name] for short, name in own.items()}, parts)
        trained = sorted({int(r.group(1)) for r in (re.match(r"after\.0\.feedback\.(\d+)\.", name) for name in expected) if r})
        for run in all_runs(step):
            run.expect = {own[short]: how for short, how in run.expect.items()}
            for k, unit in enumerate(trained if m > 0 else []):
                names = [name for name in expected if name.startswith(f"momentum.{m - 1}.feedback.{unit}.")]
                run.inputs[f"feedback_optimizer.{k}"] = momentum([expected[name] for name in sorted(names, key=order_in_vector)])
        runs.append(step)
    if "momentum.0.layers.0.weight" in expected:
        names = [name for name in inputs if name.startswith("layers.") and f"after.0.{name}" in expected]
        runs.append(bao2024_parts.optimizer(case, inputs, expected, names, n))
    return chained(runs)


def evaluation(case, inputs, expected, parts):
    """Each test minibatch by itself, without training."""
    runs = []
    for n, size in enumerate(case["test_batch_sizes"]):
        one = {**case, "batch_size": size, "algorithm": "BP"}
        now = {name: t for name, t in inputs.items() if not name.startswith("batch.")}
        now.update({f"batch.{axis}": inputs[f"batch.{axis}" if n == 0 else f"batch.{n}.{axis}"] for axis in "xy"})
        own = {m.group(1) + m.group(2): name for name in expected for m in [re.fullmatch(rf"(state|loss|prediction|correct)\.{n}((?:\..*)?)", name)] if m}
        run = translate(one, now, {short: expected[name] for short, name in own.items()}, parts)
        run.expect.update(prediction=("prediction", same), correct=("errors", lambda t, size=size: Tensor((), [size - t.values[0]])))
        run.expect = {own[short]: how for short, how in run.expect.items() if short in own}
        run.argument = "--evaluate"
        runs.append(run)
    return chained(runs)


def jacobian_matching(case, inputs, expected, parts):
    """All samples in one run, whose means are logged, and each sample by itself."""
    runs, size = [], case["batch_size"]
    metrics = {"jml.transpose": "jml_transpose", "jml.pseudo_inverse": "jml_pseudo_inverse", "jml.inverse": "jml_inverse",
               "angle.transpose": "angle_transpose"}
    names = [name for name in expected if name.rsplit(".", 1)[0] in metrics]
    values = {name: expected.pop(name).values for name in names}
    hyperparameters = {"loss": "cross_entropy", "feedback": "separate", "beta": 1.0, "local_loss_scale": 1.0}
    for rows in [range(size)] + [[b] for b in range(size)]:
        one = {"leaky_relu_slope": 0.01, **case, "algorithm": "FWDTP", "batch_size": len(rows), "hyperparameters": hyperparameters,
               "input_shape": inputs["batch.x"].shape[1:]}
        x = inputs["batch.x"]
        now = {**inputs, "batch.x": Tensor((len(rows), *x.shape[1:]), [v for b in rows for v in x.slice(b).values]),
               "batch.y": Tensor((len(rows),), [0] * len(rows), "I64")}
        whole = len(rows) == size
        run = one_step(one, now, {n: t for n, t in expected.items() if whole and n.startswith("state")}, parts)
        run.spec["log"]["metrics"] = list(metrics.values())
        for name in names:
            kind, layer = name.rsplit(".", 1)
            key = name if whole else f"{name}.sample.{rows[0]}"
            expected[key] = Tensor((), [sum(values[name][b] for b in rows) / len(rows)])
            run.expect[key] = (f"metric.{metrics[kind]}.{layer}", same)
        runs.append(run)
    return chained(runs)


def local_loss(case):
    """From the norm of the targets' displacement."""
    factor = case["hyperparameters"].get("local_loss_scale", 1) / case["batch_size"]
    return lambda t: Tensor((), [factor * t.values[0] ** 2])


def translate(case, inputs, expected, parts):
    if case["algorithm"] in bao2024_parts.IMAGES:
        return bao2024_parts.images(case, inputs, expected)
    if case["algorithm"] == "analytic feedback of one layer":
        return bao2024_layers.translate(case, inputs, expected)
    if "momentum.0.layers.0.weight" in expected and case["algorithm"] not in TRAINED:  # whose draws are another's for each step
        return bao2024_parts.steps(case, inputs, expected, lambda *step: translate(*step, parts))
    if case["algorithm"] == "FWDTP with batch normalisation, evaluation":
        return evaluation(case, inputs, expected, parts)
    if case["algorithm"] == "Jacobian matching losses":
        return jacobian_matching(case, inputs, expected, parts)
    if "steps" in case and case["algorithm"] in TRAINED:
        return minibatches(case, inputs, expected, parts)
    if case["algorithm"] in TRAINED:
        most = max(int(k) for k in case["hyperparameters"]["feedback_iterations"])
        return chained([one_step(case, inputs, expected, parts)] +
                       [one_step(fewer_steps(case, k), inputs, expected, parts, whole=False) for k in range(1, most)])
    return one_step(case, inputs, expected, parts)


def one_step(case, inputs, expected, parts, whole=True):
    if case["algorithm"] not in ("BP", *DIRECT, *TRAINED):
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
    expect, trains_feedback = {}, case["algorithm"] in TRAINED
    spec["log"]["metrics"] += ["displacement_norm"]
    for name in expected:
        if trains_feedback and "feedback" in name:
            known = expected_feedback(case, name, back, whole)
            expect[name] = (known, same) if known else None
            continue
        if not whole:
            continue
        local = re.fullmatch(r"loss\.local\.(\d+)", name)
        if local:
            expect[name] = (f"metric.displacement_norm.{local.group(1)}", local_loss(case))
            continue
        state = re.fullmatch(r"(?:state|target)\.(\d+)", name)
        known = state or name == "loss" or name.startswith("update.")
        turn = half if squares and (trains_by_bp or doubled or name == "loss") and not state else same
        if state:
            turn = tokens if of_tokens[int(state.group(1))] else shaped(expected[name].shape)
        expect[name] = (rename(name, inner), turn) if known else None
    named = inputs_of(case, inputs, inner, back)
    if trains_feedback:
        named = {**{n: t for n, t in named.items() if not n.startswith("noise.")}, **draws_of(case, inputs)}
    result = Translation(spec, named, expect)
    if trains_feedback and any(layer["type"] == "mixer_block" for layer in case["layers"]):
        result.single = 1e-3  # the difference of two parts; measured 3.2e-4
    return result
