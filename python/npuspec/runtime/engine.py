"""A program's variants on one device: a batch of samples in, outputs cut to their valid length out."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

import openvino as ov

from npuspec import _native
from npuspec.bundle.program import Program
from npuspec.diagnostics import DeviceError, Diagnostic, InputError
from npuspec.runtime.blobs import Origin
from npuspec.runtime.device import executed_on
from npuspec.runtime.feed import Array
from npuspec.runtime.fill import Filler
from npuspec.runtime.fit import check_fit
from npuspec.runtime.overflow import Fit, Piece
from npuspec.runtime.pool import Pool, Slot
from npuspec.runtime.valid import left_dims, valid_slices

log = logging.getLogger("npuspec")

DEBUG_VARIABLE = "NPUSPEC_DEBUG"


class DeviceFailed(RuntimeError):  # noqa: N818  what failed is the device
    """A device failed, with what it said; an overflow of Python's stack is a RuntimeError, too, and none of these."""


@dataclass(slots=True)
class Ran:
    """What a batch gave, and how long that took."""

    outputs: list[dict[str, Array]]
    """For each piece its outputs, without the batch axis, cut to their valid length."""
    device: str
    """Where it ran."""
    rows: int
    """How many pieces it had."""
    waited: int
    """For a free infer request, in ns."""
    padded: int
    """Writing the inputs, in ns."""
    inferred: int
    """In ns."""
    cut: int
    """Copying the outputs, in ns."""


