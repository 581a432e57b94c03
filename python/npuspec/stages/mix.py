"""Keep the most harmful blocks in floating point, and no more of them than the gates need."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import openvino as ov

from npuspec.child import Progress
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.facts.inspect import read_model
from npuspec.plan.model import PlannedGate
from npuspec.runtime.feed import Array
from npuspec.stages import HARM, MIXED, MODEL
from npuspec.stages.calibration import read_fitting, spread
from npuspec.stages.judge import Judge, Judgement
from npuspec.stages.placed import Checked
from npuspec.stages.quantize import every_operation, number_nameless
from npuspec.stages.rank import Switched
from npuspec.stages.request import Request
from npuspec.stages.switched import put_back

_MOST_SAMPLES = 64  # that a mix is judged by


def run(arguments: Mapping[str, Any], progress: Progress) -> None:
    """Write model.xml, model.bin, and mixed.json: what stays floating point, and the curve that it was chosen from."""
    request = Request.of(arguments)
    chosen: list[str] | None = arguments.get("chosen")
    curve: list[dict[str, Any]] = []
    if chosen is None:
        chosen, curve = _choose(request, progress)
    core = ov.Core()
    original, quantized = (read_model(core, folder / MODEL) for folder in request.inputs[:2])
    _check(chosen, original)
    named = {operation.get_friendly_name() for operation in every_operation(quantized)}
    left = put_back(quantized, original, {*chosen})
    number_nameless(quantized, named)
    request.write_model(quantized)
    request.write_json(MIXED, {"keep": sorted(chosen), "curve": curve, "quantized_operations": left})


def _check(chosen: Sequence[str], original: ov.Model) -> None:
    """Refuse a choice that names what isn't there.

    Raises:
        StageError: `unknown-operation`.

    """
    there = {operation.get_friendly_name() for operation in original.get_ops()}
    if missing := [f"`{name}`" for name in chosen if name not in there]:
        message = f"the mix in the lock keeps what the model has no operation of: {', '.join(missing)}"
        raise StageError(
            Diagnostic("unknown-operation", message, "take [mixed] out of the lock: it is searched for anew")
        )


def _choose(request: Request, progress: Progress) -> tuple[list[str], list[dict[str, Any]]]:
    """Try more and more of the most harmful blocks until the gates hold, then fewer, as long as they do.

    Raises:
        StageError: `no-mix`: not even the model in floating point meets the gates.

    """
    switched = Switched.load(request)
    samples = spread(read_fitting(request, request.program, "calibration").samples, _MOST_SAMPLES)
    trial = _Trial(request, switched, samples, progress)
    steps = [*_ladder(len(switched.blocks))]
    reached = next((n for n, count in enumerate(steps) if trial.holds(count)), None)
    if reached is None:
        raise StageError(_no_mix(trial.judge.gates, trial.found[steps[-1]]))
    least = steps[reached - 1] + 1 if reached else 0
    count = bisect_left(range(least, steps[reached]), True, key=trial.holds) + least
    return trial.kept(count), [trial.row(n) for n in sorted(trial.found)]


def _ladder(most: int) -> Iterator[int]:
    """Yield 0, 1, 2, 3, 5, 8, … below `most`, then `most`."""
    count, following = 0, 1
    while count < most:
        yield count
        count, following = following, max(count + following, following + 1)
    yield most


class _Trial:
    """What was tried: how the samples come out with the first so many blocks of the ranking in floating point."""

    def __init__(self, request: Request, switched: Switched, samples: Sequence[Checked], progress: Progress) -> None:
        self._switched, self._samples, self._progress = switched, samples, progress
        self._harm = request.read_json(2, HARM)
        place = {block.operations: number for number, block in enumerate(switched.blocks)}
        self._order = [place[tuple(block["operations"])] for block in self._harm]
        self._original = [self._infer(sample, len(self._order)) for sample in samples]
        self.judge = Judge.of(request)
        self.found: dict[int, Judgement] = {}

    def holds(self, count: int) -> bool:
        """Tell whether the gates hold."""
        if count not in self.found:
            self.judge.begin()
            for number, (sample, original) in enumerate(zip(self._samples, self._original, strict=True), 1):
                self.judge.add(sample.name, self._infer(sample, count), original)
                self._progress(number, len(self._samples))
            self.found[count] = self.judge.end()
        return self.found[count].holds

    def kept(self, count: int) -> list[str]:
        """Return the operations that stay floating point."""
        return [name for block in self._harm[:count] for name in block["operations"]]

    def row(self, count: int) -> dict[str, Any]:
        """Return a point of the curve."""
        every = sum(len(block["operations"]) for block in self._harm)
        kept = len(self.kept(count))
        return {"kept": kept, "share": 1 - kept / (every or 1), "figures": self.found[count].figures}

    def _infer(self, sample: Checked, count: int) -> dict[str, Array]:
        quantized = np.ones(len(self._order), bool)
        quantized[self._order[:count]] = False
        return self._switched.infer(sample, quantized)


def _no_mix(gates: Sequence[PlannedGate], found: Judgement) -> Diagnostic:
    figures = "; ".join(f"{gate.subject}: {found.figures[gate.subject]:.4g}, {gate.limits} wanted" for gate in gates)
    message = f"not even in floating point do the calibration samples meet the gates: {figures}"
    return Diagnostic("no-mix", message, "state limits that the original model meets")
