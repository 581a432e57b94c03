"""Models whose lengths are still free: the original, which others are held against, and what was quantized of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from msgspec import convert, structs

from npuspec.bundle.program import DataInput, Extent, Input, LengthInput, Output, Program
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.facts.inspect import reason
from npuspec.runtime.device import compile_model
from npuspec.runtime.feed import Array, choose_variant
from npuspec.runtime.fill import Filler
from npuspec.runtime.valid import left_dims, valid_slices
from npuspec.stages.placed import Checked, naming
from npuspec.stages.select import select

REFERENCE = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
"""How a model is compiled, on CPU, whose figures are those of the model and not of a device."""


class Feed:
    """What such a model takes: a sample at its true length, or padded as for its variant.

    Attributes:
        batch: how many rows the model needs at least.

    """

    def __init__(
        self,
        program: Program,
        inputs: tuple[Input, ...],
        ports: Mapping[str, ov.PartialShape],
        *,
        padded: bool = False,
    ) -> None:
        """Keep what is fed.

        Args:
            program: that of the static models.
            inputs: the model's own; a static model may take lengths where it takes masks.
            ports: the shape of each input.
            padded: whether samples are padded to the smallest variant that holds them.

        """
        self._padded = padded
        self._program = structs.replace(program, inputs=inputs)
        self._fill = Filler(self._program)
        self._ranks = {i.name: len(ports[i.name]) for i in inputs}
        self.batch: int = max(ports[i.name][0].get_min_length() for i in inputs) or 1

    def buffers(self, sample: Checked, batch: int | None = None) -> dict[str, Array]:
        """Return the inputs for a batch, each of whose rows is the sample; for the smallest if none is stated."""
        rows = batch or self.batch
        sizes = self.sizes(sample.sizes)
        buffers = {i.name: np.empty(self._shape(i, sizes, rows), i.dtype) for i in self._program.inputs}
        with naming(sample.name):
            self._fill(buffers, [sample.arrays] * rows)
        return buffers

    def sizes(self, sizes: Mapping[str, int]) -> Mapping[str, int]:
        """Return the sizes that a sample is fed in: those of its variant, or the next that the model takes."""
        if self._padded:
            return choose_variant(self._program, sizes).sizes
        multiples = {name: self._program.dims[name].multiple for name in sizes}
        return {name: -(-size // multiples[name]) * multiples[name] for name, size in sizes.items()}

    def _shape(self, port: Input, sizes: Mapping[str, int], batch: int) -> tuple[int, ...]:
        match port:
            case DataInput(axes=axes):
                return (batch, *(axis if isinstance(axis, int) else sizes[axis] for axis in axes))
            case LengthInput():
                return (batch, *(1,) * (self._ranks[port.name] - 1))
        return (batch, sizes[port.dim])


class Dynamic:
    """A model whose lengths are free, on CPU in float32; where its batch is fixed, every row is the sample.

    Attributes:
        feed: what it takes.
        compiled: the model.

    """

    def __init__(
        self,
        core: ov.Core,
        model: Path | ov.Model | ov.CompiledModel,
        program: Program,
        inputs: tuple[Input, ...],
        selects: Sequence[Mapping[str, Any]] = (),
        *,
        padded: bool = False,
    ) -> None:
        """Compile the model.

        Args:
            core: where it is compiled.
            model: its IR, itself, or compiled already.
            program: that of the static models made of it.
            inputs: its own inputs; a static model may take lengths where it takes masks.
            selects: what the static models select in the graph: `output`, `kind`, and the `extent` of the steps.
            padded: whether samples are padded to the smallest variant that holds them.

        """
        if not isinstance(model, ov.CompiledModel):
            model = compile_model(core, model, "CPU", REFERENCE)
        self.compiled: ov.CompiledModel = model
        ports = {i.name: self.compiled.input(i.name).partial_shape for i in inputs}
        self.feed = Feed(program, inputs, ports, padded=padded)
        self._request = self.compiled.create_infer_request()
        self._has_state = bool(self._request.query_state())
        self._outputs = program.outputs
        self._selects = {s["output"]: (s["kind"], convert(s["extent"], Extent)) for s in selects}
        self._left = left_dims(inputs)

    def infer(self, sample: Checked, more: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """Run one sample and return its outputs, without the batch axis.

        Args:
            sample: what is run.
            more: inputs that the program knows nothing of.

        """
        rows = self.rows(sample, more=more)
        return {o.name: self._valid(o, rows[o.name][0], sample.sizes) for o in self._outputs}

    def rows(
        self, sample: Checked, batch: int | None = None, more: Mapping[str, Array] | None = None
    ) -> dict[str, Array]:
        """Run a batch, each of whose rows is the sample, and return whole outputs, which are the caller's.

        Raises:
            StageError: `infer-failed`, with what OpenVINO said.

        """
        buffers = {**self.feed.buffers(sample, batch), **(more or {})}
        try:
            if self._has_state:  # a sample's result doesn't depend on the samples before it
                self._request.reset_state()
            self._request.infer(buffers, share_inputs=True, share_outputs=True)
        except RuntimeError as error:
            count = batch or self.feed.batch
            message = f"`{sample.name}`: a model whose lengths are free failed on {count} of it: {reason(error)}"
            help_ = "look whether the model runs on this sample elsewhere, and leave the sample out if not"
            raise StageError(Diagnostic("infer-failed", message, help_)) from None
        return {o.name: np.array(self._request.get_tensor(o.name).data) for o in self._outputs}

    def _valid(self, output: Output, row: Array, sizes: Mapping[str, int]) -> Array:
        """Leave out what follows from padding to the next size that the model takes, and select of the rest."""
        if output.name in self._selects:
            kind, extent = self._selects[output.name]
            row = select(self._cut(row, [extent], sizes), kind, extent.axis - 1)
        return self._cut(row, output.extents, sizes)

    def _cut(self, row: Array, extents: Sequence[Extent], sizes: Mapping[str, int]) -> Array:
        """Cut where the sample was padded, and nowhere else: a wrong rule is to show."""
        fed = self.feed.sizes(sizes)
        padded = [e for e in extents if fed[e.dim] != sizes[e.dim]]
        return row[valid_slices(row.shape, padded, sizes, self._left)]
