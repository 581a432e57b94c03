"""Small models and samples, and stages run on them as `apply` does it."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op
from runtime.toys import along, data, program

from npuspec.bundle.program import Program
from npuspec.child import run_task

CONV = program(data(axes=(3, "time"), finite=True), sizes=({"time": 32},), minimum=4, outputs=(along(axis=2),))
CONVOLUTIONS = ("first", "second", "third")


def write(folder: Path, model: ov.Model) -> Path:
    """Write a model where a stage looks for the result of an earlier one."""
    folder.mkdir(parents=True)
    ov.save_model(model, folder / "model.xml", compress_to_fp16=False)
    return folder


def convolutions(time: int = -1) -> ov.Model:
    """Return a model of three convolutions that keep the length, x [1, 3, time] to y [1, 2, time]."""
    rng = np.random.default_rng(0)
    x = op.parameter([1, 3, time], np.float32, name="x")
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


@dataclass(frozen=True)
class Stage:
    """Runs stages, each into a folder of its own: in this process, or in children as `apply` does."""

    root: Path
    children: bool = False

    def __call__(self, verb: str, *inputs: Path, data: Path | None = None, name: str = "", **parameters: Any) -> Path:
        output = self.root / (name or verb)
        output.mkdir(parents=True)
        arguments = {
            "parameters": parameters,
            "inputs": [str(p) for p in inputs],
            "output": str(output),
            "model": str(self.root),
            "data": None if data is None else str(data),
        }
        if self.children:
            run_task(f"npuspec.stages.{verb}:run", arguments)
        else:
            import_module(f"npuspec.stages.{verb}").run(arguments, lambda _done, _total: None)
        return output


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def feed() -> dict[str, Any]:
    """What a stage is told of the convolutions: their program without variants."""
    return CONV.model_dump(mode="json", exclude={"variants"})


@pytest.fixture
def shape() -> dict[str, Any]:
    """What a stage is told of the convolutions' one variant."""
    return CONV.variants[0].model_dump(mode="json")


Recipe = Callable[..., dict[str, Any]]


@pytest.fixture
def recipe() -> Recipe:
    def make(**changes: Any) -> dict[str, Any]:
        return {
            "mode": "int8",
            "preset": "performance",
            "model_type": None,
            "subset_size": 4,
            "keep_names": [],
            **changes,
        }

    return make


def of_variant(toy: Program, **changes: Any) -> dict[str, Any]:
    """Return a program's first variant with other values, as a stage is told of it."""
    return {**toy.variants[0].model_dump(mode="json"), **changes}
