"""Hold the gates on quantized models against a model at the samples' true lengths, before anything is made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from npuspec.plan.model import PlannedGate
from npuspec.runtime.feed import Array
from npuspec.stages.agreement import Agreement, measure
from npuspec.stages.request import Request

ACCURACIES = ("accuracy", "character-error-rate", "cosine", "frame-agreement", "top-1-agreement", "word-error-rate")
"""Metrics that say how much of a whole is right, or wrong."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The figure of each gate, by what it measures, and whether all lie within their limits."""

    figures: dict[str, float]
    holds: bool
    accuracy: float
    """The worst of the figures that are at their best at 1, an error rate's distance from 1 among them."""


class Judge:
    """Collects what a model gives, and what the original gives, sample by sample.

    Attributes:
        gates: those that are held. Padding and batches aren't part of it, so `static` and `original` are the same here.

    """

    def __init__(self, gates: tuple[PlannedGate, ...]) -> None:
        self.gates = gates
        self._agreements: dict[str, Agreement] = {}
        self._is_broken = False

    @classmethod
    def of(cls, request: Request) -> "Judge":
        """Make one of a stage's parameters."""
        return cls(tuple(PlannedGate.model_validate(gate) for gate in request.parameters["gates"]))

    def begin(self) -> None:
        """Forget what was collected."""
        self._is_broken = False
        self._agreements = {str(gate.output): Agreement() for gate in self.gates}

    def add(self, sample: str, outputs: Mapping[str, Array], original: Mapping[str, Array]) -> None:
        """Add a sample's outputs."""
        for name, total in self._agreements.items():
            total.add(tried(outputs[name], original[name], f"`{sample}`, output `{name}`"))
            self._is_broken |= bool(np.isnan(outputs[name]).any())

    def end(self) -> Judgement:
        """Return the figures of all that was added."""
        told = {name: total.figures() for name, total in self._agreements.items()}
        figures = {gate.subject: float(told[str(gate.output)][gate.metric]) for gate in self.gates}
        holds = not self._is_broken and all(_lies_within(gate, figures[gate.subject]) for gate in self.gates)
        accuracies = [_accuracy(gate.metric, figures[gate.subject]) for gate in self.gates if gate.metric in ACCURACIES]
        return Judgement(figures, holds, min(accuracies, default=1.0))


def tried(of: Array, against: Array, where: str) -> Agreement:
    """Compare one output of a model that is only tried, and may be wrong altogether; see `measure`.

    One that holds NaN is as far apart as can be: its frames disagree, and its noise is infinite.
    """
    if np.isnan(of).any():
        opposite = measure(-against, against, where)
        return replace(opposite, agreeing=0, noise=inf, max_abs_difference=float(np.finfo(np.float64).max))
    return measure(of, against, where)


def _accuracy(metric: str, figure: float) -> float:
    return 1 - figure if metric.endswith("error-rate") else figure


def _lies_within(gate: PlannedGate, figure: float) -> bool:
    return (gate.min is None or figure >= gate.min) and (gate.max is None or figure <= gate.max)
