"""A model, running: the caller's unpadded arrays in, outputs cut to their valid length out."""

from collections.abc import Mapping, Sequence
from threading import Lock
from types import TracebackType
from typing import Any

import numpy as np
import openvino as ov

from npuspec.bundle.chunks import unstitchable
from npuspec.bundle.program import DataInput, Output, Program
from npuspec.diagnostics import DeviceError, Diagnostic, InputError
from npuspec.runtime.feed import Array, check_sample, choose_variant, fill
from npuspec.runtime.overflow import Piece, pieces_of, stitch


class _Slot:
    """One static variant with one infer request, and views of the memory that it reads from and writes to."""

    def __init__(self, compiled: ov.CompiledModel, program: Program) -> None:
        self.request = compiled.create_infer_request()
        self.buffers = {i.name: self.request.get_tensor(i.name).data for i in program.inputs}
        self.results = {o.name: self.request.get_tensor(o.name).data for o in program.outputs}
        self.has_state = bool(self.request.query_state())
        self.lock = Lock()
        self.closed = False

    def close(self) -> None:
        """Free the request and its memory, once."""
        if not self.closed:
            self.closed = True
            self.buffers = self.results = {}
            del self.request


class Session:
    """Static variants of one model on one device.

    Attributes:
        device: where it runs, `NPU` or `CPU`.
        notes: what the caller should know: a fallback that was taken, a blob that couldn't be used.
        program: the model's inputs, outputs and variants.

    Any number of threads may call `infer`; inferences of one variant wait for each other.

    """

    def __init__(
        self, program: Program, models: Mapping[str, ov.CompiledModel], *, device: str, notes: tuple[str, ...] = ()
    ) -> None:
        self.program = program
        self.device = device
        self.notes = notes
        self._slots = {name: _Slot(model, program) for name, model in models.items()}
        _check_fit(program, self._slots)
        self._left = {
            axis for i in program.inputs if isinstance(i, DataInput) and i.pad_side == "left" for axis in i.axes
        }

    def infer(self, inputs: Mapping[str, Any]) -> dict[str, Array]:
        """Run one sample.

        Args:
            inputs: for each data input an array of the model's dtype, without the batch axis and unpadded. Lengths and
                masks are made here.

        Returns:
            Output name to array, without the batch axis, cut to the sample's valid length; the arrays are the caller's.

        Raises:
            InputError: the sample doesn't fit; nothing was run.
            DeviceError: `infer-failed`, with what the device said.

        """
        return self.infer_many([inputs])[0]

    def infer_many(self, samples: Sequence[Mapping[str, Any]]) -> list[dict[str, Array]]:
        """Run any number of samples of any sizes, as many at a time as a batch has rows.

        Args:
            samples: each as `infer` takes it.

        Returns:
            For each sample, in the order in which they were given, what `infer` returns.

        Raises:
            InputError: a sample doesn't fit; nothing was run.
            DeviceError: `infer-failed`, with what the device said.

        """
        checked = [check_sample(self.program, sample) for sample in samples]
        pieces = [pieces_of(self.program, arrays, sizes) for arrays, sizes in checked]
        done = iter(self._run_all([piece for parts in pieces for piece in parts]))
        return [
            stitch(self.program, parts, [next(done) for _ in parts], sizes)
            for parts, (_, sizes) in zip(pieces, checked, strict=True)
        ]

    def _run_all(self, pieces: Sequence[Piece]) -> list[dict[str, Array]]:
        """Run pieces in full batches of each variant, and return their outputs in the order of the pieces."""
        waiting: dict[str, list[int]] = {}
        for number, piece in enumerate(pieces):
            waiting.setdefault(choose_variant(self.program, piece.sizes).name, []).append(number)
        results: list[dict[str, Array]] = [{} for _ in pieces]
        for name, numbers in waiting.items():
            for start in range(0, len(numbers), self.program.batch):
                batch = numbers[start : start + self.program.batch]
                for number, outputs in zip(batch, self._run(name, [pieces[n] for n in batch]), strict=True):
                    results[number] = outputs
        return results

    def _run(self, variant: str, rows: list[Piece]) -> list[dict[str, Array]]:
        """Run at most one batch of samples that the variant holds."""
        slot = self._slots[variant]
        # Rows that are left over repeat the last sample, so that none is an empty one.
        filling = [rows[-1].arrays] * (self.program.batch - len(rows))
        with slot.lock:
            if slot.closed:
                raise InputError(Diagnostic("session-closed", "this session is closed", "load the bundle again"))
            fill(self.program, slot.buffers, [*(row.arrays for row in rows), *filling])
            try:
                if slot.has_state:  # a sample's result doesn't depend on the samples before it
                    slot.request.reset_state()
                slot.request.infer(share_outputs=True)  # else all outputs are copied, and thrown away
            except RuntimeError as error:
                message = f"{self.device} failed: {str(error).strip()}"
                raise DeviceError(Diagnostic("infer-failed", message, "load the bundle again")) from None
            return [
                {o.name: self._cut(o, slot.results[o.name][number], row.sizes) for o in self.program.outputs}
                for number, row in enumerate(rows)
            ]

    def _cut(self, output: Output, row: Array, sizes: Mapping[str, int]) -> Array:
        """Copy the valid part of one row of an output."""
        for extent in output.extents:
            valid = extent.of(sizes[extent.dim])
            axis = extent.axis - 1
            start = row.shape[axis] - valid if extent.dim in self._left else 0
            row = row[(*(slice(None),) * axis, slice(start, start + valid))]
        return np.array(row)

    def close(self) -> None:
        """Let go of the device once what is running has ended. A later `infer` is refused."""
        for slot in self._slots.values():
            with slot.lock:
                slot.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _check_fit(program: Program, slots: Mapping[str, _Slot]) -> None:
    """Make sure that what the program says of the models is so: a bundle's manifest may come from anywhere.

    Raises:
        ValueError: it isn't; with the first difference.

    """
    for variant in program.variants:
        slot = slots[variant.name]
        for port in program.inputs:
            found = slot.buffers[port.name]
            if (found.shape, found.dtype) != (variant.shapes.get(port.name), np.dtype(port.dtype)):
                raise ValueError(f"input `{port.name}` is {list(found.shape)} {found.dtype} in variant {variant.name}")
        for output in program.outputs:
            for extent in output.extents:
                if not 0 < extent.axis < slot.results[output.name].ndim or extent.dim not in program.dims:
                    raise ValueError(f"output `{output.name}` has no such axis {extent.axis} or dim `{extent.dim}`")
        if variant.sizes.keys() != program.dims.keys():
            raise ValueError(f"variant {variant.name} doesn't size the program's dims")
    for dim, why, _ in unstitchable(program):
        raise ValueError(f"`{dim}`: {why}")
