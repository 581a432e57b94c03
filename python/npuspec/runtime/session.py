"""A model, running: the caller's unpadded arrays in, outputs cut to their valid length out."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import openvino as ov

from npuspec.bundle.program import Program
from npuspec.diagnostics import DeviceError, Diagnostic
from npuspec.runtime.blobs import Origin
from npuspec.runtime.device import executed_on
from npuspec.runtime.feed import Array, check_sample, choose_variant, fill
from npuspec.runtime.fit import check_fit
from npuspec.runtime.overflow import Piece, pieces_of, stitch
from npuspec.runtime.pool import Pool, Slot
from npuspec.runtime.valid import left_dims, valid_part


@dataclass(frozen=True, slots=True)
class _Batch:
    """Pieces that run together, by their numbers, in a slot of a variant."""

    numbers: Sequence[int]
    pool: Pool
    slot: Slot


class Session:
    """Static variants of one model on one device.

    Attributes:
        device: where it runs, `NPU` or `CPU`.
        executed: for each variant what OpenVINO says of that (EXECUTION_DEVICES); anything else is refused.
        notes: what the caller should know: a fallback that was taken, a blob that couldn't be used.
        origins: where each variant's compiled model is from: `blob`, the bundle; `hit`, npuspec's cache; `miss`, it was
            compiled, and is in the cache from now on; `compiled`, it was, and isn't kept.
        program: the model's inputs, outputs and variants.

    Any number of threads may call `infer` and `infer_many`. As many inferences of a variant run at once as the device
    finds best (OPTIMAL_NUMBER_OF_INFER_REQUESTS); others wait.

    """

    def __init__(
        self,
        program: Program,
        models: Mapping[str, ov.CompiledModel],
        *,
        device: str,
        notes: tuple[str, ...] = (),
        origins: Mapping[str, Origin] | None = None,
    ) -> None:
        self.program = program
        self.device = device
        self.notes = notes
        self.origins = dict(origins) if origins is not None else dict.fromkeys(models, "compiled")
        self.executed = {name: executed_on(model) for name, model in models.items()}
        for name, executed in self.executed.items():
            if executed != [device]:
                message = f"variant {name} runs on {', '.join(executed)} and not on {device}"
                help_ = "make the bundle again on this machine: npuspec apply SPEC"
                raise DeviceError(Diagnostic("other-device", message, help_))
        self._pools = {name: Pool(model, program) for name, model in models.items()}
        check_fit(program, {name: pool.first for name, pool in self._pools.items()})
        self._left = left_dims(program.inputs)

    def infer(self, inputs: Mapping[str, Any]) -> dict[str, Array]:
        """Run one sample.

        Args:
            inputs: for each data input an array of the model's dtype, without the batch axis and unpadded. Lengths and
                masks are made here.

        Returns:
            Output name to array, without the batch axis, cut to the sample's valid length; the arrays are the caller's.

        Raises:
            InputError: the sample doesn't fit.
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
            InputError: a sample doesn't fit, and there is no result of any.
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
        rows = self.program.batch
        batches = [(n, numbers[i : i + rows]) for n, numbers in waiting.items() for i in range(0, len(numbers), rows)]
        results: list[dict[str, Array]] = [{} for _ in pieces]
        running: deque[_Batch] = deque()
        try:
            for name, numbers in batches:
                pool = self._pools[name]
                # Who has something running waits for that first, so that no two threads wait for each other.
                while (slot := self._take(pool, running)) is None:
                    self._finish(running.popleft(), pieces, results)
                running.append(_Batch(numbers, pool, slot))
                self._start(slot, [pieces[number] for number in numbers], alone=len(batches) == 1)
            while running:
                self._finish(running.popleft(), pieces, results)
        except BaseException:
            for pool in self._pools.values():
                pool.give_all(running)
            raise
        return results

    def _take(self, pool: Pool, running: deque[_Batch]) -> Slot | None:
        with self._naming_faults():
            return pool.take(running, wait=not running)

    def _start(self, slot: Slot, rows: Sequence[Piece], *, alone: bool) -> None:
        """Start a batch, or run it where there is nothing to be done meanwhile."""
        # Rows that are left over repeat the last sample, so that none is an empty one.
        filling = [rows[-1].arrays] * (self.program.batch - len(rows))
        fill(self.program, slot.buffers, [*(row.arrays for row in rows), *filling])
        with self._naming_faults():
            if slot.has_state:  # a sample's result doesn't depend on the samples before it
                slot.request.reset_state()
            if alone:
                slot.request.infer(share_outputs=True)  # else all outputs are copied, and thrown away
            else:
                slot.request.start_async()

    def _finish(self, batch: _Batch, pieces: Sequence[Piece], results: list[dict[str, Array]]) -> None:
        """Wait for a batch, take its outputs, and give its slot back."""
        with self._naming_faults():
            batch.slot.request.wait()
        for row, number in enumerate(batch.numbers):
            sizes = pieces[number].sizes
            found = batch.slot.results
            results[number] = {
                o.name: np.array(valid_part(found[o.name][row], o.extents, sizes, self._left))
                for o in self.program.outputs
            }
        batch.pool.give(batch.slot)

    @contextmanager
    def _naming_faults(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            message = f"{self.device} failed: {str(error).strip()}"
            code, help_ = "infer-failed", "load the bundle again"
            if self.device == "NPU":
                from npuspec.compilers.messages import find_message  # noqa: PLC0415  only what failed needs it

                if (found := find_message(message)) is not None:
                    code, help_ = found[0].code, found[0].help
            raise DeviceError(Diagnostic(code, message, help_)) from None

    def tell(self, name: str) -> dict[str, Any]:
        """Return what each variant's compiled model says of one of OpenVINO's properties, such as EXECUTION_DEVICES."""
        return {variant: pool.tell(name) for variant, pool in self._pools.items()}

    def close(self) -> None:
        """Let go of the device once what is running has ended. A later `infer` is refused."""
        for pool in self._pools.values():
            pool.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
