"""Lee et al. 2015, Sec. 3.4: the auto-encoder of two tied layers that is trained without back-propagation."""
import re

from . import Skip, Translation, base_spec, need, same

ACTIVATION = {"identity": "linear"}


def translate(case, inputs, expected, parts):
    p = case["hyperparameters"]
    encoder, decoder = case["layers"]
    layers = []
    for layer in encoder, decoder:
        name = ACTIVATION.get(layer["activation"], layer["activation"])
        need(parts, "activation", name)
        layers.append({"dense": {"units": layer["out"], "activation": name}})
    layers[1]["dense"]["tied"] = 0
    names = {n: t for n, t in inputs.items() if not n.startswith("noise.")}
    if p["sigma_hidden"] > 0:
        if "gaussian" not in parts.get("transmission", ()):
            raise Skip("no transmission 'gaussian'")
        layers[0]["dense"]["transmit"] = {"name": "gaussian", "std": p["sigma_hidden"]}
        names["noise.hidden.0"] = inputs["noise.hidden"]
    if p["sigma_input"] > 0:
        names["noise.input"] = inputs["noise.input"]
    algorithm = {"name": "dtp_autoencoder", "update": {"input_noise": p["sigma_input"]}}
    dataset = {"name": "given", "features": encoder["in"], "outputs": decoder["out"], "labels": "real"}
    spec = base_spec(inputs["batch.x"].shape[0], dataset, layers, {"name": "squared_error", "outputs": "sum"}, algorithm)
    expect = {name: (name, same) if re.match(r"(loss|state\.\d+|target\.\d+)$|update\.", name) else None for name in expected}
    expect["loss_g"] = ("loss", same)
    return Translation(spec, names, expect)
