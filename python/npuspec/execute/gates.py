"""Hold the gates against what was measured."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import inf, isnan
from typing import Any

from npuspec.diagnostics import Diagnostic
from npuspec.plan.model import Plan, PlannedGate


@dataclass(frozen=True, slots=True)
class GateResult:
    """A gate with its figure. `margin` is how far the figure lies inside its limits; below 0 the gate fails."""

    metric: str
    output: str
    of: str
    against: str
    min: float | None
    max: float | None
    value: float
    margin: float
    passed: bool

    def sentence(self) -> str:
        """Return the result in words."""
        verdict = "passed" if self.passed else "FAILED"
        digits = self._digits()
        wanted = [f"at least {self.min:g}"] if self.min is not None else []
        wanted += [f"at most {self.max:g}"] if self.max is not None else []
        return (
            f"{self.metric} of {self.of} against {self.against}, {self.output}: "
            f"{self.value:.{digits}f}, {' and '.join(wanted)} wanted ({verdict}, margin {self.margin:+.{digits}f})"
        )

    def _digits(self) -> int:
        """Return how many digits it takes to see on which side of its limits the figure lies."""
        return next((n for n in range(4, 17) if (_margin(round(self.value, n), self) >= 0) == self.passed), 17)

    def as_json(self) -> dict[str, Any]:
        """Return plain data for the evidence."""
        return asdict(self)


def hold_gates(plan: Plan, agreement: Mapping[str, Any]) -> tuple[GateResult, ...]:
    """Return every gate's result."""
    rows = {(row["of"], row["against"], row["output"]): row for row in agreement["pairs"]}
    results = []
    for gate in plan.gates:
        of, against, output = str(gate.of), str(gate.against), str(gate.output)
        value = rows[of, against, output][gate.metric]
        margin = _margin(value, gate)
        results.append(
            GateResult(gate.metric, output, of, against, gate.min, gate.max, value, margin, passed=margin >= 0)
        )
    return tuple(results)


def _margin(value: float, limits: PlannedGate | GateResult) -> float:
    if isnan(value):  # lies within no limits, though it compares as if it might
        return -inf
    above = value - limits.min if limits.min is not None else inf
    below = limits.max - value if limits.max is not None else inf
    return min(above, below)


def failures(results: tuple[GateResult, ...], written: tuple[PlannedGate, ...] = ()) -> list[Diagnostic]:
    """Return a fault for each gate that failed, at its place among the gates of the spec where those are given."""
    helps = {
        "original": "padding or static shapes change the result: try `buckets`, or a smaller size",
        "static": "quantization changes the result: keep more in floating point, or state model-type",
    }
    return [
        Diagnostic("gate-failed", result.sentence(), helps[result.against]).at(("gates", *_place(result, written)))
        for result in results
        if not result.passed
    ]


def _place(result: GateResult, written: tuple[PlannedGate, ...]) -> list[int]:
    """Return the index of the gate; where one is written twice, both fail alike and the first is meant."""
    content = (result.metric, result.output, result.of, result.against, result.min, result.max)
    return [i for i, g in enumerate(written) if (g.metric, g.output, g.of, g.against, g.min, g.max) == content][:1]
