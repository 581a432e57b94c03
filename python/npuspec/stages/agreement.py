"""How far two models agree on real samples."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from math import inf, log10, prod
from typing import Any

import numpy as np

from npuspec.bundle.program import Output
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.runtime.feed import Array
from npuspec.stages.placed import Placed

_EXACT = 1e-4  # of an output's magnitude: what two ways of summing in float32 may differ by
_MOST_DECIBELS = 200.0  # what is equal has no noise, and JSON no infinity


@dataclass(slots=True)
class Agreement:
    """One output of one model against the same output of another, summed over samples.

    A frame is one place of all axes but the last; two agree if the largest value of both stands at the same place. An
    output without frames, of one axis, is one such decision for each sample.
    """

    frames: int = 0
    agreeing: int = 0
    max_abs_difference: float = 0.0
    magnitude: float = 0.0
    """The largest value of what is compared with, without its sign."""
    dot: float = 0.0
    left: float = 0.0
    right: float = 0.0
    noise: float = 0.0
    """Sums of products and squares: of both, of each, and of their difference."""

    def add(self, other: "Agreement") -> None:
        """Add other samples."""
        for field in fields(self):
            mine, its = getattr(self, field.name), getattr(other, field.name)
            is_peak = field.name in ("max_abs_difference", "magnitude")
            setattr(self, field.name, max(mine, its) if is_peak else mine + its)

    @property
    def differs(self) -> bool:
        """Whether more differs than rounding explains."""
        return self.max_abs_difference > _EXACT * self.magnitude

    @property
    def share(self) -> float:
        """The share of frames that agree; of none, 0."""
        return self.agreeing / self.frames if self.frames else 0.0

    def figures(self) -> dict[str, Any]:
        """Return the figures for the evidence.

        `top-1-agreement` is `frame-agreement` by the name that it has where outputs are classes. `sqnr` is the ratio of
        signal to noise in dB, from -200 to 200.
        """
        norm = (self.left * self.right) ** 0.5
        return {
            "frames": self.frames,
            "frame-agreement": self.share,
            "top-1-agreement": self.share,
            "cosine": self.dot / norm if norm else float(self.left == self.right),
            "sqnr": self._sqnr(),
            "max-abs-difference": self.max_abs_difference,
        }

    def _sqnr(self) -> float:
        if not self.noise:
            return _MOST_DECIBELS
        ratio = self.right / self.noise
        return max(-_MOST_DECIBELS, min(_MOST_DECIBELS, 10 * log10(ratio))) if ratio else -_MOST_DECIBELS


def measure(of: Array, against: Array, where: str, *, short: Collection[int] = ()) -> Agreement:
    """Compare one output for one sample.

    Args:
        of: what is held against the other.
        against: the other.
        where: names both in a fault.
        short: axes along which `of` may end before `against`: what is missing counts as zeros, and its frames as
            disagreeing.

    Raises:
        StageError: `output-shape` if the models disagree on the shape, `not-finite` if either gives NaN.

    """
    if of.ndim != against.ndim or any(
        n != wanted and not (axis in short and n < wanted)
        for axis, (n, wanted) in enumerate(zip(of.shape, against.shape, strict=True))
    ):
        message = f"{where}: shape {list(of.shape)} against {list(against.shape)}"
        help_ = "the length of this output doesn't follow from the input's as the plan says: state it in [outputs]"
        raise StageError(Diagnostic("output-shape", message, help_))
    agreeing, frames = _frames(of, against)
    left, right = np.zeros(against.shape), against.astype(np.float64)
    left[tuple(slice(n) for n in of.shape)] = of
    if np.isnan(left).any() or np.isnan(right).any():
        message = f"{where}: the output holds NaN"
        help_ = "look for an operation that overflows, or keep it in floating point"
        raise StageError(Diagnostic("not-finite", message, help_))
    both = np.isfinite(left) & np.isfinite(right)
    is_apart = bool((left[~both] != right[~both]).any())
    left, right = left[both], right[both]
    difference = left - right
    return Agreement(
        frames=frames,
        agreeing=agreeing,
        max_abs_difference=float(np.finfo(np.float64).max if is_apart else np.abs(difference).max(initial=0)),
        magnitude=float(np.abs(right).max(initial=0)),
        dot=float((left * right).sum()),
        left=float((left * left).sum()),
        right=float((right * right).sum()),
        noise=inf if is_apart else float((difference * difference).sum()),
    )


def measure_tried(of: Array, against: Array, where: str) -> Agreement:
    """Compare one output of a model that is only tried, and may be wrong altogether; see `measure`.

    One that holds NaN is as far off as can be: its opposite, no frame of which agrees, with infinite noise.
    """
    if not np.isnan(of).any():
        return measure(of, against, where)
    opposite = measure(-against, against, where)
    return replace(opposite, agreeing=0, noise=inf, max_abs_difference=float(np.finfo(np.float64).max))


def _frames(of: Array, against: Array) -> tuple[int, int]:
    """Return how many frames agree, and how many there are."""
    if against.ndim == 0:
        return int(of == against), 1
    frames = prod(against.shape[:-1]) if against.size else 0
    if not of.size:
        return 0, frames
    there = against[tuple(slice(n) for n in of.shape[:-1])]
    return int((of.argmax(axis=-1) == there.argmax(axis=-1)).sum()), frames


class Comparison:
    """One output of one model against another's: of all samples, for each variant, and of samples that are too long.

    Attributes:
        total: all samples.
        variants: for each variant the samples whose smallest it is.
        overflowing: those that no variant holds.
        padded: for each variant all samples that it holds, run there.
        natural: the same samples, each in its own variant.
        samples: each by its name.

    """

    def __init__(self, of: str, against: str, output: Output) -> None:
        self.of, self.against, self.output = of, against, output.name
        self._axes = {extent.axis - 1 for extent in output.extents}
        self.total, self.overflowing = Agreement(), Agreement()
        self.variants: dict[str, Agreement] = defaultdict(Agreement)
        self.padded: dict[str, Agreement] = defaultdict(Agreement)
        self.natural: dict[str, Agreement] = defaultdict(Agreement)
        self.samples: dict[str, Agreement] = {}

    def add(self, sample: Placed, of: Array, against: Array) -> None:
        """Add one sample; see `measure`."""
        one = measure(of, against, self._where(sample), short=self._axes if sample.overflows else ())
        self.samples[sample.name] = one
        self.total.add(one)
        (self.overflowing if sample.overflows else self.variants[sample.variant]).add(one)

    def add_padded(self, variant: str, sample: Placed, of: Array, against: Array) -> None:
        """Add one sample, which was added before, as it came out of another variant that holds it."""
        own = self.samples[sample.name]
        one = own if variant == sample.variant else measure(of, against, self._where(sample))
        self.padded[variant].add(one)
        self.natural[variant].add(own)

    def row(self) -> dict[str, Any]:
        """Return the figures for the evidence."""
        row: dict[str, Any] = {"of": self.of, "against": self.against, "output": self.output, **self.total.figures()}
        row["variants"] = _figures(self.variants)
        if self.padded:
            row |= {"padded": _figures(self.padded), "natural": _figures(self.natural)}
        if self.overflowing.frames:
            row["overflowing"] = self.overflowing.figures()
        row["samples"] = {name: {"agreeing": one.agreeing, "frames": one.frames} for name, one in self.samples.items()}
        return row

    def _where(self, sample: Placed) -> str:
        return f"`{sample.name}`, output `{self.output}`, {self.of} against {self.against}"


def _figures(agreements: Mapping[str, Agreement]) -> dict[str, Any]:
    return {name: one.figures() for name, one in agreements.items()}
