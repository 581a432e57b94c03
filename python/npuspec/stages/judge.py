"""Hold the gates on quantized models against a model whose lengths are free, before anything is made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from msgspec import convert, to_builtins

from npuspec.plan.model import PlannedGate, margin, task_key
from npuspec.runtime.feed import Array
from npuspec.spec.models import ACCURACIES
from npuspec.stages.agreement import Agreement, measure_tried
from npuspec.stages.request import Request
from npuspec.stages.tasks import Tasks


@dataclass(frozen=True, slots=True)
class Judgement:
    """The figure of each gate, by what it measures, and whether all lie within their limits."""

    figures: dict[str, float]
    """Without those of functions that were given nothing, as an output held NaN."""
    holds: bool
    accuracy: float
    """The worst of the figures that are at their best at 1, an error rate's distance from 1 among them."""


class Judge:
    """Collects what a model gives, and what the original gives, sample by sample.

    A model that gives NaN where the original doesn't is as far off as can be, and holds no gate. That is no fault, as
    it is only tried: another may do.

    Attributes:
        gates: those that are held. Padding and batches aren't part of it, so `static` and `original` are the same here.

    """

    def __init__(self, request: Request, samples: Sequence[str]) -> None:
        """Take the stage's gates.

        Args:
            request: what the stage is asked to do.
            samples: all of the plan's that it reads, in the plan's order.

        """
        self.gates = tuple(convert(gate, PlannedGate) for gate in request.parameters["gates"])
        self._tasks = Tasks(request, samples)
        self.begin()

    def begin(self) -> None:
        """Forget what was added, and nothing of what was read to judge it by."""
        self._agreements = {str(gate.output): Agreement() for gate in self.gates if gate.against is not None}
        self._tasks.begin()
        self._is_broken = False

    def add(self, sample: str, outputs: Mapping[str, Array], original: Mapping[str, Array]) -> None:
        """Add a sample's outputs."""
        for name, total in self._agreements.items():
            total.add(measure_tried(outputs[name], original[name], f"`{sample}`, output `{name}`"))
        is_wrong = any(np.isnan(outputs[name]).any() and not np.isnan(original[name]).any() for name in outputs)
        self._is_broken |= is_wrong
        for model in {str(gate.of) for gate in self.gates}:
            if is_wrong:
                self._tasks.miss(model, sample)
            else:
                self._tasks.add(model, sample, outputs)
        self._tasks.add("original", sample, original)

    def end(self) -> Judgement:
        """Return the figures of all that was added."""
        agreements = {name: total.figures() for name, total in self._agreements.items()}
        tasks = {task_key(row, row["of"]): row for row in self._tasks.rows()}
        figures, holds, accuracies = {}, not self._is_broken, [0.0 if self._is_broken else 1.0]
        for gate in self.gates:
            original = None
            if gate.against is not None:
                figure = float(agreements[str(gate.output)][gate.metric])
            else:
                row = tasks[task_key(to_builtins(gate), str(gate.of))]
                figure, original = row["figure"], row["original"]
            if not isnan(figure):
                figures[gate.subject] = figure
            holds &= margin(gate, figure, original) >= 0
            if gate.metric in ACCURACIES:
                accuracies.append(1 - figure if gate.metric.endswith("error-rate") else figure)
        return Judgement(figures, holds, min(accuracies))
