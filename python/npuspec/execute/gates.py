"""Hold the gates against what was measured."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from npuspec.diagnostics import Diagnostic
from npuspec.plan.model import Plan


@dataclass(frozen=True, slots=True)
class GateResult:
    """A gate with its figure. `margin` is how far the figure lies above the minimum; below 0 the gate fails."""

    metric: str
    output: str
    of: str
    against: str
    min: float
    value: float
    margin: float
    passed: bool

    def sentence(self) -> str:
        """Return the result in words."""
        verdict = "passed" if self.passed else "FAILED"
        digits = self._digits()
        return (
            f"{self.metric} of {self.of} against {self.against}, {self.output}: "
            f"{self.value:.{digits}f}, at least {self.min:g} wanted ({verdict}, margin {self.margin:+.{digits}f})"
        )

    def _digits(self) -> int:
        """Return how many digits it takes to see on which side of the minimum the figure lies."""
        return next((n for n in range(4, 17) if (round(self.value, n) >= self.min) == self.passed), 17)

    def as_json(self) -> dict[str, Any]:
        """Return plain data for the evidence."""
        return asdict(self)


def hold_gates(plan: Plan, agreement: Mapping[str, Any]) -> tuple[GateResult, ...]:
    """Return every gate's result."""
    rows = {(row["of"], row["against"], row["output"]): row for row in agreement["pairs"]}
    results = []
    for gate in plan.gates:
        value = rows[gate.of, gate.against, gate.output][gate.metric]
        margin = value - gate.min
        results.append(
            GateResult(gate.metric, gate.output, gate.of, gate.against, gate.min, value, margin, margin >= 0)
        )
    return tuple(results)


def failures(results: tuple[GateResult, ...]) -> list[Diagnostic]:
    """Return a fault for each gate that failed."""
    helps = {
        "original": "padding or static shapes change the result: try `buckets`, or a smaller size",
        "static": "quantization changes the result: keep more in floating point, or state model-type",
    }
    return [
        Diagnostic("gate-failed", result.sentence(), helps[result.against]).at(("gates", index))
        for index, result in enumerate(results)
        if not result.passed
    ]
