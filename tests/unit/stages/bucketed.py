"""Runs `verify` on a model that is shaped as `apply` shapes it, and samples of chosen lengths."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from msgspec import to_builtins
from openvino import opset13 as op
from runtime.toys import along, data, program

from npuspec.bundle.program import Input, Output, Program
from npuspec.stages.verify import run
from toy_specs import write

Build = Callable[[Mapping[str, Any]], Any]
"""Makes the node of output `y` of the model's parameters."""


def buckets(
    *sizes: int,
    batch: int = 1,
    more: Sequence[Input] = (),
    outputs: tuple[Output, ...] = (along(),),
    **told: Any,
) -> Program:
    """Return a program of x [batch, time, 2] and y, which is as long, padded to these sizes."""
    x = data(axes=("time", 2), **told)
    return program(x, *more, batch=batch, sizes=tuple({"time": size} for size in sizes), outputs=outputs)


def dynamic(build: Build, inputs: Sequence[Input], batch: int = -1) -> ov.Model:
    """Return a model whose batch and time are left open."""
    shapes = {"data": [batch, -1, 2], "length": [batch], "mask": [batch, -1]}
    given: dict[str, Any] = {}
    for port in inputs:
        given[port.name] = op.parameter(shapes[port.role], ov.Type(port.dtype), name=port.name)
        given[port.name].output(0).set_names({port.name})
    y = build(given)
    y.output(0).set_names({"y"})
    return ov.Model([op.result(y)], list(given.values()), "toy")


def shaped(build: Build, toy: Program, variant: int) -> ov.Model:
    """Return the same as a static model."""
    model = dynamic(build, toy.inputs)
    shapes = toy.variants[variant].shapes
    model.reshape({port: ov.PartialShape(list(shapes[port.any_name])) for port in model.inputs})
    return model


def verify(
    root: Path,
    toy: Program,
    build: Build,
    lengths: Sequence[int],
    *,
    final: Build | None = None,
    blob: Build | None = None,
    published: ov.Model | None = None,
    **parameters: Any,
) -> dict[str, Any]:
    """Return what verifying says of a model on samples of these lengths; sample 3 is `3.npy`."""
    (root / "data").mkdir()
    rng = np.random.default_rng(7)
    for number, length in enumerate(lengths):
        np.save(root / "data" / f"{number}.npy", rng.standard_normal((length, 2)).astype(np.float32))
    numbers = range(len(toy.variants))
    first = write(root / "original", published or dynamic(build, toy.inputs))
    static = [write(root / f"static{n}", shaped(build, toy, n)) for n in numbers]
    last = static if final is None else [write(root / f"final{n}", shaped(final, toy, n)) for n in numbers]
    compiled = [root / f"compiled{n}" for n in numbers]
    for number, folder in enumerate(compiled):
        folder.mkdir()
        if blob is not None:
            exported = ov.Core().compile_model(shaped(blob, toy, number), "CPU").export_model()
            (folder / "model.blob").write_bytes(exported.read())
    (root / "output").mkdir()
    names = [f"{number}.npy" for number in range(len(lengths))]
    told = {
        "device": "CPU",
        "core": {},
        "properties": {},
        "program": to_builtins(toy),
        "outputs": ["y"],
        "samples": {"input": "x", "sample_rate": None, "validation": names, "digest": ""},
        **parameters,
    }
    inputs = [str(path) for path in (first, *static, *last, *compiled)]
    arguments = {"parameters": told, "inputs": inputs, "output": str(root / "output"), "model": ""}
    run({**arguments, "data": str(root / "data")}, lambda _done, _total: None)
    agreement: dict[str, Any] = json.loads((root / "output" / "agreement.json").read_bytes())
    return agreement


def rows(agreement: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the figures by the two models."""
    return {(row["of"], row["against"]): row for row in agreement["pairs"]}
