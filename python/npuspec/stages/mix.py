"""Keep in floating point what isn't faster in INT8, and of the rest the most harmful, no more than the gates need."""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from math import nan
from typing import Any

import openvino as ov
from openvino._offline_transformations import compress_model_transformation

from npuspec.child import Progress
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.diagnostics.suggest import did_you_mean
from npuspec.stages import GAIN, HARM, MIXED, MODEL
from npuspec.stages.calibration import dynamic, read_fitting, spread
from npuspec.stages.judge import Judge, Judgement
from npuspec.stages.quantize import every_operation, number_nameless
from npuspec.stages.ranges import ruined_ranges
from npuspec.stages.request import Request
from npuspec.stages.shape import read_fixed
from npuspec.stages.switched import put_back, twins

_RANKED = 3  # inputs, before that which says what gains
_MOST_SAMPLES = 64  # that a mix is judged by


def run(arguments: Mapping[str, Any], progress: Progress) -> None:
    """Write model.xml, model.bin, and mixed.json: what stays in FP16, and the curve that it was chosen from."""
    request = Request.of(arguments)
    chosen: list[str] | None = arguments.get("chosen")
    curve: list[dict[str, Any]] = []
    if chosen is None:
        chosen, curve = _choose(request, progress)
    else:
        _check(chosen, *(read_fixed(ov.Core(), folder, request.program) for folder in request.inputs[:2]))
    mixed, left = mix(request, ov.Core(), chosen)
    traps = ruined_ranges(mixed)
    request.write_model(mixed)
    request.write_json(MIXED, {"keep": sorted(chosen), "curve": curve, "quantized_operations": left, "traps": traps})


def _check(chosen: Collection[str], original: ov.Model, quantized: ov.Model) -> None:
    """Refuse a choice of what isn't quantized.

    Raises:
        StageError: `unknown-operation` for each.

    """
    known = {twin.name for twin in twins(quantized, original)}
    if unknown := [name for name in chosen if name not in known]:
        raise StageError(_unknown(name, known) for name in unknown)


def _unknown(name: str, known: Collection[str]) -> Diagnostic:
    message = f"[mixed] in the lock keeps `{name}`, and no quantized operation has that name"
    helps = ("take [mixed] out of the lock, and what to keep is searched for anew", did_you_mean(name, known))
    return Diagnostic("unknown-operation", message, "; ".join(filter(None, helps)))


def mix(request: Request, core: ov.Core, kept: Collection[str]) -> tuple[ov.Model, int]:
    """Return the quantized model with operations in floating point again, and how many are still quantized."""
    original, quantized = (read_fixed(core, folder, request.program) for folder in request.inputs[:2])
    compress_model_transformation(original)  # OpenVINO does it to no model of which a part has integers
    named = {operation.get_friendly_name() for operation in every_operation(quantized)}
    left = put_back(quantized, original, {*kept})
    number_nameless(quantized, named)
    return quantized, left


def ranking(harm: Sequence[Mapping[str, Any]], gain: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the blocks, those first that are kept first: what gains nothing by INT8, then what harms the most."""
    floating = {*gain["floating"]}
    return sorted(harm, key=lambda block: not floating.issuperset(block["operations"]))


def _choose(request: Request, progress: Progress) -> tuple[list[str], list[dict[str, Any]]]:
    """Try more and more of the blocks that are kept first until the gates hold, then fewer, as long as they do.

    Raises:
        StageError: `no-mix`: not even the model in floating point meets the gates.

    """
    trial = _Trial(request, progress)
    steps = [trial.least + step for step in _ladder(trial.most - trial.least)]
    reached = next((n for n, count in enumerate(steps) if trial.holds(count)), None)
    if reached is None:
        raise StageError(trial.no_mix())
    least = steps[reached - 1] + 1 if reached else trial.least
    count = bisect_left(range(least, steps[reached]), True, key=trial.holds) + least
    return trial.kept(count), trial.curve()


def _ladder(most: int) -> Iterator[int]:
    """Yield 0, 1, 2, 4, 8, … below `most`, then `most`."""
    count = 0
    while count < most:
        yield count
        count = max(1, 2 * count)
    yield most


class _Trial:
    """What was tried: how the samples come out with the first so many blocks of the ranking in floating point.

    Gates hold if they do on all samples and on each half of them, since the samples are few and others are to come.

    Attributes:
        least: how many blocks are kept whatever the gates ask for.
        most: how many there are.

    """

    def __init__(self, request: Request, progress: Progress) -> None:
        self._request, self._progress, self._core = request, progress, ov.Core()
        self._samples = spread(read_fitting(request, request.program, "calibration").samples, _MOST_SAMPLES)
        gain = request.read_json(3, GAIN) if len(request.inputs) > _RANKED else {"floating": []}  # no platform is named
        self._order = ranking(request.read_json(2, HARM), gain)
        self.most = len(self._order)
        self.least = sum(1 for block in self._order if {*block["operations"]} <= {*gain["floating"]})
        original = dynamic(request, self._core, request.inputs[0] / MODEL)
        self._original = [original.infer(sample) for sample in self._samples]
        self._judges = [Judge(request, request.parameters["samples"]["calibration"]) for _ in range(3)]
        self._found: dict[int, list[Judgement]] = {}

    def holds(self, count: int) -> bool:
        """Tell whether the gates hold."""
        if count not in self._found:
            self._found[count] = self._judge(count)
        return all(judgement.holds for judgement in self._found[count])

    def _judge(self, count: int) -> list[Judgement]:
        mixed, _ = mix(self._request, self._core, self.kept(count))
        model = dynamic(self._request, self._core, mixed)
        every, *halves = self._judges
        for judge in self._judges:
            judge.begin()
        for number, (sample, original) in enumerate(zip(self._samples, self._original, strict=True)):
            outputs = model.infer(sample)
            for judge in (every, halves[number % 2]):
                judge.add(sample.name, outputs, original)
            self._progress(number + 1, len(self._samples))
        return [judge.end() for judge in (self._judges if len(self._samples) > 1 else (every,))]

    def kept(self, count: int) -> list[str]:
        """Return the operations that stay floating point."""
        return [name for block in self._order[:count] for name in block["operations"]]

    def curve(self) -> list[dict[str, Any]]:
        """Return what was tried, the most of INT8 first."""
        every = len(self.kept(self.most))
        return [
            {
                "kept": len(self.kept(count)),
                "share": (every - len(self.kept(count))) / every if every else 0.0,
                "figures": self._found[count][0].figures,
            }
            for count in sorted(self._found)
        ]

    def no_mix(self) -> Diagnostic:
        """Return the fault that the gates ask for too much."""
        figures = self._found[self.most][0].figures
        gates = self._judges[0].gates
        told = "; ".join(
            f"{gate.subject}: {figures.get(gate.subject, nan):.4g}, {gate.limits} wanted" for gate in gates
        )
        message = f"not even in floating point do the calibration samples meet the gates: {told}"
        return Diagnostic("no-mix", message, "state limits that the original model meets")
