"""safetensors files with the standard library alone: {name: Tensor}."""
import array
import json
import math
import struct
import sys

TYPES = {"F64": "d", "F32": "f", "I64": "q"}


class Tensor:
    """Row-major numbers with a shape."""

    def __init__(self, shape, values, dtype="F64"):
        self.shape, self.values, self.dtype = tuple(shape), values, dtype
        assert len(values) == math.prod(self.shape), (shape, len(values))

    def slice(self, i):
        """Entry i of the first axis."""
        n = math.prod(self.shape[1:])
        return Tensor(self.shape[1:], self.values[i * n:(i + 1) * n], self.dtype)


def read(path):
    with open(path, "rb") as f:
        data = f.read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, t in header.items():
        begin, end = t["data_offsets"]
        values = array.array(TYPES[t["dtype"]])
        values.frombytes(data[8 + length + begin:8 + length + end])
        if sys.byteorder == "big":
            values.byteswap()
        tensors[name] = Tensor(t["shape"], values, t["dtype"])
    return tensors


def write(path, tensors):
    header, at, blobs = {}, 0, []
    for name, t in tensors.items():
        blob = array.array(TYPES[t.dtype], t.values).tobytes()
        header[name] = {"dtype": t.dtype, "shape": list(t.shape), "data_offsets": [at, at + len(blob)]}
        at += len(blob)
        blobs.append(blob)
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def relative_error(found, expected):
    """Largest difference relative to the largest expected entry; infinite if a shape or a NaN differs.

    A tensor that is zero up to the rounding of the double-precision reference (inputs are of order 1) is compared absolutely."""
    if found.shape != expected.shape:
        return math.inf
    scale = max((abs(x) for x in expected.values), default=0.0)
    scale = scale if scale >= 1e-13 else 1.0
    worst = 0.0
    for a, b in zip(found.values, expected.values):
        d = abs(a - b)
        if not d <= math.inf or math.isnan(d):
            return math.inf
        worst = max(worst, d)
    return worst / scale


def softmax(t):
    """Over the last axis."""
    n, out = t.shape[-1], array.array("d")
    for i in range(0, len(t.values), n):
        row = t.values[i:i + n]
        top = max(row)
        e = [math.exp(x - top) for x in row]
        out.extend(x / sum(e) for x in e)
    return Tensor(t.shape, out)
