"""A model, running: the caller's unpadded arrays in, outputs cut to their valid length out."""

from collections.abc import Mapping
from threading import Lock
from types import TracebackType
from typing import Any

import numpy as np
import openvino as ov

from npuspec.bundle.program import DataInput, Output, Program
from npuspec.diagnostics import Diagnostic, InputError
from npuspec.runtime.feed import Array, check_sample, choose_variant, fill


class _Slot:
    """One static variant with one infer request, and views of the memory that OpenVINO reads its inputs from."""

    def __init__(self, compiled: ov.CompiledModel, program: Program) -> None:
        self.request = compiled.create_infer_request()
        self.buffers = {i.name: self.request.get_tensor(i.name).data for i in program.inputs}
        self.lock = Lock()
        self.closed = False

    def close(self) -> None:
        """Free the request and its memory, once."""
        if not self.closed:
            self.closed = True
            self.buffers = {}
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

        """
        sample, sizes = check_sample(self.program, inputs)
        variant = choose_variant(self.program, sizes)
        slot = self._slots[variant.name]
        with slot.lock:
            if slot.closed:
                raise InputError(Diagnostic("session-closed", "this session is closed", "load the bundle again"))
            # A batch has a row for each sample: a single one fills them all, so that no row is an empty sample.
            fill(self.program, slot.buffers, [sample] * self.program.batch)
            slot.request.infer()
            return {o.name: self._cut(o, slot.request.get_tensor(o.name).data[0], sizes) for o in self.program.outputs}

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
