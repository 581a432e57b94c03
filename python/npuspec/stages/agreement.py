"""How far two models agree on real samples."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from npuspec.diagnostics import Diagnostic, StageError
from npuspec.runtime.feed import Array


@dataclass(slots=True)
class Agreement:
    """One output of one model against the same output of another, summed over samples.

    A frame is one place of all axes but the last; two agree if the largest value of both stands at the same place.
    """

    frames: int = 0
    agreeing: int = 0
    max_abs_difference: float = 0.0
    _dot: float = 0.0
    _left: float = 0.0
    _right: float = 0.0

    def add(self, of: Array, against: Array, where: str) -> tuple[int, int]:
        """Add one sample; return its (agreeing, frames).

        Raises:
            StageError: `output-shape` if the models disagree on the shape, `not-finite` if either gives NaN.

        """
        if of.shape != against.shape:
            message = f"{where}: shape {list(of.shape)} against {list(against.shape)}"
            help_ = "the length of this output doesn't follow from the input's as the plan says: state it in [outputs]"
            raise StageError(Diagnostic("output-shape", message, help_))
        left, right = of.astype(np.float64), against.astype(np.float64)
        if np.isnan(left).any() or np.isnan(right).any():
            message = f"{where}: the output holds NaN"
            raise StageError(
                Diagnostic("not-finite", message, "look for an operation that overflows, or keep it in floating point")
            )
        same, frames = _frames(of, against)
        self.frames += frames
        self.agreeing += same
        both = np.isfinite(left) & np.isfinite(right)
        if (left[~both] != right[~both]).any():
            self.max_abs_difference = float(np.finfo(np.float64).max)
        left, right = left[both], right[both]
        if left.size:
            self.max_abs_difference = max(self.max_abs_difference, float(np.abs(left - right).max()))
        self._dot += float((left * right).sum())
        self._left += float((left * left).sum())
        self._right += float((right * right).sum())
        return same, frames

    def figures(self) -> dict[str, Any]:
        """Return the figures for the evidence."""
        norm = (self._left * self._right) ** 0.5
        return {
            "frames": self.frames,
            "frame-agreement": self.agreeing / self.frames if self.frames else 0.0,
            "cosine": self._dot / norm if norm else float(self._left == self._right),
            "max-abs-difference": self.max_abs_difference,
        }


def _frames(of: Array, against: Array) -> tuple[int, int]:
    if of.ndim == 0:
        return int(of == against), 1
    if of.size == 0:
        return 0, 0
    same = of.argmax(axis=-1) == against.argmax(axis=-1)
    return int(same.sum()), int(same.size)


def compare(
    outputs: Mapping[str, list[Mapping[str, Array]]], pairs: list[tuple[str, str]], names: list[str], paths: list[str]
) -> list[dict[str, Any]]:
    """Compare pairs of models.

    Args:
        outputs: model to its outputs for every sample.
        pairs: which models to compare, as (of, against).
        names: the outputs to compare.
        paths: the samples' files.

    """
    rows = []
    for of, against in pairs:
        for name in names:
            total = Agreement()
            each = {}
            for path, left, right in zip(paths, outputs[of], outputs[against], strict=True):
                same, frames = total.add(left[name], right[name], f"`{path}`, output `{name}`, {of} against {against}")
                each[path] = {"agreeing": same, "frames": frames}
            rows.append({"of": of, "against": against, "output": name, **total.figures(), "samples": each})
    return rows