class Engine:
    """A compiled model for each variant, with its infer requests; for any threads.

    Attributes:
        program: what the models take and give.
        device: where it runs, `NPU` or `CPU`.
        executed: for each variant what OpenVINO says of that (EXECUTION_DEVICES); anything else is refused.
        notes: what the caller should know.
        origins: where each variant's compiled model is from.
        most: how many batches of a variant may be under way.
        lane: runs samples one at a time in one native call, with the infer request that a variant begins with, while
            that is whole; None where the program isn't plain enough, with NPUSPEC_DEBUG, and once the engine is closed.

    Args:
        program: what the models take and give.
        models: variant to compiled model.
        device: where they are to run.
        notes: what the caller should know.
        origins: where each variant's compiled model is from.
        requests: how many infer requests each variant has; None for what the device finds best, and one.

    Raises:
        DeviceError: `other-device`.
        ValueError: the program isn't that of the models.

    """

    def __init__(
        self,
        program: Program,
        models: Mapping[str, ov.CompiledModel],
        *,
        device: str,
        notes: tuple[str, ...] = (),
        origins: Mapping[str, Origin] | None = None,
        requests: int | None = None,
    ) -> None:
        self.device = device
        self.notes = notes
        self.origins: dict[str, Origin] = dict(origins) if origins is not None else dict.fromkeys(models, "compiled")
        self.executed = {name: executed_on(model) for name, model in models.items()}
        for name, executed in self.executed.items():
            if executed != [device]:
                message = f"variant {name} runs on {', '.join(executed)} and not on {device}"
                help_ = "make the bundle again on this machine: npuspec apply SPEC"
                raise DeviceError(Diagnostic("other-device", message, help_))
        self.pools = {name: Pool(model, program, requests) for name, model in models.items()}
        check_fit(program, {name: pool.first for name, pool in self.pools.items()})
        self.most = max(pool.most for pool in self.pools.values())
        self.program = program
        self._fill_in = Filler(program)
        self._left = left_dims(program.inputs)
        self._debug = bool(os.environ.get(DEBUG_VARIABLE))
        self.lane = None if self._debug else _native.Lane.of(device, program, self.pools)

    def run(self, variant: str, pieces: Sequence[Piece], *, alone: bool = False, copy: bool = True) -> Ran:
        """Run one batch.

        Args:
            variant: its name.
            pieces: as many as the batch has rows, or fewer.
            alone: whether nothing else is likely to run meanwhile: the calling thread then takes part in the inference.
            copy: whether outputs are arrays of the caller's own, or show the infer request's memory.

        Raises:
            PoolClosed: this engine has been closed.
            InputError: `not-finite`; with NPUSPEC_DEBUG `outputs-held`.
            DeviceFailed: it did.

        """
        pool, begin = self.pools[variant], perf_counter_ns()
        try:
            with pool.turn() as turn:
                slot = pool.take(turn)
                taken = perf_counter_ns()
                self._fill(slot, pieces)
                filled = perf_counter_ns()
                if alone:
                    slot.request.infer(share_outputs=True)  # else all outputs are copied, and thrown away
                else:
                    slot.request.start_async()
                    slot.request.wait()
                inferred = perf_counter_ns()
                outputs = [self._cut(slot, row, piece.fit, copy=copy) for row, piece in enumerate(pieces)]
        except RecursionError:
            raise
        except RuntimeError as error:
            raise DeviceFailed(*error.args) from None
        cut = perf_counter_ns()
        return Ran(outputs, self.device, len(pieces), taken - begin, filled - taken, inferred - filled, cut - inferred)

    def _fill(self, slot: Slot, pieces: Sequence[Piece]) -> None:
        if slot.leases:
            if self._debug and any(lease() is not None for lease in slot.leases):
                message = "outputs of an earlier `copy=False` are still held, and would be overwritten"
                help_ = "let go of them before the session infers again, or copy what is to stay"
                raise InputError(Diagnostic("outputs-held", message, help_))
            slot.leases.clear()
        rows = [piece.arrays for piece in pieces]
        if len(rows) < self.program.batch:  # the last sample is repeated, so that no row is an empty one
            rows += rows[-1:] * (self.program.batch - len(rows))
        self._fill_in(slot.buffers, rows)
        if slot.has_state:  # a sample's result doesn't depend on the samples before it
            slot.request.reset_state()

    def _cut(self, slot: Slot, row: int, fit: Fit, *, copy: bool) -> dict[str, Array]:
        if (cuts := fit.cuts) is None:
            cuts = fit.cuts = [
                (o.name, (*valid_slices(slot.results[o.name].shape[1:], o.extents, fit.sizes, self._left), ...))
                for o in self.program.outputs
            ]
        if copy:
            return {name: slot.results[name][row][index].copy() for name, index in cuts}
        return {name: slot.lend(slot.results[name])[row][index] for name, index in cuts}

    def works(self, variant: str) -> bool:
        """Tell whether a variant still runs, by running it on whatever stands in an infer request's inputs."""
        pool = self.pools[variant]
        try:
            with pool.turn() as turn:
                pool.take(turn).request.infer(share_outputs=True)
        except RecursionError:
            raise
        except RuntimeError:
            return False
        return True

    def tell(self, name: str) -> dict[str, Any]:
        """Return what each variant's compiled model says of one of OpenVINO's properties."""
        return {variant: pool.model().get_property(name) for variant, pool in self.pools.items()}

    def set(self, properties: Mapping[str, Any]) -> None:
        """Change properties of all compiled models; of none, where the device doesn't take one: RuntimeError."""
        before: list[tuple[ov.CompiledModel, str, Any]] = []
        try:
            for model in [pool.model() for pool in self.pools.values()]:
                for name, value in properties.items():
                    old = model.get_property(name)
                    model.set_property({name: value})
                    before.append((model, name, old))
        except BaseException:
            for model, name, old in reversed(before):
                try:
                    model.set_property({name: old})
                except RuntimeError as error:
                    log.error("%s keeps %s: %s", self.device, name, error)  # noqa: TRY400  it isn't what is raised
            raise

    def close(self) -> None:
        """Refuse later batches; let go of the device once what runs has ended."""
        self.lane = None  # which keeps infer requests
        for pool in self.pools.values():
            pool.close()

    def join(self) -> None:
        """Wait until nothing runs in a closed engine."""
        for pool in self.pools.values():
            pool.join()
