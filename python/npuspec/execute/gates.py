"""Hold the gates against what was measured."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from math import isnan, nan
from typing import Any

from msgspec import to_builtins

from npuspec.diagnostics import Diagnostic
from npuspec.plan.model import Plan, PlannedGate, limits_in_words, margin, task_key


@dataclass(frozen=True, slots=True)
class GateResult:
    """A gate with its figure. `margin` is how far the figure lies inside its limits; below 0 the gate fails.

    Where nothing was compared, for one as no sample falls into its variant, the figure is NaN and the gate fails. A
    gate on a task is `against` nothing, and has the `original`'s figure beside its own: if it is compared
    `with-original`, its limits are for the distance of the two.
    """

    metric: str
    output: str
    of: str | None
    against: str | None
    min: float | None
    max: float | None
    value: float
    margin: float
    passed: bool
    variant: str | None = None
    compared: str | None = None
    original: float | None = None
    function: str | None = None

    @property
    def subject(self) -> str:
        """What was measured, and of what."""
        where = f" in variant {self.variant}" if self.variant else ""
        beside = f" against {self.against}" if self.against else ""
        output = f", {self.output}" if self.output else ""
        return f"{self.function or self.metric} of {self.of}{beside}{output}{where}"

    @property
    def missing(self) -> str:
        """Why there is no figure; "" where there may be one, though no number."""
        return "no validation sample falls into this variant" if isnan(self.value) and self.variant else ""

    def sentence(self) -> str:
        """Return the result in words."""
        if self.missing:
            return f"{self.subject}: not measured, as {self.missing} (FAILED)"
        verdict = "passed" if self.passed else "FAILED"
        digits = self._digits()
        original = f" (original {_shown(self.original, digits)})" if self.original is not None else ""
        wanted = limits_in_words(self.min, self.max, is_distance=self.compared == "with-original")
        return (
            f"{self.subject}: {_shown(self.value, digits)}{original}, {wanted} wanted "
            f"({verdict}, margin {'+' * (self.margin >= 0)}{_shown(self.margin, digits)})"
        )

    def _digits(self) -> int:
        """Return how many digits it takes to see on which side of its limits the figure lies."""
        sides = (n for n in range(4, 17) if self.passes_with(partial(round, ndigits=n)) == self.passed)
        return next(sides, 17)

    def passes_with(self, shorten: Callable[[float], float]) -> bool:
        """Tell whether its figures pass where they are shortened."""
        return margin(self, shorten(self.value), None if self.original is None else shorten(self.original)) >= 0

    @property
    def is_of_quantized(self) -> bool:
        """Whether it is the answers of what is quantized, where anything is."""
        return self.of not in ("static", None)

    def advice(self) -> str:
        """Return what to do where it fails and nothing more is known of the reason."""
        return _HELPS[self.against or _MADE_OF[str(self.of)]]

    def as_json(self) -> dict[str, Any]:
        """Return plain data for the evidence."""
        return asdict(self)


def _shown(value: float, digits: int) -> str:
    """Return a figure with so many digits behind the point, or in powers of ten where these would all be 0."""
    return f"{value:.1e}" if 0 < abs(value) < 10.0**-digits else f"{value:.{digits}f}"


def hold_gates(
    plan: Plan, agreement: Mapping[str, Any], budgets: Mapping[PlannedGate, GateResult] | None = None
) -> tuple[GateResult, ...]:
    """Return every gate's result, in the plan's order; `budgets` are those on what the bundle costs."""
    pairs = {(row["of"], row["against"], row["output"]): row for row in agreement["pairs"]}
    tasks = {task_key(row, row["of"]): row for row in agreement.get("tasks", ())}
    results = []
    for gate in plan.gates:
        if gate.is_budget:
            results.append((budgets or {})[gate])
            continue
        output, of, original = gate.output or "", str(gate.of), None
        if gate.against is not None:
            row = pairs[of, gate.against, output]
            figures = row if gate.variant is None else row["variants"].get(gate.variant, {})
            value = figures[gate.metric] if figures.get("frames") else nan
        else:
            row = tasks[task_key(to_builtins(gate), of)]
            value, original = row["figure"], row["original"]
        inside = margin(gate, value, original)
        results.append(
            GateResult(
                metric=gate.metric,
                output=output,
                of=of,
                against=gate.against,
                min=gate.min,
                max=gate.max,
                value=value,
                margin=inside,
                passed=inside >= 0,
                variant=gate.variant,
                compared=gate.compared,
                original=original,
                function=gate.function,
            )
        )
    return tuple(results)


_WORST = 5  # blocks that a failed gate names
_HELPS = {
    "original": "padding or static shapes change the result: try `buckets`, or a smaller size",
    "static": 'quantization changes the result: keep more in floating point; mode = "mixed" finds what',
    "quantized": "a sample's result changes with those beside it: state a batch of 1",
}
_MADE_OF = {"static": "original", "quantized": "static", "batched": "quantized"}
"""What each model is made of, and so what it may have lost since."""


def failures(
    results: tuple[GateResult, ...],
    written: tuple[PlannedGate, ...] = (),
    findings: Sequence[Mapping[str, Any]] = (),
    harm: Sequence[Mapping[str, Any]] = (),
    kept: Collection[str] | None = None,
) -> list[Diagnostic]:
    """Return a fault for each gate that failed, and what was found to be the reason.

    Args:
        results: all gates.
        written: the gates of the spec, at whose place a fault then is.
        findings: what was found of the outputs where they differ.
        harm: how much each quantized block harms the outputs, the most harmful first.
        kept: what a mix keeps in floating point already; None where nothing is mixed.

    """
    left = [block for block in harm if not {*block["operations"]} <= {*(kept or ())}]
    return [
        Diagnostic(
            "gate-failed", result.sentence(), _help(result, findings, mixed=kept is not None) + _harmful(result, left)
        ).at(("gates", *_place(result, written)))
        for result in results
        if not result.passed
    ]


def _help(result: GateResult, findings: Sequence[Mapping[str, Any]], *, mixed: bool) -> str:
    if result.of is None:
        return result.advice()
    if result.missing:
        return "add samples of its size, or gate all of them: take `variant` out"
    if result.compared == "alone" and result.original is not None and margin(result, result.original, None) < 0:
        return "the original doesn't reach it either: look at the labels and at `decode`, or state what it can reach"
    found = [f"{f['message']}; {f['help']}" for f in findings if _explains(f, result)]
    if not found and mixed and result.is_of_quantized and result.against != "quantized":
        return "the samples that calibrate meet it, and these don't: calibrate on more, or ask more of this gate"
    return ". ".join(found) or result.advice()


def _harmful(result: GateResult, harm: Sequence[Mapping[str, Any]]) -> str:
    """Name the operations whose quantization alone does the most harm, if it may be why a gate failed."""
    if not result.is_of_quantized or not harm:
        return ""
    worst = [f"{', '.join(f'`{name}`' for name in block['operations'])} ({block['sqnr']:.1f} dB)" for block in harm]
    return f". What does the most harm, each alone: {'; '.join(worst[:_WORST])}"


def _explains(finding: Mapping[str, Any], result: GateResult) -> bool:
    """Tell whether a finding may be why a gate failed; what quantization costs isn't looked into."""
    is_of_neighbours = finding["code"] == "neighbours-leak"
    is_compared = result.of == "batched" if is_of_neighbours else result.against in ("original", None)
    # Samples beyond the largest size, which are in no variant, are found without one.
    is_there = result.variant is None or (finding["variant"] is not None and result.variant in finding["figures"])
    return finding["output"] == result.output and is_compared and is_there


def _place(result: GateResult, written: tuple[PlannedGate, ...]) -> list[int]:
    """Return the index of the gate; where one is written twice, both fail alike and the first is meant."""
    keys = ("metric", "of", "against", "compared", "min", "max", "variant", "function", "platform")
    content = [result.output, getattr(result, "asked", None), *(getattr(result, key, None) for key in keys)]
    stated = ([g.output or "", g.figure, *(getattr(g, key) for key in keys)] for g in written)
    found = (index for index, gate in enumerate(stated) if gate == content)
    return [*islice(found, 1)]
