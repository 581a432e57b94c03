"""A small model with samples, and specs of it that are applied in seconds."""

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as op

CONVOLUTIONS = ("first", "second", "third")

SPEC = """npuspec = 1

[model]
source = "model/model.xml"

[data]
source = "data/*.npy"
input = "x"

[target]
device = "{device}"
fallback = {fallback}

[dims.time]
strategy = "pad"
size = {size}
overflow = "error"

[inputs.x]
shape = ["batch", 3, "time"]

[[gates]]
metric = "frame-agreement"
output = "y"
of = "static"
against = "original"
min = {minimum}
"""

INT8 = """
[quantization]
mode = "int8"
samples = 2
"""


def write(folder: Path, model: ov.Model) -> Path:
    """Write a model where a stage looks for the result of an earlier one."""
    folder.mkdir(parents=True)
    ov.save_model(model, folder / "model.xml", compress_to_fp16=False)
    return folder


def convolutions(time: int = -1, batch: int = 1) -> ov.Model:
    """Return a model of three convolutions that keep the length, x [batch, 3, time] to y [batch, 2, time]."""
    rng = np.random.default_rng(0)
    x = op.parameter([batch, 3, time], np.float32, name="x")
    x.output(0).set_names({"x"})
    node: Any = x
    for name, (out, in_) in zip(CONVOLUTIONS, ((8, 3), (8, 8), (2, 8)), strict=True):
        weights = op.constant(rng.standard_normal((out, in_, 3)).astype(np.float32), name=f"{name} weights")
        node = op.relu(op.convolution(node, weights, [1], [1], [1], [1], name=name), name=f"{name} relu")
    node.output(0).set_names({"y"})
    return ov.Model([op.result(node, name="y")], [x], "convolutions")


def write_samples(folder: Path, *sizes: int) -> list[str]:
    """Write a sample of x of each size."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(1)
    for number, size in enumerate(sizes):
        np.save(folder / f"{number}.npy", rng.standard_normal((3, size)).astype(np.float32))
    return [f"{number}.npy" for number in range(len(sizes))]


def write_spec(
    folder: Path,
    *,
    device: str = "CPU",
    fallback: str = "[]",
    size: int = 32,
    minimum: float = 0.5,
    more: str = "",
    model: ov.Model | None = None,
) -> Path:
    """Write spec.toml, with its model and three samples beside it if there are none yet."""
    if not (folder / "model").exists():
        write(folder / "model", convolutions() if model is None else model)
        write_samples(folder / "data", 32, 20, 12)
    spec = folder / "spec.toml"
    spec.write_text(SPEC.format(device=device, fallback=fallback, size=size, minimum=minimum) + more)
    return spec
