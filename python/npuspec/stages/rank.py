"""Measure how much each quantized block alone harms the outputs: one model, whose blocks are switched one by one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from npuspec.child import Progress
from npuspec.runtime.feed import Array
from npuspec.stages import HARM
from npuspec.stages.agreement import Agreement, measure_tried
from npuspec.stages.calibration import dynamic, read_fitting, spread
from npuspec.stages.placed import Checked
from npuspec.stages.reference import Dynamic
from npuspec.stages.request import Request
from npuspec.stages.shape import read_fixed
from npuspec.stages.switched import SWITCHES, Block, switch_model

_PROBES = 2  # samples that each block is measured on
_MOST_BLOCKS = 200


def run(arguments: Mapping[str, Any], progress: Progress) -> None:
    """Write harm.json: the blocks, the most harmful first, each with the noise that it alone puts into the outputs."""
    request = Request.of(arguments)
    switched = Switched.load(request)
    samples = spread(read_fitting(request, request.program, "calibration").samples, _PROBES)
    outputs: Sequence[str] = request.parameters["outputs"]
    count = len(switched.blocks)
    original = [switched.infer(sample, np.zeros(count, bool)) for sample in samples]
    found = []
    for number, block in enumerate(switched.blocks):
        only = np.zeros(count, bool)
        only[number] = True
        harm = {name: Agreement() for name in outputs}
        for sample, wanted in zip(samples, original, strict=True):
            outcome = switched.infer(sample, only)
            for name, total in harm.items():
                total.add(measure_tried(outcome[name], wanted[name], f"`{sample.name}`, output `{name}`"))
        sqnr = min(total.figures()["sqnr"] for total in harm.values())
        found.append({"operations": [*block.operations], "types": [*block.types], "sqnr": sqnr})
        progress(number + 1, count)
    request.write_json(HARM, sorted(found, key=lambda block: (block["sqnr"], block["operations"])))


class Switched:
    """The quantized model, each of whose blocks can be switched to floating point.

    Attributes:
        blocks: what is switched, in the graph's order.

    """

    def __init__(self, model: Dynamic, blocks: list[Block]) -> None:
        self._model, self.blocks = model, blocks

    @classmethod
    def load(cls, request: Request) -> "Switched":
        """Make it of the model as it was read, and what was quantized of that: the first two of a stage's inputs."""
        core = ov.Core()
        original, quantized = (read_fixed(core, folder, request.program) for folder in request.inputs[:2])
        model, blocks = switch_model(quantized, original, _MOST_BLOCKS)
        return cls(dynamic(request, core, model), blocks)

    def infer(self, sample: Checked, quantized: NDArray[np.bool_]) -> dict[str, Array]:
        """Run a sample with so many blocks quantized."""
        return self._model.infer(sample, {SWITCHES: quantized})
