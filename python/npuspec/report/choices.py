"""Accuracy against latency: which candidates are worth a choice."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from npuspec.compilers import kernels
from npuspec.execute.evidence import Evidence
from npuspec.report.model import Candidate, Choice
from npuspec.spec.models import METRICS
from npuspec.tune.model import Report as Tuned

_ESTIMATED = "us of the largest variant, estimated"
_UNLIKE = "These estimates count different operations as nothing, so two that are close can't be ranked."


def choices_of(evidence: Evidence, timings: Mapping[str, Any]) -> Iterator[Choice]:
    """Yield what the evidence holds side by side: the precisions as measured and as estimated, and the mixes tried."""
    quantization = evidence.quantization or {}
    compared = quantization.get("compared") or []
    accuracies = {row["precision"]: _least(row["agreement"]) for row in compared}
    ships = compared[-1]["precision"] if compared else ""
    on = "the least agreement of any output with the original's, on samples that calibrated nothing"
    if "compare" in timings:
        ratios = timings["compare"]["latency"]
        rows = [_candidate(name, accuracy, ratios[name], ships) for name, accuracy in accuracies.items()]
        yield from _choice("Precisions, measured", on, "multiples of the original's, on the CPU", rows)
    estimates = [row for row in evidence.estimates if row["precision"] in accuracies]
    for platform in dict.fromkeys(row["platform"] for row in estimates):
        # The largest variant is the last one, and the only one that is compiled in several precisions.
        found = {row["precision"]: row for row in estimates if row["platform"] == platform}
        rows = [_candidate(name, accuracies[name], row["latency_us"], ships) for name, row in found.items()]
        title = f"Precisions, estimated for NPU {platform}"
        yield from _choice(title, on, _ESTIMATED, rows, _note(found.values()))
    tried = [point for point in (quantization.get("mixed") or {}).get("curve", ()) if "estimated" in point]
    rows = [
        _candidate(f"{point['share']:.0%} in INT8", share, point["estimated"]["latency_us"], "")
        for point in tried
        if (share := _share(point["figures"])) is not None
    ]
    on = "the least agreement that a gate asks for, on the samples that calibrate"
    note = _note(point["estimated"] for point in tried)
    yield from _choice("Mixes that were tried, estimated", on, _ESTIMATED, rows, note)


def choice_of_tuned(tuned: Tuned) -> Iterator[Choice]:
    """Yield the candidates of `npuspec tune` whose answers and costs are both known."""
    rows = [
        Candidate(row.name, row.agreement, row.latency_us, number == tuned.chosen)
        for number, row in enumerate(tuned.rows)
        if row.agreement is not None and row.latency_us is not None
    ]
    where = f"estimated for NPU {tuned.platform}" if tuned.platform else f"measured on {tuned.device}"
    note = _UNLIKE if len({row.uncosted for row in tuned.rows if row.latency_us is not None}) > 1 else ""
    on = "the least share of frames in which what ships agrees with the original, of all outputs"
    yield from _choice(f"Candidates of tuning, {where}", on, "us of a request", rows, note, "chosen")


def best_of(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Mark the candidates that no other beats, in the order of their latency."""
    found: list[Candidate] = []
    highest = float("-inf")
    for candidate in sorted(candidates, key=lambda c: (c.latency, -c.accuracy)):
        found.append(replace(candidate, best=candidate.accuracy > highest))
        highest = max(highest, candidate.accuracy)
    return tuple(found)


def _choice(
    title: str, accuracy: str, latency: str, rows: Iterable[Candidate | None], note: str = "", taken: str = "ships"
) -> Iterator[Choice]:
    known = [row for row in rows if row is not None]
    if len(known) > 1:
        yield Choice(title, accuracy, latency, best_of(known), note, taken)


def _candidate(name: str, accuracy: float, latency: float | None, ships: str) -> Candidate | None:
    return None if latency is None else Candidate(name, accuracy, float(latency), name == ships)


def _note(estimates: Iterable[Mapping[str, Any]]) -> str:
    left_out = {kernels(row["uncosted_operations"]) for row in estimates}
    return _UNLIKE if len(left_out) > 1 else ""


def _share(figures: Mapping[str, float]) -> float | None:
    """Return the least agreement among the figures of gates, where any is a share."""
    found = [figure for subject, figure in figures.items() if METRICS.get(subject.split()[0]) == "agreement"]
    return min((figure for figure in found if 0 <= figure <= 1), default=None)


def _least(agreement: Mapping[str, Any]) -> float:
    return min(float(figures["frame-agreement"]) for figures in agreement.values())
