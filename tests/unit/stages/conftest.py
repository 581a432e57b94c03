"""Stages run on small models as `apply` does it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins
from runtime.toys import along, data, program

from npuspec.bundle.program import Program
from npuspec.child import run_task
from npuspec.plan.model import PlannedGate

CONV = program(data(axes=(3, "time"), finite=True), sizes=({"time": 32},), minimum=4, outputs=(along(axis=2),))


@dataclass(frozen=True)
class Stage:
    """Runs stages, each into a folder of its own: in this process, or in children as `apply` does."""

    root: Path
    children: bool = False

    def __call__(
        self,
        verb: str,
        *inputs: Path,
        data: Path | None = None,
        files: Mapping[str, Any] | None = None,
        name: str = "",
        **parameters: Any,
    ) -> Path:
        output = self.root / (name or verb)
        output.mkdir(parents=True)
        arguments = {
            "parameters": {"core": {}, **parameters},
            "inputs": [str(p) for p in inputs],
            "output": str(output),
            "model": str(self.root),
            "data": None if data is None else str(data),
            **(files or {}),
        }
        if self.children:
            run_task(f"npuspec.stages.{verb}:run", arguments)
        else:
            import_module(f"npuspec.stages.{verb}").run(arguments, lambda _done, _total: None)
        return output


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def fed(toy: Program) -> dict[str, Any]:
    """Return what a stage is told of a program whose model takes the same."""
    told = to_builtins(toy)
    return {"program": told, "original": told["inputs"], "selects": []}


def sampled(*paths: str, which: str = "calibration") -> dict[str, Any]:
    """Return what a stage is told of samples of x."""
    return {"samples": {"input": "x", "sample_rate": None, which: [*paths], "digest": ""}}


def gates(metric: str, output: str = "y", **limits: Any) -> list[dict[str, Any]]:
    """Return what a stage is told of a gate on what is quantized."""
    gate = PlannedGate(metric=metric, output=output, of="quantized", against="static", **limits)
    return [to_builtins(gate)]


@pytest.fixture
def feed() -> dict[str, Any]:
    """What a stage is told of the convolutions, whose lengths are free: what is fed, and what they take themselves."""
    told = to_builtins(CONV)
    return {"program": told, "original": told["inputs"]}


@pytest.fixture
def shape() -> dict[str, Any]:
    """What a stage is told of the convolutions' one variant."""
    return dict(to_builtins(CONV.variants[0]))


Recipe = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    def make(**changes: Any) -> dict[str, Any]:
        return {
            "mode": "int8",
            "preset": "performance",
            "model_type": None,
            "subset_size": 4,
            "fast_bias_correction": True,
            "smooth_quant_alpha": None,
            "overflow_fix": "first-layer",
            "activations_range": None,
            "weights_mode": "int8-asym",
            "group_size": None,
            "max_drop": 0.01,
            "drop_type": "absolute",
            "keep_names": [],
            "keep_types": [],
            **changes,
        }

    return make


def of_variant(toy: Program, **changes: Any) -> dict[str, Any]:
    """Return a program's first variant with other values, as a stage is told of it."""
    return {**to_builtins(toy.variants[0]), **changes}
