"""The stages of a mix, run on small models and samples of chosen lengths."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from msgspec import to_builtins
from numpy.typing import NDArray
from openvino import opset13 as op
from runtime.toys import CORE, along, data, program

from npuspec.bundle.program import Program
from npuspec.compilers import find_compiler
from npuspec.facts.inspect import read_model
from npuspec.stages.switched import twins
from stages.conftest import Recipe, Stage, fed, sampled
from stages.quantized import WIDTH, infer
from toy_specs import write

LENGTHS = (3, 8, 12, 16, 5)


def toy_of(*sizes: int) -> Program:
    """Return the program of x [1, time, WIDTH] and y0, which is as long."""
    return program(
        data(axes=("time", WIDTH)), sizes=tuple({"time": size} for size in sizes), outputs=(along(name="y0"),)
    )


@dataclass
class Mixer:
    """Runs stages on one model, each into a folder of its own."""

    stage: Stage
    recipe: Recipe
    read: Path
    program: Program
    paths: Sequence[str]
    _numbers: Iterator[int] = field(default_factory=count)

    @classmethod
    def of(cls, root: Path, recipe: Recipe, model: ov.Model, *sizes: int, lengths: Sequence[int] = LENGTHS) -> "Mixer":
        (root / "data").mkdir()
        rng = np.random.default_rng(9)
        paths = [f"{number}.npy" for number in range(len(lengths))]
        for path, length in zip(paths, lengths, strict=True):
            np.save(root / "data" / path, rng.standard_normal((length, WIDTH)).astype(np.float32))
        return cls(Stage(root), recipe, write(root / "read", model), toy_of(*(sizes or (8, 16))), paths)

    def __call__(
        self,
        verb: str,
        *inputs: Path,
        which: str = "calibration",
        chosen: list[str] | None = None,
        compiler: dict[str, Any] | None = None,
        **told: Any,
    ) -> Path:
        more = {**sampled(*self.paths, which=which), **fed(self.program), "outputs": ["y0"], **told}
        name, files = f"{verb} {next(self._numbers)}", {"chosen": chosen, "compiler": compiler}
        return self.stage(verb, self.read, *inputs, data=self.stage.root / "data", name=name, files=files, **more)

    def quantize(self, **changes: Any) -> Path:
        return self("quantize", recipe=self.recipe(subset_size=len(self.paths), **changes))

    @cached_property
    def quantized(self) -> Path:
        """The model in INT8."""
        return self.quantize()

    @cached_property
    def ranked(self) -> Path:
        """What harm each block of that does."""
        return self("rank", self.quantized)

    @cached_property
    def poisoned(self) -> Path:
        """That model, but that `last` makes NaN, as if it divided by what was quantized to nothing."""
        model = CORE.read_model(self.quantized / "model.xml")
        last = next(node for node in model.get_ops() if node.get_friendly_name() == "last")
        scaled = last.input_value(1).get_node()
        scaled.input(1).replace_source_output(op.constant(np.full([1, WIDTH], np.nan, np.float32)).output(0))
        return write(self.stage.root / "poisoned", model)

    def mix(self, *gain: Path, **told: Any) -> Path:
        return self("mix", self.quantized, self.ranked, *gain, **told)

    def inputs(self) -> list[NDArray[np.float32]]:
        """Return the samples as the model takes them."""
        return [np.load(self.stage.root / "data" / path)[None] for path in self.paths]

    def outputs(self, folder: Path) -> list[NDArray[np.float32]]:
        """Return what a stage's model gives of each sample."""
        return infer(CORE.read_model(folder / "model.xml"), self.inputs())

    def operations(self, folder: Path) -> list[str]:
        """Return what a stage's model has quantized."""
        model, original = (read_model(CORE, made / "model.xml") for made in (folder, self.read))
        return sorted(twin.name for twin in twins(model, original))


def for_npu(mixer: Mixer, command: Path) -> dict[str, Any]:
    """Return what a stage is told that compiles the largest variant for an NPU."""
    compiler = find_compiler(str(command))
    assert compiler is not None
    shape = {"variant": to_builtins(mixer.program.variants[-1]), "layouts": {}}
    return {"compiler": compiler.as_json(), "platform": "4000", "properties": {}, "shape": shape}


def write_gain(root: Path, *, floating: list[str]) -> Path:
    """Write what a stage found to be faster in floating point, and return its folder."""
    folder = root / f"gain {len(floating)}"
    folder.mkdir(exist_ok=True)
    (folder / "gain.json").write_text(json.dumps({"floating": floating, "tried": []}))
    return folder


def content(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_bytes())


def sqnr(found: Sequence[NDArray[np.float32]], wanted: Sequence[NDArray[np.float32]]) -> float:
    """Return how far outputs are from others, in decibels; infinite where they are the same."""
    noise = sum(float(np.square(a - b).sum()) for a, b in zip(found, wanted, strict=True))
    power = sum(float(np.square(b).sum()) for b in wanted)
    return float("inf") if noise == 0 else float(10 * np.log10(power / noise))
