"""The model as it was published: what the others are held against."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from npuspec.bundle.program import DataInput, Extent, Input, LengthInput, Output, Program
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.facts.inspect import reason
from npuspec.runtime.device import compile_model
from npuspec.runtime.feed import Array, fill
from npuspec.runtime.valid import left_dims, valid_part
from npuspec.stages.placed import Placed, naming
from npuspec.stages.select import select

REFERENCE = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
"""How a model is compiled, on CPU, whose figures are those of the model and not of a device."""


class Original:
    """The model at a sample's true length, on CPU in float32; where its batch is fixed, every row is the sample.

    Attributes:
        batch: how many rows it needs at least.

    """

    def __init__(
        self,
        core: ov.Core,
        model: Path,
        program: Program,
        inputs: tuple[Input, ...],
        selects: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Compile the model.

        Args:
            core: where it is compiled.
            model: its IR.
            program: that of the static models made of it.
            inputs: its own inputs; a static model may take lengths where it takes masks.
            selects: what the static models select in the graph: `output`, `kind`, and the `extent` of the steps.

        """
        compiled = compile_model(core, model, "CPU", REFERENCE)
        shapes = {i.name: compiled.input(i.name).partial_shape for i in inputs}
        self.batch: int = max(shape[0].get_min_length() for shape in shapes.values()) or 1
        self._ranks = {name: len(shape) for name, shape in shapes.items()}
        self._request = compiled.create_infer_request()
        self._has_state = bool(self._request.query_state())
        self._program = program.model_copy(update={"inputs": inputs})
        self._selects = {s["output"]: (s["kind"], Extent.model_validate(s["extent"])) for s in selects}
        self._left = left_dims(inputs)

    def infer(self, sample: Placed) -> dict[str, Array]:
        """Run one sample and return its outputs, without the batch axis."""
        rows = self.rows(sample, self.batch)
        return {o.name: self._valid(o, rows[o.name][0], sample.sizes) for o in self._program.outputs}

    def rows(self, sample: Placed, batch: int) -> dict[str, Array]:
        """Run a batch, each of whose rows is the sample, and return whole outputs, which are the caller's.

        Raises:
            StageError: `infer-failed`, with what OpenVINO said.

        """
        buffers = {i.name: np.empty(self._shape(i, sample, batch), i.dtype) for i in self._program.inputs}
        with naming(sample.name):
            fill(self._program, buffers, [sample.arrays] * batch)
        try:
            if self._has_state:  # a sample's result doesn't depend on the samples before it
                self._request.reset_state()
            self._request.infer(buffers, share_inputs=True, share_outputs=True)
        except RuntimeError as error:
            message = f"`{sample.name}`: the original model failed on {batch} of it: {reason(error)}"
            help_ = "look whether the model runs on this sample elsewhere, and leave the sample out if not"
            raise StageError(Diagnostic("infer-failed", message, help_)) from None
        return {o.name: np.array(self._request.get_tensor(o.name).data) for o in self._program.outputs}

    def _shape(self, port: Input, sample: Placed, batch: int) -> tuple[int, ...]:
        match port:
            case DataInput(axes=axes):
                return (batch, *(a if isinstance(a, int) else self._whole(a, sample.sizes[a]) for a in axes))
            case LengthInput():
                return (batch, *(1,) * (self._ranks[port.name] - 1))
        return (batch, self._whole(port.dim, sample.sizes[port.dim]))

    def _whole(self, dim: str, size: int) -> int:
        """Return the next size that the model takes."""
        multiple = self._program.dims[dim].multiple
        return -(-size // multiple) * multiple

    def _valid(self, output: Output, row: Array, sizes: Mapping[str, int]) -> Array:
        """Leave out what follows from padding to the next size that the model takes, and select of the rest."""
        if output.name in self._selects:
            kind, extent = self._selects[output.name]
            row = select(self._cut(row, [extent], sizes), kind, extent.axis - 1)
        return self._cut(row, output.extents, sizes)

    def _cut(self, row: Array, extents: Sequence[Extent], sizes: Mapping[str, int]) -> Array:
        """Cut where the sample was padded, and nowhere else: a wrong rule is to show."""
        padded = [e for e in extents if self._whole(e.dim, sizes[e.dim]) != sizes[e.dim]]
        return valid_part(row, padded, sizes, self._left)
